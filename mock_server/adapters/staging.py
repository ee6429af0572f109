"""Where the files of one upload wait until all of them are there, and how each then takes its place."""

import contextlib
import ctypes
import errno
import os
import stat
import threading
from collections.abc import Iterator
from typing import Final

from mock_server.adapters.walk import Owner, Spot
from mock_server.domain.errors import InvalidPath, WorkspaceFull
from mock_server.domain.runs import SessionEnded

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_EXCHANGE: Final = 2  # linux/fs.h
_NOT_OFFERED: Final = (errno.ENOSYS, errno.EINVAL)  # by the kernel, by the file system


class Staging:
    """The files of one upload before they are stored, numbered in the order they came."""

    def __init__(self, directory_fd: int, owner: Owner) -> None:
        self._fd = directory_fd
        self._owner = owner
        self._names: list[str] = []
        self.size_bytes = 0  # of all files together

    @contextlib.contextmanager
    def new_file(self) -> Iterator[int]:
        """Open the next file for writing; mode 0644, the session's own (UP-16)."""
        name = f"{threading.get_ident()}-{len(self._names)}"
        try:
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=self._fd)
        except FileNotFoundError:
            raise SessionEnded from None
        except OSError as error:
            raise WorkspaceFull from error
        self._names.append(name)
        try:
            yield fd
            os.fchmod(fd, 0o644)
            self._owner.own(fd)
            self.size_bytes += os.fstat(fd).st_size
        finally:
            os.close(fd)

    def move(self, index: int, spot: Spot) -> None:
        """Put the file in its place, over whatever file is there (UP-03). Raises InvalidPath."""
        name = self._names[index]
        try:
            if spot.info is None or not self._exchange(name, spot):
                os.rename(name, spot.name, src_dir_fd=self._fd, dst_dir_fd=spot.parent_fd)
        except IsADirectoryError as error:
            raise InvalidPath(spot.name, "a directory of that name is in the way") from error
        except OSError as error:  # a program moved the directory away just now
            raise InvalidPath(spot.name, f"it cannot be stored: {os.strerror(error.errno or 0)}") from error

    def discard(self) -> None:
        """Delete what is still here, and what was replaced."""
        for name in self._names:
            with contextlib.suppress(OSError):  # it was moved to where nothing was
                os.unlink(name, dir_fd=self._fd)

    def _exchange(self, name: str, spot: Spot) -> bool:
        """Let the file and the one in its place change places; return whether that is possible. Raises OSError.

        A file system such as ext4 begins to write a file to the disk when it is renamed over another, which takes it
        longer than all the rest of an upload: what is exchanged, and what is then deleted here, it writes in its time.
        """
        if not _rename_exchange(self._fd, name, spot.parent_fd, spot.name):
            return False
        if stat.S_ISDIR(os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mode):  # a program made it just now
            _rename_exchange(self._fd, name, spot.parent_fd, spot.name)
            raise IsADirectoryError
        return True


def _rename_exchange(from_fd: int, name: str, to_fd: int, other: str) -> bool:
    """Exchange two directory entries in one step; return whether they were there and can be. Raises OSError."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # a libc that does not know it
        return False
    if rename(from_fd, os.fsencode(name), to_fd, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_OFFERED or number == errno.ENOENT:
        return False
    raise OSError(number, os.strerror(number))
