"""A baseline: the violations that a gate's owner knows of, each with its reason.

    [[known]]
    requirement = "UP-07"
    reason = "The manager refuses exactly 1 MiB; reported upstream."
    expires = 2027-03-31  # optional: from the day after it counts again

It excuses wrong answers only: what could not be tested stays untested. A known violation that is gone makes the
baseline stale, so it cannot hide the next one.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from conformance.options import UsageError
from conformance.verdicts import BROKEN, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from conformance.catalogue import Catalogue
    from conformance.records import Record

_KEYS: Final = frozenset({"requirement", "reason", "expires"})
_KEPT: Final = frozenset({Verdict.PASS, Verdict.READING})


@dataclass(frozen=True)
class Baseline:
    """Known violations: the reason of each, by requirement; those whose day has passed are excused no more."""

    known: Mapping[str, str]
    expired: Mapping[str, date] = field(default_factory=dict)

    def excuses(self, record: Record) -> bool:
        """Tell whether a record is a violation that is known."""
        return record.requirement.id in self.known and record.verdict in BROKEN

    def stale(self, records: Iterable[Record]) -> tuple[str, ...]:
        """Return the requirements that are said to be broken and are kept."""
        named = {*self.known, *self.expired}
        return tuple(one.requirement.id for one in records if one.requirement.id in named and one.verdict in _KEPT)


NONE: Final = Baseline({})


def load(path: Path, catalogue: Catalogue, today: date | None = None) -> Baseline:
    """Read a baseline; raise UsageError where it is none, or names what the catalogue does not know."""
    day = today or datetime.now(UTC).date()
    known: dict[str, str] = {}
    expired: dict[str, date] = {}
    for entry in _entries(path):
        problem = _problem(entry, catalogue, {*known, *expired})
        if problem:
            raise UsageError(f"--baseline {path}: {problem}")
        clause, last = entry["requirement"], entry.get("expires")
        if last is not None and last < day:
            expired[clause] = last
        else:
            known[clause] = entry["reason"].strip()
    return Baseline(known, expired)


def _entries(path: Path) -> list[dict[str, Any]]:
    shape = "it holds [[known]] tables with `requirement` and `reason`"
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--baseline {path}: {error}; {shape}") from error
    entries = document.pop("known", [])
    if document or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"--baseline {path}: {', '.join(document) or 'known'} is not understood; {shape}")
    return entries


def _problem(entry: Mapping[str, Any], catalogue: Catalogue, before: set[str]) -> str:
    """Return what is wrong with an entry; empty where nothing is."""
    clause, reason = entry.get("requirement"), entry.get("reason")
    if unknown := sorted(set(entry) - _KEYS):
        return f"unknown key {unknown[0]!r}; an entry has `requirement`, `reason` and perhaps `expires`"
    if not isinstance(clause, str) or clause not in catalogue:
        return f"no requirement {clause!r}; `batchproof list` names all"
    if clause in before:
        return f"{clause} is there twice"
    if not isinstance(reason, str) or not reason.strip():
        return f"{clause} has no reason; say why it is accepted"
    last = entry.get("expires")
    if last is not None and (not isinstance(last, date) or isinstance(last, datetime)):
        return f"{clause}: `expires` is a date such as 2027-03-31, without quotes"
    return ""


def text_of(known: Iterable[tuple[str, str, str]]) -> str:
    """Return a baseline file of (requirement, its text, reason)."""
    head = "# Violations that are known, each with the reason why it is accepted. Edit the reasons; add `expires`.\n"
    tables = [
        f"\n# {words}\n[[known]]\nrequirement = {_quoted(clause)}\nreason = {_quoted(reason)}\n"
        for clause, words, reason in known
    ]
    return head + "".join(tables)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML, where nothing in it is unprintable
