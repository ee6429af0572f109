"""From outcomes to requirements: each requirement's verdict, its reason, and everything that led to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conformance.outcomes import CheckOutcome, ClauseOutcome
from conformance.verdicts import BROKEN, Standing, Verdict, combine, violated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from conformance.catalogue import Catalogue, Requirement
    from conformance.judge import Finding, SeenReading
    from conformance.observers import Observation

_WIDE: Final = 8  # checks that cite more are generated histories: one that broke off takes nothing from other checks
_NOT_SELECTED: Final = "not selected (--only, --tier)"


@dataclass(frozen=True)
class Entry:
    """What one check, or the observers, say of a requirement."""

    name: str
    title: str
    outcome: ClauseOutcome
    attempts: int = 1
    duration_s: float = 0.0
    wide: bool = False  # of a check of many clauses

    @property
    def tells_nothing(self) -> bool:
        """Whether it came to nothing, and others may speak."""
        return self.wide and self.outcome.verdict is Verdict.NOT_TESTABLE


@dataclass(frozen=True)
class Record:
    """One requirement with its verdict."""

    requirement: Requirement
    verdict: Verdict
    reason: str
    entries: tuple[Entry, ...] = ()
    readings: tuple[SeenReading, ...] = ()

    @property
    def worst(self) -> Entry | None:
        """The entry that decides the verdict."""
        return next((entry for entry in self.entries if entry.outcome.verdict is self.verdict), None)

    @property
    def standing(self) -> Standing:
        """The requirement's part in the exit code."""
        untested = [entry.outcome for entry in self.entries if entry.outcome.verdict is Verdict.NOT_TESTABLE]
        return Standing(
            level=self.requirement.level,
            verdict=self.verdict,
            causes=frozenset(outcome.cause for outcome in untested if outcome.cause),
            harness_failed=any(entry.outcome.verdict is Verdict.ERROR for entry in self.entries),
        )


def assemble(
    catalogue: Catalogue,
    outcomes: Sequence[CheckOutcome],
    observations: Sequence[Observation],
    only: Collection[str] | None = None,
) -> tuple[Record, ...]:
    """Return a record for every requirement of the catalogue, in its order.

    `only`: the clauses that were asked for; what the observers saw of others is left out.
    """
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    readings: defaultdict[str, list[SeenReading]] = defaultdict(list)
    for outcome in outcomes:
        for clause, one in outcome.clauses.items():
            if only is None or clause in only:
                wide = len(outcome.clauses) > _WIDE
                entries[clause].append(
                    Entry(outcome.name, outcome.title, one, outcome.attempts, outcome.duration_s, wide)
                )
        for reading in outcome.readings:
            readings[reading.clause].append(reading)
    for entry in (*map(_observed, _of_level(observations, catalogue)), *_set_ups(outcomes, entries, catalogue)):
        if only is None or entry.outcome.clause in only:
            entries[entry.outcome.clause].append(entry)
    return tuple(_record(one, entries[one.id], _distinct(readings[one.id])) for one in catalogue)


def _record(requirement: Requirement, entries: list[Entry], readings: tuple[SeenReading, ...]) -> Record:
    if requirement.excluded and not entries:
        return Record(requirement, Verdict.EXCLUDED, requirement.excluded)
    if not entries:
        return Record(requirement, Verdict.NOT_TESTABLE, _NOT_SELECTED)
    telling = [entry for entry in entries if not entry.tells_nothing] or entries
    verdict = combine(entry.outcome.verdict for entry in telling)
    record = Record(requirement, verdict, "", tuple(entries), readings)
    return Record(requirement, verdict, _reason(record), record.entries, readings)


def _reason(record: Record) -> str:
    worst = record.worst
    if record.verdict is Verdict.PASS or worst is None:
        return ""
    if record.verdict is Verdict.READING:
        return "; ".join(f"{one.question}: {one.text}" for one in record.readings)
    outcome = worst.outcome
    if record.verdict in BROKEN:
        return f"expected {outcome.expected}; got {outcome.actual}"
    return outcome.message.strip().rpartition("\n")[2] or str(record.verdict)


def _of_level(observations: Iterable[Observation], catalogue: Catalogue) -> Iterable[tuple[Observation, Verdict]]:
    return [(one, violated(catalogue[one.finding.clause].level)) for one in observations]


def _observed(pair: tuple[Observation, Verdict]) -> Entry:
    one, verdict = pair
    return _entry(f"observers::{one.finding.clause}", "Seen in ordinary traffic.", one.finding, verdict, one.message)


def _set_ups(
    outcomes: Iterable[CheckOutcome], entries: dict[str, list[Entry]], catalogue: Catalogue
) -> Iterable[Entry]:
    """Yield violations that set-ups ran into, where the clause's own checks saw none: its evidence is as good."""
    for outcome in outcomes:
        found = outcome.set_up
        if found is None or found.clause not in catalogue or found.clause in outcome.clauses:
            continue
        if any(entry.outcome.verdict in BROKEN for entry in entries[found.clause]):
            continue
        always = outcome.set_up_always
        verdict = violated(catalogue[found.clause].level) if always else Verdict.INTERMITTENT
        often = f"in each of {outcome.attempts}" if always else f"in some of {outcome.attempts}"
        title = f"Seen while setting up {outcome.name}."
        yield _entry(f"{outcome.name}::set-up", title, found, verdict, f"{often} attempts")


def _entry(name: str, title: str, finding: Finding, verdict: Verdict, message: str) -> Entry:
    exchanges = tuple(exchange.clipped() for exchange in finding.exchanges)
    outcome = ClauseOutcome(finding.clause, verdict, message, finding.expected, finding.actual, exchanges)
    return Entry(name, title, outcome)


def _distinct(readings: Iterable[SeenReading]) -> tuple[SeenReading, ...]:
    """Keep each reading of each question once, with the exchanges that showed it first."""
    first: dict[tuple[str, str], SeenReading] = {}
    for one in readings:
        first.setdefault((one.question, one.reading), one)
    return tuple(first.values())
