"""Mounted folders at every level of the sandbox that works on this machine (SE-10)."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mock_server.adapters.runner import NoSandboxError, Runner, RunSession, choose_level
from mock_server.adapters.sandbox_levels import LEVELS, Level
from mock_server.app import Settings, start
from mock_server.tests.engine import new_place, run, text
from mock_server.tests.support import Client


@pytest.fixture(name="runner", params=LEVELS, ids=lambda level: str(level.name))
def fixture_runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Give an engine for each level."""
    level: Level = request.param
    try:
        sandbox = choose_level([level])
    except NoSandboxError as error:
        pytest.skip(f"level {level.number} does not work on this machine: {error}")
    with Runner(sandbox) as runner:
        yield runner


@pytest.fixture(name="folders")
def fixture_folders(runner: Runner) -> Iterator[tuple[Path, Path]]:
    """Give two folders of the commands' user."""
    with TemporaryDirectory(prefix="batchproof-test-") as name:
        top = Path(name)
        top.chmod(0o711)
        one, other = top / "one", top / "it's $(another) one"
        for folder in (one, other):
            folder.mkdir()
            os.chown(folder, *runner.sandbox.owner)
        yield one, other


@pytest.fixture(name="session")
def fixture_session(runner: Runner, folders: tuple[Path, Path]) -> Iterator[RunSession]:
    """Give a session that has both mounted, as `shelf` and `box.1`."""
    with new_place(runner.sandbox) as place:
        mounts = dict(zip(("shelf", "box.1"), folders, strict=True))
        for name in mounts:
            (place.home / name).mkdir()
            os.chown(place.home / name, *runner.sandbox.owner)
        session = runner.open_session(replace(place, mounts=mounts))
        yield session
        session.close()


def test_commands_write_into_mounted_folders(session: RunSession, folders: tuple[Path, Path]) -> None:
    """What a command writes below a folder's name is in the folder, and there for the next command."""
    assert run(session, "echo 1 > shelf/x && mkdir box.1/d && echo 2 > box.1/d/y")[-1].exit_code == 0
    assert (folders[0] / "x").read_text() == "1\n"
    assert (folders[1] / "d/y").read_text() == "2\n"
    assert text(run(session, "cat shelf/x box.1/d/y; ls")) == "1\n2\nbox.1\nshelf\n"


def test_a_mounted_folder_cannot_be_moved_or_unmounted(runner: Runner, session: RunSession) -> None:
    """At the levels with mounts of their own, a folder stays where it is."""
    if not runner.sandbox.chosen.real_home:
        pytest.skip("a folder is a link at this level, and commands may remove it")
    run(session, "echo x > shelf/x; mv shelf away; rmdir shelf; umount shelf; unshare -Urm umount shelf")
    assert text(run(session, "cat shelf/x; ls")) == "x\nbox.1\nshelf\n"


@pytest.mark.parametrize("level", ["unshare", "plain"])
def test_a_server_at_a_lesser_level_has_mounted_folders_too(level: str) -> None:
    """Commands write into a folder, uploads do not, and listings and downloads show it (SE-10, UP-13)."""
    with contextlib.ExitStack() as stack:
        try:
            client = stack.enter_context(Client(stack.enter_context(start(Settings(sandbox=level)))))
        except NoSandboxError as error:
            pytest.skip(f"this level does not work on this machine: {error}")
        client.send("POST", "/folders", json={"name": "a-folder"})
        path = client.create(config={"mounts": ["a-folder:shelf"]})
        client.run(path, "echo written > shelf/x")
        assert client.names(path, "shelf") == {"x"}
        assert client.read(path, "shelf/x") == b"written\n"
        (entry,) = json.loads(client.send("GET", f"{path}/files").json()["files"])
        assert (entry["filename"], entry["mode"][0]) == ("shelf", "d")
        assert client.upload(path, ("shelf/x", b"uploaded")).status_code == 400
        client.send("DELETE", path)
        later = client.create(config={"mounts": ["a-folder"]})
        assert client.run(later, "cat a-folder/x")["console"] == "written\n"
