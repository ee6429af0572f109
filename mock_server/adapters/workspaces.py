"""A session's files on the host: /home/work and /tmp of its programs, and a hidden place for uploads on their way.

ROOT/UUID/home      what programs see as /home/work, theirs
ROOT/UUID/tmp       what they see as /tmp, theirs
ROOT/UUID/staging   the server's own: uploads land here first, on the same file system (UP-11)
"""

import contextlib
import os
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mock_server.adapters.removal import remove_tree
from mock_server.adapters.staging import Staging
from mock_server.adapters.walk import DIRECTORY, NO_MOUNTS, Mounts, Owner, Spot, locate
from mock_server.domain import paths
from mock_server.domain.errors import InvalidPath, PathNotFound
from mock_server.domain.runs import SessionEnded

_REMOVAL_WAIT_S: Final = 3.0  # less than the most impatient client waits


class Workspace:
    """The directories of one session; usable from any thread until `remove`, then every call raises SessionEnded.

    `mounts` are other directories, seen directly below home (SE-10): a place is made for each.
    """

    def __init__(self, root: Path, owner: Owner, mounts: Mounts = NO_MOUNTS) -> None:
        self.home = root / "home"
        self.tmp = root / "tmp"
        self._root = root
        self._owner = owner
        self._mounts = mounts
        self._lock = threading.Lock()
        self._removed = False
        root.mkdir(0o711)
        for path, mode, whose in (
            (self.home, 0o755, owner),
            (self.tmp, 0o700, owner),
            (root / "staging", 0o700, Owner()),
            *((self.home / name, 0o755, owner) for name in mounts),
        ):
            path.mkdir()
            fd = os.open(path, DIRECTORY)
            os.fchmod(fd, mode)
            whose.own(fd)
            os.close(fd)

    @contextlib.contextmanager
    def home_fd(self) -> Iterator[int]:
        """Open /home/work; the descriptor stays good inside the block, whatever happens to the session."""
        fd = self._open(self.home)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def locate(self, path: str) -> Iterator[Spot]:
        """Find what `path` leads to; see `walk.locate`."""
        with self.home_fd() as home_fd, locate(home_fd, path, mounts=self._mounts) as spot:
            yield spot

    @contextlib.contextmanager
    def staging(self) -> Iterator[Staging]:
        """Give an empty place for one upload; what was not stored in the end is gone after the block."""
        fd = self._open(self._root / "staging")
        staging = Staging(fd, self._owner)
        try:
            yield staging
        finally:
            staging.discard()
            os.close(fd)

    def store(self, staging: Staging, targets: Sequence[str]) -> None:
        """Move every staged file to its target, in order; either all of them or none (UP-11).

        Raises OutsideWorkspace, InvalidPath, MountedFolder, WorkspaceFull before anything is replaced.
        """
        with self._lock, self.home_fd() as home_fd:
            _check_targets(home_fd, targets, self._mounts)
            for index, target in enumerate(targets):
                with locate(
                    home_fd, target, make_directories=self._owner, mounts=self._mounts, refuse_mounts=True
                ) as spot:
                    staging.move(index, spot)

    def make_directory(self, path: str) -> None:
        """Make a directory, and those above it; one that is there stays as it is."""
        inner = "/".join((*paths.components(path), "_"))
        with self.home_fd() as home_fd, locate(home_fd, inner, make_directories=self._owner):
            pass

    def delete(self, targets: Sequence[str], *, recursive: bool) -> None:
        """Delete files, and directories where `recursive`; nothing where one of them is not there or not to be deleted.

        Raises PathNotFound, OutsideWorkspace, InvalidPath.
        """
        with self._lock, self.home_fd() as home_fd:
            for target in targets:
                with _entry(home_fd, target) as spot:
                    _check_deletable(target, spot, recursive=recursive)
            for target in targets:
                with contextlib.suppress(PathNotFound), _entry(home_fd, target) as spot:  # twice in the list is fine
                    self._discard(target, spot)

    def _discard(self, target: str, spot: Spot) -> None:
        """Move it out of its programs' reach first: what they do with it meanwhile is then of no matter."""
        away = self._root / "staging" / f"deleted-{secrets.token_hex(8)}"
        try:
            os.rename(spot.name, away, src_dir_fd=spot.parent_fd)
        except FileNotFoundError as error:
            raise PathNotFound(target) from error
        except OSError as error:
            raise InvalidPath(target, f"it cannot be deleted: {os.strerror(error.errno or 0)}") from error
        if stat.S_ISDIR(away.lstat().st_mode):
            remove_tree(away)
        else:
            away.unlink()

    def remove(self) -> None:
        """Delete everything (UP-12); the session's processes must be dead. Idempotent.

        What a hostile program left may take long to delete: then the rest is done in the background.
        """
        with self._lock:
            self._removed = True
            remover = threading.Thread(target=self._remove_all, name="workspace-removal")
            remover.start()
        remover.join(_REMOVAL_WAIT_S)

    def _remove_all(self) -> None:
        with contextlib.suppress(OSError):  # the end of the server removes it at the same time
            remove_tree(self._root)

    def _open(self, path: Path) -> int:
        try:
            fd = os.open(path, DIRECTORY)
        except FileNotFoundError:
            raise SessionEnded from None
        except PermissionError as error:
            raise InvalidPath(paths.HOME, "its modes forbid reading it; a program changed them") from error
        if self._removed:
            os.close(fd)
            raise SessionEnded
        return fd


@contextlib.contextmanager
def _entry(home_fd: int, target: str) -> Iterator[Spot]:
    """Find what is to be deleted: a link itself, not what it leads to. Raises PathNotFound, InvalidPath for home."""
    *above, name = paths.file_components(target)
    with locate(home_fd, "/".join(above)) as parent:
        if not parent.is_directory:
            raise PathNotFound(target)
        fd = os.open(parent.name, DIRECTORY, dir_fd=parent.parent_fd)
        try:
            yield Spot(fd, name, os.stat(name, dir_fd=fd, follow_symlinks=False))
        except FileNotFoundError:
            raise PathNotFound(target) from None
        finally:
            os.close(fd)


def _check_deletable(target: str, spot: Spot, *, recursive: bool) -> None:
    if spot.is_directory and not recursive:
        raise InvalidPath(target, "it is a directory; send recursive: true to delete it with all that it holds")


def _check_targets(home_fd: int, targets: Sequence[str], mounts: Mounts) -> None:
    """Refuse, before anything is touched, what could not be stored."""
    files = {paths.file_components(target) for target in targets}
    for target in targets:
        names = paths.file_components(target)
        if any(names[:depth] in files for depth in range(1, len(names))):
            raise InvalidPath(target, "another file of this upload is where it needs a directory")
        with contextlib.ExitStack() as stack:
            spot = _existing(stack, home_fd, target, mounts)
            if spot is not None and spot.is_directory:
                raise InvalidPath(target, "a directory of that name is in the way")


def _existing(stack: contextlib.ExitStack, home_fd: int, target: str, mounts: Mounts) -> Spot | None:
    """Find the target; None where even its directory is not there yet."""
    try:
        return stack.enter_context(locate(home_fd, target, mounts=mounts, refuse_mounts=True))
    except PathNotFound:
        return None
