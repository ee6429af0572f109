"""Virtual folders as checks use them: created under names of the run, deleted again whatever happens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from conformance.judge import Finding, Unmet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.exchange import Exchange
    from conformance.sessions import Sessions


def folder_path(name: str, tail: str = "") -> str:
    """Return a folder's path, or one below it."""
    return f"/folders/{quote(name, safe='')}{tail}"


def try_create(sessions: Sessions, name: object, path: str = "/folders") -> Exchange:
    """Ask for a folder; return whatever came back."""
    return sessions.bench.client.post(path, json={"name": name}, operation="createFolder")


def try_delete(sessions: Sessions, name: str) -> Exchange:
    """Delete a folder; return whatever came back."""
    return sessions.bench.client.call("DELETE", folder_path(name), operation="deleteFolder")


@contextmanager
def folder(sessions: Sessions) -> Iterator[str]:
    """Give the name of a new folder (VF-01), which is deleted at the end."""
    with spare_name(sessions) as name:
        exchange = try_create(sessions, name)
        if not exchange.ok:
            raise Unmet(Finding("VF-01", "a new folder: status 201", exchange.got, (exchange,)))
        yield name


@contextmanager
def spare_name(sessions: Sessions) -> Iterator[str]:
    """Give a name for a folder that nobody has; whatever is called so in the end is deleted."""
    name = sessions.new_token()
    sessions.bench.client.await_turn("POST")
    sessions.bench.ledger.expect(name, "/folders")
    try:
        yield name
    finally:
        client, before = sessions.bench.client, sessions.bench.client.clean_up
        client.clean_up = True  # past the attempt's deadline and outside the run's budget, too
        try:
            sessions.close()  # no session may hold the folder
            sessions.bench.ledger.delete(name, client)
        finally:
            client.clean_up = before
