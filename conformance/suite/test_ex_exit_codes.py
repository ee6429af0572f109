"""EX: exit codes of steps, and of programs killed by a signal (EX-14, EX-16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import HOME, gate, need_uncut, open_gate, read_until

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.target import Target

CODES: Final = (0, 1, 2, 7, 124, 126, 127, 128, 200, 255)
WAYS_TO_END: Final = (
    ("bp-no-such-program", 127),
    (f"echo x > {HOME}/plain; chmod 644 {HOME}/plain; {HOME}/plain", 126),
    ("false; true", 0),
    ("true; false", 1),
    ("false | true", 0),
    ("true | (exit 3)", 3),
    ("(exit 5)", 5),
    ("sh -c 'exit 6'", 6),
    ("exit 7 | exit 8", 8),
    ("false || exit 9", 9),
    ("set -e; (exit 11); echo never", 11),
    ("trap 'exit 12' EXIT; exit 1", 12),
    ("exec sh -c 'exit 13'", 13),
    ("exec >&- 2>&-; exit 14", 14),
    ("exec >&- 2>&-; sleep 0.4; exit 18", 18),
    ("sh -c 'kill -15 $$'; exit $?", 143),
    ("sh -c 'exit 15' & wait $!", 15),
    ("echo out; echo err >&2; exit 16", 16),
    ("sleep 0.4; exit 17", 17),
    ("true", 0),
)


@requirement("EX-14", tier="smoke")
def test_the_exit_code_is_that_of_the_program(session: Session, judge: Judge) -> None:
    """The exit code of the exec step comes back with `finished`, from 0 to 255."""
    for code in CODES:
        run = session.run(f"exit {code}")
        judge.expect("EX-14", run.exit_code == code, expected=code, actual=run.exit_code, exchange=run.exchanges)


@requirement("EX-14")
def test_the_exit_code_is_that_of_the_last_process(session: Session, judge: Judge) -> None:
    """However a command ends, its exit code is that of its last process; a program that is not there gives 127."""
    for command, code in WAYS_TO_END:
        run = session.run(command)
        got = f"{run.exit_code} from {command}"
        judge.expect("EX-14", run.exit_code == code, expected=code, actual=got, exchange=run.exchanges)


@requirement("EX-14")
def test_every_step_has_its_own_exit_code(session: Session, judge: Judge) -> None:
    """`clean-finished`, `build-finished` and `finished` hold the exit codes of clean, build and exec."""
    for clean, build, program in ((0, 0, 9), (0, 0, 0), (0, 3, None), (0, 255, None), (0, 127, None)):
        run = session.run(f"exit {program or 0}", clean=f"false | exit {clean}", build=f"false | exit {build}")
        got = (
            run.clean.exit_code if run.clean.reported else clean,
            run.build.exit_code if run.build.reported else build,
        )
        judge.expect("EX-14", got == (clean, build), expected=(clean, build), actual=got, exchange=run.exchanges)
        if program is not None:
            judge.expect(
                "EX-14", run.exit_code == program, expected=program, actual=run.exit_code, exchange=run.exchanges
            )


@requirement("EX-12", "EX-14")
def test_a_failed_clean_leaves_the_build_its_own_code(session: Session, judge: Judge) -> None:
    """Where a build runs after a failed clean (which is open), `build-finished` holds the build's own exit code.

    Exec follows a build that ended with 0.
    """
    for code in (0, 3):
        run = session.run("echo ran", clean="exit 2", build=f"echo built; exit {code}")
        got = run.build.exit_code
        if "built" in run.stdout and run.build.reported:
            judge.expect("EX-14", got == code, expected=code, actual=got, exchange=run.exchanges)
            went_on = "ran" in run.stdout or code != 0
            judge.expect("EX-12", went_on, expected="exec to run", actual=run.console, exchange=run.exchanges)


@requirement("EX-14")
def test_a_failed_clean_reports_its_exit_code(session: Session, judge: Judge) -> None:
    """`clean-finished` holds the exit code of a clean that failed."""
    for code in (1, 4, 255):
        run = session.run(clean=f"echo cleaning; exit {code}")
        got = run.clean.exit_code
        if run.clean.reported:
            judge.expect("EX-14", got == code, expected=code, actual=got, exchange=run.exchanges)


def long_run(session: Session, judge: Judge, target: Target, step: str, code: int, **options: str) -> Run:
    """Return a run one step of which takes several calls, and then ends with a code of its own."""
    open_run = session.begin(options={step: f"{gate(step, target)}; exit {code}", **options})
    read_until(open_run, lambda run: run.last.status == "continued")
    open_gate(session, step)
    run = open_run.finish()
    need_uncut(judge, run)
    return run


@requirement("EX-14", slow=True)
@pytest.mark.parametrize("step", ["clean", "exec"])
def test_a_long_step_keeps_its_exit_code(session: Session, judge: Judge, target: Target, step: str) -> None:
    """A step that answered `continued` meanwhile ends with its own exit code."""
    run = long_run(session, judge, target, step, 7)
    part = run.clean if step == "clean" else run
    if step == "exec" or run.clean.reported:
        judge.require("EX-14", part.exit_code == 7, expected=7, actual=part.exit_code, exchange=run.exchanges)


@requirement("EX-14", "EX-15", slow=True)
def test_a_long_build_that_fails_stops_the_run(session: Session, judge: Judge, target: Target) -> None:
    """A build that answered `continued` meanwhile and fails is a failed one: no exec, 127, its own code reported."""
    run = long_run(session, judge, target, "build", 7, exec="echo started")
    started = "started" in run.stdout
    judge.require("EX-15", not started, expected="no exec", actual="exec ran", exchange=run.exchanges)
    judge.expect("EX-15", run.exit_code == 127, expected=127, actual=run.exit_code, exchange=run.exchanges)
    if run.build.reported:
        code = run.build.exit_code
        judge.expect("EX-14", code == 7, expected=7, actual=code, exchange=run.exchanges)


@requirement("EX-16")
def test_a_program_gives_itself_no_negative_code(session: Session, judge: Judge) -> None:
    """A program that ends by itself, whatever its code, is never reported with a negative one."""
    for command in ("exit 127", "exit 128", "exit 137", "exit 200", "exit 255", "no-such-program"):
        run = session.run(command)
        got = run.exit_code
        natural = got is not None and got >= 0
        judge.expect(
            "EX-16", natural, expected="no negative code", actual=f"{got} from {command}", exchange=run.exchanges
        )


@requirement("EX-16")
@pytest.mark.parametrize(("name", "number"), [("KILL", 9), ("TERM", 15), ("SEGV", 11), ("ABRT", 6)])
def test_the_exit_code_of_a_killed_program(session: Session, judge: Judge, name: str, number: int) -> None:
    """A program killed by signal N has the exit code 128+N or -N, and so has a build or a clean."""
    run = session.run(f"echo before; kill -{name} $$; sleep 5")
    readings = {128 + number: "128+N", -number: "-N"}
    judge.require(
        "EX-16",
        run.exit_code in readings,
        expected=f"{128 + number} or {-number}",
        actual=run.exit_code,
        exchange=run.exchanges,
    )
    built = session.run(build=f"kill -{name} $$; sleep 5")
    code = built.build.exit_code
    kept = code in readings or not built.build.reported
    judge.expect("EX-16", kept, expected=f"{128 + number} or {-number}", actual=code, exchange=built.exchanges)
    cleaned = session.run(clean=f"kill -{name} $$; sleep 5")
    code = cleaned.clean.exit_code
    kept = code in readings or not cleaned.clean.reported
    judge.expect("EX-16", kept, expected=f"{128 + number} or {-number}", actual=code, exchange=cleaned.exchanges)
    judge.reading("EX-16", "signal-code", readings[run.exit_code or 0], run.exchanges)
