"""The citation gate: each requirement is cited by a check or excluded with a reason, never both; none is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.attempt import Check
    from conformance.catalogue import Catalogue


def citation_faults(checks: Iterable[Check], catalogue: Catalogue) -> list[str]:
    """Return what is wrong between checks and catalogue, one line each."""
    cited: dict[str, list[str]] = {}
    for check in checks:
        for clause in check.terms.clauses:
            cited.setdefault(clause, []).append(check.name)
    faults = [
        f"{names[0]} cites {clause}, which the catalogue does not know"
        for clause, names in cited.items()
        if clause not in catalogue
    ]
    for one in catalogue:
        if one.excluded and one.id in cited:
            faults.append(
                f"{one.id} is excluded ({one.excluded}), yet {cited[one.id][0]} cites it: drop one of the two"
            )
        if not one.excluded and one.id not in cited:
            faults.append(f"{one.id} is cited by no check: write one, or give it an `excluded` reason in the catalogue")
    return faults
