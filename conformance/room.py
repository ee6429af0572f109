"""How many sessions the target has room for at a time, learned from its refusals: many deployments give two."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.budget import Budget

_TICK_S: Final = 0.5  # how often a check that waits for its turn looks whether the run was stopped


@dataclass
class Room:
    """Lets so many checks run at a time that each finds room for its sessions, one of them even for a second."""

    capacity: int | None = None  # None: no refusal was seen so far
    _running: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def learn(self, alive: int) -> None:
        """Note that the target refused a session while it had `alive` others."""
        with self._changed:
            self.capacity = max(1, min(alive, self.capacity or alive))

    @contextmanager
    def turn(self, budget: Budget) -> Iterator[None]:
        """Wait until there is room for one more check, or the run is stopped."""
        with self._changed:
            while self._is_full() and budget.stopped is None:
                self._changed.wait(_TICK_S)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _is_full(self) -> bool:
        return self.capacity is not None and self._running >= max(1, self.capacity - 1)
