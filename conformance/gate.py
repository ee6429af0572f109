"""The citation gate: each requirement is cited by a check or excluded with a reason, never both; none is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from conformance.attempt import Check
    from conformance.catalogue import Catalogue


def citation_faults(checks: Iterable[Check], catalogue: Catalogue, asked: Collection[str] | None = None) -> list[str]:
    """Return what is wrong between checks and catalogue, one line each.

    `asked`: the clauses whose checks should all be there; None means every clause.
    """
    cited: dict[str, list[str]] = {}
    for check in checks:
        for clause in check.terms.clauses:
            cited.setdefault(clause, []).append(check.name)
    faults = [
        f"{names[0]} cites {clause}, which is not in the catalogue"
        for clause, names in cited.items()
        if clause not in catalogue
    ]
    faults += [
        f"{one.id} is excluded ({one.excluded}), yet {cited[one.id][0]} cites it: drop one of the two"
        for one in catalogue
        if one.excluded and one.id in cited
    ]
    wanted = [one for one in catalogue if asked is None or one.id in asked]
    if uncited := [one.id for one in wanted if not one.excluded and one.id not in cited]:
        faults.append(f"cited by no check, and not `excluded` with a reason in the catalogue: {', '.join(uncited)}")
    return faults
