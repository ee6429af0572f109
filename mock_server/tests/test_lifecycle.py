"""The run's table: whatever happens, the client sees an allowed order of statuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.domain.lifecycle import (
    ENDINGS,
    STEPS,
    NotAllowedError,
    Phase,
    Signal,
    Status,
    Step,
    advance,
    allowed,
    final_code,
    report,
)


def _told(choices: list[int], *, skipped: frozenset[Step]) -> tuple[list[Status], Phase]:
    """Walk the table from the queue to an end, choosing among the allowed signals; return what the client is told."""
    phase, told = Phase.QUEUED, []
    for choice in choices:
        if phase in ENDINGS:
            break
        step = STEPS.get(phase)
        signals = sorted(allowed(phase)) if step not in skipped else [Signal.SUCCEEDED]
        signal = signals[choice % len(signals)]
        left, phase = phase, advance(phase, signal)
        status = report(left, phase, skipped=step in skipped)
        told += [status] if status else []
    if phase in ENDINGS:
        told.append(ENDINGS[phase])
    return told, phase


@given(st.lists(st.integers(0, 20), max_size=40), st.frozensets(st.sampled_from(Step)))
def test_every_sequence_of_signals_gives_an_allowed_order(choices: list[int], skipped: frozenset[Step]) -> None:
    """Any signals at all give a prefix of an allowed order: clean before build before the end, each at most once."""
    told, phase = _told(choices, skipped=skipped)
    order = [Status.CLEAN_FINISHED, Status.BUILD_FINISHED, Status.FINISHED, Status.EXEC_TIMEOUT]
    ranks = [min(order.index(status), 2) for status in told]
    assert ranks == sorted(set(ranks))
    if phase is Phase.FINISHED and Status.CLEAN_FINISHED in told:
        assert Status.BUILD_FINISHED in told, "EX-11: after clean-finished always build-finished"


@given(st.lists(st.integers(0, 20), max_size=40), st.frozensets(st.sampled_from(Step)))
def test_a_finished_run_reported_its_build(choices: list[int], skipped: frozenset[Step]) -> None:
    """A run that was not cut off says build-finished exactly once, and clean-finished only for a clean that ran."""
    told, phase = _told(choices, skipped=skipped)
    if phase is Phase.FINISHED:
        assert told.count(Status.BUILD_FINISHED) == 1
        assert (Status.CLEAN_FINISHED in told) == (Step.CLEAN not in skipped)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_phase_knows_its_signals_and_refuses_the_others(phase: Phase) -> None:
    """Every other signal is refused, and an ended run knows none."""
    assert not (phase in ENDINGS and allowed(phase))
    for signal in set(Signal) - allowed(phase):
        with pytest.raises(NotAllowedError):
            advance(phase, signal)


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_leads_to_an_end(phase: Phase) -> None:
    """From everywhere some end can be reached: no run can hang in the table."""
    reached, edge = {phase}, {phase}
    while edge:
        edge = {advance(at, signal) for at in edge for signal in allowed(at)} - reached
        reached |= edge
    assert reached & set(ENDINGS)


@pytest.mark.parametrize(
    ("left", "entered", "step_code", "expected"),
    [
        (Phase.EXECUTING, Phase.FINISHED, 7, 7),
        (Phase.BUILDING, Phase.FINISHED, 2, 127),
        (Phase.EXECUTING, Phase.EXPIRED, 0, None),
        (Phase.BUILDING, Phase.CUT, 0, 137),
        (Phase.QUEUED, Phase.CUT, 0, 137),
    ],
)
def test_the_last_code_is_the_execs_or_says_why_there_is_none(
    left: Phase, entered: Phase, step_code: int, expected: int | None
) -> None:
    """Exec's code; 127 after a failed build (EX-15); none on a timeout (EX-13); 137 when cut off (SE-07)."""
    assert final_code(left, entered, step_code) == expected


def test_a_failed_build_skips_exec_and_a_failed_clean_stops_nothing() -> None:
    """EX-12 and EX-15, as the mock reads them."""
    assert advance(Phase.CLEANING, Signal.FAILED) is Phase.BUILDING
    assert advance(Phase.BUILDING, Signal.FAILED) is Phase.FINISHED
