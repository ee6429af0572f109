"""Attempts to get out of the sandbox come to nothing, at every level that promises to hold them."""

import os
import socket
from tempfile import NamedTemporaryFile

import pytest

from mock_server.adapters.runner import NoSandboxError, Runner, choose_level
from mock_server.adapters.sandbox_levels import LEVELS, Level
from mock_server.tests.engine import new_session
from mock_server.tests.escapes import attempts, held


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: str(level.name))
def test_escapes_are_held(level: Level) -> None:
    """Files, devices, mounts, privileges, processes, network, kernel and descriptors of others stay out of reach."""
    try:
        sandbox = choose_level([level])
    except NoSandboxError as error:
        pytest.skip(str(error))
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        NamedTemporaryFile(prefix="batchproof-test-") as secret,
        Runner(sandbox) as runner,
        new_session(runner) as session,
    ):
        secret.write(b"secret\n")
        secret.flush()
        os.fchmod(secret.fileno(), 0o644)
        tries = attempts(os.getpid(), secret.name, listener.getsockname()[1])
        escaped = [f"{each.kind}: {each.name}" for each, was_held in held(session, level.number, tries) if not was_held]
    assert escaped == []
