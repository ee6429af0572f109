"""Create calls that are under test themselves, on targets that have room for few sessions at a time."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.judge import Untestable
from conformance.sessions import WAITING
from conformance.verdicts import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.exchange import Exchange
    from conformance.session import Session
    from conformance.sessions import Sessions

NO_ROOM: Final = frozenset({412, 503})  # how servers say that they have no capacity just now
PATIENCE_S: Final = 45.0
PACE_S: Final = 0.3


def ask_for_session(sessions: Sessions, body: Mapping[str, Any]) -> Exchange:
    """Ask for a session, again and again while the target says that it has no room; return what came back then.

    Raise Untestable where no room was made in time: other checks may hold it.
    """
    deadline = monotonic() + PATIENCE_S
    while (exchange := sessions.try_create(body)).status in NO_ROOM:
        if monotonic() > deadline:
            raise Untestable(f"the target has no room for another session: {exchange.got}", Cause.TARGET)
        sessions.bench.client.transport.budget.pause(PACE_S)
    return exchange


def settled(sessions: Sessions, creation: Exchange, token: str) -> Session:
    """Return the session that a create call made, once it is ready for calls."""
    session = sessions.adopt(creation, token)
    deadline = monotonic() + PATIENCE_S
    told = creation
    while told.json_object().get("status") in WAITING and monotonic() < deadline:
        sessions.bench.client.transport.budget.pause(PACE_S)
        told = session.try_info()
    return session
