"""Counts each caller's requests in a rolling window (RL).

The window moves in small steps, so that a caller costs a bounded number of counters however much it asks; a request
counts for the window and at most one step longer. Refused requests do not count, so `retry_after_s` is a promise.
"""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mock_server.domain.access_errors import RateLimitExceeded

MAX_CALLERS: Final = 10_000  # ours: beyond these, the one that has been silent longest is forgotten
_STEPS: Final = 300
_ROUNDING_S: Final = 1e-6  # more than floating point may lose where a moment falls on a step's edge


@dataclass(frozen=True)
class Standing:
    """Where a caller stands after a request, as its answer says (RL-01)."""

    limit: int
    remaining: int
    window_s: int
    retry_after_s: int = 0  # more than 0 where the request is over the limit

    def require_within(self) -> None:
        """Raise RateLimitExceeded where the request is over the limit (RL-02)."""
        if self.retry_after_s:
            raise RateLimitExceeded(self.limit, self.window_s, self.retry_after_s)


class RateLimiter:
    """Windows by caller: an access key, or a client address. Every method may be called from any thread."""

    def __init__(self, limit: int, window_s: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window_s = window_s
        self._step_s = window_s / _STEPS
        self._now_s = now_s
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, deque[list[int]]] = OrderedDict()  # [step, requests], oldest first
        self._counts: dict[str, int] = {}

    def count(self, caller: str) -> Standing:
        """Count one request, unless it is over the limit."""
        with self._lock:
            step = int(self._now_s() / self._step_s)
            window = self._window_of(caller, step)
            used = self._counts[caller]
            if used >= self._limit:
                free_s = (window[0][0] + _STEPS + 1) * self._step_s - self._now_s() + _ROUNDING_S
                return Standing(self._limit, 0, self._window_s, max(1, math.ceil(free_s)))
            if window and window[-1][0] == step:
                window[-1][1] += 1
            else:
                window.append([step, 1])
            self._counts[caller] = used + 1
            return Standing(self._limit, self._limit - used - 1, self._window_s)

    def _window_of(self, caller: str, step: int) -> deque[list[int]]:
        """Return the caller's window without what has left it; forget a silent caller where there are too many."""
        window = self._windows.setdefault(caller, deque())
        self._windows.move_to_end(caller)
        self._counts.setdefault(caller, 0)
        if len(self._windows) > MAX_CALLERS:
            silent, _ = self._windows.popitem(last=False)
            del self._counts[silent]
        while window and window[0][0] < step - _STEPS:
            self._counts[caller] -= window.popleft()[1]
        return window
