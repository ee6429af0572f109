"""What a campaign came to, as `matrix.json` and `matrix.md`: sorted, and the same for the same trials."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment

from conformance.selftests.defects import DEFECTS, VARIANTS
from conformance.selftests.matrix.trial import EXCUSED, Trial, suite
from conformance.verdicts import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from conformance.catalogue import Requirement
    from conformance.selftests.matrix.trial import Settings

FORMAT: Final = "batchproof-matrix/1"


def uncovered() -> list[str]:
    """Return the musts that the suite checks and no defect breaks: nothing proves that their checks can fail."""
    broken = {one.breaks for one in DEFECTS.values()}
    return [
        one.id for one in suite().catalogue if one.level is Level.MUST and not one.excluded and one.id not in broken
    ]


@dataclass(frozen=True)
class Matrix:
    """The trials that were made, by name."""

    trials: Mapping[str, Trial]
    settings: Settings

    @property
    def defects(self) -> list[Trial]:
        """The trials of defects, by clause and name."""
        tried = [one for name, one in self.trials.items() if name in DEFECTS]
        order = {one.id: place for place, one in enumerate(suite().catalogue)}
        return sorted(tried, key=lambda one: (order[DEFECTS[one.name].breaks], one.name))

    @property
    def variants(self) -> list[Trial]:
        """The trials of right servers, by name."""
        return sorted((one for name, one in self.trials.items() if name in VARIANTS), key=lambda one: one.name)

    @property
    def unproven(self) -> list[str]:
        """The musts that the suite checks and that no defect which was tried was killed for."""
        killed = {DEFECTS[one.name].breaks for one in self.defects if one.killed}
        return [
            one.id for one in suite().catalogue if one.level is Level.MUST and not one.excluded and one.id not in killed
        ]

    @property
    def untried(self) -> list[str]:
        """The servers of which there is no trial."""
        return sorted({*DEFECTS, *VARIANTS} - set(self.trials))

    @property
    def sound(self) -> bool:
        """Whether nothing survived, nobody was wrongly blamed, and every must is proven."""
        return all(one.clean for one in self.trials.values()) and not self.unproven

    def to_json(self) -> dict[str, Any]:
        """Return the matrix as JSON values."""
        return {
            "format": FORMAT,
            "tier": self.settings.tier,
            "seed": self.settings.seed,
            "summary": {
                "levels": self._levels(),
                "ended_at_the_kill": sum(not one.whole for one in self.defects),
                "misattributed": sum(bool(one.misattributed) for one in self.defects),
                "right_servers": len(self.variants),
                "right_servers_asked_narrowly": self.settings.narrow,
                "right_servers_blamed": sum(bool(one.faults) for one in self.variants),
                "musts_without_a_killed_defect": self.unproven,
                "untried": self.untried,
                "excused": dict(EXCUSED),
            },
            "requirements": [self._requirement(one) for one in suite().catalogue],
            "right_servers": [
                {
                    "name": one.name,
                    "summary": VARIANTS[one.name].summary,
                    "checks": one.checks,
                    "faults": dict(sorted(one.faults.items())),
                }
                for one in self.variants
            ],
        }

    def _levels(self) -> dict[str, dict[str, int]]:
        tried: Counter[str] = Counter()
        killed: Counter[str] = Counter()
        clauses: defaultdict[str, set[str]] = defaultdict(set)
        for one in self.defects:
            broken = suite().catalogue[DEFECTS[one.name].breaks]
            tried[broken.level] += 1
            killed[broken.level] += one.killed
            clauses[broken.level].add(broken.id)
        return {
            level: {"clauses": len(clauses[level]), "tried": tried[level], "killed": killed[level]}
            for level in map(str, Level)
            if tried[level]
        }

    def _requirement(self, requirement: Requirement) -> dict[str, Any]:
        tried = [one for one in self.defects if DEFECTS[one.name].breaks == requirement.id]
        return {
            "id": requirement.id,
            "level": str(requirement.level),
            "tried": len(tried),
            "killed": sum(one.killed for one in tried),
            "defects": [_defect(one) for one in tried],
        }


def write(matrix: Matrix, folder: Path) -> list[Path]:
    """Write both files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    document = matrix.to_json()
    as_json, as_text = folder / "matrix.json", folder / "matrix.md"
    as_json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    as_text.write_text(_page(document), "utf-8")
    return [as_json, as_text]


def _defect(one: Trial) -> dict[str, Any]:
    known = DEFECTS[one.name]
    said = "unusable" if one.unusable else one.verdicts.get(known.breaks, "pass")
    shown: dict[str, Any] = {"name": one.name, "summary": known.summary, "killed": one.killed, "verdict": said}
    if one.misattributed:
        shown["misattributed"] = dict(sorted(one.misattributed.items()))
    return shown


def _page(document: Mapping[str, Any]) -> str:
    page = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  - Markdown of our own names
    page.filters["cell"] = _cell
    return page.from_string(_PAGE).render(document)


def _cell(values: Iterable[str] | str) -> str:
    text = values if isinstance(values, str) else ", ".join(values)
    return text.replace("|", "\\|").replace("\n", " ")


_PAGE: Final = """\
# What the suite catches, and whom it blames

The suite was run against servers that are known: each *defect* is the reference server with one clause broken, each
*right server* is the reference with open questions answered otherwise, or built otherwise. A defect is killed when the
clause that it breaks is reported broken (`fail` or `intermittent`; for a should, `warn`). A right server must not be
blamed for anything, and nothing of it may be left untested because of it. Made by `make matrix`: tier {{ tier }}, seed
{{ seed }}.

| level | clauses with a defect | defects tried | killed |
|---|---|---|---|
{% for level, one in summary.levels.items() %}
| {{ level }} | {{ one.clauses }} | {{ one.tried }} | {{ one.killed }} |
{% endfor %}

- Right servers tried: {{ summary.right_servers }}; blamed wrongly: {{ summary.right_servers_blamed }}.
{% if summary.right_servers_asked_narrowly %}
- Right servers with few differences were asked tier smoke, and the families of clauses that these touch, alone.
{% endif %}
- Defects for which another clause was blamed too: {{ summary.misattributed }}.
{% if summary.ended_at_the_kill %}
- Trials that ended as soon as the defect was killed, so that blame of other clauses may be missing: \
{{ summary.ended_at_the_kill }}.
{% endif %}
- Musts that no killed defect proves: {{ summary.musts_without_a_killed_defect | cell or "none" }}.
{% for clause, reason in summary.excused.items() %}
- {{ clause }} of right servers is not counted: {{ reason }}.
{% endfor %}
{% if summary.untried %}
- Not tried this time: {{ summary.untried | length }} ({{ summary.untried | cell }}).
{% endif %}

## Requirements

| requirement | level | killed of tried | survivors |
|---|---|---|---|
{% for one in requirements if one.tried %}
| {{ one.id }} | {{ one.level }} | {{ one.killed }} of {{ one.tried }} | \
{{ one.defects | rejectattr("killed") | map(attribute="name") | cell }} |
{% endfor %}

## Defects

| requirement | defect | what it does | outcome | blamed besides |
|---|---|---|---|---|
{% for one in requirements %}
{% for defect in one.defects %}
| {{ one.id }} | {{ defect.name }} | {{ defect.summary | cell }} | \
{{ "killed" if defect.killed else "SURVIVED" }}: {{ defect.verdict }} | {{ (defect.misattributed or {}) | cell }} |
{% endfor %}
{% endfor %}

## Right servers

| server | what is different | checks | blamed for |
|---|---|---|---|
{% for one in right_servers %}
| {{ one.name }} | {{ one.summary | cell }} | {{ one.checks }} | {{ one.faults | cell }} |
{% endfor %}
"""
