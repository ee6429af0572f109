"""When a session was last used."""

import contextlib
import threading
import time
from collections.abc import Iterator


class Activity:
    """When a session was last used; calls that are still going on count as use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._last_s = time.monotonic()

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Count a call while the block lasts."""
        with self._lock:
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                self._last_s = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last call ended, 0 during one."""
        with self._lock:
            return 0.0 if self._calls else time.monotonic() - self._last_s
