"""Threads that take work from one queue, and one thread that hears of it."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from conformance.attempt import Check
from conformance.outcomes import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.budget import Budget

GRACE_S: Final = 15.0  # how long an interrupted run waits for requests in flight
_TICK_S: Final = 0.5  # how often the hearing thread looks up, so that a signal is not held back


@dataclass(frozen=True)
class _Left:
    """A worker has no more to do."""


_News: TypeAlias = Check | CheckOutcome | BaseException | _Left


@dataclass
class Pool:
    """Runs checks in up to `jobs` threads; `started` and `finished` are called in the caller's thread alone."""

    look: Callable[[Check], CheckOutcome]
    budget: Budget
    started: Callable[[Check], None]
    finished: Callable[[CheckOutcome], None]

    def run(self, checks: Sequence[Check], jobs: int) -> None:
        """Return when all checks are done, or none is begun any more because the run was stopped.

        On Ctrl-C, stop the run, wait a little for requests in flight, and pass the interrupt on.
        """
        waiting: queue.SimpleQueue[Check] = queue.SimpleQueue()
        for check in checks:
            waiting.put(check)
        news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        count = min(jobs, len(checks))
        threads = [threading.Thread(target=self._work, args=(waiting, news), daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            self._hear(news, count, deadline=None)
        except BaseException:
            self.budget.stop("interrupted")
            self._hear(news, count, deadline=monotonic() + GRACE_S)
            raise

    def _work(self, waiting: queue.SimpleQueue[Check], news: queue.SimpleQueue[_News]) -> None:
        try:
            while self.budget.stopped is None:
                check = waiting.get_nowait()
                news.put(check)
                news.put(self.look(check))
        except queue.Empty:
            pass
        except BaseException as error:  # noqa: BLE001  - a fault of the engine itself: raised where it is heard
            news.put(error)
        finally:
            news.put(_Left())

    def _hear(self, news: queue.SimpleQueue[_News], workers: int, deadline: float | None) -> None:
        """Report until every worker has left, or the deadline has passed."""
        while workers and (deadline is None or monotonic() < deadline):
            try:
                one = news.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            match one:
                case BaseException():
                    raise one
                case Check():
                    self.started(one)
                case CheckOutcome():
                    self.finished(one)
                case _:
                    workers -= 1
