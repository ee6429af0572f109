"""Creations that are under test themselves, on targets with little room: how to ask, and what names a session."""

from __future__ import annotations

import re
import string
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.discovery import KNOWN_C_LANGS, KNOWN_LANGS
from conformance.judge import Untestable
from conformance.sessions import WAITING
from conformance.verdicts import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from conformance.exchange import Exchange
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

ID_KEYS: Final = ("kernelId", "sessId", "sessionId")
IMAGE_SINCE: Final = "v4.20190315"
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


def ids(exchange: Exchange) -> list[Any]:
    """Return what a create call's answer names the session by."""
    body = exchange.json_object()
    return [body[key] for key in ID_KEYS if isinstance(body.get(key), str)]


def at_least(version: str | None, since: str) -> bool:
    """Compare versions as (major, date); False where the target names none."""
    numbers = [tuple(map(int, re.findall(r"\d+", one))) for one in (version or "v0.0", since)]
    return numbers[0] >= numbers[1]


def other_langs(target: Target) -> list[str]:
    """Return names of languages that the target may have beside the one that is used, and that are none of its own."""
    langs = (*filter(None, [target.c_lang]), *KNOWN_LANGS[:5], *KNOWN_C_LANGS[:2], "lua", "nodejs")
    return [lang for lang in dict.fromkeys(langs) if family_of(lang) != family_of(target.lang)]


def family_of(lang: str) -> str:
    """Return what is left of a name without registry, tag and version: names with the same may be of one image."""
    return lang.rpartition("/")[2].partition(":")[0].rstrip("0123456789.-").lower()


def token_of(length: int, rng: Random, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Return a token of that length that nobody else uses."""
    return "".join(rng.choices(alphabet, k=length))
