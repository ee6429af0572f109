"""Requests that mean harm are refused, one and all; `python -m benchmarks.hostile` sends many more of them."""

import os
from pathlib import Path

import pytest

from mock_server.app import Mock
from mock_server.tests.hostile import SESSION, Flood
from mock_server.tests.support import Client


@pytest.mark.parametrize("seed", range(3))
def test_hostile_requests_are_all_answered_below_500(mock: Mock, client: Client, seed: int) -> None:
    """A few hundred of them: none is the server's fault, none hangs, no session and no open file is left."""
    client.send("POST", "/kernel", json={"lang": "c", "clientSessionToken": SESSION})
    before = {session.session_id for session in mock.sessions.living()}
    flood = Flood(mock.url)
    flood.send(200, seed)
    assert flood.outcome.faults == []
    for name in {*flood.outcome.created, SESSION}:
        client.send("DELETE", f"/kernel/{name}")
    assert {session.session_id for session in mock.sessions.living()} <= before
    assert len(list(Path(f"/proc/{os.getpid()}/fd").iterdir())) < 300
