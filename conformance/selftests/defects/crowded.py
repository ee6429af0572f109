"""Right servers that have room for few at a time, as deployments commonly do: few sessions, few calls."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem

from .table import variant

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.message import Request, Response
    from conformance.selftests.reference.sessions import Session


class Crowded(Behaviour):
    """So many sessions at a time; one more is refused until one of them has ended."""

    room = 2
    full_status = 412

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        if len(self.visible(owner)) >= self.room:
            raise Problem(self.full_status, "No room", f"you have {self.room} sessions, which is all there is room for")
        return super().open_session(name, lang, owner, environ, mounts)


class FewWorkers(Behaviour):
    """So many calls at a time; the others wait until one of them is answered, long polls or not."""

    def __init__(self) -> None:
        super().__init__()
        self.workers = threading.BoundedSemaphore(4)

    def answer(self, request: Request) -> Response:
        with self.workers:
            return super().answer(request)


variant(
    "four-workers", "Four calls are answered at a time, and a long poll is one of them.", base=FewWorkers, poll_s=2.0
)
variant("room-for-two", "A key has two sessions at a time; a third is refused.", base=Crowded)
variant("room-for-three", "Three sessions at a time; a fourth gets 503.", base=Crowded, room=3, full_status=503)
