"""What a run may cost its target: requests, seconds, pace; and when it must stop altogether."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

STORM_OF_SILENCE: Final = 25  # exchanges in a row without any response: the target is gone
STORM_OF_BREAKDOWNS: Final = 200  # 5xx answers in a row: the target is in trouble, and we are not helping
STORM_OF_REFUSALS: Final = 3  # calls that waited out all patience and still got 429


class Stopped(Exception):  # noqa: N818  - not an error of anybody's: the run was told to end
    """No further request may be made; the message says why."""


@dataclass
class Budget:
    """Shared by all threads of a run; every request asks it first."""

    max_requests: int
    max_seconds: float
    max_per_second: float | None = None
    max_sessions: int | None = None
    requests: int = 0
    sessions: int = 0
    stopped: str | None = None
    _started: float = field(default_factory=monotonic)
    _next_slot: float = 0.0
    _silences: int = 0
    _breakdowns: int = 0
    _refusals: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self, reason: str) -> None:
        """Let no further request out; the first reason stays."""
        with self._lock:
            self.stopped = self.stopped or reason
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait that long, or until the run is stopped: then raise Stopped."""
        if self._stop.wait(seconds):
            raise Stopped(self.stopped)

    def spend(self) -> None:
        """Take one request out of the budget, waiting for its turn; raise Stopped where nothing is left."""
        if self.requests >= self.max_requests:
            self.stop(f"the budget of {self.max_requests:,} requests is spent (--max-requests)")
        elif monotonic() - self._started > self.max_seconds:
            self.stop(f"the budget of {self.max_seconds:g} seconds is spent (--max-seconds)")
        self.pause(self._claim_slot())

    def spend_session(self) -> None:
        """Take one session out of the budget; raise Stopped where none is left."""
        with self._lock:
            spent = self.max_sessions is not None and self.sessions >= self.max_sessions
            self.sessions += not spent
        if spent:
            self.stop(f"the budget of {self.max_sessions:,} sessions is spent (--max-sessions)")
            raise Stopped(self.stopped)

    def _claim_slot(self) -> float:
        with self._lock:
            self.requests += 1
            if self.max_per_second is None:
                return 0.0
            now = monotonic()
            slot = max(now, self._next_slot)
            self._next_slot = slot + 1 / self.max_per_second
            return slot - now

    def note_refusal(self, wait_s: float) -> None:
        """Take note of a call that nothing but 429 came back to; stop where that is no accident."""
        with self._lock:
            self._refusals += 1
        if self._refusals >= STORM_OF_REFUSALS:
            self.stop(f"the target's request limit is spent: nothing but 429, the last asking to wait {wait_s:g} s")

    def note(self, status: int | None, error: str | None) -> None:
        """Watch for a storm: stop when nothing but silence, or nothing but 5xx, comes back."""
        silent, broken = status is None, status is not None and status >= 500  # noqa: PLR2004  - HTTP's own class
        with self._lock:
            self._silences = self._silences + 1 if silent else 0
            self._breakdowns = self._breakdowns + 1 if broken else 0
        if self._silences >= STORM_OF_SILENCE:
            self.stop(f"the target gave no response {self._silences} times in a row (last: {error})")
        elif self._breakdowns >= STORM_OF_BREAKDOWNS:
            self.stop(f"the target answered 5xx {self._breakdowns} times in a row")
