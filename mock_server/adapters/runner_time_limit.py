"""A run's time limit (EX-23), which stands still while the run waits for input."""

import time
from collections.abc import Callable
from typing import Final

from mock_server.adapters.reader import Reader

INPUT_WAIT_S: Final = 600  # a question that nobody answers must not hold its session's queue for ever (EX-31)


class TimeLimit:
    """Calls `expired`, in the reader's thread, when a run has had its time.

    Its session's lock guards it; `start`, `pause` and `go_on` are called in the reader's thread.
    """

    def __init__(self, reader: Reader, limit_s: float, expired: Callable[[], None]) -> None:
        self._reader = reader
        self._left_s = limit_s
        self._expired = expired
        self._since_s: float | None = None  # when the time began to run; None while it does not
        self._stopped = False
        self._cancel: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Let the time run; not again after `stop`."""
        if not self._stopped:
            self._since_s = time.monotonic()
            self._cancel = self._reader.call_later(max(0.0, self._left_s), self._expired)

    def pause(self) -> None:
        """Let it stand still while the run waits for input, which has a limit of its own."""
        if self._since_s is not None:
            self._left_s -= time.monotonic() - self._since_s
            self._since_s = None
            self._cancel()
            self._cancel = self._reader.call_later(INPUT_WAIT_S, self._expired)

    def go_on(self) -> None:
        """Let it run again after a pause; while it runs, this does nothing."""
        if self._since_s is None:
            self._cancel()
            self.start()

    def stop(self) -> None:
        """Forget it: the run has ended."""
        self._stopped = True
        self._cancel()
