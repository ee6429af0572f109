"""Compares two reports: which verdicts changed, and whether for better or worse."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reports import catalogue, verdicts
from reports.markdown import prose, span
from reports.results import Report, Requirement, load
from reports.text import one_line, plural, visible

ABSENT: Final = "absent"
KINDS: Final = ("regressed", "lost", "other", "improved")
TITLES: Final = {
    "regressed": "Newly broken",
    "lost": "No longer settled",
    "other": "Changed otherwise",
    "improved": "Newly kept",
}


@dataclass(frozen=True)
class Change:
    """One requirement whose verdict changed; `absent` stands for a report that does not have it."""

    id: str
    level: str
    text: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """`regressed`: newly broken; `improved`: newly kept; `lost`: was kept and is not known now; or `other`."""
        if _broken(self.after) and not _broken(self.before):
            return "regressed"
        if _settled(self.after) and not _settled(self.before):
            return "improved"
        return "lost" if _settled(self.before) and not _settled(self.after) else "other"


@dataclass(frozen=True)
class ReadingChange:
    """One open question that the target answers otherwise now."""

    id: str
    question: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """Everything that changed between two runs; `same` counts the requirements whose verdict did not."""

    targets: tuple[str, str]
    changes: tuple[Change, ...]
    readings: tuple[ReadingChange, ...]
    same: int

    def of_kind(self, kind: str) -> tuple[Change, ...]:
        """Pick the changes of one kind, in the report's order."""
        return tuple(change for change in self.changes if change.kind == kind)


def compare(before: Report, after: Report) -> Comparison:
    """Compare verdict by verdict and reading by reading."""
    old = {member.id: member for member in before.requirements}
    new = {member.id: member for member in after.requirements}
    changes = tuple(_change(key, old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new]))
    differing = tuple(change for change in changes if change.before != change.after)
    return Comparison(
        targets=(str(before.target["url"]), str(after.target["url"])),
        changes=differing,
        readings=tuple(_reading_changes(old, new)),
        same=len(changes) - len(differing),
    )


def text(before: Path, after: Path) -> str:
    """Compare two report files for a terminal; raises ReportError where either cannot be read."""
    comparison = compare(load(before), load(after))
    lines = [_headline(comparison)]
    for kind in KINDS:
        found = comparison.of_kind(kind)
        lines += [f"\n{TITLES[kind]}:"] if found else []
        lines += [f"  {c.id:<7} {c.level:<6} {c.before} -> {c.after}  {one_line(c.text, 90)}" for c in found]
    lines += ["\nRead differently:"] if comparison.readings else []
    for read in comparison.readings:
        lines.append(f"  {read.id:<7} {one_line(read.question, 90)} {one_line(read.before)} -> {one_line(read.after)}")
    return visible("\n".join(lines)) + "\n"


def markdown(before: Path, after: Path) -> str:
    """Compare two report files for a pull request; raises ReportError where either cannot be read."""
    comparison = compare(load(before), load(after))
    lines = [f"**{prose(_headline(comparison))}**", ""]
    if comparison.changes:
        lines += ["| change | clause | level | before | after | promise |", "| --- | --- | --- | --- | --- | --- |"]
    for kind in KINDS:
        for c in comparison.of_kind(kind):
            lines.append(f"| {TITLES[kind]} | {c.id} | {c.level} | {c.before} | {c.after} | {prose(c.text)} |")
    if comparison.readings:
        lines += ["", "| clause | question | before | after |", "| --- | --- | --- | --- |"]
    for read in comparison.readings:
        lines.append(f"| {read.id} | {prose(read.question)} | {span(read.before)} | {span(read.after)} |")
    return "\n".join(lines) + "\n"


def _headline(comparison: Comparison) -> str:
    counts = [f"{len(found)} {TITLES[kind].lower()}" for kind in KINDS if (found := comparison.of_kind(kind))]
    if comparison.readings:
        counts.append(f"{len(comparison.readings)} read differently")
    before, after = comparison.targets
    where = one_line(before) if before == after else f"{one_line(before)} and {one_line(after)}"
    return f"{where}: {', '.join(counts) or 'nothing changed'}; {plural(comparison.same, 'verdict')} the same"


def _change(key: str, old: Requirement | None, new: Requirement | None) -> Change:
    known = new or old
    return Change(
        id=key,
        level=known.level if known else "",
        text=known.text if known else "",
        before=old.verdict if old else ABSENT,
        after=new.verdict if new else ABSENT,
    )


def _reading_changes(old: dict[str, Requirement], new: dict[str, Requirement]) -> Iterator[ReadingChange]:
    for key in [key for key in new if key in old]:
        seen = {told.question: told.reading for told in old[key].readings}
        for told in new[key].readings:
            if told.question in seen and seen[told.question] != told.reading:
                yield ReadingChange(key, catalogue.question_text(key, told.question), seen[told.question], told.reading)


def _broken(verdict: str) -> bool:
    return verdict != ABSENT and verdicts.BY_NAME[verdict].broken


def _settled(verdict: str) -> bool:
    return verdict != ABSENT and verdicts.BY_NAME[verdict].settled
