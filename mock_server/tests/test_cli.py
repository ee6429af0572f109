"""The command line: one line on stdout, reasons on stderr, exit codes, and nothing left behind."""

import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from mock_server.adapters.keys import exposed, lines_of, parse_pairs
from mock_server.app import Settings, start
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
        (["--host", "0.0.0.0", "--no-auth"], "can be reached from other machines"),  # noqa: S104  - same
        (["--key", "only-an-access-key"], "write ACCESS-KEY:SECRET-KEY"),
        (["--key", "A:b", "--key", "A:c"], "number 2 names an access key a second time"),
        (["--key", "A:b", "--no-auth"], "exclude each other"),
        (["--relaxed-signatures"], "give --key or --keys-file"),
        (["--keys-file", "/no/such/file"], "does not exist"),
        (["--rate-limit", "0"], "1<=x"),
        (["--max-sessions", "0"], "1<=x"),
        (["--idle-timeout", "-1"], "0<=x"),
        (["--nonsense"], "No such option"),
        (["extra"], "No such command 'extra'"),
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


def test_a_killed_server_leaves_nothing_to_the_next(process: subprocess.Popen[str], root: Path) -> None:
    """The workspaces of a server that was killed are gone once the next one runs there, and so is what ran in them."""
    assert process.stdout is not None
    url = process.stdout.readline().split()[3]
    requests.post(f"{url}/kernel", json={"lang": "c", "clientSessionToken": "left-behind"}, timeout=30)
    call = {"mode": "batch", "runId": None, "options": {"exec": "while :; do date > /home/work/alive; done"}}
    requests.post(f"{url}/kernel/left-behind", json=call, timeout=30)
    (leftover,) = root.iterdir()
    process.kill()
    process.wait(60)
    with start(Settings(workspace_root=root)):
        deadline, pause = time.monotonic() + 60, threading.Event()
        while leftover.exists() and time.monotonic() < deadline:
            pause.wait(0.05)
        assert not leftover.exists()
    assert not any(root.iterdir())


def test_keys_come_from_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    """A keys file holds a pair a line; what is wrong with it is told without telling a secret."""
    file = tmp_path / "keys"
    file.write_text("# two users\n\nAKALICE:alice's-secret\n  AKBOB:b:c\n")
    file.chmod(0o600)
    assert parse_pairs(lines_of(file)) == {"AKALICE": "alice's-secret", "AKBOB": "b:c"}
    assert not exposed(file)
    file.chmod(0o640)
    assert exposed(file)
    for content, reason in (
        ("secret-without-a-name\n", "line 1, is no key pair"),
        ("A:s1\nA:s2\n", "line 2, names an access key a second time"),
        ("# nobody\n", "holds no key pair"),
        ("A:secr\u00e9t\n", "ASCII"),
    ):
        file.write_text(content)
        result = CliRunner().invoke(main, ["--keys-file", str(file)])
        assert (result.exit_code, reason in result.output) == (2, True), result.output
        assert not re.search(r"secret-|s1|s2|secr\u00e9", result.output)


def test_a_keyed_server_is_open_to_others_and_silent_about_secrets(tmp_path: Path, root: Path) -> None:
    """With a key it listens on any address, refuses what is not signed, and logs no secret."""
    file = tmp_path / "keys"
    file.write_text("AKALICE:very-secret\n")
    file.chmod(0o644)
    options = ["--host", "0.0.0.0", "--port", "0", "--keys-file", str(file), "--workspace-root", str(root)]  # noqa: S104  - it has a key
    with subprocess.Popen([*_PROGRAM, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        match = re.search(r":(\d+) ", running.stdout.readline())
        assert match
        answers = [
            requests.get(f"http://127.0.0.1:{match[1]}/{path}", headers={"Host": "build-box"}, timeout=30).status_code
            for path in ("v4", "kernel/x")
        ]
        running.terminate()
        output, log = running.communicate(timeout=60)
    assert answers == [200, 401]
    assert "chmod 600" in log
    assert "very-secret" not in output + log
