"""What ordinary requests must not do: change the target (`--read-only`), or use up its request limit (`--rate-limit`).

The checks of the limit itself (RL-02) come last and need an allowance that they can count down to; the others share
what is left of it, and wait for the next window where it is short.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final

from conformance.judge import Untestable
from conformance.verdicts import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.exchange import Exchange

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
RESERVE: Final = 60  # requests that are kept for the checks of the limit, where it has that many
LONGEST_WAIT_S: Final = 60.0  # a window above it is not waited for: the run would take hours
DEFAULT_WINDOW_S: Final = 900.0  # RL-01
_OVERRIDE: Final = "x-method-override"


@dataclass
class Restraint:
    """Shared by all threads of a run. `spent` counts the answered requests of each key or address."""

    read_only: bool = False
    limit: int | None = None
    spent: Counter[str] = field(default_factory=Counter)
    window_s: float = DEFAULT_WINDOW_S
    _before: Counter[str] = field(default_factory=Counter)  # what was spent in windows that are over
    _next_window: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def permit(self, method: str, header_names: Iterable[str]) -> None:
        """Raise Untestable where a request could change something, and nothing may be changed."""
        if self.read_only and (method not in SAFE_METHODS or _OVERRIDE in {name.lower() for name in header_names}):
            raise Untestable("--read-only: nothing that may change the target is sent", Cause.UNTOLD)

    def wait_s(self) -> float:
        """Return how long an ordinary request has to wait for its share of the limit; raise Untestable: too long."""
        if self.limit is None:
            return 0.0
        with self._lock:
            self._open_next_window()
            if self._spent_now() < self.limit - min(RESERVE, self.limit // 2):
                return 0.0
            if self.window_s > LONGEST_WAIT_S:
                raise Untestable(self._advice(), Cause.STOPPED)
            self._next_window = self._next_window or monotonic() + self.window_s
            return max(0.0, self._next_window - monotonic())

    def note(self, exchange: Exchange) -> None:
        """Learn the window from a response (RL-01)."""
        told = (exchange.header("X-RateLimit-Window") or "").strip()
        if self.limit is not None and told.isascii() and told.isdigit() and int(told) > 0:
            self.window_s = float(told)

    def _spent_now(self) -> int:
        return max((count - self._before[who] for who, count in dict(self.spent).items()), default=0)

    def _open_next_window(self) -> None:
        if self._next_window is not None and monotonic() >= self._next_window:
            self._before = Counter(self.spent)
            self._next_window = None

    def _advice(self) -> str:
        return (
            f"the told limit of {self.limit:,} requests in {self.window_s:g} s leaves no room for this: check it "
            "apart, without --rate-limit and where the target's limit is larger"
        )
