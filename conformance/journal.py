"""The ledger on disk: what a run that was killed has left behind can be read there, and removed by the janitor.

One JSON record a line, each flushed. The file is locked while its run lives, so that nobody cleans up under a run that
is still going on; it holds no secrets.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

FORMAT: Final = "batchproof-ledger/1"
FILE_NAME: Final = "ledger.jsonl"


class JournalError(ValueError):
    """A file that should be a ledger's journal is none, or cannot be read."""


class RunningError(Exception):
    """The run that writes this journal is still going on."""


class State(StrEnum):
    """What is known of a session or folder."""

    ASKED = "asked"  # its creation went out, or was about to; no answer yet
    MADE = "made"
    GONE = "gone"


@dataclass(frozen=True)
class Thing:
    """A session or folder that may be there."""

    resource: str
    id: str
    state: State


@dataclass(frozen=True)
class Leftovers:
    """What a journal says: which things of a target are not known to be gone, and when it was last written to."""

    url: str
    run: str
    things: tuple[Thing, ...]
    ended: float  # seconds since the epoch


def state_dir() -> Path:
    """Return where journals are kept for runs of this user (`XDG_STATE_HOME`)."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "batchproof"


class Journal:
    """Writes what the ledger notes to one or more files; those of a run that left nothing are removed at the end."""

    def __init__(self, paths: Iterable[Path], url: str, run: str) -> None:
        self._lock = threading.Lock()
        self._alive: set[tuple[str, str]] = set()
        self._files: dict[Path, IO[str]] = {}
        self._stack = ExitStack()
        for path in paths:
            self._files[path] = self._stack.enter_context(path.open("w", encoding="utf-8"))
            fcntl.flock(self._files[path], fcntl.LOCK_EX)
        self._write({"record": "run", "format": FORMAT, "url": url, "run": run})

    def note(self, resource: str, thing: str, state: State) -> None:
        """Note that something may exist, does, or is gone."""
        with self._lock:
            (self._alive.discard if state is State.GONE else self._alive.add)((resource, thing))
            self._write({"record": state, "resource": resource, "id": thing})

    def _write(self, facts: dict[str, str]) -> None:
        for file in self._files.values():
            file.write(json.dumps(facts) + "\n")
            file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            for path in () if self._alive else self._files:
                path.unlink(missing_ok=True)
            self._files = {}
        self._stack.close()


def open_journal(url: str, run: str, report_dir: Path | None) -> tuple[Journal, str]:
    """Return a run's journal, and what is wrong where the user's state directory cannot hold it."""
    paths = [report_dir / FILE_NAME] if report_dir else []
    try:
        state_dir().mkdir(parents=True, exist_ok=True)
        return Journal([*paths, state_dir() / f"{run}.jsonl"], url, run), ""
    except OSError as error:
        problem = f"{state_dir()}: {error.strerror}; should this run be killed, the janitor will not know what it left"
        return Journal(paths, url, run), "" if paths else problem


def read(path: Path) -> Leftovers:
    """Read a journal; raise RunningError where its run goes on, JournalError where it is none.

    A line that was cut off by the end of the run is left out.
    """
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            lines = [one for one in file if one.endswith("\n")]
        records = [json.loads(line) for line in lines]
        header, events = records[0], records[1:]
        last = {(one["resource"], one["id"]): State(one["record"]) for one in events}
        if header["format"] != FORMAT:
            raise JournalError(f"{path} is of the format {header['format']!r}; this version reads {FORMAT}")
        things = (Thing(*named, state) for named, state in last.items() if state is not State.GONE)
        return Leftovers(header["url"], header["run"], tuple(things), path.stat().st_mtime)
    except BlockingIOError as error:
        raise RunningError(f"{path}: its run is still going on") from error
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(f"{path} is no journal of a run: {error}") from error
