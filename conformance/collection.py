"""Between pytest's items and the suite's checks: what makes an item a check, and what pytest is told of its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.attempt import TOOLS, Check
from conformance.checks import TIERS, terms_of
from conformance.options import UsageError
from conformance.verdicts import WORST_FIRST, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from conformance.checks import Tier
    from conformance.outcomes import CheckOutcome, ClauseOutcome

_BROKEN: Final = frozenset({Verdict.FAIL, Verdict.WARN, Verdict.INTERMITTENT, Verdict.ERROR})
_SKIPPED: Final = frozenset({Verdict.NOT_TESTABLE, Verdict.NOT_APPLICABLE})


def name_of(item: pytest.Item) -> str:
    """Return the node id inside the suite, the same wherever pytest was started: `test_up.py::test_x[0]`."""
    return f"{item.path.name}::{item.name}"


def check_of(item: pytest.Item) -> Check:
    """Return the check that a collected function is; raise UsageError where it is none, saying what is missing."""
    function = getattr(item, "function", None)
    terms = terms_of(function)
    if not isinstance(item, pytest.Function) or function is None or terms is None:
        raise UsageError(f"{name_of(item)} cites no requirement: put @requirement('UP-08') above it")
    title = " ".join((function.__doc__ or "").split())
    if not title:
        raise UsageError(f"{name_of(item)} has no docstring: one sentence that says what is true of a right target")
    params: dict[str, Any] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    wanted = item._fixtureinfo.argnames  # noqa: SLF001  - pytest tells a function's arguments nowhere else
    unknown = [name for name in wanted if name not in TOOLS and name not in params]
    if unknown:
        raise UsageError(f"{name_of(item)} asks for {', '.join(unknown)}; checks are given: {', '.join(TOOLS)}")
    tools = tuple(name for name in wanted if name in TOOLS and name not in params)
    return Check(name_of(item), title, function, terms, tools, params)


def chosen(checks: Iterable[Check], only: Collection[str] | None, tier: Tier) -> list[Check]:
    """Return the checks of a run: those of the clauses asked for, of any tier, or else all of the asked tier.

    Tier smoke asks one of each: of a check with parameters that with the first alone.
    """
    if only is not None:
        return [check for check in checks if any(clause in only for clause in check.terms.clauses)]
    of_tier = [check for check in checks if TIERS.index(check.terms.tier) <= TIERS.index(tier)]
    if tier != "smoke":
        return of_tier
    return list({check.function: check for check in reversed(of_tier)}.values())[::-1]


def is_broken(outcome: CheckOutcome) -> bool:
    """Tell whether a check found anything wrong."""
    return worst_of(outcome).verdict in _BROKEN


def worst_of(outcome: CheckOutcome) -> ClauseOutcome:
    """Return what a check says of the clause that fares worst."""
    return min(outcome.clauses.values(), key=lambda one: WORST_FIRST.index(one.verdict))


def reports_of(item: pytest.Item, outcome: CheckOutcome) -> list[pytest.TestReport]:
    """Return what pytest is told of a check: passed, failed or skipped, with the reason."""
    worst = worst_of(outcome)
    if worst.verdict in _BROKEN:
        text = f"{worst.clause}: expected {worst.expected}; got {worst.actual}. {worst.message}"
        call = _report(item, "failed", text, outcome.duration_s)
    elif worst.verdict in _SKIPPED:
        reason = (str(item.path), 0, f"{worst.clause} {worst.verdict}: {worst.message}")
        call = _report(item, "skipped", reason, outcome.duration_s)
    else:
        call = _report(item, "passed", None, outcome.duration_s)
    after = _report(item, "passed", None, 0.0)
    after.when = "teardown"
    return [call, after]


def _report(item: pytest.Item, state: str, told: Any, duration_s: float) -> pytest.TestReport:
    return pytest.TestReport(item.nodeid, item.location, {}, state, told, "call", duration=duration_s)  # type: ignore[arg-type]
