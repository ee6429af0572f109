"""How long runs went on, as their exchanges show it: past the target's time limit (EX-23) a run is rightly cut off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from conformance.run_reader import GOING_ON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.exchange import Exchange

MARGIN: Final = 0.9  # of the limit: the target's clock starts a little earlier or later than the client's
SHORTEST_LIMIT_S: Final = 3.0  # a run that is cut off before was no longer than EX-17 lets every run be
MEANT: Final = "too-long"  # the runId that a check gives a run which shall be cut off


@dataclass
class _Span:
    """A run as an attempt saw it: its first call, its last, and what it said."""

    begin: datetime
    end: datetime
    status: str = ""
    answered: bool = False  # the last call was answered with success
    complained: bool = False  # something came on stderr

    @property
    def seconds(self) -> float:
        """How long it went on; 0 where it was still going on when it was last asked for: nothing cut it off."""
        going_on = self.answered and self.status in GOING_ON
        return 0.0 if going_on else (self.end - self.begin).total_seconds()

    @property
    def looks_cut(self) -> bool:
        """Whether it ended as a run does that a time limit cuts off (EX-23), in one of the two ways."""
        return self.status == "exec-timeout" or (self.status == "finished" and self.complained)


def longest_run_s(history: Iterable[Exchange]) -> float:
    """Return how long the longest run went on, from its first call to the end of its last."""
    return max((span.seconds for span in _spans(history)), default=0.0)


def longest_cut_s(history: Iterable[Exchange]) -> float:
    """Return how long the longest run went on of those that look as if a time limit had cut them off."""
    return max((span.seconds for span in _spans(history) if span.looks_cut), default=0.0)


def _spans(history: Iterable[Exchange]) -> Iterable[_Span]:
    spans: dict[tuple[str, str], _Span] = {}
    for exchange in history:
        found = _result(exchange)
        if found is not None and found["runId"] != MEANT:
            end = exchange.started + timedelta(milliseconds=exchange.duration_ms)
            span = spans.setdefault((exchange.url, found["runId"]), _Span(exchange.started, end))
            span.end, span.status, span.answered = end, str(found.get("status")), exchange.ok
            span.complained = span.complained or _complains(found.get("console"))
    return spans.values()


def _complains(console: object) -> bool:
    return isinstance(console, list) and any(isinstance(item, list) and item[:1] == ["stderr"] for item in console)


def _result(exchange: Exchange) -> dict[str, Any] | None:
    """Return what an exchange says of the run it is about: its answer's result, else its request; None for no run."""
    for body in (exchange.response_body, exchange.request_body):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            continue
        found = value.get("result", value) if isinstance(value, dict) else None
        if isinstance(found, dict) and isinstance(found.get("runId"), str):
            return found
    return None
