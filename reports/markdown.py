"""Renders report.json as a short Markdown summary for CI job pages and pull requests."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reports import catalogue, files, verdicts, words
from reports.results import Report, Requirement, load
from reports.text import one_line, plural, visible

FILE_NAME: Final = "summary.md"
MAX_SUMMARY_BYTES: Final = 60_000  # a pull request's comment takes 65,536
MAX_SPAN_CHARS: Final = 240
ACTIVE: Final = r"\`*_{}[]<>#!|&~@$"


def render(report_path: Path, out_dir: Path) -> Path:
    """Write `summary.md` into `out_dir` and return its path; raises ReportError where there is no report to read."""
    return files.write(out_dir, FILE_NAME, bounded(_sections(load(report_path))))


def span(text: str) -> str:
    """Return a code span: hostile text stays literal, mentions nobody, links nowhere, and breaks out of no table."""
    line = one_line(text, MAX_SPAN_CHARS).replace("|", "¦")
    fence = "`" * (1 + max((len(run) for run in _backticks(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def prose(text: str) -> str:
    """Escape everything that Markdown would act on; the catalogue's own code spans stay code."""
    parts = visible(" ".join(text.split())).split("`")
    if len(parts) % 2 == 0:
        return _literal("`".join(parts))
    return "".join(span(part) if at % 2 else _literal(part) for at, part in enumerate(parts))


def bounded(sections: Iterable[str]) -> str:
    """Join whole sections as long as they fit, and say how many did not."""
    kept: list[str] = []
    size, left_out = 0, 0
    for section in sections:
        size += len(section.encode())
        if size > MAX_SUMMARY_BYTES:
            left_out += 1
        else:
            kept.append(section)
    if left_out:
        kept.append(f"\n{plural(left_out, 'part')} left out here; report.html and report.json have everything.\n")
    return "".join(kept)


def _sections(report: Report) -> Iterator[str]:
    yield f"## {words.tone(report).icon} {prose(report.headline)}\n\nBatch mode of {span(str(report.target['url']))}"
    yield f", Batchproof {prose(str(report.run['batchproof_version']))}, seed {prose(str(report.run['seed']))}\n\n"
    if not report.complete:
        yield "**The run did not come to its end; what is missing was not judged.**\n\n"
    yield _table(report)
    for verdict in verdicts.VERDICTS:
        members = [member for member in report.requirements if member.verdict == verdict.name]
        if verdict.broken or verdict.name == "error":
            yield from _list(report, verdict, members)
        elif not verdict.settled:
            yield from _grouped(verdict, members)
    yield from _readings(report)


def _table(report: Report) -> str:
    levels = [level for level in verdicts.LEVELS if any(member.level == level for member in report.requirements)]
    rows = [f"| verdict | {' | '.join(levels)} |", f"| --- |{' ---: |' * len(levels)}"]
    for name in verdicts.count(member.verdict for member in report.requirements):
        counts = [sum(m.verdict == name and m.level == level for m in report.requirements) for level in levels]
        rows.append(f"| {verdicts.BY_NAME[name].icon} {name} | {' | '.join(str(n or '') for n in counts)} |")
    return "\n".join(rows) + "\n"


def _list(report: Report, verdict: verdicts.Verdict, members: list[Requirement]) -> Iterator[str]:
    if members:
        yield f"\n### {verdict.icon} {verdict.name}: {verdict.meaning}\n\n"
    for member in members:
        yield f"- **{member.id}** {member.level}: {prose(member.text)}<br>{span(words.gist(member))}\n"
        if verdict.broken:
            yield from _evidence(report, member)


def _grouped(verdict: verdicts.Verdict, members: list[Requirement]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for member in members:
        by_reason.setdefault(words.gist(member), []).append(member.id)
    if members:
        yield f"\n### {verdict.icon} {verdict.name}: {verdict.meaning}\n\n"
    for reason, clauses in by_reason.items():
        yield f"- {span(reason)}: {', '.join(clauses)}\n"


def _evidence(report: Report, requirement: Requirement) -> Iterator[str]:
    for check in words.culprits(requirement)[:1]:
        if check.expected or check.actual:
            yield f"  - expected {span(check.expected)}, actual {span(check.actual)}\n"
        for key in check.exchanges[:2]:
            if key in report.exchanges:
                yield f"  - {key} {span(words.request_line(report.exchanges[key]))}\n"


def _readings(report: Report) -> Iterator[str]:
    seen = [(member.id, reading) for member in report.requirements for reading in member.readings]
    if seen:
        rows = [
            f"| {clause} | {prose(catalogue.question_text(clause, told.question))} | {span(told.reading)} |\n"
            for clause, told in seen
        ]
        yield f"\n<details><summary>{plural(len(seen), 'reading')} of what the documents leave open</summary>\n\n"
        yield "| clause | question | reading |\n| --- | --- | --- |\n"
        yield from rows
        yield "\n</details>\n"


def _literal(text: str) -> str:
    return "".join(f"\\{char}" if char in ACTIVE else char for char in text)


def _backticks(line: str) -> list[str]:
    return "".join(char if char == "`" else " " for char in line).split()
