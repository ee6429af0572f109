"""How long runs went on, as their exchanges show it: past the target's time limit (EX-23) a run is rightly cut off."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.exchange import Exchange

MARGIN: Final = 0.9  # of the limit: the target's clock starts a little earlier or later than the client's
MEANT: Final = "too-long"  # the runId that a check gives a run which shall be cut off


def longest_run_s(history: Iterable[Exchange]) -> float:
    """Return how long the longest run went on, from its first call to the end of its last."""
    spans: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for exchange in history:
        run_id = _run_id(exchange)
        if run_id is not None and run_id != MEANT:
            end = exchange.started + timedelta(milliseconds=exchange.duration_ms)
            begin, _ = spans.get((exchange.url, run_id), (exchange.started, end))
            spans[exchange.url, run_id] = (begin, end)
    return max(((end - begin).total_seconds() for begin, end in spans.values()), default=0.0)


def _run_id(exchange: Exchange) -> str | None:
    """Return the id of the run that an exchange is about, by its answer, else by its request."""
    for body in (exchange.response_body, exchange.request_body):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            continue
        found = value.get("result", value) if isinstance(value, dict) else None
        if isinstance(found, dict) and isinstance(found.get("runId"), str):
            return str(found["runId"])
    return None
