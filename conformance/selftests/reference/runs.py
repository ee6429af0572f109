"""A run and its output, in segments: what one call returns at most, ended or still open."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .sandbox import Process


@dataclass(frozen=True)
class Commands:
    """The three steps of a run; None or "" skips one (EX-07)."""

    clean: str | None = None
    build: str | None = None
    exec: str | None = None


@dataclass(eq=False)
class Segment:
    """The output between two endings: blocks of (stream, text), and the (status, exit code) that ended it."""

    blocks: list[tuple[str, str]] = field(default_factory=list)
    chars: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    ending: tuple[str, int | None] | None = None


@dataclass(eq=False)
class Run:
    """A run; ``changed`` guards its segments."""

    id: str
    commands: Commands
    previous: Run | None = None
    segments: deque[Segment] = field(default_factory=lambda: deque([Segment()]))
    changed: threading.Condition = field(default_factory=threading.Condition)
    done: threading.Event = field(default_factory=threading.Event)
    cut: threading.Event = field(default_factory=threading.Event)
    fetched: threading.Event = field(default_factory=threading.Event)
    process: Process | None = None
    deadline_s: float = 0.0
    before: Mapping[str, int] = field(default_factory=dict)  # output files before the run -> mtime in ns


class CutOffError(Exception):
    """The run ends here, whatever steps are left."""

    def __init__(self, status: str, code: int | None) -> None:
        super().__init__(status)
        self.status = status
        self.code = code
