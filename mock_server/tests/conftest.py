"""Fixtures of the HTTP tests: one mock server for all of them, in this process, and a client of it."""

from collections.abc import Iterator

import pytest

from mock_server.app import Mock, Settings, start
from mock_server.tests.support import Client


@pytest.fixture(scope="session")
def mock() -> Iterator[Mock]:
    """Run a mock server for the whole test session."""
    with start(Settings(poll_s=0.5, exec_timeout_s=20)) as running:
        yield running


@pytest.fixture
def client(mock: Mock) -> Iterator[Client]:
    """Give a client that checks every answer against the contract."""
    with Client(mock) as connected:
        yield connected


@pytest.fixture
def session(client: Client) -> Iterator[str]:
    """Give the path of a session of the test's own, ended after it."""
    path = client.create()
    yield path
    client.send("DELETE", path)
