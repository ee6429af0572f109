"""The one thread that watches all pipes, all process ends and all time limits of all sessions.

It takes events in epoll's order, and so keeps the order in which programs of a run wrote to their two pipes as well
as the kernel tells it (CN-04). A loop of our own, because a stopped program waits for each round of it (CN-08):
asyncio's rounds take four times as long.
"""

import heapq
import itertools
import logging
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from typing import Final

_STOP_TIMEOUT_S: Final = 5
_LOG: Final = logging.getLogger(__name__)

Handler = Callable[[], None]


class Reader:
    """Runs handlers in its own thread. `call` may be used from any thread, all else only from within handlers."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._calls: queue.SimpleQueue[Handler] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, list[Handler]]] = []  # a heap; a cancelled timer's list is empty
        self._count = itertools.count()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # rung for each call
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="batchproof-reader", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.watch(self._bell, self._answer)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; handlers that were not called yet never are. Idempotent."""
        if self._epoll.closed:
            return
        if self._thread.is_alive():
            self.call(self._stop)
            self._thread.join(_STOP_TIMEOUT_S)
        self._epoll.close()
        os.close(self._bell)

    def call(self, handler: Handler) -> None:
        """Have the thread call `handler` soon."""
        self._calls.put(handler)
        os.eventfd_write(self._bell, 1)

    def watch(self, fd: int, handler: Handler) -> None:
        """Call `handler` whenever `fd` is readable or at its end."""
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    def unwatch(self, fd: int) -> None:
        """Stop calling; to be done before the descriptor is closed. One that is not watched is no error."""
        if self._handlers.pop(fd, None):
            self._epoll.unregister(fd)

    def call_later(self, delay_s: float, handler: Handler) -> Handler:
        """Call `handler` after `delay_s`; return what cancels it."""
        cell = [handler]
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._count), cell))
        return cell.clear

    def _run(self) -> None:
        while not self._stopped:
            for fd, _ in self._epoll.poll(self._until_next_timer_s()):
                if handler := self._handlers.get(fd):  # an earlier one of this round may have ended its watch
                    self._do(handler)
            while self._timers and self._timers[0][0] <= time.monotonic():
                for handler in heapq.heappop(self._timers)[2]:
                    self._do(handler)

    def _until_next_timer_s(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _answer(self) -> None:
        os.eventfd_read(self._bell)
        while not self._calls.empty():
            self._do(self._calls.get())

    def _do(self, handler: Handler) -> None:
        """Call it; a defect of one session must not stop the others."""
        try:
            handler()
        except Exception:  # noqa: BLE001  - logged, and every handler's own
            _LOG.exception("The reader's thread goes on after an error")

    def _stop(self) -> None:
        self._stopped = True
