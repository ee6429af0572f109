"""Threads that take work from queues, and one thread that hears of it."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from conformance.attempt import Check
from conformance.checks import Need
from conformance.outcomes import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from conformance.budget import Budget

GRACE_S: Final = 15.0  # how long an interrupted run waits for requests in flight
BRISK_WORKERS: Final = 8  # no more unless many are asked for, lest they keep the target from answering anybody
PATIENT_SHARE: Final = 5 / 8  # of the workers: what waits is few, but each takes as long as a time limit
_TICK_S: Final = 0.5  # how often the hearing thread looks up, so that a signal is not held back


@dataclass(frozen=True)
class _Left:
    """A worker has no more to do."""


_News: TypeAlias = Check | CheckOutcome | BaseException | _Left
_Queue: TypeAlias = "queue.SimpleQueue[Check]"


@dataclass
class Pool:
    """Runs checks in up to `jobs` threads; `started` and `finished` are called in the caller's thread alone."""

    look: Callable[[Check], CheckOutcome]
    budget: Budget
    started: Callable[[Check], None]
    finished: Callable[[CheckOutcome], None]

    def run(self, checks: Sequence[Check], jobs: int) -> None:
        """Return when all checks are done, or none is begun any more because the run was stopped.

        Some workers begin with what mostly waits, or do nothing else, so that it overlaps the rest without load.
        On Ctrl-C, stop the run, wait a little for requests in flight, and pass the interrupt on.
        """
        slow = _queued(sorted((check for check in checks if check.terms.slow), key=_waits_least))
        brisk = _queued(check for check in checks if not check.terms.slow)
        news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        patient = max(int(jobs * PATIENT_SHARE), 1)  # these begin with what waits
        steady = min(max(jobs - BRISK_WORKERS, 0), patient)  # and of these so many do nothing else
        tasks: list[tuple[_Queue, ...]] = [(brisk, slow)] * (jobs - patient)
        tasks += [(slow,)] * steady
        tasks += [(slow, brisk)] * (patient - steady)
        for queues in tasks:
            threading.Thread(target=self._work, args=(queues, news), daemon=True).start()
        try:
            self._hear(news, jobs, deadline=None)
        except BaseException:
            self.budget.stop("interrupted")
            self._hear(news, jobs, deadline=monotonic() + GRACE_S)
            raise

    def _work(self, queues: Iterable[_Queue], news: queue.SimpleQueue[_News]) -> None:
        try:
            for check in _taken(queues):
                if self.budget.stopped is not None:
                    break
                news.put(check)
                news.put(self.look(check))
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


def _waits_least(check: Check) -> bool:
    """Order what waits: first what takes as long as the target's time limit, lest it begin when all else is done."""
    return Need.EXEC_TIMEOUT not in check.terms.needs


def _queued(checks: Iterable[Check]) -> _Queue:
    waiting: _Queue = queue.SimpleQueue()
    for check in checks:
        waiting.put(check)
    return waiting


def _taken(queues: Iterable[_Queue]) -> Iterator[Check]:
    """Yield checks until all the queues are empty."""
    for one in queues:
        with suppress(queue.Empty):
            while True:
                yield one.get_nowait()
