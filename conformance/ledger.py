"""Every session and folder that this run may have created, so that none is left behind, whatever happens."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from conformance.journal import State

if TYPE_CHECKING:
    from conformance.client import Call, Client
    from conformance.exchange import Exchange
    from conformance.journal import Journal

_UNKNOWN: Final = frozenset({404, 410})
_NO_FOLDER: Final = frozenset({404, 405, 410, 501})  # also where folders are not offered at all
_TOO_MANY: Final = 429
AUDIT_S: Final = 90.0  # in all, for the final audit
_SILENCES: Final = 4  # calls in a row without an answer: the target is lost
_TRIES: Final = 2  # deployed servers are known to fail a DELETE once and to take it when repeated


@dataclass
class Entry:
    """One session, from before its creation was asked for."""

    id: str  # what paths take: the token until the server names another
    resource: str | None = None  # None: a session
    gone: bool = False  # the target said so: a DELETE that worked, or 404
    acknowledged: bool = False  # the target said that it made it


class Ledger:
    """Thread-safe; entries are made before the create call goes out, for its answer may be lost."""

    def __init__(self, resource: str = "/kernel", journal: Journal | None = None, *, idle: bool = False) -> None:
        self.resource = resource
        self._idle = idle  # nothing is created in this run (--read-only), so nothing may be deleted either
        self._journal = journal
        self._entries: dict[str, Entry] = {}
        self._changed = threading.Condition()
        self._created = 0

    def expect(self, session_id: str, resource: str | None = None) -> bool:
        """Note that a session (or a thing of another resource) may exist from now on; return whether that is news."""
        if self._idle:
            return False
        with self._changed:
            entry = self._entries.setdefault(session_id, Entry(session_id, resource, gone=True))
            news, entry.gone = entry.gone, False
            entry.acknowledged = entry.acknowledged and not news
            self._write(entry)
            return news

    def created(self, session_id: str, token: str | None = None) -> None:
        """Note that the target created this session; a token by another name is the same session."""
        with self._changed:
            self._created += 1
            if token and token != session_id:
                self._write(Entry(token, gone=True))
                self._entries.pop(token, None)
            entry = self._entries.setdefault(session_id, Entry(session_id))
            entry.gone, entry.acknowledged = False, True
            self._write(entry)

    def gone(self, session_id: str) -> None:
        """Note that the target knows no such session (any more)."""
        with self._changed:
            if session_id in self._entries:
                self._entries[session_id].gone = True
                self._write(self._entries[session_id])
            self._changed.notify_all()

    @property
    def sessions_created(self) -> int:
        """How many creations the target acknowledged."""
        return self._created

    def alive(self) -> tuple[str, ...]:
        """Return the ids that may still exist."""
        with self._changed:
            return tuple(entry.id for entry in self._entries.values() if not entry.gone)

    def _path(self, session_id: str) -> str:
        entry = self._entries.get(session_id)
        return f"{(entry and entry.resource) or self.resource}/{quote(session_id, safe='')}"

    def _is_session(self, thing: str) -> bool:
        return thing not in self._entries or self._entries[thing].resource is None

    def _how(self, thing: str, operation: str) -> Call:
        """Return how a call is made: where folders are not offered, the observers have nothing to see in the answer."""
        return {"operation": operation} if self._is_session(thing) else {"observed": False}

    def _write(self, entry: Entry) -> None:
        if self._journal is not None:
            state = State.GONE if entry.gone else State.MADE if entry.acknowledged else State.ASKED
            self._journal.note(entry.resource or self.resource, entry.id, state)

    def sessions_alive(self) -> int:
        """Return how many sessions of this run exist."""
        with self._changed:
            alive = (one for one in self._entries.values() if one.resource is None and not one.gone)
            return sum(one.acknowledged for one in alive)

    def wait_for_fewer(self, sessions: int, timeout_s: float) -> bool:
        """Wait until fewer than `sessions` are alive; return whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: self.sessions_alive() < sessions, timeout_s)

    def delete(self, session_id: str, client: Client) -> bool:
        """Delete a session, twice if need be; return whether the target says that it is gone."""
        for _ in range(_TRIES):
            exchange = client.call("DELETE", self._path(session_id), **self._how(session_id, "destroySession"))
            if exchange.ok or exchange.status in (_UNKNOWN if self._is_session(session_id) else _NO_FOLDER):
                self.gone(session_id)
                return True
        return False

    def audit(self, client: Client, jobs: int = 1) -> tuple[str, ...]:
        """Ask for all that the run made, so many at a time; delete what still answers; return what is left even then.

        A target that is lost is not waited for again and again: what was not known to be gone counts as left.
        """
        remains = dict.fromkeys(sorted(self._entries, key=lambda one: self._entries[one].gone), True)
        deadline = monotonic() + AUDIT_S
        things: queue.SimpleQueue[str] = queue.SimpleQueue()
        for thing in remains:
            things.put(thing)

        def work() -> None:
            with suppress(queue.Empty):
                while True:
                    thing = things.get_nowait()
                    lost = monotonic() > deadline or _silent(client.exchanges[-_SILENCES:])
                    remains[thing] = self._remains(thing, client, lost=lost)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(jobs)]  # Ctrl-C does not wait for them
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return tuple(thing for thing, there in remains.items() if there)

    def _remains(self, thing: str, client: Client, *, lost: bool) -> bool:
        """Delete what still answers; tell whether it is left even then."""
        if lost:
            return thing in self.alive()
        if not self._answers(thing, client):
            return False
        self.delete(thing, client)
        return self._answers(thing, client)

    def _answers(self, session_id: str, client: Client) -> bool:
        exchange = client.get(self._path(session_id), **self._how(session_id, "getSession"))
        if exchange.status == _TOO_MANY:  # no answer: what the target said of it before stands
            return session_id in self.alive()
        return exchange.status not in (_UNKNOWN if self._is_session(session_id) else _NO_FOLDER)


def _silent(exchanges: list[Exchange]) -> bool:
    return len(exchanges) == _SILENCES and all(one.status is None for one in exchanges)
