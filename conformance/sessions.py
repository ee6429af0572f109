"""The factory of sessions that checks use: names, ledger, waiting for a session to run, deletion at the end."""

from __future__ import annotations

import itertools
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.judge import Finding, Unmet, Untestable
from conformance.session import Session, Workbench

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.client import Client
    from conformance.exchange import Exchange

NO_ROOM: Final = frozenset({412, 429, 500, 502, 503, 504})  # how servers say that they have no capacity just now
FULL: Final = frozenset({412, 503})  # those that say nothing else; 500 may be any breakdown
ROOM_TIMEOUT_S: Final = 60.0
HOLDING_TIMEOUT_S: Final = 2.0  # for one more session: who holds some and waits keeps others from going on
WAITING: Final = frozenset({"PENDING", "SCHEDULED", "PREPARING", "PREPARED", "PULLING", "CREATING", "RESTARTING"})
_PACE_S: Final = 0.3
_numbers = itertools.count(1)


class Sessions:
    """Sessions of one attempt; `close()` deletes all of them."""

    def __init__(self, bench: Workbench, run_id: str, create_timeout_s: float) -> None:
        self.bench = bench
        self._run_id = run_id
        self._create_timeout_s = create_timeout_s
        self._mine: list[str] = []

    def new_token(self) -> str:
        """Return a session name that nobody has used: `bp-<run>-<n>`."""
        return f"bp-{self._run_id}-{next(_numbers)}"

    def try_create(self, body: Mapping[str, Any], *, client: Client | None = None) -> Exchange:
        """Ask for a session with this body (see `Target.creation`); return whatever came back.

        What it creates is in the ledger all the same and deleted at the end.
        """
        caller = client or self.bench.client
        caller.await_turn("POST")
        caller.transport.budget.spend_session()
        token = body.get(self.bench.target.name_key)
        news = isinstance(token, str) and self._expect(token)
        try:
            exchange = caller.post(self.bench.target.resource, json=dict(body), operation="createSession")
        except (Unmet, Untestable):  # answered 429 to the end, or not sent at all
            if news:
                self.bench.ledger.gone(str(token))
            raise
        if exchange.ok:
            session_id = session_id_of(exchange) or token
            if isinstance(session_id, str):
                self._expect(session_id)
                self.bench.ledger.created(session_id, token if isinstance(token, str) else None)
        elif exchange.refused and news:
            self.bench.ledger.gone(str(token))
        return exchange

    def create(self, *, token: str | None = None, lang: str | None = None, **more: Any) -> Session:
        """Create a session and wait until it runs (SE-01); `more` goes into the body (`config={...}`)."""
        name = token or self.new_token()
        body = self.bench.target.creation(name, lang, **more)
        exchange = self.try_create(body)
        if exchange.status in NO_ROOM:
            exchange = self._once_there_is_room(body, exchange)
        if not exchange.ok:
            raise self._not_created(exchange, exchange.got)
        session = self.adopt(exchange, name)
        self._await_running(session)
        return session

    def _once_there_is_room(self, body: Mapping[str, Any], refusal: Exchange) -> Exchange:
        """Ask again each time that a session has ended, as long as that may help; return what came back at last."""
        ledger = self.bench.ledger
        deadline = monotonic() + (HOLDING_TIMEOUT_S if self._mine[:-1] else ROOM_TIMEOUT_S)
        while refusal.status in NO_ROOM and (alive := ledger.sessions_alive()):
            if refusal.status in FULL:
                self.bench.room.learn(alive)
            if not ledger.wait_for_fewer(alive, deadline - monotonic()):
                break
            refusal = self.try_create(body)
        return refusal

    def existing(self, session_id: str) -> Session:
        """Return a session of somebody else's: it is never deleted."""
        session = Session(session_id, None, self.bench, self.bench.client.get(self.bench.target.path(session_id)))
        if not session.creation.ok:
            raise Unmet(Finding("SE-05", f"status 200 for {session_id}", session.creation.got, (session.creation,)))
        return session

    def adopt(self, creation: Exchange, token: str | None = None) -> Session:
        """Return the session that a successful create call made."""
        return Session(session_id_of(creation) or token or "", token, self.bench, creation)

    def close(self) -> None:
        """Delete every session of this attempt that may still exist."""
        alive = set(self.bench.ledger.alive())
        for session_id in self._mine:
            if session_id in alive:
                self.bench.ledger.delete(session_id, self.bench.client)

    def _expect(self, session_id: str) -> bool:
        if session_id not in self._mine:
            self._mine.append(session_id)
        return self.bench.ledger.expect(session_id)

    def _await_running(self, session: Session) -> None:
        deadline = monotonic() + self._create_timeout_s
        exchange = session.creation
        while (status := exchange.json_object().get("status")) in WAITING:
            if monotonic() > deadline:
                raise self._not_created(exchange, f"still {status} after {self._create_timeout_s:g} s")
            self.bench.client.transport.budget.pause(_PACE_S)
            exchange = session.try_info()
        if status in {"TIMEOUT", "ERROR", "CANCELLED", "TERMINATED"}:
            raise self._not_created(exchange, f"status {status}")

    def _not_created(self, exchange: Exchange, actual: str) -> Unmet:
        transient = exchange.status is None or exchange.status in NO_ROOM or exchange.ok
        return Unmet(Finding("SE-01", "a new session that runs", actual, (exchange,)), transient=transient)


def session_id_of(creation: Exchange) -> str | None:
    """Return what the target calls the session: `kernelId`, or from v5 on `sessId`, `sessionId`."""
    body = creation.json_object()
    named = (body.get(key) for key in ("kernelId", "sessId", "sessionId"))
    return next((one for one in named if isinstance(one, str) and one), None)
