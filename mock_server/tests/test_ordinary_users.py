"""The server as an ordinary user runs it: when the tests run as root, one is made up for it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from mock_server.adapters.sandbox import find_owner
from mock_server.adapters.sandbox_levels import LEVELS, Level
from mock_server.app import Mock
from mock_server.tests.support import Client

# The interpreter may lie where others cannot go, so a server is started and ended, which loads all modules, before
# root's rights are given up. An ordinary start would leave the process open to its own user's eyes (4 is
# PR_SET_DUMPABLE); giving up closes it.
_AS_USER: Final = """
import ctypes, os, sys
import mock_server.app, mock_server.cli, mock_server.adapters.diagnosis, rich.console, rich.table, rich.box, rich.text
user = int(sys.argv.pop(1))
if os.geteuid() == 0:
    with mock_server.app.start():
        "".encode("idna")
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
mock_server.cli.main()
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """Give an empty directory of the user's own; root's server, started before, has commands of yet another user."""
    with tempfile.TemporaryDirectory(prefix="batchproof-user-") as name:
        os.chown(name, *find_owner())
        Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def as_user(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `batchproof-mock` as an ordinary user whose temporary files lie in that folder."""
    with subprocess.Popen(
        [sys.executable, "-c", _AS_USER, str(root.stat().st_uid), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": str(root), "TMPDIR": str(root), "LANG": "C.UTF-8"},
    ) as running:
        try:
            yield running
        finally:
            running.terminate()


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: str(level.name))
def test_a_program_is_uploaded_built_and_run(mock: Mock, root: Path, level: Level) -> None:
    """At every level that an ordinary user has here, the whole flow works, without root's help."""
    with as_user(root, "--port", "0", "--sandbox", level.name) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        words = server.stdout.readline().split()
        if not words:
            reason = server.stderr.read().strip()
            assert reason.startswith("batchproof-mock: no sandbox works here"), reason
            pytest.skip(f"no ordinary user has this level here: {reason}")
        with Client(Mock(words[3], level.name, (), mock.contract, mock.sessions)) as client:
            path = client.create("c")
            client.upload(path, ("main.c", b"#include <stdio.h>\nint main(void) { puts(__FILE__); return 3; }\n"))
            result = client.run(path, 'gcc main.c -o main && ./main; echo "code $? uid $((EUID > 0))"')
            assert result["console"] == "main.c\ncode 3 uid 1\n"
            assert client.names(path) == {"main.c", "main"}
            assert client.send("DELETE", path).status_code == 200
        server.terminate()
        assert server.wait(20) == 0
    assert list(root.iterdir()) == []


def test_the_best_level_is_found(root: Path) -> None:
    """The doctor has a level for an ordinary user, and nothing to say against its rights."""
    with as_user(root, "doctor") as doctor:
        said, errors = doctor.communicate(timeout=60)
    assert doctor.returncode == 0, errors
    assert "it is root" not in said
    assert "The server uses level" in said
