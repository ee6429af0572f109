"""The execute call over HTTP: what it makes of its parameters. The run engine has tests of its own."""

from typing import Any

import pytest

from mock_server.tests.support import Client


def finish(client: Client, session: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Make a batch call and poll until the run has ended; give every result but `continued`."""
    results = [client.execute(session, body)]
    while results[-1]["status"] not in {"finished", "exec-timeout"}:
        results.append(client.execute(session, {"mode": "continue", "code": "", "runId": results[-1]["runId"]}))
    return [result for result in results if result["status"] != "continued"]


def test_default_build_and_exec_of_c(client: Client, session: str) -> None:
    """`*` builds every C source below the working directory into ./main, with the documented libraries (EX-08)."""
    client.upload(
        session,
        (
            "main.c",
            b"#include <math.h>\nint half(int);\nint main(int c, char **v) { return half((int)sqrt(196.0 * c)); }\n",
        ),
        ("sub dir/half.c", b"int half(int x) { return x / 2; }\n"),
    )
    results = finish(client, session, {"mode": "batch", "runId": None, "options": {"build": "*", "exec": "*"}})
    assert [(result["status"], result["exitCode"]) for result in results] == [("build-finished", 0), ("finished", 7)]


def test_default_build_uses_a_makefile(client: Client, session: str) -> None:
    """`*` runs make where there is a Makefile; clean `*` does nothing (EX-08, EX-09)."""
    client.upload(session, ("Makefile", b"all:\n\t@echo made\nclean:\n\t@echo cleaned\n"), ("x.c", b"no C at all"))
    results = finish(client, session, {"mode": "batch", "runId": None, "options": {"clean": "*", "build": "*"}})
    assert [result["status"] for result in results] == ["clean-finished", "build-finished", "finished"]
    assert [result["console"] for result in results] == [[], [["stdout", "made\n"]], []]


def test_default_of_an_interpreted_language(client: Client) -> None:
    """A Python session has nothing to build, and runs main.py."""
    path = client.create("registry/stable/python:3.11")
    client.upload(path, ("main.py", b"print('from python')\n"))
    results = finish(client, path, {"mode": "batch", "runId": None, "options": {"build": "*", "exec": "*"}})
    assert results[-1]["console"] == [["stdout", "from python\n"]]
    client.send("DELETE", path)


def test_a_batch_call_without_the_key_goes_on_and_null_starts_anew(client: Client, session: str) -> None:
    """The oldest clients repeat the batch call without a runId; null starts a run each time (EX-05, EX-29)."""
    body = {"mode": "batch", "code": "", "options": {"build": "echo b", "buildLog": False, "exec": "echo e"}}
    first = client.execute(session, body)
    second = client.execute(session, body)
    assert first["status"] == "build-finished"
    assert (second["status"], second["runId"]) == ("finished", first["runId"])
    started = [client.execute(session, {**body, "runId": None})["runId"] for _ in range(2)]
    assert len(set(started)) == 2


def test_a_continue_may_repeat_the_options(client: Client, session: str) -> None:
    """Options of a call that does not start a run are ignored."""
    options = {"exec": "echo once; sleep 0.1"}
    result = client.execute(session, {"mode": "batch", "runId": "mine", "options": options})
    text = result["console"]
    while result["status"] != "finished":
        result = client.execute(session, {"mode": "continue", "code": "", "runId": "mine", "options": options})
        text += result["console"]
    assert result["runId"] == "mine"
    assert [item for item in text if item[0] == "stdout"] == [["stdout", "once\n"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mode": None},
        {"mode": "unknown"},
        {"mode": 5},
        {"mode": "query", "code": 1},
        {"mode": "batch", "code": "print()"},
        {"mode": "batch", "options": "text"},
        {"mode": "batch", "options": {"exec": ["ls"]}},
        {"mode": "batch", "options": {"exec": "echo a\0b"}},
        {"mode": "batch", "runId": 7},
        {"mode": "batch", "runId": ""},
        {"mode": "continue"},
        {"mode": "continue", "runId": None},
        {"mode": "continue", "runId": "no-such-run"},
        {"mode": "input", "runId": "no-such-run", "code": "x"},
        {"mode": "input", "code": "x"},
    ],
)
def test_calls_that_make_no_sense_are_refused(client: Client, session: str, body: dict[str, Any]) -> None:
    """Modes, ids and options that say nothing usable are a 400 (EX-03, EX-25)."""
    assert client.send("POST", session, json=body).status_code == 400


def test_any_output_survives_as_json(client: Client, session: str) -> None:
    """NUL, invalid UTF-8 and encoded surrogates reach the client as valid JSON (CN-02)."""
    result = client.run(session, r"printf 'a\0b\xff\xed\xa0\x80\r\n\x1b[0m'")
    assert result["console"].startswith("a\0b\ufffd")
    assert result["console"].encode()


def test_files_of_a_run_are_served_where_its_result_says(client: Client, session: str) -> None:
    """What a run left under .output is listed with a URL that serves it, byte for byte (EX-26)."""
    result = client.run(session, r"mkdir -p '.output/a b'; printf 'x\0y\r\n' > '.output/a b/plot.svg'; touch other")
    (file,) = result["files"]
    assert file["name"] == "a b/plot.svg"
    answer = client.send("GET", file["url"])
    assert answer.content == b"x\0y\r\n"
    assert answer.headers["Content-Length"] == "5"


@pytest.mark.parametrize(
    ("path", "status"), [("nope", 404), ("../secret", 400), ("link", 400), ("dir", 404), ("", 400)]
)
def test_only_files_of_the_output_folder_are_served(client: Client, session: str, path: str, status: int) -> None:
    """The URL leads to nothing outside .output, and to no directory."""
    client.run(session, "mkdir -p .output/dir; touch secret; ln -s /etc/passwd .output/link")
    assert client.send("GET", f"{session}/output", params={"path": path}).status_code == status


def test_hostile_names_in_the_output_folder_break_nothing(client: Client, session: str) -> None:
    """Any name that is text is listed and served; one that is not, and no URL can hold, is left out (EX-26)."""
    result = client.run(session, r"mkdir .output; echo a > $'.output/\xff'; echo b > $'.output/n\n ?#%\u00e9&path=x'")
    (made,) = result["files"]
    assert made["name"] == "n\n ?#%é&path=x"
    assert client.send("GET", made["url"]).content == b"b\n"


def test_a_result_has_every_documented_part(client: Client, session: str) -> None:
    """Run ID, status, code, console, options and files, the console by pairs (EX-01, EX-02, EX-04, CN-01)."""
    call = {"mode": "batch", "runId": "given", "options": {"exec": "echo out"}}
    results = [client.execute(session, call)]
    while results[-1]["status"] != "finished":
        results.append(client.execute(session, {"mode": "continue", "runId": "given"}))
    assert {result["runId"] for result in results} == {"given"}
    assert [item for result in results for item in result["console"]] == [["stdout", "out\n"]]
    last = {"runId": "given", "status": "finished", "exitCode": 0, "options": None, "files": []}
    assert results[-1] == {**last, "console": results[-1]["console"]}


def test_commands_are_read_by_bash(client: Client, session: str) -> None:
    """Its own syntax works in them (EX-30)."""
    command = 'list=(a "b c"); [[ ${list[1]} == b* ]] && cat <(printf %s "${#list[@]}")'
    assert client.run(session, command)["console"] == "2"
