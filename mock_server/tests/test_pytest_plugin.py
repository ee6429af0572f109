"""The fixtures that other projects' tests use."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

_TESTS = """
import requests

def test_a_client(batchproof_mock):
    answer = requests.post(f"{batchproof_mock.url}/kernel", json={"lang": "c"}, timeout=30)
    assert answer.status_code == EXPECTED
"""
_KEYS = """
import pytest
from mock_server.app import Settings

@pytest.fixture(scope="session")
def batchproof_mock_settings():
    return Settings(keys={"access": "secret"})
"""


def run_pytest(folder: Path, expected_status: int, conftest: str = "") -> str:
    """Run another project's tests in a process of its own; give what it printed."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_client.py").write_text(_TESTS.replace("EXPECTED", str(expected_status)))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    if not any(entry.value == "mock_server.pytest_plugin" for entry in entry_points(group="pytest11")):
        command[3:3] = ["-p", "mock_server.pytest_plugin"]  # an installation older than the plugin
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return done.stdout + done.stderr


def test_the_fixture_is_a_running_server(tmp_path: Path) -> None:
    """A test that asks for it by name gets a server, without any set-up."""
    assert "1 passed" in run_pytest(tmp_path, 201)


def test_a_project_sets_its_server_up(tmp_path: Path) -> None:
    """The settings can be replaced: with keys, an unsigned call is refused."""
    assert "1 passed" in run_pytest(tmp_path, 401, _KEYS)
