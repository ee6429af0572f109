"""One trial: the suite against one known server, and what it said."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from conformance.catalogue import load as load_catalogue
from conformance.collection import chosen
from conformance.contract import load as load_contract
from conformance.discovery import TargetError
from conformance.engine import Engine
from conformance.gathering import gather
from conformance.options import Options
from conformance.report import Report
from conformance.selftests.defects import ACCESS_KEY, DEFECTS, OTHER_KEY, OTHER_SECRET, SECRET_KEY, VARIANTS, Defect
from conformance.selftests.reference import serve
from conformance.verdicts import BROKEN, Cause, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from conformance.attempt import Check
    from conformance.catalogue import Catalogue
    from conformance.checks import Tier
    from conformance.contract import Contract
    from conformance.outcomes import CheckOutcome
    from conformance.records import Record
    from conformance.selftests.defects import Variant

TOLD: Final[Mapping[str, Mapping[str, Any]]] = {  # what the suite is told of a server that was given NEEDS
    "keys": {
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "second_access_key": OTHER_KEY,
        "second_secret_key": OTHER_SECRET,
    },
    "rate-limit": {"rate_limit": 60},
    "exec-timeout": {"exec_timeout_s": 2.0},
}
EXCUSED: Final[Mapping[str, str]] = {
    "CN-08": "the reference reads two pipes, which do not tell in which order back-to-back writes came",
}
FEW: Final = 2
MANY: Final = 6  # checks that cite more are generated histories: a clause shall be held by a check of its own
_BROKEN: Final = frozenset(map(str, BROKEN))


@dataclass(frozen=True)
class Settings:
    """How trials are made: `jobs` checks at the same time; `repeats`, how often a violation is looked at again."""

    tier: Tier = "standard"
    seed: int = 1
    jobs: int = 6
    repeats: int = 2
    until_killed: bool = False  # a defect's trial ends as soon as its clause is seen broken
    narrow: bool = False  # right servers with few differences: smoke, and the families of what they answer otherwise
    max_seconds: float = 1_800.0  # for a right server
    defect_seconds: float = 120.0  # a defect may make every wait as long as it can be


@dataclass(frozen=True)
class Trial:
    """What the suite said of one server; `verdicts` has the clauses that are neither kept nor left out."""

    name: str
    verdicts: Mapping[str, str] = field(default_factory=dict)  # clause to fail, warn, intermittent, error, not-testable
    reasons: Mapping[str, str] = field(default_factory=dict)  # for the clauses in `verdicts`
    readings: Mapping[str, list[str]] = field(default_factory=dict)  # "CLAUSE question" to the readings seen
    unusable: str = ""  # why the suite could not begin with this server
    checks: int = 0  # how many checks were chosen
    whole: bool = True  # whether they were all run: with `until_killed` they were not

    @property
    def blamed(self) -> dict[str, str]:
        """The clauses that the suite called broken, excuses aside."""
        return {one: verdict for one, verdict in self.verdicts.items() if verdict in _BROKEN and one not in EXCUSED}

    @property
    def faults(self) -> dict[str, str]:
        """What went wrong with a right server: all blame, what the harness failed at, and what it could not ask."""
        found = {one: verdict for one, verdict in self.verdicts.items() if one not in EXCUSED}
        expected = {(clause, question): value for (clause, question), value in _declared(self.name).items()}
        for (clause, question), value in expected.items():
            seen = self.readings.get(f"{clause} {question}", [])
            if seen and seen != [value]:
                found[clause] = f"read as {', '.join(seen)}, not {value}"
        return {**found, **({"discovery": "unusable"} if self.unusable else {})}

    @property
    def killed(self) -> bool:
        """Whether the clause that the defect breaks was called broken, or the server was not even taken for one."""
        broken = DEFECTS[self.name].breaks
        return bool(self.unusable) or self.verdicts.get(broken) in _BROKEN

    @property
    def misattributed(self) -> dict[str, str]:
        """The clauses that were called broken though this defect leaves them whole."""
        one = DEFECTS[self.name]
        return {clause: said for clause, said in self.blamed.items() if clause not in {one.breaks, *one.also}}

    @property
    def clean(self) -> bool:
        """Whether the suite said of this server what it should have said."""
        if self.name in VARIANTS:
            return not self.faults
        return self.killed and not self.misattributed

    def to_json(self) -> dict[str, Any]:
        """Return the trial as JSON values."""
        return asdict(self)

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read a stored trial."""
        return cls(**stored)


@dataclass(frozen=True)
class Suite:
    """What all trials share; loading it takes a second."""

    checks: tuple[Check, ...]
    catalogue: Catalogue
    contract: Contract

    def for_server(self, known: Defect | Variant, settings: Settings) -> list[Check]:
        """Return the checks of a trial: what cites the clauses that a defect breaks; for a right server the tier."""
        if isinstance(known, Defect):
            citing = self.citing({known.breaks, *known.also}, settings.tier)
            return [one for one in citing if len(one.terms.clauses) <= MANY] or citing
        if not settings.narrow or len(known.readings) > FEW:
            return self.citing(None, settings.tier)
        families = {self.catalogue[clause].family for clause, _ in known.readings}
        related = self.citing({one.id for one in self.catalogue if one.family in families}, settings.tier)
        return list({one.name: one for one in (*self.citing(None, "smoke"), *related)}.values())

    def citing(self, clauses: Collection[str] | None, tier: Tier) -> list[Check]:
        """Return the checks of a tier that cite one of the clauses, or all of the tier."""
        of_tier = chosen(self.checks, None, tier)
        return [one for one in of_tier if clauses is None or not set(clauses).isdisjoint(one.terms.clauses)]


@cache
def suite() -> Suite:
    """Load the suite, once in each process."""
    checks = gather()
    if not checks:
        raise RuntimeError("the suite has no checks: asking nothing proves nothing")
    return Suite(checks, load_catalogue(), load_contract())


def try_out(name: str, settings: Settings) -> Trial:
    """Run the suite against the server of this name: all of the tier, or what cites the clauses a defect breaks."""
    known: Defect | Variant = DEFECTS[name] if name in DEFECTS else VARIANTS[name]
    checks = suite().for_server(known, settings)
    told = {option: value for need in sorted(known.needs) for option, value in TOLD[need].items()}
    with serve(known.server()) as url:
        options = Options(
            url,
            lang="python",
            c_lang="c",
            seed=settings.seed,
            jobs=settings.jobs,
            repeats=settings.repeats,
            max_seconds=settings.defect_seconds if isinstance(known, Defect) else settings.max_seconds,
            **told,
        )
        engine = Engine(options, suite().catalogue, suite().contract)
        try:
            engine.discover()
        except TargetError as error:
            return Trial(name, unusable=str(error))
        report = _run(engine, checks, name, settings)
    return replace(_told(name, report.records), checks=len(checks), whole=not settings.until_killed)


def settled(name: str, settings: Settings) -> Trial:
    """Try a server out; what is wrong with a defect's trial at the first look is looked at again, as users would."""
    if name in VARIANTS:
        return try_out(name, settings)
    first = try_out(name, replace(settings, repeats=0))
    return first if first.clean or settings.until_killed else try_out(name, settings)


def _run(engine: Engine, checks: Iterable[Check], name: str, settings: Settings) -> Report:
    broken = DEFECTS[name].breaks if name in DEFECTS and settings.until_killed else None

    def stop_when_killed(outcome: CheckOutcome) -> None:
        said = outcome.clauses.get(broken) if broken else None
        if said is not None and said.verdict in BROKEN:
            engine.budget.stop("killed")

    return Report.of(engine.run(tuple(checks), finished=stop_when_killed))


def _told(name: str, records: Iterable[Record]) -> Trial:
    judged = list(records)
    told = {one.requirement.id: one for one in judged if _is_trouble(one)}
    return Trial(
        name,
        {clause: str(one.verdict) for clause, one in told.items()},
        {clause: one.reason for clause, one in told.items()},
        {
            f"{one.requirement.id} {reading.question}": sorted(
                {other.reading for other in one.readings if other.question == reading.question}
            )
            for one in judged
            for reading in one.readings
        },
    )


def _is_trouble(one: Record) -> bool:
    """Whether a record is something that a right server must not get; what was not told or selected is none."""
    if one.verdict is Verdict.NOT_TESTABLE:
        return Cause.TARGET in one.standing.causes
    return one.verdict in BROKEN or one.verdict is Verdict.ERROR


def _declared(name: str) -> Mapping[tuple[str, str], str]:
    return VARIANTS[name].readings if name in VARIANTS else {}
