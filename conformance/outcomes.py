"""From attempts to verdicts: what the repeated attempts of one check say about each clause that it cites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from conformance.attempt import Attempt, Ending
from conformance.verdicts import Cause, Level, Verdict, violated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.attempt import Check
    from conformance.catalogue import Catalogue
    from conformance.exchange import Exchange
    from conformance.judge import Finding, SeenReading

_MAX_SHOWN: Final = 12  # exchanges that one outcome keeps
_TOLERABLE_WAIT_S: Final = 5.0  # sessions, runs and checks have times of their own, which go on meanwhile
_SHOWN_PASSING: Final = 2  # exchanges of a passed check that the report keeps


@dataclass(frozen=True)
class ClauseOutcome:
    """What one check says of one clause."""

    clause: str
    verdict: Verdict
    message: str = ""
    expected: str = ""
    actual: str = ""
    exchanges: tuple[Exchange, ...] = ()
    cause: Cause | None = None  # for not-testable: whose doing it is


@dataclass(frozen=True)
class CheckOutcome:
    """What one check came to, after all its attempts."""

    name: str
    title: str
    clauses: Mapping[str, ClauseOutcome]
    readings: tuple[SeenReading, ...] = ()
    attempts: int = 0
    duration_s: float = 0.0
    set_up: Finding | None = None  # another clause's promise that the set-up found broken
    set_up_always: bool = False
    history: tuple[Exchange, ...] = ()  # every exchange of the first attempt that found something broken


def conclude(check: Check, attempts: Sequence[Attempt], catalogue: Catalogue, duration_s: float) -> CheckOutcome:
    """Combine the attempts of a check."""
    clauses = {clause: _clause(clause, attempts, catalogue[clause].level) for clause in check.terms.clauses}
    settled = next((one for one in attempts if one.ending is Ending.DONE and not one.findings), attempts[-1])
    set_up = next((one.unmet for one in attempts if one.unmet and not one.transient and one.unmet.clause), None)
    return CheckOutcome(
        name=check.name,
        title=check.title,
        clauses={clause: _kept_small(one) for clause, one in clauses.items()},
        readings=tuple(replace(one, exchanges=_clipped(one.exchanges)) for one in settled.readings),
        attempts=len(attempts),
        duration_s=duration_s,
        set_up=set_up,
        set_up_always=all(one.unmet is not None for one in attempts),
        history=next((one.history for one in attempts if one.findings), ()),
    )


def _kept_small(one: ClauseOutcome) -> ClauseOutcome:
    return replace(one, exchanges=_clipped(one.exchanges))


def _clipped(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """Return the exchanges at the beginning and at the end, with bodies short enough to keep."""
    few = exchanges if len(exchanges) <= _MAX_SHOWN else (*exchanges[: _MAX_SHOWN // 2], *exchanges[-_MAX_SHOWN // 2 :])
    return tuple(exchange.clipped() for exchange in dict.fromkeys(few))


def wants_another_look(one: Attempt) -> bool:
    """Tell whether an attempt is worth repeating: a violation was found, or the set-up failed."""
    return bool(one.findings) or one.ending is Ending.UNMET


def undisturbed(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts that may count: what was found after waiting for the target's request limit may not."""
    fit = [one for one in attempts if one.held_up_s <= _TOLERABLE_WAIT_S or not wants_another_look(one)]
    if fit:
        return fit
    message = f"the target's request limit (429) held every attempt up, the last for {attempts[-1].held_up_s:.0f} s"
    return [Attempt(Ending.UNTESTABLE, message=message, exchanges=attempts[-1].exchanges)]


def _clause(clause: str, attempts: Sequence[Attempt], level: Level) -> ClauseOutcome:
    broken = [one for one in attempts if _findings(one, clause)]
    concluded = [one for one in attempts if _findings(one, clause) or (one.ending is Ending.DONE and not one.cut_short)]
    if broken:
        return _violation(clause, attempts, level, always=len(broken) == len(concluded))
    kept = next((one for one in attempts if one.ending is Ending.DONE and not one.cut_short), None)
    if kept is not None:
        return _kept(clause, kept, attempts, level)
    elsewhere = next((one for one in attempts if one.findings), None)
    if elsewhere is not None:
        return _unreached(clause, elsewhere.findings[0])
    return _unanswered(clause, attempts[-1])


def _findings(one: Attempt, clause: str) -> list[Finding]:
    return [finding for finding in one.findings if finding.clause == clause]


def _violation(clause: str, attempts: Sequence[Attempt], level: Level, *, always: bool) -> ClauseOutcome:
    times = sum(bool(_findings(one, clause)) for one in attempts)
    first = next(finding for one in attempts for finding in _findings(one, clause))
    exchanges = first.exchanges
    if not always:
        fine = next((one for one in attempts if one.ending is Ending.DONE and not _findings(one, clause)), None)
        exchanges += fine.exchanges[-_SHOWN_PASSING:] if fine else ()
    return ClauseOutcome(
        clause=clause,
        verdict=violated(level) if always else Verdict.INTERMITTENT,
        message=f"broken in {times} of {len(attempts)} attempts, each with fresh sessions",
        expected=first.expected,
        actual=first.actual,
        exchanges=exchanges,
    )


def _kept(clause: str, one: Attempt, attempts: Sequence[Attempt], level: Level) -> ClauseOutcome:
    read = [reading for reading in one.readings if reading.clause == clause]
    if level is Level.OPEN and not read:
        return ClauseOutcome(clause, Verdict.NOT_TESTABLE, "no reading could be seen", cause=Cause.TARGET)
    verdict = Verdict.READING if level is Level.OPEN else Verdict.PASS
    exchanges = tuple(one.exchanges[-_SHOWN_PASSING:])
    note = f"after {len(attempts) - 1} attempts whose set-up failed: {attempts[0].message}" if len(attempts) > 1 else ""
    return ClauseOutcome(clause, verdict, note, exchanges=exchanges)


def _unreached(clause: str, finding: Finding) -> ClauseOutcome:
    """Another clause of the same check is broken, and whether this one was judged before that is not known."""
    message = f"the check ended at a violation of {finding.clause}: expected {finding.expected}; got {finding.actual}"
    return ClauseOutcome(clause, Verdict.NOT_TESTABLE, message, exchanges=finding.exchanges, cause=Cause.TARGET)


def _unanswered(clause: str, one: Attempt) -> ClauseOutcome:
    if one.ending is Ending.NOT_OFFERED:
        return ClauseOutcome(clause, Verdict.NOT_APPLICABLE, one.message, exchanges=one.exchanges)
    if one.ending is Ending.ERROR:
        return ClauseOutcome(clause, Verdict.ERROR, one.message, exchanges=one.exchanges)
    if one.unmet is not None:
        named = f"{one.unmet.clause}: " if one.unmet.clause else ""
        message = f"a prerequisite failed: {named}expected {one.unmet.expected}; got {one.unmet.actual}"
        return ClauseOutcome(
            clause,
            Verdict.NOT_TESTABLE,
            message,
            one.unmet.expected,
            one.unmet.actual,
            one.unmet.exchanges,
            Cause.TARGET,
        )
    return ClauseOutcome(clause, Verdict.NOT_TESTABLE, one.message, exchanges=one.exchanges, cause=one.cause)
