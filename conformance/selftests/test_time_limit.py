"""What a run found that the target's time limit cut off counts for nothing, whether the limit was told or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from conformance import time_limit
from conformance.attempt import Attempt, Ending
from conformance.judge import Finding
from conformance.run_spans import MEANT, longest_cut_s, longest_run_s
from conformance.selftests.reference import Behaviour, serve
from conformance.selftests.support import check, exchange, judged, reason, verdict
from conformance.time_limit import TimeLimit
from conformance.verdicts import Cause, Verdict

if TYPE_CHECKING:
    from conformance.attempt import World
    from conformance.judge import Judge
    from conformance.session import Session


def found(run_id: str = "r1", gap_s: float = 3.0, **last: Any) -> Attempt:
    """Return an attempt that found something in a run of two calls, the second this long after the first."""
    first = exchange(200, {"result": {"runId": run_id}})
    second = exchange(200, {"result": {"runId": run_id, **last}})
    second = replace(second, started=first.started + timedelta(seconds=gap_s))
    finding = Finding("CN-06", "all", "some", (second,))
    return Attempt(Ending.DONE, findings=(finding,), history=(first, exchange(204), second))


def fair(one: Attempt, told_s: float | None) -> Attempt:
    """Judge an attempt where the user told this limit; of a target that cannot be asked."""
    return TimeLimit(cast("World", SimpleNamespace(options=SimpleNamespace(exec_timeout_s=told_s)))).fair(one)


def test_a_run_lasts_from_its_first_call_to_its_last() -> None:
    """Exchanges that are about no run count for nothing."""
    assert 3.0 <= longest_run_s(found().history) < 3.1


def test_a_finding_in_a_run_past_the_limit_is_dropped() -> None:
    """The attempt is untestable, and the user's own limit is the reason."""
    fairly = fair(found(), 2.0)
    assert (fairly.ending, fairly.findings, fairly.cause) == (Ending.UNTESTABLE, (), Cause.UNTOLD)
    assert "2 s" in fairly.message


def test_a_run_that_still_goes_on_past_the_limit_was_not_cut_off() -> None:
    """A finding in a run that was last seen going on has another reason than the limit, and stays."""
    attempt = found(status="continued")
    assert fair(attempt, 2.0) is attempt


def test_other_findings_stay() -> None:
    """A run within the limit, a limit that nothing hints at, and a run that was meant to be cut off change nothing."""
    for attempt, limit_s in ((found(), 10.0), (found(), None), (found(MEANT), 2.0)):
        assert fair(attempt, limit_s) is attempt


@pytest.mark.parametrize(
    ("last", "cut"),
    [
        ({"status": "exec-timeout"}, True),
        ({"status": "finished", "console": [["stderr", "out of time"]]}, True),
        ({"status": "finished", "console": [["stdout", "done"]]}, False),
        ({"status": "continued", "console": [["stderr", "..."]]}, False),
        ({"status": ["finished"], "console": {"stderr": 1}}, False),
    ],
)
def test_runs_that_look_cut_off_are_told_from_others(last: dict[str, Any], *, cut: bool) -> None:
    """A run looks cut off where it ends as `exec-timeout`, or as `finished` with something on stderr."""
    assert (longest_cut_s(found(**last).history) > 0) is cut


@pytest.mark.parametrize("status", ["exec-timeout", "finished"])
def test_a_limit_that_was_not_told_is_found_out(status: str) -> None:
    """A target that cuts runs off, in whichever way, is not blamed for those; the user is told what to tell."""

    class Hasty(Behaviour):
        exec_timeout_s = 3.5
        timeout_status = status

    def patient(session: Session, judge: Judge) -> None:
        run = session.run("sleep 6; echo done")
        judge.require("EX-12", run.stdout == "done\n", expected="done", actual=run.stdout, exchange=run.exchanges)

    with serve(Hasty()) as url:
        report = judged(url, check(patient, "EX-12"), repeats=0)
    assert verdict(report, "EX-12") == Verdict.NOT_TESTABLE
    assert "--exec-timeout" in reason(report, "EX-12")


def test_a_run_that_ends_early_without_a_limit_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the target lets other runs go on, one that looks cut off was not."""
    monkeypatch.setattr(time_limit, "PROBE_S", 5)

    def patient(session: Session, judge: Judge) -> None:
        run = session.run("sleep 3.2; echo warning >&2")
        judge.require("EX-12", run.stdout == "done\n", expected="done", actual=run.stdout, exchange=run.exchanges)

    with serve(Behaviour()) as url:
        report = judged(url, check(patient, "EX-12"), repeats=0)
    assert verdict(report, "EX-12") == Verdict.FAIL
