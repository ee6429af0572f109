"""EX: the ends of steps, what they separate, and that a run goes on after them (EX-10 to EX-12)."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from conformance.checks import requirement
from conformance.run_reader import ENDED, GOING_ON, Result
from conformance.suite.programs import HOME, gate, hold_text, noting, open_gate, order_of, read_text

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.target import Target

MANY_POLLS: Final = 6
MOST_CALLS: Final = 60  # of a short run
ENOUGH_S: Final = 3.0  # of a target whose polls are long


def hold_separation(judge: Judge, run: Run, build: str, program: str) -> None:
    """Judge that each side's words are on its own side; words that came on neither are another clause's business."""
    if build not in run.stdout + run.stderr or program not in run.stdout + run.stderr:
        raise judge.unmet("CN-06", expected=f"{build} and {program}", actual=run.console, exchange=run.exchanges)
    judge.require("EX-10", run.build.reported, expected="build-finished", actual=run.statuses, exchange=run.exchanges)
    misplaced = [text for text in (run.program.stdout, run.program.stderr) if build in text]
    misplaced += [text for text in (run.build.stdout, run.build.stderr) if program in text]
    judge.expect(
        "EX-10",
        not misplaced,
        expected=f"{build} up to `build-finished`, {program} after it",
        actual=[(result.status, result.console) for result in run.results],
        exchange=run.exchanges,
    )


@requirement("EX-10", tier="smoke")
def test_build_finished_separates_build_and_exec(session: Session, judge: Judge) -> None:
    """All output of the build comes up to `build-finished`, all output of the program after it."""
    programs = (
        ("echo from-build", "echo from-exec"),
        ("printf from-build >&2", "printf from-exec >&2"),
        ("sleep 0.2; printf from-build", "printf from-exec"),
        ("head -c 200000 /dev/zero | tr '\\0' .; printf from-build; printf x >&2", "printf from-exec; sleep 0.2; echo"),
        ("echo from-build", "echo from-exec"),
    )
    for build, program in programs:
        hold_separation(judge, session.run(program, build=build), "from-build", "from-exec")


@requirement("EX-10", slow=True)
def test_a_late_poll_keeps_build_and_exec_apart(session: Session, judge: Judge, target: Target) -> None:
    """Where build and program both end while nobody polls, their output is still told apart."""
    run = session.begin(f"echo from-exec; touch {HOME}/over", build=f"{gate('go', target)}; echo from-build")
    open_gate(session, "go")
    for _ in range(10):  # a server may hold the program until it is polled (EX-12): do not wait for long
        if "over" in session.listing():
            break
        session.bench.client.transport.budget.pause(0.1)
    hold_separation(judge, run.finish(), "from-build", "from-exec")


@requirement("EX-11")
def test_build_finished_follows_clean_finished(session: Session, judge: Judge) -> None:
    """After `clean-finished` comes `build-finished`, with or without a build; whether clean reports its end is open."""
    for options in ({}, {"exec": "echo e"}, {"build": "echo b", "exec": "true"}, {"build": "exit 3"}):
        for clean in ("true", "echo c; exit 1"):
            with judge.under_test("EX-11"):
                run = session.run(options={"clean": clean, **options})
            reported = [status for status in run.statuses if status in {"clean-finished", "build-finished"}]
            needed = "clean-finished" in reported or "build" in options
            judge.expect(
                "EX-11",
                reported[-1:] == ["build-finished"] if needed else not reported or reported == ["build-finished"],
                expected="build-finished after clean-finished",
                actual=run.statuses,
                exchange=run.exchanges,
            )


@requirement("EX-11")
def test_what_a_skipped_step_reports(session: Session, judge: Judge) -> None:
    """Whether a skipped step reports its end is recorded; where one is reported, its order holds."""
    run = session.run("true")
    cleaned, built = (status in run.statuses for status in ("clean-finished", "build-finished"))
    judge.require(
        "EX-11",
        built or not cleaned,
        expected="build-finished after clean-finished",
        actual=run.statuses,
        exchange=run.exchanges,
    )
    judge.reading("EX-11", "skipped-clean", "reported" if cleaned else "unreported", run.exchanges)
    if not cleaned:
        judge.reading("EX-11", "skipped-build", "reported" if built else "unreported", run.exchanges)


@requirement("EX-12", tier="smoke")
def test_a_run_goes_on_until_it_is_finished(session: Session, judge: Judge) -> None:
    """The ends of clean and build do not end the run: it goes on to `finished`, whatever the exit codes."""
    reported = False  # whether this server reports the end of a build at all
    for clean, build in (
        ("true", "true"),
        ("true", "exit 2"),
        ("exit 2", "true"),
        ("exit 2", "exit 3"),
        (None, "exit 1"),
    ):
        run = session.begin("echo program", clean=clean, build=build)
        with judge.under_test("EX-12"):
            whole = run.finish()
        judge.expect(
            "EX-12", whole.status == "finished", expected="finished", actual=whole.statuses, exchange=whole.exchanges
        )
        if build == clean == "true":
            hold_text(judge, "EX-12", "program\n", whole.program.stdout, whole)
            reported = whole.build.reported
        kept = whole.build.reported or not reported or clean != "exit 2"
        judge.expect(
            "EX-12",
            kept,
            expected="the end of the build after a failed clean, as after a good one",
            actual=whole.statuses,
            exchange=whole.exchanges,
        )


@requirement("EX-12")
def test_what_a_failed_clean_does(session: Session, judge: Judge) -> None:
    """A failed clean stops the build or does not; the run finishes either way."""
    with judge.under_test("EX-12"):
        run = session.run("true", clean="exit 2", build=noting("build"))
    order = order_of(session, judge, "EX-12")
    judge.require("EX-12", run.status == "finished", expected="finished", actual=run.statuses, exchange=run.exchanges)
    judge.reading("EX-12", "failed-clean", "goes-on" if order else "stops", run.exchanges)


@requirement("EX-12")
def test_whether_a_step_waits_for_the_poll(session: Session, judge: Judge) -> None:
    """The program starts when the build has ended, or when the build's end was fetched; it starts in any case."""
    run = session.begin(noting("exec"), build="true", clean="true")
    reading = "after-poll"
    for _ in range(10):
        if "order" in session.listing():
            reading = "at-once"
            break
        session.bench.client.transport.budget.pause(0.1)
    polled = run.last.status in {"build-finished", "finished"}
    with judge.under_test("EX-12"):
        whole = run.finish()
    order = order_of(session, judge, "EX-12")
    judge.require("EX-12", order == ["exec"], expected="exec to run once", actual=order, exchange=whole.exchanges)
    if reading == "at-once" or not polled:
        judge.reading("EX-12", "step-start", reading, whole.exchanges)


@requirement("EX-12")
def test_a_continue_may_hold_the_commands_again(session: Session, judge: Judge) -> None:
    """A run goes on by `continue` calls that repeat its commands, as real clients send them: each step runs once."""
    options = {step: f"{noting(step)}; echo {step}" for step in ("clean", "build", "exec")}
    body = {"mode": "batch", "code": "", "runId": "told-again", "options": options}
    results = [Result.of(session.try_execute(body))]
    while results[-1].exchange.ok and results[-1].status in GOING_ON and len(results) < MOST_CALLS:
        if results[-1].status == "continued":
            session.bench.client.transport.budget.pause(0.1)
        results.append(Result.of(session.try_execute({**body, "mode": "continue"})))
    exchanges = [result.exchange for result in results]
    order, said = order_of(session, judge, "EX-12"), "".join(result.stdout for result in results).split()
    got = (results[-1].status, order, said)
    expected = ("finished", list(options), list(options))
    judge.require("EX-12", got == expected, expected=expected, actual=got, exchange=exchanges)


@requirement("EX-12", slow=True)
def test_continued_does_not_end_a_run(session: Session, judge: Judge, target: Target) -> None:
    """A run that answered `continued` several times, in build and in exec, still goes on to its end."""
    run = session.begin(f"echo exec; {gate('second', target)}; echo end", build=f"echo build; {gate('first', target)}")
    with judge.under_test("EX-12"):
        for name, word in (("first", "build"), ("second", "exec")):
            read_text(run, word)
            began = monotonic()
            for _ in range(MANY_POLLS):
                if monotonic() - began < ENOUGH_S and not run.last.ended:
                    run.step()
            open_gate(session, name)
        whole = run.finish()
    ended = whole.status in ENDED
    judge.require("EX-12", ended, expected="an end", actual=whole.statuses, exchange=whole.exchanges)
    if whole.status == "finished":
        hold_text(judge, "EX-12", "build\nexec\nend\n", whole.stdout, whole)
