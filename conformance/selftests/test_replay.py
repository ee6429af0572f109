"""Failures are recorded whole, sent again on demand, and exported as HAR, with nothing secret in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from conformance.recordings import content, read, recorded
from conformance.selftests.scripted import Reply, Seen, problem, serve_script
from conformance.selftests.support import exchange
from conformance.selftests.test_cli import batchproof
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.selftests.scripted import Scripted

KEYS = {"BACKEND_ACCESS_KEY": "AKTEST", "BACKEND_SECRET_KEY": "s3cr3t-s3cr3t"}


@pytest.fixture
def broken() -> Iterator[tuple[str, Scripted]]:
    """Serve a target that takes any second creation by the same token (SE-03)."""
    with serve_script() as served:
        yield served


def checked(url: str, report: Path) -> None:
    """Check SE-03 with keys, and write a report."""
    outcome = batchproof("check", url, "--only", "SE-03", "--jobs", "1", "--report", str(report), **KEYS)
    assert outcome.exit_code == ExitCode.VIOLATIONS, outcome.output


def test_a_failure_that_is_still_there_is_answered_as_then(broken: tuple[str, Scripted], tmp_path: Path) -> None:
    """The recorded attempt is sent again with a new session, signed anew; nothing is left; exit code 0."""
    url, target = broken
    checked(url, tmp_path)
    before = len(target.seen)
    outcome = batchproof("replay", "SE-03", "--report", str(tmp_path), **KEYS)
    assert outcome.exit_code == ExitCode.CONFORMS, outcome.output
    assert "as then" in outcome.output
    assert "OTHERWISE" not in outcome.output
    sent = target.seen[before:]
    tokens = {one.json["clientSessionToken"] for one in sent if one.path == "/kernel"}
    assert len(tokens) == 1
    assert tokens.isdisjoint(one.json["clientSessionToken"] for one in target.seen[:before] if one.path == "/kernel")
    assert all("credential=AKTEST:" in one.headers["Authorization"] for one in sent)
    assert target.sessions == set()


def test_a_failure_that_is_gone_is_answered_otherwise(broken: tuple[str, Scripted], tmp_path: Path) -> None:
    """What a mended target answers now stands beside what it answered then; exit code 1."""
    url, target = broken
    checked(url, tmp_path)
    taken: set[str] = set()

    def mended(seen: Seen) -> Reply | None:
        token = seen.json["clientSessionToken"] if seen.path == "/kernel" else ""
        if token in taken:
            return problem(400)
        taken.update({token} - {""})
        return None

    target.script = mended
    outcome = batchproof("replay", "SE-03", "--report", str(tmp_path), **KEYS)
    assert outcome.exit_code == ExitCode.VIOLATIONS, outcome.output
    assert "then 201, now 400: OTHERWISE" in outcome.output
    assert target.sessions == set()


def test_recordings_hold_everything_but_secrets(broken: tuple[str, Scripted], tmp_path: Path) -> None:
    """A recording begins with the attempt's first exchange; neither it nor the HAR holds secrets or signatures."""
    url, target = broken
    checked(url, tmp_path)
    whole = [one for one in read(tmp_path) if one.whole]
    assert json.loads(content(whole[0].exchanges[0]["request_body"]))["clientSessionToken"].startswith("bp-")
    signatures = [
        one.headers["Authorization"].rpartition(":")[2] for one in target.seen if "Authorization" in one.headers
    ]
    written = (tmp_path / "recordings.jsonl").read_text() + (tmp_path / "report.har").read_text()
    assert signatures
    assert "s3cr3t-s3cr3t" not in written
    assert not any(one in written for one in signatures)


def test_the_har_holds_each_exchange_once(broken: tuple[str, Scripted], tmp_path: Path) -> None:
    """The HAR has a page for each broken check, and an entry for every exchange that the report refers to."""
    checked(broken[0], tmp_path)
    log = json.loads((tmp_path / "report.har").read_text())["log"]
    report = json.loads((tmp_path / "report.json").read_text())
    ids = [entry["_id"] for entry in log["entries"]]
    assert len(ids) == len(set(ids))
    assert set(report["exchanges"]) <= set(ids)
    assert {entry["pageref"] for entry in log["entries"]} == {page["id"] for page in log["pages"]}
    posted = next(entry for entry in log["entries"] if entry["request"]["url"].endswith("/kernel"))
    assert "clientSessionToken" in posted["request"]["postData"]["text"]


def test_bodies_are_recorded_byte_for_byte() -> None:
    """A body of any bytes and of any size comes back from a recording as it was sent."""
    body = bytes(range(256)) * 1024
    one = recorded(exchange(request_body=body, request_size_bytes=len(body)))
    assert content(one["request_body"]) == body
    assert one["request_body"]["truncated"] is False


@pytest.mark.parametrize(("wanted", "said"), [("UP-08", "it has SE-03"), ("e999999", "no recording")])
def test_what_was_not_broken_cannot_be_replayed(
    wanted: str, said: str, broken: tuple[str, Scripted], tmp_path: Path
) -> None:
    """Asking for what is not recorded says what is; exit code 2."""
    checked(broken[0], tmp_path)
    outcome = batchproof("replay", wanted, "--report", str(tmp_path))
    assert outcome.exit_code == ExitCode.USAGE
    assert said in outcome.output


def test_a_directory_without_recordings_is_explained(tmp_path: Path) -> None:
    """No recordings: exit code 2, and what would write them."""
    outcome = batchproof("replay", "UP-08", "--report", str(tmp_path))
    assert outcome.exit_code == ExitCode.USAGE
    assert "--report DIR" in outcome.output


def test_signed_requests_need_keys_again(broken: tuple[str, Scripted], tmp_path: Path) -> None:
    """Keys are in no file: a replay of signed requests asks for them."""
    checked(broken[0], tmp_path)
    outcome = batchproof("replay", "SE-03", "--report", str(tmp_path))
    assert outcome.exit_code == ExitCode.USAGE
    assert "BACKEND_SECRET_KEY" in outcome.output
