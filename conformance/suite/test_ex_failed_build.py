"""EX: what follows a build that failed, and one that did not (EX-15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.programs import HOME

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session


@requirement("EX-15", tier="smoke")
def test_a_failed_build_stops_the_run(session: Session, judge: Judge) -> None:
    """When the build failed, whatever its code, exec does not run, and the run finishes with 127."""
    for failure in (
        "exit 1",
        "exit 3",
        "exit 126",
        "exit 127",
        "exit 128",
        "exit 255",
        "no-such-compiler",
        "kill -9 $$",
    ):
        with judge.under_test("EX-15"):
            run = session.run(f"echo started; touch {HOME}/started", build=f"echo compiling; {failure}")
        code = run.exit_code
        judge.expect(
            "EX-15",
            (run.status, code) == ("finished", 127),
            expected="finished with 127",
            actual=f"{run.status} with {code} after a build of `{failure}`",
            exchange=run.exchanges,
        )
        judge.expect(
            "EX-15", "started" not in run.stdout, expected="no exec", actual=run.stdout, exchange=run.exchanges
        )
    left = session.listing()
    judge.require("EX-15", "started" not in left, expected="no exec", actual="exec ran", exchange=left.exchange)
    with judge.under_test("EX-15"):
        later = session.run("echo later; exit 5")
    got = (later.stdout, later.exit_code)
    expected = ("later\n", 5)
    judge.require("EX-15", got == expected, expected="a later run to run", actual=got, exchange=later.exchanges)


@requirement("EX-15")
def test_a_build_that_ends_with_0_did_not_fail(session: Session, judge: Judge) -> None:
    """Exec runs after a build that ends with 0, also one that wrote to stderr or follows a failed one."""
    session.run("true", build="exit 3")
    for build in ("true", "echo warning >&2", "false; true", "no-such-tool || true", "exit 0", "sh -c 'exit 9' || :"):
        with judge.under_test("EX-15"):
            run = session.run("echo started; exit 4", build=build)
        judge.expect(
            "EX-15",
            run.program.stdout == "started\n" and run.exit_code == 4,
            expected="exec to run, and its own exit code 4",
            actual=f"stdout {run.program.stdout!r}, exit code {run.exit_code}",
            exchange=run.exchanges,
        )


@requirement("EX-15")
def test_the_code_of_a_failed_build_without_exec(session: Session, judge: Judge) -> None:
    """A run whose build failed and that has no exec finishes with 127, or with the build's own code."""
    with judge.under_test("EX-15"):
        run = session.run(build="exit 3")
    readings = {127: "127", 3: "build"}
    judge.require(
        "EX-15", run.exit_code in readings, expected="127, or 3", actual=run.exit_code, exchange=run.exchanges
    )
    judge.reading("EX-15", "failed-build-only", readings[run.exit_code or 3], run.exchanges)
