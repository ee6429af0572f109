"""A target is never changed by --read-only, and its request limit never makes a right target look wrong."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.judge import Untestable
from conformance.restraint import RESERVE, Restraint
from conformance.selftests.scripted import Reply, Seen, problem, serve_script
from conformance.selftests.support import check, judged, reason, verdict
from conformance.selftests.test_cli import batchproof
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.client import Client
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions


def test_read_only_sends_nothing_but_reads(tmp_path: Path) -> None:
    """With --read-only the whole suite sends GET, HEAD and OPTIONS alone, judges what it can, and creates nothing."""
    with serve_script() as (url, target):
        outcome = batchproof("check", url, "--read-only", "--report", str(tmp_path))
        assert {one.method for one in target.seen} <= {"GET", "HEAD", "OPTIONS"}
        assert not any("x-method-override" in {name.lower() for name in one.headers} for one in target.seen)
        assert target.sessions == set()
    assert outcome.exit_code in {ExitCode.CONFORMS, ExitCode.VIOLATIONS}, outcome.output
    judged_by = {
        one["id"]: one["verdict"] for one in json.loads((tmp_path / "report.json").read_text())["requirements"]
    }
    assert judged_by["CO-08"] == "pass"
    assert judged_by["UP-08"] == "not-testable"
    assert "error" not in judged_by.values()


def test_an_existing_session_may_be_looked_at() -> None:
    """The session that --session names is asked for what reads alone tell, and lives on."""

    def looks(session: Session, judge: Judge) -> None:
        judge.status("SE-06", session.try_info(), 200)

    def changes(session: Session, judge: Judge) -> None:
        judge.status("UP-08", session.try_upload({"a": b""}), 204)

    with serve_script() as (url, target):
        target.sessions.add("theirs")
        told: dict[str, Any] = {"read_only": True, "session": "theirs"}
        report = judged(url, check(looks, "SE-06"), check(changes, "UP-08"), **told)
        assert target.sessions == {"theirs"}
    assert verdict(report, "SE-06") == "pass"
    assert "--read-only" in reason(report, "UP-08")


WRONG = [
    (("--session", "x"), "--read-only"),
    (("--read-only", "--session", "gone"), "no session 'gone'"),
    (("--insecure", "--ca-bundle", __file__), "one of the two"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_choices_are_explained(arguments: tuple[str, ...], said: str) -> None:
    """What does not go together, or is not there, ends with exit code 2."""
    with serve_script() as (url, _):
        outcome = batchproof("check", url, "--only", "CO-08", *arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert said in outcome.output


def limited(limit: int, window_s: int, hits: list[Seen]) -> Reply | None:
    """Answer as a target that is past its limit of requests in a long window does."""
    headers = {"X-RateLimit-Window": str(window_s)}
    return Reply(429, {"type": "urn:x", "title": "Too many"}, headers) if len(hits) > limit else None


def test_ordinary_checks_leave_room_for_those_of_the_limit() -> None:
    """With a small limit told, no ordinary check runs into it; what it leaves no room for is not testable."""
    refused: list[Seen] = []
    with serve_script() as (url, target):

        def script(seen: Seen) -> Reply | None:
            reply = limited(100, 900, target.seen)
            refused.extend([seen] if reply else [])
            return reply

        def asks(session: Session, judge: Judge) -> None:
            for _ in range(10):
                judge.status("UP-08", session.try_info(), 200)

        def counts(client: Client, judge: Judge) -> None:
            answers = (client.get("/kernel/x", patient=False) for _ in range(100))
            first = next((one for one in answers if one.status == 429), None)
            judge.require("SE-06", first is not None, expected="429", actual="none")

        target.script = script
        ordinary = [check(asks, "UP-08") for _ in range(20)]
        report = judged(url, *ordinary, check(counts, "SE-06", exclusive=True), rate_limit=100, jobs=4)
        assert target.sessions == set()
    assert verdict(report, "UP-08") == "not-testable"
    assert "without --rate-limit" in reason(report, "UP-08")
    assert verdict(report, "SE-06") == "pass"
    assert report.exit_code is ExitCode.INCOMPLETE
    assert all(one.path == "/kernel/x" for one in refused if one.method == "GET" and "bp-" not in one.path)


def test_a_short_window_is_waited_for() -> None:
    """Where the window is short, the next one is waited for, and requests go on."""
    restraint = Restraint(limit=10)
    restraint.window_s = 0.2
    restraint.spent.update({"": 8})
    wait_s = restraint.wait_s()
    assert 0 < wait_s <= 0.2
    assert restraint.wait_s() <= wait_s


def test_a_long_window_is_not_waited_for() -> None:
    """Where the window is long, ordinary requests end as not testable before the limit is used up."""
    restraint = Restraint(limit=1000)
    restraint.spent.update({"AK": 1000 - RESERVE - 1})
    assert restraint.wait_s() == 0
    restraint.spent.update({"AK": 1})
    with pytest.raises(Untestable, match="no room"):
        restraint.wait_s()


def test_nothing_but_429_breaks_no_clause() -> None:
    """A target that answers nothing but 429 for longer than patience lasts is not testable, neither kept nor broken."""

    def refused(session: Session, judge: Judge) -> None:
        judge.refused("UP-08", session.try_upload({"a": b""}))

    with serve_script() as (url, target):
        target.script = lambda seen: (
            Reply(429, {}, {"Retry-After": "3600"})
            if seen.path.endswith("/upload") and "probe" not in seen.path
            else None
        )
        report = judged(url, check(refused, "UP-08"))
    assert verdict(report, "UP-08") == "not-testable"
    assert "429" in reason(report, "UP-08")


def test_what_was_found_after_a_long_wait_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A violation seen in an attempt that a 429 held up does not count where attempts without one see none."""
    monkeypatch.setattr("conformance.outcomes._TOLERABLE_WAIT_S", 0.01)
    waits = itertools.chain([Reply(429, {}, {"Retry-After": "0.1"})], itertools.repeat(None))
    attempts = itertools.count()

    def slow(session: Session, judge: Judge) -> None:
        late = next(attempts) == 0
        judge.status("UP-08", session.try_upload({"a": b""}), 204)
        judge.expect("UP-08", not late, expected="in time", actual="late")

    with serve_script() as (url, target):
        target.script = lambda seen: next(waits) if seen.path.endswith("/upload") and "probe" not in seen.path else None
        report = judged(url, check(slow, "UP-08"))
    assert verdict(report, "UP-08") == "pass"


def test_a_refused_probe_is_a_refusal() -> None:
    """A refusal other than 429 is an answer, with a limit told or not."""

    def refused(session: Session, judge: Judge) -> None:
        judge.refused("UP-08", session.try_upload({"a": b""}))

    with serve_script() as (url, target):
        target.script = lambda seen: (
            problem(400) if seen.path.endswith("/upload") and "probe" not in seen.path else None
        )
        report = judged(url, check(refused, "UP-08"), rate_limit=5_000)
    assert verdict(report, "UP-08") == "pass"


def test_a_spent_limit_that_nobody_told_of_stops_the_run() -> None:
    """Nothing but 429 with a long Retry-After is not knocked at for hours: the run stops and is incomplete."""

    def asks(session: Session) -> None:
        session.upload({"a": b""})

    with serve_script() as (url, target):
        target.script = lambda seen: (
            replace(problem(429), headers={**problem(429).headers, "Retry-After": "3600"})
            if seen.path.endswith("/upload") and "probe" not in seen.path
            else None
        )
        report = judged(url, *[check(asks, "UP-08")] * 50)
        uploads = len([one for one in target.calls("POST", "/upload") if "probe" not in one.path])
        assert target.sessions == set()
    assert "request limit is spent" in (report.run.stopped or "")
    assert uploads < 20
    assert report.exit_code is ExitCode.INCOMPLETE


def test_what_was_never_sent_is_not_left() -> None:
    """A creation that the limit held back made nothing: it is neither deleted nor called left."""

    def creates(sessions: Sessions) -> None:
        for _ in range(100):
            sessions.create().delete()

    with serve_script() as (url, target):
        report = judged(url, *[check(creates, "UP-08")] * 4, rate_limit=80)
        made = {one.json["clientSessionToken"] for one in target.calls("POST", "/kernel")}
        deleted = {one.path.rpartition("/")[2] for one in target.calls("DELETE")}
    assert deleted <= made
    assert report.run.sessions_left == ()
