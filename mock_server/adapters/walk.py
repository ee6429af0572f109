"""Walks a workspace by directory descriptors, one name at a time, so that nothing leads out of it (UP-06).

Programs of the session own the tree and may swap directories for links at any moment. Every step is therefore one
`openat` that refuses links; links are read and followed here, within the workspace, and `..` steps back to a
descriptor that is still held: it is never asked of the kernel.

Mounted folders (SE-10) are elsewhere on the host; a walk enters them where programs see them, directly below home.
"""

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mock_server.domain import paths
from mock_server.domain.errors import InvalidPath, OutsideWorkspace, PathNotFound, WorkspaceFull
from mock_server.domain.folders import MountedFolder

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS: Final = 40  # Linux's own bound

Mounts = Mapping[str, Path]  # directories on the host by the names they have directly below home
NO_MOUNTS: Final[Mounts] = MappingProxyType({})


@dataclass(frozen=True)
class Spot:
    """A place in the tree: `name` within the directory `parent_fd`; `info` is None where nothing is there.

    Never a symbolic link, unless a program put one there since. The home directory itself, and a mounted folder, is
    "." in its own fd. `mounts` are those that programs see in the directory.
    """

    parent_fd: int
    name: str
    info: os.stat_result | None
    mounts: Mounts = field(default_factory=lambda: NO_MOUNTS)

    @property
    def is_directory(self) -> bool:
        """Whether a directory is there."""
        return self.info is not None and stat.S_ISDIR(self.info.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether a regular file is there."""
        return self.info is not None and stat.S_ISREG(self.info.st_mode)


@contextlib.contextmanager
def locate(
    home_fd: int,
    path: str,
    *,
    make_directories: "Owner | None" = None,
    mounts: Mounts = NO_MOUNTS,
    refuse_mounts: bool = False,
) -> Iterator[Spot]:
    """Find where `path` leads, links followed; the spot's descriptors are open inside the block.

    Raises OutsideWorkspace, InvalidPath (something that is no directory is in the way), and PathNotFound when a
    directory on the way is missing and `make_directories` is not given. The last name may be missing. With
    `refuse_mounts`, MountedFolder where the path leads to or into a mounted folder (UP-13).
    """
    walk = _Walk(home_fd, path, make_directories, mounts, refuse_mounts=refuse_mounts)
    try:
        yield walk.run(paths.components(path))
    finally:
        walk.close()


@dataclass(frozen=True)
class Owner:
    """Whose the files of a workspace are; None keeps them the server's own."""

    uid: int | None = None
    gid: int | None = None

    def own(self, fd: int) -> None:
        """Hand an open file or directory over."""
        if self.uid is not None and self.gid is not None:
            os.fchown(fd, self.uid, self.gid)


class _Walk:
    """One path being followed: the stack of open directories from home down, and the names still to go."""

    def __init__(self, home_fd: int, path: str, maker: Owner | None, mounts: Mounts, *, refuse_mounts: bool) -> None:
        self._path = path
        self._maker = maker
        self._mounts = mounts
        self._refuse_mounts = refuse_mounts
        self._stack = [os.dup(home_fd)]
        self._todo: deque[str] = deque()
        self._links = 0

    def close(self) -> None:
        for fd in self._stack:
            os.close(fd)
        self._stack.clear()

    def run(self, names: tuple[str, ...]) -> Spot:
        self._todo.extend(names)
        while self._todo:
            name = self._todo.popleft()
            if name == "..":
                self._step_back()
                continue
            if len(self._stack) == 1 and name in self._mounts:
                self._enter_mount(name)
                continue
            info = self._look(name)
            if info is not None and stat.S_ISLNK(info.st_mode):
                self._follow(name)
            elif not self._todo:
                return Spot(self._stack[-1], name, info)
            else:
                self._enter(name, info)
        mounts = self._mounts if len(self._stack) == 1 else NO_MOUNTS
        return Spot(self._stack[-1], ".", os.fstat(self._stack[-1]), mounts)

    def _enter_mount(self, name: str) -> None:
        if self._refuse_mounts:
            raise MountedFolder(self._path)
        try:
            self._stack.append(os.open(self._mounts[name], DIRECTORY))
        except OSError as error:
            raise _in_the_way(self._path, name, error) from error

    def _look(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._stack[-1], follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _in_the_way(self._path, name, error) from error

    def _step_back(self) -> None:
        if len(self._stack) == 1:
            raise OutsideWorkspace(self._path)
        os.close(self._stack.pop())

    def _follow(self, name: str) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise InvalidPath(self._path, "too many symbolic links lie on the way")
        try:
            target = os.readlink(name, dir_fd=self._stack[-1])
        except OSError as error:  # a program changed it just now
            raise PathNotFound(self._path) from error
        names = paths.link_components(target)
        if names is None:
            raise OutsideWorkspace(self._path)
        if target.startswith("/"):
            while len(self._stack) > 1:
                self._step_back()
        self._todo.extendleft(reversed(names))

    def _enter(self, name: str, info: os.stat_result | None) -> None:
        if info is None:
            if self._maker is None:
                raise PathNotFound(self._path)
            self._make(name)
        try:
            fd = os.open(name, DIRECTORY, dir_fd=self._stack[-1])
        except OSError as error:
            raise _in_the_way(self._path, name, error) from error
        self._stack.append(fd)
        if info is None and self._maker is not None:
            self._maker.own(fd)
            os.fchmod(fd, 0o755)

    def _make(self, name: str) -> None:
        try:
            os.mkdir(name, 0o755, dir_fd=self._stack[-1])
        except FileExistsError:
            pass  # a program made it just now; opening it will tell what it is
        except OSError as error:
            raise _in_the_way(self._path, name, error) from error


def _in_the_way(path: str, name: str, error: OSError) -> Exception:
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return InvalidPath(path, f"{name!r} on the way is not a directory")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkspaceFull()
    if error.errno == errno.ENOENT:
        return PathNotFound(path)
    return InvalidPath(path, f"{name!r} cannot be used: {os.strerror(error.errno or 0)}")
