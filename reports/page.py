"""Arranges a report for the page: which evidence stands where, what is counted, what opens by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from reports import bodies, catalogue, curl, verdicts, words
from reports.results import Check, Exchange, Reading, Report, Requirement

# The page is to open at once, so the bodies share this many characters.
BODIES_BUDGET_CHARS: Final = 600_000
MIN_BODY_CHARS: Final = 512
MAX_BODY_CHARS: Final = 16_384


@dataclass(frozen=True)
class ExchangeView:
    """One exchange as it is shown; `curl` is None where a command would not send the same bytes."""

    exchange: Exchange
    path: str
    outcome: str
    request_body: bodies.BodyView
    response_body: bodies.BodyView
    curl: str | None
    signed: bool


@dataclass(frozen=True)
class Evidence:
    """A reference to an exchange: shown here (`view`), shown under `home`, or not kept (neither)."""

    id: str
    view: ExchangeView | None
    home: str


@dataclass(frozen=True)
class Told:
    """A check or a reading with its evidence."""

    told: Check | Reading
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class RequirementView:
    """One requirement; checks come worst first. `opened` ones are unfolded from the start."""

    requirement: Requirement
    checks: tuple[Told, ...]
    readings: tuple[Told, ...]
    opened: bool


@dataclass(frozen=True)
class Family:
    """The requirements of one family, with counts by verdict."""

    code: str
    title: str
    requirements: tuple[RequirementView, ...]
    counts: dict[str, int]


@dataclass(frozen=True)
class Page:
    """Everything the template shows. `table` has one row per verdict: its counts by level, in the order of `levels`."""

    report: Report
    families: tuple[Family, ...]
    counts: dict[str, int]
    levels: tuple[str, ...]
    table: dict[str, tuple[int, ...]]
    musts: dict[str, int]
    broken_musts: tuple[Requirement, ...]
    tone: verdicts.Verdict


def arrange(report: Report) -> Page:
    """Lay out one report."""
    shelf = _Shelf(report)
    levels = tuple(level for level in verdicts.LEVELS if any(req.level == level for req in report.requirements))
    counts = verdicts.count(req.verdict for req in report.requirements)
    by_level = {
        level: verdicts.count(req.verdict for req in report.requirements if req.level == level) for level in levels
    }
    return Page(
        report=report,
        families=tuple(_family(code, members, shelf) for code, members in report.families().items()),
        counts=counts,
        levels=levels,
        table={verdict: tuple(by_level[level].get(verdict, 0) for level in levels) for verdict in counts},
        musts=by_level.get("must", {}),
        tone=words.tone(report),
        broken_musts=tuple(
            req for req in report.requirements if req.level == "must" and verdicts.BY_NAME[req.verdict].broken
        ),
    )


def _family(code: str, members: list[Requirement], shelf: "_Shelf") -> Family:
    return Family(
        code=code,
        title=catalogue.family_title(code),
        requirements=tuple(_requirement(member, shelf) for member in members),
        counts=verdicts.count(member.verdict for member in members),
    )


def _requirement(requirement: Requirement, shelf: "_Shelf") -> RequirementView:
    worst_first = sorted(requirement.checks, key=lambda check: verdicts.RANK[check.verdict])
    return RequirementView(
        requirement=requirement,
        checks=tuple(Told(check, shelf.evidence(check.exchanges, requirement.id)) for check in worst_first),
        readings=tuple(Told(told, shelf.evidence(told.exchanges, requirement.id)) for told in requirement.readings),
        opened=verdicts.BY_NAME[requirement.verdict].broken,
    )


class _Shelf:
    """Shows each exchange in full once: under the requirement with the worst verdict that refers to it."""

    def __init__(self, report: Report) -> None:
        self._exchanges = report.exchanges
        self._homes = _homes(report.requirements)
        self._shown: set[str] = set()
        share = BODIES_BUDGET_CHARS // max(1, 2 * len(report.exchanges))
        self._max_chars = min(MAX_BODY_CHARS, max(MIN_BODY_CHARS, share))

    def evidence(self, ids: Iterable[str], requirement_id: str) -> tuple[Evidence, ...]:
        """Resolve references met under one requirement, in the order of the page."""
        return tuple(self._resolve(key, requirement_id) for key in dict.fromkeys(ids))

    def _resolve(self, key: str, requirement_id: str) -> Evidence:
        exchange = self._exchanges.get(key)
        if exchange is None:
            return Evidence(key, None, "")
        if self._homes[key] != requirement_id or key in self._shown:
            return Evidence(key, None, self._homes[key])
        self._shown.add(key)
        return Evidence(key, self._view(exchange), requirement_id)

    def _view(self, exchange: Exchange) -> ExchangeView:
        parts = urlsplit(exchange.url) if exchange.url.isprintable() and "[" not in exchange.url else None
        return ExchangeView(
            exchange=exchange,
            path=f"{parts.path}?{parts.query}".rstrip("?") if parts and parts.path else exchange.url,
            outcome=_outcome(exchange),
            request_body=bodies.view(exchange.request_body, self._max_chars),
            response_body=bodies.view(exchange.response_body, self._max_chars),
            curl=curl.command(exchange),
            signed=any(name.lower() == "authorization" for name, _ in exchange.request_headers),
        )


def _homes(requirements: Iterable[Requirement]) -> dict[str, str]:
    homes: dict[str, str] = {}
    for requirement in sorted(requirements, key=lambda req: verdicts.RANK[req.verdict]):
        for key in requirement.exchange_ids():
            homes.setdefault(key, requirement.id)
    return homes


def _outcome(exchange: Exchange) -> str:
    if exchange.status is None:
        return "no response"
    try:
        return f"{exchange.status} {HTTPStatus(exchange.status).phrase}"
    except ValueError:
        return str(exchange.status)
