"""Every session that this run may have created, so that none is left behind, whatever happens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from conformance.client import Client

_UNKNOWN: Final = frozenset({404, 410})
_TOO_MANY: Final = 429
_TRIES: Final = 2  # deployed servers are known to fail a DELETE once and to take it when repeated


@dataclass
class Entry:
    """One session, from before its creation was asked for."""

    id: str  # what paths take: the token until the server names another
    gone: bool = False  # the target said so: a DELETE that worked, or 404


class Ledger:
    """Thread-safe; entries are made before the create call goes out, for its answer may be lost."""

    def __init__(self, resource: str = "/kernel") -> None:
        self.resource = resource
        self._entries: dict[str, Entry] = {}
        self._changed = threading.Condition()
        self._created = 0

    def expect(self, session_id: str) -> bool:
        """Note that a session of this id may exist from now on; return whether that is news."""
        with self._changed:
            entry = self._entries.setdefault(session_id, Entry(session_id, gone=True))
            news, entry.gone = entry.gone, False
            return news

    def created(self, session_id: str, token: str | None = None) -> None:
        """Note that the target created this session; a token by another name is the same session."""
        with self._changed:
            self._created += 1
            if token and token != session_id:
                self._entries.pop(token, None)
            self._entries.setdefault(session_id, Entry(session_id)).gone = False

    def gone(self, session_id: str) -> None:
        """Note that the target knows no such session (any more)."""
        with self._changed:
            if session_id in self._entries:
                self._entries[session_id].gone = True
            self._changed.notify_all()

    @property
    def sessions_created(self) -> int:
        """How many creations the target acknowledged."""
        return self._created

    def alive(self) -> tuple[str, ...]:
        """Return the ids that may still exist."""
        with self._changed:
            return tuple(entry.id for entry in self._entries.values() if not entry.gone)

    def wait_for_room(self, mine: int, timeout_s: float) -> bool:
        """Wait until no more than `mine` sessions are alive; return whether that came true."""
        deadline = monotonic() + timeout_s
        with self._changed:
            while sum(not entry.gone for entry in self._entries.values()) > mine:
                if not self._changed.wait(deadline - monotonic()):
                    return False
        return True

    def delete(self, session_id: str, client: Client) -> bool:
        """Delete a session, twice if need be; return whether the target says that it is gone."""
        for _ in range(_TRIES):
            exchange = client.call(
                "DELETE", f"{self.resource}/{quote(session_id, safe='')}", operation="destroySession"
            )
            if exchange.ok or exchange.status in _UNKNOWN:
                self.gone(session_id)
                return True
        return False

    def audit(self, client: Client) -> tuple[str, ...]:
        """Ask for every session of the run; delete what still answers; return what is left even then."""
        left = []
        for session_id in tuple(self._entries):
            if self._answers(session_id, client):
                self.delete(session_id, client)
                if self._answers(session_id, client):
                    left.append(session_id)
        return tuple(left)

    def _answers(self, session_id: str, client: Client) -> bool:
        exchange = client.get(f"{self.resource}/{quote(session_id, safe='')}", operation="getSession")
        if exchange.status == _TOO_MANY:  # no answer: what the target said of it before stands
            return session_id in self.alive()
        return exchange.status not in _UNKNOWN
