"""What a person reads at the end: every broken clause with what was sent, expected and got; then the counts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Final

from conformance.exchange import shorten
from conformance.verdicts import Level, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.records import Record
    from conformance.report import Report

STYLES: Final = {
    Verdict.FAIL: "bold red",
    Verdict.INTERMITTENT: "bold magenta",
    Verdict.WARN: "yellow",
    Verdict.ERROR: "bold red",
    Verdict.NOT_TESTABLE: "cyan",
}
_DETAILED: Final = (Verdict.FAIL, Verdict.INTERMITTENT, Verdict.WARN, Verdict.ERROR)
_LINE_CHARS: Final = 400
_SAME_REASON_IDS: Final = 12


def lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the summary's lines, each with the style that it may be shown in (empty: plain)."""
    for verdict in _DETAILED:
        for record in report.having(verdict):
            yield from _detail(record)
            if report.baseline.excuses(record):
                yield _row("known", report.baseline.known[record.requirement.id]), ""
            if last := report.baseline.expired.get(record.requirement.id):
                yield _row("known", f"until {last}: it counts again"), ""
            yield "", ""
    yield from _untested(report)
    left = report.run.sessions_left
    if left:
        yield f"left on the target, in spite of every attempt to delete them: {', '.join(left)}", "bold red"
    yield _counts(report), ""
    yield report.headline, "bold green" if report.exit_code == 0 else "bold red"


def printable(text: str) -> str:
    """Return the text on one line without control or bidirectional characters: it may come from a hostile server."""
    flat = text.replace("\n", " ")
    return "".join(one if unicodedata.category(one)[0] != "C" or one == " " else repr(one)[1:-1] for one in flat)


def _detail(record: Record) -> Iterator[tuple[str, str]]:
    worst = record.worst
    yield f"{record.verdict:<13}{record.requirement}", STYLES[record.verdict]
    if worst is None:
        return
    outcome = worst.outcome
    if outcome.exchanges:
        yield _row("sent", outcome.exchanges[0].sent), ""
    if record.verdict is Verdict.ERROR:
        yield _row("error", outcome.message), ""
    else:
        yield _row("expected", outcome.expected), ""
        yield _row("got", outcome.actual), ""
        yield _row("how often", outcome.message), ""
    exchanges = ", ".join(exchange.id for exchange in outcome.exchanges)
    yield _row("where", worst.name + (f", exchanges {exchanges}" if exchanges else "")), ""
    others = sum(entry.outcome.verdict in _DETAILED for entry in record.entries) - 1
    if others > 0:
        yield _row("also", f"{others} more of the {len(record.entries)} checks of {record.requirement.id}"), ""


def _row(name: str, text: str) -> str:
    return f"  {name:<11}{shorten(printable(text), _LINE_CHARS)}"


def _untested(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what was not tested, grouped by reason; what the user chose to leave out is only counted."""
    reasons: dict[str, list[str]] = {}
    for record in report.having(Verdict.NOT_TESTABLE):
        if record.entries:
            reasons.setdefault(record.reason, []).append(record.requirement.id)
    for reason, ids in reasons.items():
        named = ", ".join(ids[:_SAME_REASON_IDS]) + (" ..." if len(ids) > _SAME_REASON_IDS else "")
        yield f"not tested   {named}: {shorten(printable(reason), _LINE_CHARS)}", STYLES[Verdict.NOT_TESTABLE]
    if reasons:
        yield "", ""


def _counts(report: Report) -> str:
    musts = Counter(_count(one) for one in report.records if one.requirement.level is Level.MUST)
    rest = Counter(_count(one) for one in report.records if one.requirement.level is not Level.MUST)
    run = report.run
    spent = f"{run.world.transport.budget.requests:,} requests, {(run.finished - run.started).total_seconds():.1f} s"
    counted = [
        f"{name}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counter.items()))
        for name, counter in (("musts", musts), ("others", rest))
    ]
    return " | ".join([*counted, spent])


def _count(record: Record) -> str:
    """Return what a requirement is counted as: what --only or --tier left out is no question without an answer."""
    left_out = record.verdict is Verdict.NOT_TESTABLE and not record.entries
    return "not asked" if left_out else str(record.verdict)
