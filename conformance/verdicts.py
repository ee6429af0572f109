"""Verdicts, how they combine, and the exit code that a run of the suite ends with.

A verdict belongs to one requirement. Several checks may cite the same requirement; the worst of their verdicts is the
requirement's. Nothing tested is never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(StrEnum):
    """How strongly the documents bind a server to a clause."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    OPEN = "open"


class Verdict(StrEnum):
    """What the suite says of one requirement."""

    PASS = "pass"  # noqa: S105  - a verdict, not a password
    FAIL = "fail"
    WARN = "warn"
    READING = "reading"
    NOT_APPLICABLE = "not-applicable"
    NOT_TESTABLE = "not-testable"
    INTERMITTENT = "intermittent"
    ERROR = "error"
    EXCLUDED = "excluded"


class Cause(StrEnum):
    """Who is the reason that something could not be tested; it decides whether the run counts as incomplete."""

    TARGET = "target"  # the target failed in a prerequisite: incomplete
    STOPPED = "stopped"  # the run ended early: incomplete
    UNTOLD = "untold"  # the suite was not told a limit, a key, a name: the user's choice
    NOT_SELECTED = "not-selected"  # --only or --tier left it out: the user's choice


class ExitCode(IntEnum):
    """What `batchproof check` exits with."""

    CONFORMS = 0
    VIOLATIONS = 1
    USAGE = 2  # wrong arguments, unreachable target, or a target that is no such API
    INCOMPLETE = 3
    STALE_BASELINE = 4


# Worst first. A proven violation outranks what the harness could not do; a reading tells more than a bare pass.
WORST_FIRST: Final = (
    Verdict.FAIL,
    Verdict.INTERMITTENT,
    Verdict.WARN,
    Verdict.ERROR,
    Verdict.NOT_TESTABLE,
    Verdict.READING,
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
    Verdict.EXCLUDED,
)
BROKEN: Final = frozenset({Verdict.FAIL, Verdict.WARN, Verdict.INTERMITTENT})  # the target's own doing
TESTED: Final = frozenset({Verdict.FAIL, Verdict.INTERMITTENT, Verdict.WARN, Verdict.READING, Verdict.PASS})


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; of none at all: not-testable."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.NOT_TESTABLE)


def violated(level: Level) -> Verdict:
    """Return the verdict of a violation that was seen every time: a must fails, anything weaker is a warning."""
    return Verdict.FAIL if level is Level.MUST else Verdict.WARN


@dataclass(frozen=True)
class Standing:
    """One requirement's part in the exit code: its level, its verdict, and why it was not tested, if it was not."""

    level: Level
    verdict: Verdict
    causes: frozenset[Cause] = frozenset()
    harness_failed: bool = False


def exit_code(standings: Iterable[Standing], *, stopped: bool = False, tolerate_intermittent: bool = False) -> ExitCode:
    """Return the exit code of a run: violations come first, then incompleteness."""
    judged = tuple(standings)
    broken = {Verdict.FAIL} if tolerate_intermittent else {Verdict.FAIL, Verdict.INTERMITTENT}
    if any(one.level is Level.MUST and one.verdict in broken for one in judged):
        return ExitCode.VIOLATIONS
    if stopped or not any(one.verdict in TESTED for one in judged) or any(map(_leaves_a_gap, judged)):
        return ExitCode.INCOMPLETE
    return ExitCode.CONFORMS


def _leaves_a_gap(one: Standing) -> bool:
    if one.harness_failed or one.verdict is Verdict.ERROR:
        return True
    target_s_fault = bool(one.causes & {Cause.TARGET, Cause.STOPPED})
    return one.level is Level.MUST and one.verdict is Verdict.NOT_TESTABLE and target_s_fault
