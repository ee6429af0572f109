"""How long runs went on, as their exchanges show it: past the target's time limit (EX-23) a run is rightly cut off."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from conformance.run_reader import GOING_ON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.exchange import Exchange

MARGIN: Final = 0.9  # of the limit: the target's clock starts a little earlier or later than the client's
MEANT: Final = "too-long"  # the runId that a check gives a run which shall be cut off


def longest_run_s(history: Iterable[Exchange]) -> float:
    """Return how long the longest run went on, from its first call to the end of its last.

    A run that was still going on when it was last asked for was not cut off: it counts for nothing.
    """
    spans: dict[tuple[str, str], float] = {}
    begun: dict[tuple[str, str], datetime] = {}
    for exchange in history:
        run_id, status = _run(exchange)
        if run_id is not None and run_id != MEANT:
            run = exchange.url, run_id
            end = exchange.started + timedelta(milliseconds=exchange.duration_ms)
            going_on = exchange.ok and status in GOING_ON
            begin = begun.setdefault(run, exchange.started)
            spans[run] = 0.0 if going_on else (end - begin).total_seconds()
    return max(spans.values(), default=0.0)


def _run(exchange: Exchange) -> tuple[str | None, object]:
    """Return the id of the run that an exchange is about, by its answer, else by its request; and its status."""
    for body in (exchange.response_body, exchange.request_body):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            continue
        found = value.get("result", value) if isinstance(value, dict) else None
        if isinstance(found, dict) and isinstance(found.get("runId"), str):
            return str(found["runId"]), found.get("status")
    return None, None
