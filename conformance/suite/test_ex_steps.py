"""EX: the steps of a run, their order and what is skipped (EX-06, EX-07, EX-09 to EX-12, EX-15, EX-27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import HOME, gate, hold_text, open_gate, read_until

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.target import Target

STEPS: Final = ("clean", "build", "exec")
COMMANDS: Final = (
    ("echo 'single  quoted' \"double  quoted\"", "single  quoted double  quoted\n"),
    ('a=1; b="$a$a"; echo $b ${#b}', "11 2\n"),
    ("echo one\necho two\n\necho three\n", "one\ntwo\nthree\n"),
    ("echo one | sed s/one/two/ && echo three || echo four", "two\nthree\n"),
    ("for x in 1 2 3; do printf '%s,' $x; done", "1,2,3,"),
    ("cat <<END\nhere $((2 + 3))\nEND", "here 5\n"),
    ("f() { echo \"<$1>\"; }; f 'a b'", "<a b>\n"),
    ("echo 'back\\slash' '$HOME' '{}' '%s' '#no'  # a comment", "back\\slash $HOME {} %s #no\n"),
    ("echo gr\u00fc\u00df \U0001f600", "gr\u00fc\u00df \U0001f600\n"),
    ("   echo led by spaces   ", "led by spaces\n"),
    (f"x={'v' * 20_000}; echo ${{#x}}", "20000\n"),
    ("echo to-be-seen; exit 0; echo never", "to-be-seen\n"),
    ("(cd / && pwd); [ -t 1 ] && echo terminal || echo pipe", None),
)


def order_of(session: Session, judge: Judge, clause: str) -> list[str]:
    """Return the lines that the steps of the run before left in the file `order`."""
    with judge.under_test(clause):
        return session.sh(f"cat {HOME}/order 2>/dev/null; rm -f {HOME}/order").split()


def noting(step: str) -> str:
    """Return a command that notes its step in the file `order`."""
    return f"echo {step} >> {HOME}/order"


@requirement("EX-06", tier="smoke")
def test_steps_run_in_order(session: Session, judge: Judge) -> None:
    """`clean`, `build` and `exec` run in that order, each once, also when a step takes its time."""
    for pause in ("", "sleep 0.3; "):
        run = session.run(noting("exec"), clean=pause + noting("clean"), build=pause + noting("build"))
        order = order_of(session, judge, "EX-06")
        judge.expect("EX-06", order == list(STEPS), expected=list(STEPS), actual=order, exchange=run.exchanges)


@requirement("EX-06")
@pytest.mark.parametrize("step", STEPS)
def test_each_command_is_taken_as_shell_text(session: Session, judge: Judge, step: str) -> None:
    """Each step's command is shell text: quotes, variables, several lines, pipes, loops, here-documents, Unicode."""
    session.run(options={step: "echo plain"})
    for command, expected in COMMANDS:
        run = session.run(options={step: command})
        if expected is None:
            judge.expect("EX-06", run.stdout.startswith("/\n"), expected="/", actual=run.stdout, exchange=run.exchanges)
        else:
            hold_text(judge, "EX-06", expected, run.stdout, run)


@requirement("EX-07")
@pytest.mark.parametrize("skipped", STEPS)
def test_a_step_without_a_command_is_skipped(session: Session, judge: Judge, skipped: str) -> None:
    """A command that is absent, empty or null skips its step and no other."""
    commands: dict[str, str | None] = {step: noting(step) for step in STEPS if step != skipped}
    for given in ({}, {skipped: ""}, {skipped: None}):
        with judge.under_test("EX-07"):
            run = session.run(options={**commands, **given})
        order = order_of(session, judge, "EX-07")
        expected = f"{list(commands)} to run, the run to finish with 0"
        kept = order == list(commands) and (run.status, run.exit_code) == ("finished", 0)
        actual = f"{order}, {run.status}, {run.exit_code}"
        judge.expect("EX-07", kept, expected=expected, actual=actual, exchange=run.exchanges)
        judge.expect("EX-07", not run.console, expected="no output", actual=run.console, exchange=run.exchanges)


@requirement("EX-07")
def test_a_run_may_skip_every_step(session: Session, judge: Judge) -> None:
    """A run in which every step is skipped finishes with 0 and says nothing."""
    for options in ({}, dict.fromkeys(STEPS), dict.fromkeys(STEPS, "")):
        with judge.under_test("EX-07"):
            run = session.run(options=options)
        got = (run.status, run.exit_code, run.console)
        judge.expect("EX-07", got == ("finished", 0, ()), expected="finished, 0", actual=got, exchange=run.exchanges)


@requirement("EX-07")
def test_the_code_of_a_run_whose_exec_is_skipped(session: Session, judge: Judge) -> None:
    """A run whose exec is skipped finishes with 0, or with the code of the last step that ran."""
    with judge.under_test("EX-07"):
        good = session.run(build="true")
        run = session.run(clean="exit 3")
    judge.require("EX-07", good.exit_code == 0, expected=0, actual=good.exit_code, exchange=good.exchanges)
    allowed = {0: "0", 3: "last-step", 127: None}  # 127: a clean that failed may stop the run (EX-12, open)
    judge.require(
        "EX-07",
        run.exit_code in allowed,
        expected="0, or the clean's own 3",
        actual=run.exit_code,
        exchange=run.exchanges,
    )
    if reading := allowed[run.exit_code or 0]:
        judge.reading("EX-07", "skipped-exec-code", reading, run.exchanges)


@requirement("EX-09")
def test_the_default_clean_does_nothing(session: Session, judge: Judge) -> None:
    """`clean: "*"` changes no file, runs nothing and says nothing."""
    session.upload({"Makefile": b"all:\n\ttouch made\nclean:\n\trm -f kept.o main\n\ttouch cleaned\n", "kept.o": b"o"})
    session.sh(
        f"cd {HOME}; printf '#!/bin/sh\\ntouch globbed\\n' > aaa; chmod +x aaa; cp aaa main; mkdir -p build; touch build/x"
    )
    look = f"cd {HOME} && find . | sort"
    before = session.sh(look)
    with judge.under_test("EX-09"):
        run = session.run("true", clean="*")
        after = session.sh(look)
    judge.expect("EX-09", after == before, expected=before.split(), actual=after.split(), exchange=run.exchanges)
    judge.expect("EX-09", not run.clean.console, expected="no output", actual=run.clean.console, exchange=run.exchanges)
    code = run.clean.exit_code if run.clean.reported else 0
    judge.expect("EX-09", code == 0, expected="exit code 0", actual=code, exchange=run.exchanges)


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
        ("echo from-build >&2", "echo from-exec >&2"),
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
    """A run with a clean command reports `clean-finished` and then `build-finished`, with or without a build."""
    for options in ({}, {"exec": "echo e"}, {"build": "true"}, {"build": "echo b", "exec": "true"}, {"build": None}):
        for clean in ("true", "echo c; exit 1"):
            with judge.under_test("EX-11"):
                run = session.run(options={"clean": clean, **options})
            reported = [status for status in run.statuses if status in {"clean-finished", "build-finished"}]
            judge.expect(
                "EX-11",
                reported == ["clean-finished", "build-finished"],
                expected="clean-finished, then build-finished",
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


@requirement("EX-12", slow=True)
def test_continued_does_not_end_a_run(session: Session, judge: Judge, target: Target) -> None:
    """A run that answered `continued` several times, in build and in exec, still goes on to its end."""
    run = session.begin(f"{gate('second', target)}; echo end", build=f"{gate('first', target)}; echo built")
    with judge.under_test("EX-12"):
        for name in ("first", "second"):
            for _ in range(2):
                read_until(run, lambda run: run.last.status == "continued")
                run.step()
            open_gate(session, name)
        whole = run.finish()
    judge.require(
        "EX-12", whole.status == "finished", expected="finished", actual=whole.statuses, exchange=whole.exchanges
    )
    hold_text(judge, "EX-12", "built\nend\n", whole.stdout, whole)


@requirement("EX-27")
def test_without_exec_only_the_build_runs(session: Session, judge: Judge) -> None:
    """With `exec` absent, empty or null the build runs, its output is returned, and the run finishes."""
    for given in ({}, {"exec": ""}, {"exec": None}):
        for end in ("", "; exit 3"):
            with judge.under_test("EX-27"):
                run = session.run(options={"build": "echo built; sleep 0.05; echo complaint >&2" + end, **given})
            judge.expect(
                "EX-27",
                (run.status, run.stdout, run.stderr) == ("finished", "built\n", "complaint\n"),
                expected="finished, with built on stdout and complaint on stderr",
                actual=f"{run.status}, stdout {run.stdout!r}, stderr {run.stderr!r}",
                exchange=run.exchanges,
            )
