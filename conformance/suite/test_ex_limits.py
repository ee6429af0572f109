"""EX: the time limit of runs (EX-23), where the suite is told it (`--exec-timeout`)."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.run_reader import ENDED
from conformance.suite.programs import HOME, read_until, seen

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

GRACE_S = 8.0  # how long past its limit a run may take to end: twice what a poll of 2 s and a slow kill need

MARGIN_S = 2.0  # for what a program does past that to be seen
MOST = 0.9  # of the limit: with this much of it gone, a run may be cut off (its clock is not ours)


def limit_of(target: Target) -> float:
    """Return the time limit in seconds that the user told."""
    return target.exec_timeout_s or 0.0


def too_long(target: Target) -> str:
    """Return a command that ends by itself, but only long after the limit."""
    tries = int((limit_of(target) + GRACE_S) * 4)
    return f"n=0; while [ $n -lt {tries} ]; do sleep 0.25; n=$((n+1)); done; echo survived; touch {HOME}/survived"


def hold_cut(judge: Judge, run: Run) -> None:
    """Judge that a run ended at the limit, in one of the two ways."""
    timed_out = run.status == "exec-timeout"
    told = run.status == "finished" and run.stderr.strip() and "survived" not in run.stdout
    judge.require(
        "EX-23",
        timed_out or told,
        expected="`exec-timeout`, or `finished` early with the reason on stderr",
        actual=f"{run.status}, exit code {run.exit_code}, stdout {run.stdout!r}, stderr {run.stderr!r}",
        exchange=run.exchanges,
    )
    judge.reading("EX-23", "timeout-status", "exec-timeout" if timed_out else "finished", run.exchanges)


@requirement("EX-23", needs="exec-timeout", slow=True)
@pytest.mark.parametrize(
    "program",
    [
        "{too_long}",
        "trap '' TERM INT HUP XCPU ALRM; {too_long}",
        "sh -c '{too_long}'; exit $?",
        "({too_long}) & wait",
    ],
    ids=["plain", "ignoring-signals", "in-a-child", "waiting-for-a-child"],
)
def test_a_run_past_the_limit_ends(session: Session, judge: Judge, target: Target, program: str) -> None:
    """A run past the limit ends there, with what it wrote before."""
    text = "echo before; " + program.format(too_long=too_long(target))
    run = session.run(text, deadline_s=limit_of(target) + 45)
    hold_cut(judge, run)
    judge.expect("EX-23", run.stdout == "before\n", expected="before", actual=run.stdout, exchange=run.exchanges)


@requirement("EX-23", needs="exec-timeout", slow=True)
@pytest.mark.parametrize("busy", [":", "echo xxxxxxxx"], ids=["computing", "writing"])
def test_a_busy_run_past_the_limit_ends(session: Session, judge: Judge, target: Target, busy: str) -> None:
    """A program that computes or writes without end is cut off like one that waits."""
    start = monotonic()
    end = f"end=$(($(date +%s) + {int(limit_of(target) + GRACE_S)})); while [ $(date +%s) -lt $end ]; do"
    turn = f"n=0; while [ $n -lt 20000 ]; do n=$((n+1)); {busy}; done"
    run = session.run(f"{end} {turn}; done; touch {HOME}/survived", deadline_s=limit_of(target) + 45)
    hold_cut(judge, run)
    took_s = monotonic() - start
    judge.expect(
        "EX-23",
        took_s >= limit_of(target) * 0.5,
        expected=f"an end at the limit of {limit_of(target):g} s",
        actual=f"an end after {took_s:.1f} s",
        exchange=run.exchanges,
    )


@requirement("EX-23", needs="exec-timeout", slow=True)
def test_a_run_within_the_limit_is_left_alone(session: Session, judge: Judge, target: Target) -> None:
    """A run that takes less than the limit finishes by itself, each of several in a row."""
    for code in (0, 5):
        with judge.under_test("EX-23"):
            run = session.run(f"sleep {limit_of(target) * 0.45:.2f}; echo done; exit {code}")
        got = (run.status, run.exit_code, run.stdout)
        expected = ("finished", code, "done\n")
        judge.expect("EX-23", got == expected, expected=expected, actual=got, exchange=run.exchanges)


@requirement("EX-23", needs="exec-timeout", slow=True)
@pytest.mark.parametrize("step", ["clean", "build"])
def test_a_step_past_the_limit_ends_the_run(session: Session, judge: Judge, target: Target, step: str) -> None:
    """A clean or a build past the limit ends the run: exec does not run."""
    options = {step: too_long(target), "exec": f"touch {HOME}/survived"}
    run = session.run(options=options, deadline_s=limit_of(target) + 45)
    judge.require(
        "EX-23",
        run.status in ENDED and (run.status == "exec-timeout" or run.stderr.strip()),
        expected="`exec-timeout`, or `finished` early with the reason on stderr",
        actual=f"{run.statuses}, stderr {run.stderr!r}",
        exchange=run.exchanges,
    )
    left = session.listing()
    survived = "survived" in left
    judge.require("EX-23", not survived, expected="neither to go on", actual="one did", exchange=left.exchange)


@requirement("EX-23", needs=("exec-timeout", "c-lang"), slow=True)
def test_a_default_build_past_the_limit_ends(sessions: Sessions, judge: Judge, target: Target) -> None:
    """A default build past the limit ends there like any other."""
    session = sessions.create(lang=target.c_lang)
    session.upload({"Makefile": f"all:\n\t@{too_long(target).replace('$', '$$')}\n".encode()})
    run = session.run("true", build="*", deadline_s=limit_of(target) + 45)
    hold_cut(judge, run)


@requirement("EX-23", needs="exec-timeout", slow=True)
def test_a_run_that_nobody_polls_is_cut_off(session: Session, judge: Judge, target: Target) -> None:
    """The limit holds for a run that its client left alone, too: past it nothing of the run goes on."""
    start, end_s = monotonic(), limit_of(target) + GRACE_S
    run = session.begin(f"echo begun; sleep {end_s:.2f}; touch {HOME}/survived")
    read_until(run, seen)
    session.bench.client.transport.budget.pause(max(0.0, start + end_s + MARGIN_S - monotonic()))
    left = session.listing()
    exchanges = (run.results[0].exchange, left.exchange)
    judge.require("EX-23", "survived" not in left, expected="an end at the limit", actual="none", exchange=exchanges)


@requirement("EX-23", needs="exec-timeout", slow=True)
def test_a_run_behind_a_cut_one_has_its_turn(session: Session, judge: Judge, target: Target) -> None:
    """A run that waits behind one that is cut off is not cut off with it."""
    start = monotonic()
    first = session.begin(too_long(target), deadline_s=limit_of(target) + 45)
    session.bench.client.transport.budget.pause(max(0.0, start + limit_of(target) * 0.6 - monotonic()))
    asked = monotonic()
    second = session.begin("echo had its turn; exit 3", deadline_s=limit_of(target) * 2 + 45)
    while not second.last.ended:
        second.step()
        if not first.last.ended:
            first.step()
    waited_s = monotonic() - asked
    run = second.finish()
    got = (run.status, run.exit_code, run.stdout)
    timed = waited_s >= limit_of(target) * MOST and (run.status == "exec-timeout" or run.stderr)  # it may count waiting
    expected = ("finished", 3, "had its turn\n")
    judge.require("EX-23", timed or got == expected, expected=expected, actual=got, exchange=run.exchanges)


@requirement("EX-23", needs="exec-timeout", slow=True)
@pytest.mark.parametrize("step", ["build", "exec"])
def test_the_processes_of_a_cut_run_are_killed(session: Session, judge: Judge, target: Target, step: str) -> None:
    """After the limit none of the run's processes lives on: children, background jobs, those of other sessions."""
    beat = f"n=0; while [ $n -lt 600 ]; do n=$((n+1)); echo $n >> {HOME}/NAME; sleep 0.1; done"
    spawning = (
        f"sh -c \"trap '' TERM HUP INT; {beat.replace('NAME', 'child').replace('$', chr(92) + '$')}\" & "
        f"(trap '' HUP TERM; {beat.replace('NAME', 'job')}) >/dev/null 2>&1 & "
        f"command -v setsid >/dev/null && setsid sh -c '{beat.replace('NAME', 'daemon')}' >/dev/null 2>&1 & "
        f"{too_long(target)}"
    )
    run = session.run(options={step: spawning}, deadline_s=limit_of(target) + 45)
    hold_cut(judge, run)
    look = f"cat {HOME}/child {HOME}/job {HOME}/daemon 2>/dev/null | wc -l"
    before, after = (int(count) for count in session.sh(f"{look}; sleep 0.6; {look}").split())
    if not before:
        raise judge.unmet("EX-24", expected="what the run wrote", actual="nothing", exchange=run.exchanges)
    judge.require(
        "EX-23",
        before == after,
        expected="no process of the run to go on",
        actual=f"they wrote {before} lines before a look, and {after - before} more after it",
        exchange=run.exchanges,
    )


@requirement("EX-23", needs="exec-timeout", slow=True)
def test_the_session_works_on_after_a_cut_run(session: Session, judge: Judge, target: Target) -> None:
    """What a run that was cut off wrote is there; the next one has its own time, and a further one is cut off too."""
    session.upload({"kept.txt": b"kept\n"})
    saying = f"echo made > {HOME}/made.txt; echo warned >&2; {too_long(target)}"
    cut = session.run(saying, deadline_s=limit_of(target) + 45)
    warned = "warned\n" in cut.stderr
    judge.expect("EX-23", warned, expected="what it wrote before", actual=cut.stderr, exchange=cut.exchanges)
    with judge.under_test("EX-23"):
        run = session.run(f"sleep {limit_of(target) * 0.4:.2f}; cat {HOME}/kept.txt {HOME}/made.txt; exit 6")
    got = (run.status, run.exit_code, run.stdout)
    expected = ("finished", 6, "kept\nmade\n")
    judge.require("EX-23", got == expected, expected=expected, actual=got, exchange=run.exchanges)
    hold_cut(judge, session.run(too_long(target), deadline_s=limit_of(target) + 45))


@requirement("EX-23", needs="exec-timeout", slow=True)
def test_what_the_limit_counts(session: Session, judge: Judge, target: Target) -> None:
    """A build and a program that are within the limit each, but not together, end in one of the two ways."""
    most = f"sleep {limit_of(target) * 0.62:.2f}"
    run = session.run(f"{most}; echo survived", build=most, deadline_s=limit_of(target) * 2 + 45)
    if run.stdout == "survived\n" and run.status == "finished":
        judge.reading("EX-23", "limit-scope", "step", run.exchanges)
        return
    hold_cut(judge, run)
    judge.reading("EX-23", "limit-scope", "run", run.exchanges)
