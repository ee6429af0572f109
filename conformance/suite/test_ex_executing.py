"""EX: executing with a build step, `POST /kernel/:id`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session


@requirement("EX-14", tier="smoke")
@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("true", 0), ("exit 255", 255)])
def test_the_exit_code_of_a_step_is_that_of_its_last_process(
    session: Session, judge: Judge, command: str, code: int
) -> None:
    """The exit code of the exec step comes back with `finished`."""
    run = session.run(command)
    judge.require("EX-14", run.exit_code == code, expected=code, actual=run.exit_code, exchange=run.exchanges)


@requirement("EX-15")
def test_a_failed_build_stops_the_run(session: Session, judge: Judge) -> None:
    """When the build failed, exec does not run, and the run finishes with 127."""
    with judge.under_test("EX-15"):
        run = session.run("echo started", build="exit 3")
    judge.require("EX-15", run.exit_code == 127, expected="exit code 127", actual=run.exit_code, exchange=run.exchanges)
    seen = run.program.stdout
    judge.require("EX-15", "started" not in seen, expected="no exec", actual=seen, exchange=run.exchanges)


@requirement("EX-07")
def test_a_skipped_exec_ends_the_run(session: Session, judge: Judge) -> None:
    """A run whose exec command is empty finishes with 0, or with the code of the last step that ran."""
    with judge.under_test("EX-07"):
        run = session.run("", build="true")
    judge.require("EX-07", run.exit_code == 0, expected="exit code 0", actual=run.exit_code, exchange=run.exchanges)
