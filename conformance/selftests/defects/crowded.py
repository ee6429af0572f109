"""Right servers that have room for few sessions at a time, as deployments commonly do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem

from .table import variant

if TYPE_CHECKING:
    from pathlib import Path

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


variant("room-for-two", "A key has two sessions at a time; a third is refused.", base=Crowded)
variant("room-for-three", "Three sessions at a time; a fourth gets 503.", base=Crowded, room=3, full_status=503)
