"""How verdicts combine, and what exit code they make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.verdicts import WORST_FIRST, Cause, ExitCode, Level, Standing, Verdict, combine, exit_code, violated

VERDICTS = st.sampled_from(list(Verdict))


def test_every_verdict_has_its_place_in_the_order() -> None:
    """The order of severity names each verdict once."""
    assert sorted(WORST_FIRST) == sorted(Verdict)


def test_nothing_tested_is_never_a_pass() -> None:
    """Of no verdicts at all, the combination is not-testable."""
    assert combine([]) is Verdict.NOT_TESTABLE


@given(st.lists(VERDICTS, min_size=1))
def test_the_worst_verdict_wins_in_any_order(verdicts: list[Verdict]) -> None:
    """Combining gives one of the verdicts, and none of them is worse."""
    worst = combine(verdicts)
    assert worst in verdicts
    assert all(WORST_FIRST.index(worst) <= WORST_FIRST.index(one) for one in verdicts)
    assert combine(reversed(verdicts)) is worst


@pytest.mark.parametrize(("level", "expected"), [("must", "fail"), ("should", "warn"), ("may", "warn")])
def test_the_level_decides_what_a_violation_is(level: str, expected: str) -> None:
    """Only a must fails; a weaker clause warns."""
    assert violated(Level(level)) == expected


MUST, SHOULD = Level.MUST, Level.SHOULD
PASSED = Standing(MUST, Verdict.PASS)
EXIT_CODES = [
    ("all kept", [PASSED], ExitCode.CONFORMS),
    ("a broken should", [PASSED, Standing(SHOULD, Verdict.WARN)], ExitCode.CONFORMS),
    ("a must broken", [PASSED, Standing(MUST, Verdict.FAIL)], ExitCode.VIOLATIONS),
    ("a must broken sometimes", [PASSED, Standing(MUST, Verdict.INTERMITTENT)], ExitCode.VIOLATIONS),
    ("a should broken sometimes", [PASSED, Standing(SHOULD, Verdict.INTERMITTENT)], ExitCode.CONFORMS),
    ("nothing at all", [], ExitCode.INCOMPLETE),
    ("nothing tested", [Standing(MUST, Verdict.NOT_TESTABLE, frozenset({Cause.UNTOLD}))], ExitCode.INCOMPLETE),
    ("untold", [PASSED, Standing(MUST, Verdict.NOT_TESTABLE, frozenset({Cause.UNTOLD}))], ExitCode.CONFORMS),
    ("target failed", [PASSED, Standing(MUST, Verdict.NOT_TESTABLE, frozenset({Cause.TARGET}))], ExitCode.INCOMPLETE),
    ("should untested", [PASSED, Standing(SHOULD, Verdict.NOT_TESTABLE, frozenset({Cause.TARGET}))], ExitCode.CONFORMS),
    ("harness failed", [PASSED, Standing(SHOULD, Verdict.ERROR)], ExitCode.INCOMPLETE),
    (
        "harness failed behind a warning",
        [PASSED, Standing(SHOULD, Verdict.WARN, harness_failed=True)],
        ExitCode.INCOMPLETE,
    ),
    ("violation beats error", [Standing(MUST, Verdict.FAIL), Standing(MUST, Verdict.ERROR)], ExitCode.VIOLATIONS),
    ("not offered", [PASSED, Standing(MUST, Verdict.NOT_APPLICABLE)], ExitCode.CONFORMS),
]


@pytest.mark.parametrize(("standings", "expected"), [row[1:] for row in EXIT_CODES], ids=[row[0] for row in EXIT_CODES])
def test_the_exit_code_follows_from_the_verdicts(standings: list[Standing], expected: ExitCode) -> None:
    """Violations come first, then gaps that the target or the harness made; the user's own choices count as none."""
    assert exit_code(standings) is expected


def test_a_stopped_run_is_incomplete() -> None:
    """A run that was stopped is incomplete even where all that was tested holds."""
    assert exit_code([PASSED], stopped=True) is ExitCode.INCOMPLETE


def test_intermittent_violations_can_be_tolerated() -> None:
    """With --tolerate-intermittent only what is broken every time counts."""
    standings = [PASSED, Standing(MUST, Verdict.INTERMITTENT)]
    assert exit_code(standings, tolerate_intermittent=True) is ExitCode.CONFORMS
