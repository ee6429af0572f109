"""Runs taken apart: hand-made sequences of results, and what the reader makes of them."""

import pytest

from conformance.run_reader import Result, Run, read_run
from conformance.selftests.support import exchange, result_of


def run(*results: Result) -> Run:
    """Return a run of these results."""
    return Run(results, "r1", {})


WHOLE = run(
    result_of(status="continued", exitCode=None, console=[["stdout", "c1"]]),
    result_of(status="clean-finished", exitCode=3, console=[["stderr", "c2"]]),
    result_of(status="continued", exitCode=None, console=[["stdout", "b1"]]),
    result_of(status="build-finished", exitCode=4, console=[["stdout", "b2"], ["stderr", "b3"]]),
    result_of(status="continued", exitCode=None, console=[["stdout", "p1"]]),
    result_of(status="finished", exitCode=5, console=[["stdout", "p2"]]),
)


def test_a_run_falls_into_its_segments() -> None:
    """Each boundary ends its segment, its own output included, and gives it its exit code (EX-10)."""
    assert (WHOLE.clean.stdout, WHOLE.clean.stderr, WHOLE.clean.exit_code) == ("c1", "c2", 3)
    assert (WHOLE.build.stdout, WHOLE.build.stderr, WHOLE.build.exit_code) == ("b1b2", "b3", 4)
    assert (WHOLE.program.stdout, WHOLE.program.exit_code) == ("p1p2", 5)


def test_the_segments_together_are_the_whole_console() -> None:
    """No item is lost or doubled between the segments."""
    assert WHOLE.clean.console + WHOLE.build.console + WHOLE.program.console == WHOLE.console


def test_an_unreported_step_has_an_empty_segment() -> None:
    """Where a boundary is not reported, its output counts to the next one."""
    seen = run(result_of(status="build-finished", console=[["stdout", "cb"]]), result_of(console=[["stdout", "p"]]))
    assert not seen.clean.reported
    assert seen.build.stdout == "cb"
    assert seen.program.stdout == "p"


def test_a_run_without_boundaries_is_all_program() -> None:
    """A run of exec alone, with no `build-finished`, is the program's."""
    assert run(result_of(console=[["stdout", "x"]])).program.stdout == "x"


def test_reading_goes_on_until_the_end_and_no_further() -> None:
    """Every status but `finished` and `exec-timeout` is followed by another call (EX-12)."""
    rest = [
        result_of(status=one, exitCode=None) for one in ("waiting-input", "clean-finished", "exec-timeout", "continued")
    ]
    seen = read_run(result_of(status="continued", exitCode=None), lambda _: rest.pop(0), {})
    assert seen.statuses == ("continued", "waiting-input", "clean-finished", "exec-timeout")
    assert len(rest) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"result": null}', b'{"result": {"console": 7, "runId": 3}}'])
def test_a_malformed_answer_reads_as_empty(body: bytes) -> None:
    """What is missing or of the wrong type reads as None or empty; nothing raises."""
    seen = Result.of(exchange(200, body))
    assert (seen.run_id, seen.status, seen.exit_code, seen.console) == (None, None, None, ())


def test_true_is_no_exit_code() -> None:
    """JSON's true is not an int, though Python says it is."""
    assert result_of(exitCode=True).exit_code is None
