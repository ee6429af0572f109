"""Being told to end: whatever way that comes, the run ends early, cleans up, and reports what it has."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Make SIGTERM, and a terminal that is closed, what Ctrl-C is."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    heard = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]  # nohup
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
