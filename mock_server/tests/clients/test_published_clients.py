"""Real clients, unmodified, against the mock."""

import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from mock_server.tests.clients.command_lines import run_commands
from mock_server.tests.clients.environments import (
    INSTALL_TIMEOUT_S,
    JAVASCRIPT_CLIENT,
    NotForThisMachine,
    provide,
    provide_javascript,
)
from mock_server.tests.clients.expectations import judge
from mock_server.tests.clients.generations import ASYNCIO_CLIENTS, CLIENTS, SDK_STEPS, Client
from mock_server.tests.clients.running import API_VERSIONS, JAVASCRIPT_STEPS, run_javascript, run_sdk

CASES = [
    pytest.param(client, version, id=f"{client.name}-{version}")
    for client in CLIENTS
    for version in API_VERSIONS
    if client.in_ci and (client.asks_version or version == API_VERSIONS[0])
]
ASYNCIO_CASES = [
    pytest.param(client, API_VERSIONS[-1], id=client.name)
    for client, waiting in zip(ASYNCIO_CLIENTS, CLIENTS, strict=True)
    if waiting.in_ci and not client.edition
]
# The first test that needs a client may have to install it.
pytestmark = [pytest.mark.timeout(INSTALL_TIMEOUT_S + 300)]


def _session(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex[:8]}"


def _require_right(complaints: Mapping[str, str]) -> None:
    """Fail with one line for each step that went wrong."""
    wrong = [f"{step}: {complaint}" for step, complaint in complaints.items() if complaint]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.parametrize(("client", "mock_url"), CASES, indirect=["mock_url"])
def test_the_python_sdk_carries_a_project_from_upload_to_download(client: Client, mock_url: str, folder: Path) -> None:
    """Each generation's SDK does the whole flow, and raises its own exceptions where the server refuses."""
    try:
        environment = provide(client)
    except NotForThisMachine as reason:
        pytest.skip(str(reason))
    seen = run_sdk(environment, mock_url, folder, _session("sdk"))
    steps = [step for step in SDK_STEPS if step not in client.lacks]
    _require_right({step: judge(step, seen.get(step)) for step in steps})


@pytest.mark.parametrize(("client", "mock_url"), ASYNCIO_CASES, indirect=["mock_url"])
def test_the_sdk_on_asyncio_does_the_same(client: Client, mock_url: str, folder: Path) -> None:
    """Each generation's asyncio face does the whole flow, too."""
    try:
        environment = provide(client)
    except NotForThisMachine as reason:
        pytest.skip(str(reason))
    seen = run_sdk(environment, mock_url, folder, _session("aio"))
    steps = [step for step in SDK_STEPS if step not in client.lacks]
    _require_right({step: judge(step, seen.get(step)) for step in steps})


@pytest.mark.parametrize(("client", "mock_url"), CASES, indirect=["mock_url"])
def test_the_command_line_runs_uploads_lists_downloads_and_destroys(
    client: Client, mock_url: str, folder: Path
) -> None:
    """Each generation's commands do what their users expect, over polling or the WebSocket as they choose."""
    try:
        environment = provide(client)
    except NotForThisMachine as reason:
        pytest.skip(str(reason))
    complaints = run_commands(environment, mock_url, folder, _session("cli"))
    _require_right(complaints)


def test_the_javascript_client_carries_a_project_from_upload_to_download(mock_url: str, folder: Path) -> None:
    """The client of the web interfaces does the whole flow under Node."""
    try:
        modules = provide_javascript()
    except NotForThisMachine as reason:
        pytest.skip(f"{JAVASCRIPT_CLIENT}: {reason}")
    seen = run_javascript(modules, mock_url, folder, _session("js"))
    _require_right({step: judge(step, seen.get(step)) for step in JAVASCRIPT_STEPS})
