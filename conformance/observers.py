"""Passive watchers: they examine every ordinary exchange, result, run and listing for the cross-cutting clauses.

A violation is kept once for each clause and kind, with the exchange that shows it, and never fails the check in which
it was seen.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from conformance import rules
from conformance.judge import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.archives import Archive
    from conformance.exchange import Exchange
    from conformance.run_reader import Result, Run

RATE_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Window")  # RL-01
MAX_KEPT: Final = 3  # findings of one clause, each of another kind


@dataclass(frozen=True)
class Observation:
    """A clause broken in ordinary traffic: what was seen first, and how often."""

    finding: Finding
    times: int
    out_of: int
    what: str  # what was counted: "exchanges", "execute results", ...

    @property
    def message(self) -> str:
        """How often it was seen."""
        return f"seen in ordinary traffic: {self.times} of {self.out_of} {self.what}"


class Observers:
    """Shared by all checks of a run, from all threads."""

    def __init__(self, max_stream_chars: int) -> None:
        self._max_stream_chars = max_stream_chars
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._broken: Counter[tuple[str, str, str]] = Counter()
        self._first: dict[tuple[str, str, str], Finding] = {}
        self._limited: list[Exchange] = []  # the first exchange that carries all rate headers
        self._unlimited: list[Exchange] = []  # the first that does not

    def exchange(self, exchange: Exchange) -> None:
        """Look at any ordinary exchange."""
        self._note("exchanges", rules.of_exchange(exchange))
        if not exchange.broke_down:  # a fault may come from before the limit is known
            carries = all(exchange.header(name) for name in RATE_HEADERS)
            kept = self._limited if carries else self._unlimited
            if not kept:
                kept.append(exchange.clipped())

    def result(self, result: Result) -> None:
        """Look at one execute result."""
        self._note("execute results", rules.of_result(result, self._max_stream_chars))

    def run(self, run: Run) -> None:
        """Look at a run that was read to its end."""
        self._note("runs", rules.of_run(run))

    def listing(self, exchange: Exchange) -> None:
        """Look at a successful listing."""
        self._note("listings", rules.of_listing(exchange))

    def archives(self, exchange: Exchange, archives: Iterable[Archive]) -> None:
        """Look at the archives of a download."""
        unsafe = [name for archive in archives for name in archive.unsafe_names()]
        expected = "member names without `..`, none absolute"
        self._note("downloads", [Finding("DL-06", expected, ", ".join(unsafe[:5]), (exchange,))] if unsafe else [])

    @property
    def rate_limited(self) -> bool:
        """Whether any response carried the rate-limit headers."""
        return bool(self._limited)

    def observations(self) -> tuple[Observation, ...]:
        """Return what was seen broken, at most three kinds for each clause."""
        if self._limited and self._unlimited:
            evidence = (self._unlimited[0], self._limited[0])
            got = f"none on {self._unlimited[0].sent}"
            self._note("exchanges", [Finding("RL-01", "the rate-limit headers on every response", got, evidence)])
        kept: Counter[str] = Counter()
        found = []
        for key, finding in self._first.items():
            kept[finding.clause] += 1
            if kept[finding.clause] <= MAX_KEPT:
                what = key[0]
                found.append(Observation(finding, self._broken[key], self._seen[what], what))
        return tuple(found)

    def _note(self, what: str, findings: Iterable[Finding]) -> None:
        found = tuple(findings)
        with self._lock:
            self._seen[what] += 1
            for one in found:
                key = (what, one.clause, one.expected)
                self._broken[key] += 1
                if key not in self._first:
                    kept = tuple(exchange.clipped() for exchange in one.exchanges[:4])
                    self._first[key] = replace(one, exchanges=kept)
