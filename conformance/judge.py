"""Judging: how a check says that a clause is kept, broken, read in one of its open ways, or could not be asked.

Attribution is exact because failures come in kinds that cannot be mistaken for each other:
`Violation` (the clause under test is broken), `Unmet` (a prerequisite failed: it names *its* clause), `Untestable`
(the question could not be put), `NotOffered` (an optional feature is not there). Anything else that a check raises is
a fault of the harness.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.exchange import Exchange, show
from conformance.verdicts import Cause, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.catalogue import Catalogue
    from conformance.contract import Contract

Evidence = Exchange | tuple[Exchange, ...] | list[Exchange] | None


@dataclass(frozen=True)
class Finding:
    """A clause, what it promises in this case, and what was seen instead."""

    clause: str
    expected: str
    actual: str
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class SeenReading:
    """Which reading of an open question the target takes, with the exchanges that show it."""

    clause: str
    question: str
    reading: str
    text: str
    exchanges: tuple[Exchange, ...] = ()


class Violation(Exception):  # noqa: N818  - a verdict on the target, no error of the harness
    """The clause under test is broken."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.clause}: expected {finding.expected}; got {finding.actual}")
        self.finding = finding


class Unmet(Exception):  # noqa: N818  - same
    """A prerequisite failed: something that another clause (`finding.clause`, empty where none) promises.

    `transient` marks a breakdown (no response, 5xx, 429, no capacity) rather than a wrong answer.
    """

    def __init__(self, finding: Finding, *, transient: bool = False) -> None:
        named = f"{finding.clause}: " if finding.clause else ""
        super().__init__(f"{named}expected {finding.expected}; got {finding.actual}")
        self.finding = finding
        self.transient = transient


class Untestable(Exception):  # noqa: N818  - same
    """The question could not be put to this target."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


class NotOffered(Exception):  # noqa: N818  - same
    """The target does not offer an optional feature."""

    def __init__(self, feature: str, evidence: str, exchanges: tuple[Exchange, ...]) -> None:
        super().__init__(f"the target does not offer {feature}: {evidence}")
        self.exchanges = exchanges


class HarnessError(Exception):
    """A check or the harness is wrong: never the target's fault."""


class Judge:
    """What one attempt of one check finds. The check may judge only the clauses that it cites."""

    def __init__(self, clauses: tuple[str, ...], catalogue: Catalogue, contract: Contract) -> None:
        self.clauses = clauses
        self.findings: list[Finding] = []
        self.readings: list[SeenReading] = []
        self.shown: list[Exchange] = []
        self._catalogue = catalogue
        self._contract = contract

    def require(
        self, clause: str, condition: object, *, expected: object, actual: object, exchange: Evidence = None
    ) -> None:
        """Go on where the condition holds; otherwise the clause is broken, and the attempt ends here."""
        if not self.expect(clause, condition, expected=expected, actual=actual, exchange=exchange):
            raise Violation(self.findings.pop())

    def expect(
        self, clause: str, condition: object, *, expected: object, actual: object, exchange: Evidence = None
    ) -> bool:
        """Note a violation where the condition does not hold, and go on either way; return the condition's truth."""
        self._may_break(clause)
        exchanges = _tuple(exchange)
        self.shown.extend(exchanges)
        if not condition:
            self.findings.append(Finding(clause, show(expected), show(actual), exchanges))
        return bool(condition)

    def status(self, clause: str, exchange: Exchange, *statuses: int, expected: str = "") -> None:
        """Require one of these statuses."""
        wanted = expected or "status " + " or ".join(map(str, statuses))
        self.require(clause, exchange.status in statuses, expected=wanted, actual=exchange.got, exchange=exchange)

    def refused(self, clause: str, exchange: Exchange, *, expected: str = "a refusal: status 4xx") -> None:
        """Require any 4xx."""
        self.require(clause, exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)

    def accepted(self, clause: str, exchange: Exchange, *, expected: str = "success: status 2xx") -> None:
        """Require any 2xx."""
        self.require(clause, exchange.ok, expected=expected, actual=exchange.got, exchange=exchange)

    def shape(self, clause: str, schema: str, value: object, exchange: Evidence = None) -> None:
        """Require that a JSON value has the shape of a schema of spec/openapi.yaml (a name in components/schemas)."""
        problem = self._contract.problem(schema, value)
        expected = f"the shape {schema} of the contract"
        self.require(clause, problem is None, expected=expected, actual=problem, exchange=exchange)

    def reading(self, clause: str, question: str, reading: str, exchange: Evidence = None) -> None:
        """Record which legal reading of an open question was seen; one that the catalogue does not know is an error."""
        self._cited(clause)
        asked = self._catalogue[clause].questions.get(question)
        if asked is None:
            known = ", ".join(self._catalogue[clause].questions) or "none"
            raise HarnessError(f"{clause} has no open question {question!r}; the catalogue has: {known}")
        if reading not in asked.readings:
            raise HarnessError(
                f"{clause} {question}: {reading!r} is no reading of it; there are: {list(asked.readings)}"
            )
        self.readings.append(SeenReading(clause, question, reading, asked.readings[reading], _tuple(exchange)))

    @contextmanager
    def under_test(self, clause: str) -> Iterator[None]:
        """Make every call in the block what the clause promises: a prerequisite that fails here is its violation."""
        self._may_break(clause)
        try:
            yield
        except Unmet as unmet:
            found = unmet.finding
            raise Violation(Finding(clause, found.expected, found.actual, found.exchanges)) from unmet

    def unmet(self, clause: str, *, expected: object, actual: object, exchange: Evidence = None) -> Unmet:
        """Return a prerequisite's failure, to be raised: `clause` (may be empty) is the one that was broken."""
        return Unmet(Finding(clause, show(expected), show(actual), _tuple(exchange)))

    def not_offered(self, feature: str, evidence: str, exchange: Evidence = None) -> NotOffered:
        """Return the finding that an optional feature is not there, to be raised."""
        return NotOffered(feature, evidence, _tuple(exchange))

    def not_testable(self, reason: str, *, untold: bool = False) -> Untestable:
        """Return the finding that the question cannot be put, to be raised. `untold`: for the user did not tell."""
        return Untestable(reason, Cause.UNTOLD if untold else Cause.TARGET)

    def _cited(self, clause: str) -> None:
        if clause not in self.clauses:
            raise HarnessError(f"a check judged {clause}, but cites only {', '.join(self.clauses)}")

    def _may_break(self, clause: str) -> None:
        self._cited(clause)
        if self._catalogue[clause].level is Level.OPEN:
            raise HarnessError(f"{clause} is open: a check records a reading of it and never calls it broken")


def _tuple(evidence: Evidence) -> tuple[Exchange, ...]:
    if evidence is None:
        return ()
    return (evidence,) if isinstance(evidence, Exchange) else tuple(evidence)


def cited_findings(error: BaseException) -> Iterable[Finding]:
    """Return the violations within an exception: itself, or the leaves of a group (Hypothesis raises groups)."""
    if isinstance(error, Violation):
        return (error.finding,)
    if isinstance(error, BaseExceptionGroup):
        return tuple(finding for one in error.exceptions for finding in cited_findings(one))
    return ()
