"""The command line: one line on stdout, reasons on stderr, exit codes, and nothing left behind."""

import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from mock_server.cli import main

_PROGRAM = [sys.executable, "-c", "from mock_server.cli import main; main()"]


@pytest.fixture
def root() -> Iterator[Path]:
    """Give an empty directory that the sandbox's user can pass through; pytest's own lie in a closed one."""
    with tempfile.TemporaryDirectory(prefix="batchproof-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def process(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the program on a free port, with its workspaces in the test's own directory."""
    with subprocess.Popen(
        [*_PROGRAM, "--port", "0", "--workspace-root", str(root), "--poll", "0.2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(
    process: subprocess.Popen[str], root: Path, number: signal.Signals
) -> None:
    """It prints one line with its URL, and on a signal ends its runs, removes its files and exits with 0."""
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.fullmatch(r"batchproof-mock listening on (http://127\.0\.0\.1:\d+) \(sandbox: [\w-]+\)\n", line)
    assert match, line
    token = {"lang": "c", "clientSessionToken": "left-behind"}
    assert requests.post(f"{match[1]}/kernel", json=token, timeout=30).status_code == 201
    call = {"mode": "batch", "options": {"exec": "trap '' TERM INT; sleep 1000 & sleep 1000"}}
    statuses = [
        requests.post(f"{match[1]}/kernel/left-behind", json=call, timeout=30).json()["result"]["status"]
        for _ in range(2)
    ]
    assert statuses == ["build-finished", "continued"]
    process.send_signal(number)
    rest, log = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in log
    assert not any(root.iterdir())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "can be reached from other machines"),  # noqa: S104  - the refusal is under test
        (["--host", "::"], "can be reached from other machines"),
        (["--host", "no such host"], "no address of this machine"),
        (["--port", "70000"], "0<=x<=65535"),
        (["--port", "http"], "not a valid integer"),
        (["--exec-timeout", "0"], "0<x<="),
        (["--exec-timeout", "nan"], "no number of seconds"),
        (["--poll", "-1"], "<=x<="),
        (["--threads", "0"], "2<=x"),
        (["--workspace-root", "/no/such/folder"], "does not exist"),
        (["--sandbox", "bubble"], "the levels are"),
        (["--api-version", "5"], "like v4.20181215"),
        (["--nonsense"], "No such option"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], reason: str) -> None:
    """A wrong argument is exit code 2 and one message that says what would be right."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert reason in result.output
    assert "Traceback" not in result.output


def test_an_occupied_port_is_explained() -> None:
    """A port that something else has is exit code 2, with a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(main, ["--port", str(taken.getsockname()[1])])
    assert result.exit_code == 2
    assert "--port 0 takes a free port" in result.output
