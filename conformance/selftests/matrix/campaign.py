"""Many trials: in worker processes, kept on disk one by one, so that a campaign can be taken up again."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.selftests.matrix.trial import Settings, Trial, settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Store:
    """Trials in a file, one JSON value a line; of several of one server, the last counts."""

    path: Path

    def trials(self) -> dict[str, Trial]:
        """Read what is there; a last line that was cut off is left out."""
        if not self.path.exists():
            return {}
        kept = {}
        for line in self.path.read_text("utf-8").splitlines():
            try:
                one = Trial.of_json(json.loads(line))
            except (ValueError, TypeError):
                continue  # the campaign was killed while it wrote, or another version wrote: it is made again
            kept[one.name] = one
        return kept

    def add(self, trial: Trial) -> None:
        """Keep a trial."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(trial.to_json(), sort_keys=True) + "\n")

    def clear(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)


def conduct(names: Iterable[str], settings: Settings, processes: int) -> Iterator[Trial]:
    """Make the trials of these servers in worker processes; yields each when it is done."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_the_campaign)
    try:
        futures = [pool.submit(settled, name, settings) for name in names]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_the_campaign() -> None:
    """Let a worker end as soon as the process that it works for is gone, however that ended."""

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()
