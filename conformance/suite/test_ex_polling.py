"""EX: long polling (EX-17): pieces of output while a step goes on."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.run_reader import Result
from conformance.suite.programs import (
    gate,
    hold_text,
    need_uncut,
    open_gate,
    polls_within,
    read_chars,
    read_until,
    seen,
    write,
)

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.open_run import OpenRun
    from conformance.session import Session
    from conformance.target import Target


LATE_S: Final = 2.5  # longer than a long poll takes
LATE_END_S: Final = 1.5  # that nobody asks for the end of a run
LIMIT_SHARE: Final = 0.65  # of the time limit: a run that ends by itself then, forks and all, was not cut off
OTHER_STEPS: Final = frozenset({"clean-finished", "build-finished"})
BEFORE: Final = {"clean": "exec", "build": "clean", "exec": "build"}  # a step that is there too


def patience_s(session: Session, target: Target) -> float:
    """Return how long a call may take where runs are cut off before the user's allowance is over.

    That excuses a call that is held to the end, unless the target itself answers twice as soon where a step is the
    only one.
    """
    run = session.begin(gate("alone", target))
    for _ in range(2):  # the first answer may come at once
        read_until(run, lambda run: run.last.status not in OTHER_STEPS)
        if run.last.status == "continued":
            run.step()
    held = [one.exchange.duration_ms / 1000 for one in run.results if one.status == "continued"]
    ended = run.last.ended
    open_gate(session, "alone")
    run.finish()
    return target.poll_allowance_s if ended or not held else 2 * max(held) + 1


def hold_continued(judge: Judge, run: OpenRun, allowed_s: float) -> None:
    """Judge that the newest call answered in time, and that the run goes on."""
    exchange = run.last.exchange
    judge.require(
        "EX-17",
        run.last.status == "continued" and exchange.duration_ms <= allowed_s * 1000,
        expected=f"continued within {allowed_s:.3g} s, while the step goes on",
        actual=f"{run.last.status} after {exchange.duration_ms / 1000:.1f} s",
        exchange=exchange,
    )


@requirement("EX-17", slow=True)
@pytest.mark.parametrize("step", ["clean", "build", "exec"])
def test_a_long_silent_step_answers_continued(session: Session, judge: Judge, target: Target, step: str) -> None:
    """A step that goes on and writes nothing, alone or after others, answers `continued`, call after call."""
    allowed_s, limit_s = target.poll_allowance_s, target.exec_timeout_s
    gives_up_s = limit_s * LIMIT_SHARE if limit_s is not None and limit_s * LIMIT_SHARE <= allowed_s else None
    run = session.begin(options={BEFORE[step]: "true", step: f"{gate('go', target, gives_up_s)}; echo end"})
    for number in range(polls_within(target, 2 if gives_up_s else 3)):
        if number:
            run.step()
        read_until(run, lambda run: run.last.status not in OTHER_STEPS)
        if gives_up_s and run.last.ended and (allowed_s := patience_s(session, target)) >= gives_up_s:
            raise judge.not_testable(f"the time limit leaves no {allowed_s:.3g} s to wait for an answer", untold=True)
        hold_continued(judge, run, allowed_s)
    open_gate(session, "go")
    whole = run.finish()
    hold_text(judge, "EX-17", "end\n", whole.stdout, whole)


@requirement("EX-17", slow=True)
@pytest.mark.parametrize("step", ["clean", "build", "exec"])
def test_output_comes_while_the_step_goes_on(session: Session, judge: Judge, target: Target, step: str) -> None:
    """What a step wrote so far is delivered while it goes on, lines and parts of lines, each piece once."""
    gates = range(polls_within(target, 2))
    for stream in ("stdout", "stderr"):
        pieces = ("one\n", "no end of line ", "last\n")
        waits = [*(gate(f"{stream}{number}", target) for number in gates), "true", "true"][: len(pieces)]
        text = "; ".join(f"{write(piece.encode(), stream)}; {wait}" for piece, wait in zip(pieces, waits, strict=True))
        run = session.begin(options={step: text})
        for number in gates:
            so_far = "".join(pieces[: number + 1])
            read_chars(run, len(so_far), stream)
            judge.require(
                "EX-17",
                seen(run, stream) == so_far and not run.last.ended,
                expected=f"{so_far!r} on {stream} while the step goes on",
                actual=f"{seen(run, stream)!r}, {run.last.status}",
                exchange=[result.exchange for result in run.results],
            )
            open_gate(session, f"{stream}{number}")
        whole = run.finish()
        hold_text(judge, "EX-17", "".join(pieces), getattr(whole, stream), whole)


@requirement("EX-17", slow=True)
def test_a_step_that_writes_all_the_time_answers_continued(session: Session, judge: Judge, target: Target) -> None:
    """A step that never falls silent answers `continued` meanwhile; each line of it is delivered once."""
    lines = "i=0; until [ -e /home/work/go ] || [ $i -ge 1500 ]; do i=$((i+1)); echo $i; sleep 0.01; done"
    run = session.begin(lines)
    read_until(run, lambda run: run.last.status == "continued")
    hold_continued(judge, run, target.poll_allowance_s)
    for _ in range(polls_within(target, 3) - 1):
        run.step()
    open_gate(session, "go")
    whole = run.finish()
    numbers = whole.stdout.split()
    expected = [str(number + 1) for number in range(len(numbers))]
    hold_text(judge, "EX-17", "\n".join(expected), "\n".join(numbers), whole)


@requirement("EX-17", slow=True)
def test_pieces_wait_for_a_client_that_polls_late(session: Session, judge: Judge, target: Target) -> None:
    """What a step writes while nobody polls is delivered by the next calls, once, and so is its end."""
    run = session.begin(
        f"echo before; {gate('go', target)}; seq 1 40000; touch /home/work/written; {gate('end', target)}"
    )
    read_until(run, seen)
    open_gate(session, "go")
    session.bench.client.transport.budget.pause(LATE_S if polls_within(target, 2) == 2 else 0.5)
    run.step()
    open_gate(session, "end")
    session.bench.client.transport.budget.pause(LATE_END_S)
    whole = run.finish()
    expected = "before\n" + "".join(f"{number}\n" for number in range(1, 40_001))
    hold_text(judge, "EX-17", expected, whole.stdout, whole)


@requirement("EX-17", slow=True)
def test_polls_at_the_same_time_share_no_piece(session: Session, judge: Judge, target: Target) -> None:
    """What a run writes while two calls poll it at the same time is in one of their answers, not in both."""
    run = session.begin(f"echo begun; {gate('go', target)}; seq 1 99; {gate('end', target)}")
    read_until(run, seen)
    call = {"mode": "continue", "code": "", "runId": run.run_id}
    with ThreadPoolExecutor(2) as pool:
        polls = [pool.submit(session.try_execute, call, observed=False) for _ in range(2)]
        open_gate(session, "go")
        answers = [poll.result() for poll in polls]
    run.results += [Result.of(one) for one in answers if one.ok]  # one at a time may be all that a server takes
    open_gate(session, "end")
    whole = run.finish()
    wanted = Counter("begun\n" + "".join(f"{number}\n" for number in range(1, 100)))
    got = Counter(whole.stdout)
    twice, lost = "".join((got - wanted).elements()), "".join((wanted - got).elements())
    if not twice:
        need_uncut(judge, whole)
    judge.require(
        "EX-17",
        not twice and not lost,
        expected="each piece once",
        actual=f"twice: {twice!r}, never: {lost!r}",
        exchange=(*answers, *whole.exchanges[-1:]),
    )
