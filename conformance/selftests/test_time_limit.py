"""What a run found that the target's time limit cut off counts for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from conformance.attempt import Attempt, Ending
from conformance.judge import Finding
from conformance.run_spans import MEANT, longest_run_s
from conformance.selftests.support import exchange
from conformance.time_limit import fair
from conformance.verdicts import Cause


def found(run_id: str = "r1", gap_s: float = 3.0) -> Attempt:
    """Return an attempt that found something in a run of two calls, the second this long after the first."""
    first = exchange(200, {"result": {"runId": run_id}})
    second = replace(first, started=first.started + timedelta(seconds=gap_s))
    finding = Finding("CN-06", "all", "some", (second,))
    return Attempt(Ending.DONE, findings=(finding,), history=(first, exchange(204), second))


def test_a_run_lasts_from_its_first_call_to_its_last() -> None:
    """Exchanges that are about no run count for nothing."""
    assert 3.0 <= longest_run_s(found().history) < 3.1


def test_a_finding_in_a_run_past_the_limit_is_dropped() -> None:
    """The attempt is untestable, and the user's own limit is the reason."""
    judged = fair(found(), 2.0)
    assert (judged.ending, judged.findings, judged.cause) == (Ending.UNTESTABLE, (), Cause.UNTOLD)
    assert "2 s" in judged.message


def test_a_run_that_still_goes_on_past_the_limit_was_not_cut_off() -> None:
    """A finding in a run that was last seen going on has another reason than the limit, and stays."""
    attempt = found()
    last = attempt.history[-1]
    going_on = exchange(200, {"result": {"runId": "r1", "status": "continued"}})
    waits = replace(attempt, history=(*attempt.history[:-1], replace(going_on, started=last.started)))
    assert fair(waits, 2.0) is waits


def test_other_findings_stay() -> None:
    """A run within the limit, a limit that was not told, and a run that was meant to be cut off change nothing."""
    for attempt, limit_s in ((found(), 10.0), (found(), None), (found(MEANT), 2.0)):
        assert fair(attempt, limit_s) is attempt
