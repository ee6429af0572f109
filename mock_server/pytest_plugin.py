"""Fixtures for a client's own tests, which pytest finds by itself once this distribution is installed.

def test_my_client(batchproof_mock):
    client = MyClient(batchproof_mock.url)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # imported where they are used: every pytest run of an environment loads this module
    from collections.abc import Iterator

    from mock_server.app import Mock, Settings


@pytest.fixture(scope="session")
def batchproof_mock_settings() -> Settings:
    """Say how the mock server is set up; a project's own `conftest.py` may have its own fixture of this name."""
    from mock_server.app import Settings  # noqa: PLC0415  - see above

    return Settings()


@pytest.fixture(scope="session")
def batchproof_mock(batchproof_mock_settings: Settings) -> Iterator[Mock]:
    """Run one mock server for all tests, in this process, on a free port of loopback; `url` is where it listens."""
    from mock_server.app import start  # noqa: PLC0415  - see above

    with start(batchproof_mock_settings) as mock:
        yield mock
