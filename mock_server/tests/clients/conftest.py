"""Fixtures: one mock server for all clients, started as a user starts it, and a folder with the project for each."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_server.tests.clients import project
from mock_server.tests.clients.running import API_VERSIONS, KEYS, mock_server

PROGRAM = Path(sys.executable).with_name("batchproof-mock")


@pytest.fixture(scope="session", params=API_VERSIONS)
def mock_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a server that reports this version: clients since 20.03 choose their paths and bodies by it.

    It checks every signature by the strict rule.
    """
    with mock_server(PROGRAM, "--api-version", request.param, "--key", ":".join(KEYS)) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a client's working folder, which holds the project and nothing else."""
    project.write(tmp_path)
    return tmp_path
