"""The command line: what is wrong is explained, and the exit code is that of the verdicts."""

from __future__ import annotations

import json
import socket
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.selftests.scripted import Reply, problem, serve_script
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

CLEAN_ENV = {"BACKEND_ENDPOINT": None, "BACKEND_ACCESS_KEY": None, "BACKEND_SECRET_KEY": None}


def batchproof(*arguments: str, **env: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments, env={**CLEAN_ENV, **env})


USAGE = [
    ((), "URL"),
    (("127.0.0.1:8090",), "not a URL"),
    (("http://127.0.0.1:1/?x=1",), "query"),
    (("http://127.0.0.1:1", "--access-key", "AK"), "--secret-key"),
    (("http://127.0.0.1:1", "--only", "XX-99"), "XX-99"),
    (("http://127.0.0.1:1", "--jobs", "0"), "--jobs"),
    (("http://127.0.0.1:1", "--tier", "tiny"), "smoke"),
]


@pytest.mark.parametrize(("arguments", "said"), USAGE)
def test_wrong_arguments_are_explained(arguments: tuple[str, ...], said: str) -> None:
    """Wrong arguments end with exit code 2 and say what is wrong, with no traceback."""
    outcome = batchproof("check", *arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert said in outcome.output
    assert "Traceback" not in outcome.output


def test_an_unreachable_target_is_explained() -> None:
    """Nothing at that address: exit code 2, with the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        outcome = batchproof("check", url, "--only", "UP-08")
    assert outcome.exit_code == ExitCode.USAGE
    assert url in outcome.output


def test_a_target_that_is_no_such_api_is_explained() -> None:
    """A web server of another kind: exit code 2, with what was asked and what came back."""
    page = Reply(404, b"<h1>nginx</h1>", {"Content-Type": "text/html"})
    with serve_script(lambda _: page) as (url, _):
        outcome = batchproof("check", url, "--only", "UP-08")
    assert outcome.exit_code == ExitCode.USAGE
    assert "does not look like" in outcome.output
    assert "nginx" in outcome.output


def test_a_target_that_wants_keys_says_so() -> None:
    """A 401 without keys: exit code 2, and the options that would help."""
    with serve_script(lambda seen: problem(401) if seen.method == "POST" else None) as (url, _):
        outcome = batchproof("check", url, "--only", "UP-08")
    assert outcome.exit_code == ExitCode.USAGE
    assert "--access-key" in outcome.output


def test_an_unknown_image_says_so() -> None:
    """A target that takes none of the known names: exit code 2, and the option that would help."""
    with serve_script(lambda seen: problem(400) if seen.path == "/kernel" else None) as (url, _):
        outcome = batchproof("check", url, "--only", "UP-08")
    assert outcome.exit_code == ExitCode.USAGE
    assert "--lang" in outcome.output


def test_a_conforming_target_ends_with_zero() -> None:
    """All that was asked for holds: exit code 0."""
    with serve_script() as (url, _):
        outcome = batchproof("check", url, "--only", "CO-08")
    assert outcome.exit_code == ExitCode.CONFORMS, outcome.output
    assert "conforms" in outcome.output


def test_a_violation_is_shown_with_its_evidence() -> None:
    """A broken must: exit code 1; clause, text, sent, expected and got are printed."""
    with serve_script() as (url, _):
        outcome = batchproof("check", url, "--only", "UP-08", "--jobs", "2")
    assert outcome.exit_code == ExitCode.VIOLATIONS
    for part in ("UP-08 must:", "sent", "/upload", "expected", "status 400", "got", "204"):
        assert part in outcome.output


def test_the_endpoint_may_come_from_the_environment() -> None:
    """BACKEND_ENDPOINT stands in for URL."""
    with serve_script() as (url, _):
        outcome = batchproof("check", "--only", "CO-08", BACKEND_ENDPOINT=url)
    assert outcome.exit_code == ExitCode.CONFORMS


def test_keys_from_the_environment_sign_requests_and_stay_secret(tmp_path: Path) -> None:
    """With keys in the environment requests are signed, and no file of the report holds secret or signature."""
    with serve_script() as (url, target):
        keys = {"BACKEND_ACCESS_KEY": "AKTEST", "BACKEND_SECRET_KEY": "s3cr3t-s3cr3t"}
        batchproof("check", url, "--only", "UP-08", "--report", str(tmp_path), **keys)
        signed = [one.headers["Authorization"] for one in target.calls("POST")]
    assert all(one.startswith("BackendAI signMethod=HMAC-SHA256, credential=AKTEST:") for one in signed)
    signatures = [one.rpartition(":")[2] for one in signed]
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "s3cr3t-s3cr3t" not in written
    assert not any(signature in written for signature in signatures)


def test_the_report_is_what_its_schema_promises(tmp_path: Path) -> None:
    """report.json validates, names every requirement, and holds each exchange that it refers to."""
    with serve_script() as (url, _):
        batchproof("check", url, "--only", "UP-08", "--report", str(tmp_path))
    report = json.loads((tmp_path / "report.json").read_text())
    schema = json.loads(files("spec").joinpath("report.schema.json").read_text())
    jsonschema_rs.Draft202012Validator(schema).validate(report)
    named = {one for record in report["requirements"] for entry in record["checks"] for one in entry["exchanges"]}
    assert named <= set(report["exchanges"])
    broken = next(one for one in report["requirements"] if one["id"] == "UP-08")
    assert broken["verdict"] == "fail"
    assert report["summary"]["exit_code"] == 1


def test_the_stream_ends_with_a_footer(tmp_path: Path) -> None:
    """results.jsonl has a header, a record for each check, and a footer with the exit code."""
    with serve_script() as (url, _):
        batchproof("check", url, "--only", "CO-08", "--report", str(tmp_path))
    records = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    checks = records[0]["checks"]
    assert [one["record"] for one in records] == ["header", *["check"] * checks, "footer"]
    assert records[-1]["exit_code"] == 0


def test_hostile_text_reaches_the_terminal_harmless() -> None:
    """Escape sequences that a target sends are shown as text, not obeyed."""
    hostile = Reply(200, {"x": "\x1b[2J\u202e"}, {})
    with serve_script(lambda seen: hostile if seen.path.endswith("/upload") else None) as (url, _):
        outcome = batchproof("check", url, "--only", "UP-08")
    assert outcome.exit_code == ExitCode.VIOLATIONS
    assert "\x1b" not in outcome.output
    assert "\u202e" not in outcome.output


def test_clauses_can_be_listed_and_explained() -> None:
    """`list` narrows by family and level; `explain` shows text, source and the checks that cite a clause."""
    listed = batchproof("list", "--family", "up", "--level", "must")
    assert "UP-08" in listed.output
    assert "EX-01" not in listed.output
    assert "UP-11" not in listed.output
    explained = batchproof("explain", "up-08")
    assert "source" in explained.output
    assert "test_up_sizes.py::" in explained.output


@pytest.mark.parametrize("arguments", [("explain", "UP-99"), ("list", "--family", "QQ")])
def test_unknown_clauses_are_explained(arguments: tuple[str, ...]) -> None:
    """Asking about a clause that is not there: exit code 2."""
    outcome = batchproof(*arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert "Traceback" not in outcome.output
