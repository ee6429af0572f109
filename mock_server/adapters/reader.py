"""The one thread that watches all pipes, all process ends and all time limits of all sessions.

An event loop of the standard library over epoll: it takes events in epoll's order, and so keeps the order in which
programs of a run wrote to their two pipes as well as the kernel tells it (CN-04).
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Final

_STOP_TIMEOUT_S: Final = 5


class Reader:
    """Runs handlers in its own thread. `call` may be used from any thread, all else only from within handlers."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="batchproof-reader", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; handlers that were not called yet never are."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_TIMEOUT_S)
        self._loop.close()

    def call(self, handler: Callable[[], None]) -> None:
        """Have the thread call `handler` soon."""
        self._loop.call_soon_threadsafe(handler)

    def watch(self, fd: int, handler: Callable[[], None]) -> None:
        """Call `handler` whenever `fd` is readable or at its end."""
        self._loop.add_reader(fd, handler)

    def unwatch(self, fd: int) -> None:
        """Stop calling; to be done before the descriptor is closed."""
        self._loop.remove_reader(fd)

    def call_later(self, delay_s: float, handler: Callable[[], None]) -> Callable[[], None]:
        """Call `handler` after `delay_s`; return what cancels it."""
        return self._loop.call_later(delay_s, handler).cancel
