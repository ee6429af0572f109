"""Deletes a tree that a hostile program made: any depth, any modes, links never followed.

`shutil.rmtree` recurses and holds a descriptor for each level, so a few thousand nested directories stop it. Here
one directory is open at a time; the way back up is by `..`, and where that leads elsewhere than it came from, because
a program moved the directory meanwhile, the work begins anew at the top.
"""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mock_server.adapters.walk import DIRECTORY

_ATTEMPTS_MAX: Final = 100
_OWN: Final = 0o700  # what it takes to empty a directory
_Identity = tuple[int, int]


class _MovedError(Exception):
    """A program moved a directory that was being emptied."""


@dataclass
class _Level:
    """A directory on the way down: what it is, and which directories in it were not emptied yet."""

    identity: _Identity
    left: list[str]


def remove_tree(root: Path) -> None:
    """Delete the directory and everything in it; missing is fine. Raises OSError where it cannot be deleted."""
    with contextlib.suppress(FileNotFoundError):
        parent_fd = os.open(root.parent, DIRECTORY)
        try:
            for _ in range(_ATTEMPTS_MAX):
                with contextlib.suppress(_MovedError):
                    _empty(parent_fd, root.name)
                    break
            os.rmdir(root.name, dir_fd=parent_fd)
        finally:
            os.close(parent_fd)


def _empty(parent_fd: int, name: str) -> None:
    """Delete what is in a directory, deepest first."""
    fd = _open(parent_fd, name)
    try:
        way = [_Level(_identity(fd), _unlink_files(fd))]
        while way:
            here = way[-1]
            if here.left:
                fd = _step(fd, here.left[-1])
                way.append(_Level(_identity(fd), _unlink_files(fd)))
                continue
            way.pop()
            if way:
                fd = _step(fd, "..")
                if _identity(fd) != way[-1].identity:
                    raise _MovedError
                _rmdir(fd, way[-1].left.pop())
    finally:
        os.close(fd)


def _step(fd: int, name: str) -> int:
    """Go from an open directory to another, and close it. Raises _MovedError where there is none any more."""
    try:
        opened = _open(fd, name)
    except (FileNotFoundError, NotADirectoryError):
        raise _MovedError from None
    os.close(fd)
    return opened


def _open(parent_fd: int, name: str) -> int:
    """Open a directory that is ours, though its modes may keep us out."""
    try:
        fd = os.open(name, DIRECTORY, dir_fd=parent_fd)
    except PermissionError:
        os.chmod(name, _OWN, dir_fd=parent_fd)
        fd = os.open(name, DIRECTORY, dir_fd=parent_fd)
    if os.fstat(fd).st_mode & _OWN != _OWN:
        os.fchmod(fd, _OWN)
    return fd


def _identity(fd: int) -> _Identity:
    info = os.fstat(fd)
    return info.st_dev, info.st_ino


def _unlink_files(fd: int) -> list[str]:
    """Delete all but the directories, whose names are returned."""
    folders: list[str] = []
    with os.scandir(fd) as scan:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
    for name, is_folder in entries:
        if is_folder or not _unlink(fd, name):
            folders.append(name)
    return folders


def _unlink(fd: int, name: str) -> bool:
    """Delete a file; False when it is a directory now."""
    try:
        os.unlink(name, dir_fd=fd)
    except FileNotFoundError:
        pass
    except OSError:
        if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            return False
        raise
    return True


def _rmdir(fd: int, name: str) -> None:
    try:
        os.rmdir(name, dir_fd=fd)
    except FileNotFoundError:
        pass
    except OSError as error:  # a program put something else there
        raise _MovedError from error
