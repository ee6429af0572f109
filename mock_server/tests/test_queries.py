"""Query mode: snippets of a session's language, through the same runs as batch mode (EX-28)."""

from typing import Any

import pytest

from mock_server.tests.support import Client


def query(client: Client, path: str, code: str, *answers: str) -> tuple[str, str, int]:
    """Run a snippet to its end; give what it wrote to either stream, and its exit code."""
    waiting = list(answers)
    body: dict[str, Any] = {"mode": "query", "code": code, "runId": None}
    streams = {"stdout": "", "stderr": ""}
    while True:
        result = client.execute(path, body)
        for stream, text in result["console"]:
            streams[stream] += text
        if result["status"] == "finished":
            return streams["stdout"], streams["stderr"], result["exitCode"]
        assert result["status"] in {"continued", "waiting-input"}
        asked = result["status"] == "waiting-input"
        body = {
            "mode": "input" if asked else "continue",
            "runId": result["runId"],
            "code": waiting.pop(0) if asked else "",
        }


@pytest.fixture
def python(client: Client) -> str:
    """Give the path of a Python session."""
    return client.create("python:3.11")


def test_python_snippets_share_a_context(client: Client, python: str) -> None:
    """Values, functions, classes and imports of earlier snippets are there for later ones, changed as they were."""
    first = """
import math as m
from functools import lru_cache
numbers = [1]; same = numbers
@lru_cache
def twice(x, y=2): return x * y
class Point:
    def __init__(self, x): self.x = twice(x)
point = Point(21)
"""
    assert query(client, python, first) == ("", "", 0)
    assert query(client, python, "numbers.append(2); print(same, twice(4), m.floor(1.5), point.x)") == (
        "[1, 2] 8 1 42\n",
        "",
        0,
    )
    assert query(client, python, "def twice(x): return 'new'")[2] == 0
    assert query(client, python, "print(numbers, twice(1), Point(1).x, type(point) is Point)") == (
        "[1, 2] new new True\n",
        "",
        0,
    )


def test_a_failing_snippet_shows_its_traceback_and_keeps_the_context(client: Client, python: str) -> None:
    """What was done before the fault stays done; the traceback knows of the snippet alone."""
    _, complaint, code = query(client, python, "x = 1\nundefined")
    assert code == 1
    assert complaint.startswith('Traceback (most recent call last):\n  File "<query>", line 2')
    assert complaint.endswith("NameError: name 'undefined' is not defined\n")
    assert query(client, python, "print(x); import sys; sys.exit(3)") == ("1\n", "", 3)
    assert query(client, python, "def")[2] == 1


def test_what_cannot_be_kept_is_said(client: Client, python: str) -> None:
    """A value that cannot be written down is missed aloud, and nothing else is lost."""
    assert "'opened' cannot be kept" in query(client, python, "opened = open('/dev/null'); y = 5")[1]
    assert query(client, python, "print(y, 'opened' in globals())") == ("5 False\n", "", 0)


def test_a_restart_forgets_the_context(client: Client, python: str) -> None:
    """Volatile state is gone after a restart; files stay (SE-07)."""
    query(client, python, "z = 1; open('kept', 'w').write('kept')")
    client.send("PATCH", python)
    assert query(client, python, "print('z' in globals(), open('kept').read())") == ("False kept\n", "", 0)


def test_a_snippet_may_ask_for_input(client: Client, python: str) -> None:
    """A query waits for input as a batch run does (EX-18)."""
    stdout, _, code = query(client, python, "name = input(); print(f'hello {name}')", "Ada")
    assert (stdout, code) == ("hello Ada\n", 0)
    assert query(client, python, "print(name)")[0] == "Ada\n"


@pytest.mark.parametrize(
    ("lang", "code", "expected"),
    [
        ("c", '#include <stdio.h>\nint main(void) { puts("it\'s C"); return 3; }', ("it's C\n", "", 3)),
        ("cpp", "#include <iostream>\nint main() { std::cout << 7 << std::endl; }", ("7\n", "", 0)),
        ("bash", 'a=(1 2); [[ ${#a[@]} -eq 2 ]] && echo "it\'s $0"; exit 4', ("it's bash\n", "", 4)),
    ],
)
def test_other_languages_run_their_snippets(
    client: Client, lang: str, code: str, expected: tuple[str, str, int]
) -> None:
    """C, C++ and bash snippets are programs of their own, and leave no file behind."""
    path = client.create(lang)
    assert query(client, path, code) == expected
    assert client.names(path) == set()
    client.send("DELETE", path)


@pytest.mark.parametrize(("lang", "code"), [("java", "x"), ("cobol", "x"), ("python", "a\0b"), ("python", "#" * 60000)])
def test_what_cannot_be_queried_is_refused(client: Client, lang: str, code: str) -> None:
    """A language without query mode, a NUL and too long a snippet answer 400."""
    path = client.create(lang)
    assert client.send("POST", path, json={"mode": "query", "code": code, "runId": None}).status_code == 400
    client.send("DELETE", path)
