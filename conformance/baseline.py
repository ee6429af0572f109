"""A baseline: the violations that a gate's owner knows of, each with its reason.

    [[known]]
    requirement = "UP-07"
    reason = "The manager refuses exactly 1 MiB; reported upstream."

It excuses wrong answers only: what could not be tested stays untested. A known violation that is gone makes the
baseline stale, so it cannot hide the next one.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conformance.options import UsageError
from conformance.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from conformance.catalogue import Catalogue
    from conformance.records import Record

EXCUSABLE: Final = frozenset({Verdict.FAIL, Verdict.WARN, Verdict.INTERMITTENT})


@dataclass(frozen=True)
class Baseline:
    """Known violations: the reason of each, by requirement."""

    known: Mapping[str, str]

    def excuses(self, record: Record) -> bool:
        """Tell whether a record is a violation that is known."""
        return record.requirement.id in self.known and record.verdict in EXCUSABLE

    def stale(self, records: Iterable[Record]) -> tuple[str, ...]:
        """Return the requirements that are said to be broken and are kept."""
        kept = {Verdict.PASS, Verdict.READING}
        return tuple(one.requirement.id for one in records if one.requirement.id in self.known and one.verdict in kept)


NONE: Final = Baseline({})


def load(path: Path, catalogue: Catalogue) -> Baseline:
    """Read a baseline; raise UsageError where it is none, or names what the catalogue does not know."""
    try:
        entries = tomllib.loads(path.read_text("utf-8")).get("known", [])
        known = {entry["requirement"]: entry["reason"].strip() for entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--baseline {path}: {error!r}; it holds [[known]] tables with `requirement` and `reason`"
        ) from error
    for clause, reason in known.items():
        if clause not in catalogue:
            raise UsageError(f"--baseline {path}: no requirement {clause!r}; `batchproof list` names all")
        if not reason:
            raise UsageError(f"--baseline {path}: {clause} has no reason; say why it is accepted")
    return Baseline(known)
