"""Whatever happens, no session of a run stays behind, and a target is spared more than it agreed to."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from conformance.budget import Budget, Stopped
from conformance.selftests.scripted import Reply, Seen, problem, serve_script
from conformance.selftests.support import check, judged, ran, verdict
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions


def test_sessions_are_named_after_the_run_and_deleted() -> None:
    """Every session is called `bp-<run>-<n>` and is gone in the end, though the check that made it failed."""

    def three(sessions: Sessions) -> None:
        for _ in range(3):
            sessions.create()
        raise RuntimeError

    with serve_script() as (url, target):
        run = ran(url, check(three, "UP-08"), run_id="feed01")
        names = [one.json["clientSessionToken"] for one in target.calls("POST", "/kernel")]
        assert target.sessions == set()
    assert all(name.startswith("bp-feed01-") for name in names)
    assert run.sessions_left == ()
    assert run.world.ledger.sessions_created == 4  # discovery's own is the fourth


def test_a_session_whose_creation_got_no_answer_is_deleted() -> None:
    """A create call that dies on the way may have made a session: it is deleted by its token."""

    def one(sessions: Sessions) -> None:
        sessions.create()

    with serve_script() as (url, target):

        def script(seen: Seen) -> Reply | None:
            if seen.path != "/kernel" or "probe" in seen.json["clientSessionToken"]:
                return None
            target.sessions.add(seen.json["clientSessionToken"])
            return Reply(hang_up=True)

        target.script = script
        run = ran(url, check(one, "UP-08"))
        assert target.sessions == set()
    assert run.sessions_left == ()


def test_a_delete_that_fails_once_is_repeated() -> None:
    """A DELETE that breaks down and works when repeated leaves nothing."""
    failures = itertools.cycle([problem(500), None])
    with serve_script(lambda seen: next(failures) if seen.method == "DELETE" else None) as (url, target):
        run = ran(url, check(_needs_a_session, "UP-08"))
        assert target.sessions == set()
    assert run.sessions_left == ()


def test_what_cannot_be_deleted_is_reported() -> None:
    """A target that keeps its sessions is named as such in the audit."""
    with serve_script(lambda seen: problem(500) if seen.method == "DELETE" else None) as (url, target):
        run = ran(url, check(_needs_a_session, "UP-08"))
        assert set(run.sessions_left) == target.sessions
    assert len(run.sessions_left) == 2


def _needs_a_session(session: Session) -> None:
    session.path()


def test_a_refused_creation_leaves_the_living_session_in_the_ledger() -> None:
    """A second creation by the same token that is refused does not make the first session forgotten."""

    def twice(sessions: Sessions) -> None:
        session = sessions.create()
        sessions.try_create(session.bench.target.creation(session.token, "other"))

    with serve_script() as (url, target):
        target.script = lambda seen: problem(400) if seen.path == "/kernel" and seen.json["lang"] == "other" else None
        ran(url, check(twice, "UP-08"))
        assert target.sessions == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_and_reports(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM end the run with exit code 3, a report that says so, and no session left."""
    reached, go_on = threading.Event(), threading.Event()

    def slow(seen: Seen) -> Reply | None:
        if seen.method == "POST" and seen.path.count("/") == 2:
            reached.set()
            go_on.wait(20)
            return problem(503)  # no answer that a check could find fault with before the signal is noticed
        return None

    with serve_script(slow) as (url, target):
        # What is started in the background by a shell ignores Ctrl-C, and so would whatever it starts.
        heedful = ["env", "--default-signal=INT"]
        command = [sys.executable, "-m", "conformance", "check", url, "--only", "EX-07", "--report", str(tmp_path)]
        environ = {**os.environ, "COLUMNS": "200"}
        with subprocess.Popen([*heedful, *command], stdout=subprocess.PIPE, text=True, env=environ) as run:
            assert reached.wait(30)
            run.send_signal(number)
            go_on.set()
            output, _ = run.communicate(timeout=60)
        assert target.sessions == set()
    assert run.returncode == ExitCode.INCOMPLETE
    assert "interrupted" in output
    assert '"complete": false' in (tmp_path / "report.json").read_text()


def test_a_spent_budget_stops_the_run_and_cleans_up() -> None:
    """Past --max-requests nothing more is asked, the run is incomplete, and the clean-up still happens."""

    def greedy(session: Session, judge: Judge) -> None:
        while True:
            judge.require("UP-08", session.try_info().ok, expected="", actual="")

    with serve_script() as (url, target):
        report = judged(url, check(greedy, "UP-08"), max_requests=40)
        assert target.sessions == set()
    assert verdict(report, "UP-08") == "not-testable"
    assert "--max-requests" in (report.run.stopped or "")
    assert report.exit_code is ExitCode.INCOMPLETE


def test_a_silent_target_stops_the_run() -> None:
    """When nothing is answered any more, the suite stops asking."""

    def asks(session: Session) -> None:
        while True:
            session.try_info()

    with serve_script() as (url, target):
        target.script = lambda seen: (
            Reply(hang_up=True)
            if seen.method == "GET" and "probe" not in seen.path and seen.path.count("/") == 2
            else None
        )
        report = judged(url, check(asks, "UP-08"))
    assert "no response" in (report.run.stopped or "")


def test_a_429_is_waited_out() -> None:
    """An ordinary call that is answered 429 is sent again after Retry-After, and its answer is the one that counts."""
    replies = itertools.chain([Reply(429, {}, {"Retry-After": "0.1"})] * 2, itertools.repeat(problem(400)))

    def upload(session: Session, judge: Judge) -> None:
        judge.status("UP-08", session.try_upload({"a": b""}), 400)

    with serve_script() as (url, target):
        target.script = lambda seen: (
            next(replies) if seen.path.endswith("/upload") and "probe" not in seen.path else None
        )
        report = judged(url, check(upload, "UP-08"))
        assert len([one for one in target.calls("POST", "/upload") if "probe" not in one.path]) == 3
    assert verdict(report, "UP-08") == "pass"


def test_the_pace_spaces_requests() -> None:
    """With a pace of N a second, the k-th request waits for its slot."""
    waited: list[float] = []
    budget = Budget(10, 60, max_per_second=2)
    pause: Callable[[float], None] = waited.append
    budget.pause = pause  # type: ignore[method-assign, assignment]  # the waiting is looked at, not done
    for _ in range(3):
        budget.spend()
    assert waited[0] == 0
    assert waited[1] == pytest.approx(0.5, abs=0.2)
    assert waited[2] == pytest.approx(1.0, abs=0.2)


def test_a_stopped_budget_lets_nothing_out() -> None:
    """After a stop, spending raises, and the first reason stays."""
    budget = Budget(10, 60)
    budget.stop("first")
    budget.stop("second")
    with pytest.raises(Stopped, match="first"):
        budget.spend()
