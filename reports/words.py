"""Words a verdict for plain text: the clause, what was expected, what came back, which exchange shows it."""

from collections.abc import Iterator
from typing import Final

from reports import catalogue, verdicts
from reports.results import Check, Exchange, Reading, Report, Requirement
from reports.text import one_line, plural

MAX_LINE_CHARS: Final = 2000
MAX_EXCHANGES: Final = 6


def binding_musts(report: Report) -> list[Requirement]:
    """Pick the musts that bind this target and that the suite checks."""
    unbound = {"not-applicable", "excluded"}
    return [one for one in report.requirements if one.level == "must" and one.verdict not in unbound]


def tone(report: Report) -> verdicts.Verdict:
    """Pick the verdict whose colours suit the whole: a run that tested only a part is never all green."""
    if not report.complete or report.exit_code not in {0, 1}:
        return verdicts.BY_NAME["error"]
    if report.exit_code == 1:
        return verdicts.BY_NAME["fail"]
    untested = any(one.verdict in {"not-testable", "error"} for one in binding_musts(report))
    return verdicts.BY_NAME["reading" if untested or not report.requirements else "pass"]


def clause(requirement: Requirement) -> str:
    """Return `UP-08 must: A file of more than 1 MiB: 400.`."""
    return f"{requirement.id} {requirement.level}: {requirement.text}"


def gist(requirement: Requirement) -> str:
    """Say in one line why the verdict is what it is."""
    worst = culprits(requirement)
    said = [requirement.reason, *(check.message or check.actual for check in worst)]
    return one_line(next((line for line in said if line), verdicts.BY_NAME[requirement.verdict].meaning))


def culprits(requirement: Requirement) -> list[Check]:
    """Pick the checks that gave the requirement its verdict."""
    return [check for check in requirement.checks if check.verdict == requirement.verdict]


def argument(report: Report, requirement: Requirement) -> str:
    """Tell everything needed to argue with the verdict, in lines of bounded length."""
    return "\n".join(_argument(report, requirement))


def request_line(exchange: Exchange) -> str:
    """Return `POST http://host/kernel/x/upload -> 400`."""
    outcome = str(exchange.status) if exchange.status is not None else f"no response: {exchange.error}"
    return one_line(f"{exchange.method} {exchange.url} -> {outcome}", MAX_LINE_CHARS)


def reading(requirement: Requirement, seen: Reading) -> str:
    """Return the question, the reading seen, and what it means, in one line."""
    question = catalogue.question_text(requirement.id, seen.question)
    return one_line(f"{question} {seen.reading} ({seen.text})", MAX_LINE_CHARS)


def _argument(report: Report, requirement: Requirement) -> Iterator[str]:
    yield one_line(clause(requirement), MAX_LINE_CHARS)
    if requirement.reason:
        yield f"Why:      {one_line(requirement.reason, MAX_LINE_CHARS)}"
    for check in culprits(requirement):
        yield f"Check:    {one_line(check.title, MAX_LINE_CHARS)} ({check.name}, {plural(check.attempts, 'attempt')})"
        said = (("Expected:", check.expected), ("Actual:  ", check.actual), ("Message: ", check.message))
        yield from (f"{name} {one_line(text, MAX_LINE_CHARS)}" for name, text in said if text)
        for key in check.exchanges[:MAX_EXCHANGES]:
            exchange = report.exchanges.get(key)
            yield f"Exchange: {key} {request_line(exchange) if exchange else 'was not kept in the report'}"
        if len(check.exchanges) > MAX_EXCHANGES:
            yield f"          and {len(check.exchanges) - MAX_EXCHANGES} more in report.json"
