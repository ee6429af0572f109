"""A workspace under attack: links, races, hostile trees. Every test works on real files."""

import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_server.adapters import staging
from mock_server.adapters.removal import remove_tree
from mock_server.adapters.walk import Owner
from mock_server.adapters.workspaces import Workspace
from mock_server.domain.errors import InvalidPath, OutsideWorkspace, PathNotFound, Refusal
from mock_server.domain.runs import SessionEnded


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Give a workspace beside a directory that must stay untouched."""
    (tmp_path / "outside").mkdir()
    made = Workspace(tmp_path / "session", Owner())
    yield made
    made.remove()


def store(workspace: Workspace, *files: tuple[str, bytes]) -> None:
    """Upload files into the workspace."""
    with workspace.staging() as upload:
        for _, content in files:
            with upload.new_file() as fd:
                os.write(fd, content)
        workspace.store(upload, [name for name, _ in files])


def test_stored_files_have_the_documented_modes(workspace: Workspace) -> None:
    """An uploaded file has mode 0644, and the directories on its way 0755, whatever the umask."""
    before = os.umask(0o077)
    try:
        store(workspace, ("a/b/c.txt", b"x"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((workspace.home / "a/b/c.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((workspace.home / "a/b").stat().st_mode) == 0o755


@pytest.mark.parametrize("target", ["../../outside", "../../../etc", "/etc", "/", "/home", "loop"])
@pytest.mark.parametrize("path", ["link", "link/x", "link/deep/x"])
def test_links_that_lead_out_are_refused(workspace: Workspace, tmp_path: Path, target: str, path: str) -> None:
    """Nothing is written through a link that leaves the workspace, at the end of a path or on its way."""
    (workspace.home / "loop").symlink_to("loop")
    (workspace.home / "link").symlink_to(target)
    with pytest.raises((OutsideWorkspace, InvalidPath)):
        store(workspace, (path, b"escaped"))
    assert not any((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("target", ["real", "./real", "/home/work/real", "real/../real", "other"])
def test_links_that_stay_inside_are_followed(workspace: Workspace, target: str) -> None:
    """A link within the workspace leads where the session's programs see it lead."""
    (workspace.home / "real").mkdir()
    (workspace.home / "other").symlink_to("real")
    (workspace.home / "link").symlink_to(target)
    store(workspace, ("link/x", b"in"))
    assert (workspace.home / "real/x").read_bytes() == b"in"


@pytest.mark.parametrize(
    "files",
    [
        [("ok", b"new"), ("dir", b"x")],
        [("ok", b"new"), ("file/x", b"x")],
        [("ok", b"new"), ("../x", b"x")],
        [("ok", b"new"), ("both", b"x"), ("both/x", b"x")],
        [("ok", b"new"), ("a/", b"x")],
        [("ok", b"new"), ("", b"x")],
    ],
)
def test_refused_uploads_change_nothing(workspace: Workspace, files: list[tuple[str, bytes]]) -> None:
    """When one file of an upload cannot be stored, none is (UP-11)."""
    (workspace.home / "ok").write_bytes(b"old")
    (workspace.home / "file").write_bytes(b"old")
    (workspace.home / "dir").mkdir()
    with pytest.raises(Refusal):
        store(workspace, *files)
    assert (workspace.home / "ok").read_bytes() == b"old"
    assert {path.name for path in workspace.home.iterdir()} == {"ok", "file", "dir"}
    assert not any((workspace.home.parent / "staging").iterdir())


def test_reading_needs_every_directory(workspace: Workspace) -> None:
    """Looking below a directory that is not there makes none."""
    with pytest.raises(PathNotFound), workspace.locate("a/b/c"):
        pass
    assert not any(workspace.home.iterdir())


def test_swapping_a_directory_for_a_link_never_leads_out(workspace: Workspace, tmp_path: Path) -> None:
    """While a program swaps a directory for a link that leads out, uploads land inside or are refused."""
    home, outside = workspace.home, tmp_path / "outside"
    (home / "swap").mkdir()
    (home / "link").symlink_to(outside)
    done = threading.Event()

    def swap() -> None:
        turns = itertools.cycle([("swap", "away"), ("link", "swap"), ("swap", "link"), ("away", "swap")])
        while not done.is_set():
            here, there = next(turns)
            with contextlib.suppress(OSError):  # the upload made or used a name just now
                (home / here).rename(home / there)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for attempt in range(300):
            with contextlib.suppress(Refusal):
                store(workspace, (f"swap/file-{attempt}", b"x"))
    finally:
        done.set()
        swapper.join()
    assert not any(outside.iterdir())


@pytest.mark.parametrize("offered", [True, False])
def test_a_replaced_file_stays_what_it_was_for_who_has_it_open(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, *, offered: bool
) -> None:
    """Overwriting puts a new file in the place of the old one, whether or not the kernel can exchange the two."""
    if not offered:
        monkeypatch.setattr(staging, "_rename_exchange", lambda *_: False)
    store(workspace, ("program", b"old"))
    with (workspace.home / "program").open("rb") as held:
        store(workspace, ("program", b"new"))
        assert held.read() == b"old"
    assert (workspace.home / "program").read_bytes() == b"new"
    assert not any((workspace.home.parent / "staging").iterdir())


def test_a_directory_made_at_the_last_moment_stays(workspace: Workspace) -> None:
    """Where a program puts a directory in a file's place just before it is replaced, the upload is refused."""
    store(workspace, ("name", b"old"))
    with workspace.staging() as upload, workspace.locate("name") as spot:
        with upload.new_file() as fd:
            os.write(fd, b"new")
        (workspace.home / "name").unlink()
        (workspace.home / "name").mkdir()
        (workspace.home / "name" / "inside").touch()
        with pytest.raises(InvalidPath):
            upload.move(0, spot)
    assert [path.name for path in (workspace.home / "name").iterdir()] == ["inside"]


def test_everything_is_refused_after_removal(workspace: Workspace) -> None:
    """Once its session has ended a workspace is gone, and an upload that was under way fails with it."""
    with workspace.staging() as upload:
        with upload.new_file() as fd:
            os.write(fd, b"x")
        workspace.remove()
        with pytest.raises(SessionEnded):
            workspace.store(upload, ["x"])
    with pytest.raises(SessionEnded), workspace.locate("x"):
        pass
    assert not workspace.home.parent.exists()


def test_hostile_trees_are_removed(tmp_path: Path) -> None:
    """A tree deeper than any recursion or path length, with closed modes and links out, is removed whole."""
    kept = tmp_path / "kept"
    kept.write_text("safe")
    root = tmp_path / "tree"
    root.mkdir()
    (root / "link").symlink_to(kept)
    here = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=here)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    (root / "closed").mkdir(0o000)
    os.mkfifo(root / "fifo")
    remove_tree(root)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "safe"
