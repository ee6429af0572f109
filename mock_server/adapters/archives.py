"""Writes plain tar archives of files and trees as a stream, from a workspace whose programs may be at work (DL).

Everything is opened by directory descriptor without following links, and without waiting for a FIFO's other end.
A file is announced with the size it had when it was opened: what grows since is cut there, what shrinks is filled up
with zeros, so the archive stays whole. Special files are left out, and so are links that would lead out of the
place the archive is unpacked in.
"""

import contextlib
import os
import stat
import tarfile
from collections.abc import Container, Iterator
from typing import Final

from mock_server.adapters.walk import DIRECTORY, NO_MOUNTS, Mounts

_BLOCK_BYTES: Final = 512
_READ_BYTES: Final = 262144
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
END: Final = bytes(2 * _BLOCK_BYTES)
MAX_DEPTH: Final = 200  # ours: a descriptor is held for each level


def open_file(parent_fd: int, name: str) -> int:
    """Open a regular file for reading; `OSError` for anything else that is there."""
    fd = os.open(name, _FILE, dir_fd=parent_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(name)
    return fd


def file_member(fd: int, member: str) -> tuple[bytes, int]:
    """Return the header of an open file, and how many bytes of content follow it in the archive, padding included."""
    info = os.fstat(fd)
    header = _header(member, info, tarfile.REGTYPE, size_bytes=info.st_size)
    return header, info.st_size


def file_bytes(fd: int, size_bytes: int) -> Iterator[bytes]:
    """Give exactly so many bytes of a file, zeros where it has shrunk."""
    left_bytes = size_bytes
    while left_bytes > 0 and (data := os.read(fd, min(left_bytes, _READ_BYTES))):
        left_bytes -= len(data)
        yield data
    while left_bytes > 0:
        yield bytes(min(left_bytes, _READ_BYTES))
        left_bytes -= min(left_bytes, _READ_BYTES)


def file_content(fd: int, size_bytes: int) -> Iterator[bytes]:
    """Give a file as an archive holds it: its bytes, and the padding to a whole block."""
    yield from file_bytes(fd, size_bytes)
    if padding := -size_bytes % _BLOCK_BYTES:
        yield bytes(padding)


def archived_size(header: bytes, size_bytes: int) -> int:
    """How long the archive of one file is."""
    return len(header) + size_bytes + -size_bytes % _BLOCK_BYTES + len(END)


def tree(directory_fd: int, member: str, mounts: Mounts = NO_MOUNTS) -> Iterator[bytes]:
    """Give the members of a whole tree, without the end of the archive; `directory_fd` stays the caller's.

    `mounts` are the folders that programs see directly in the directory.
    """
    yield _header(member, os.fstat(directory_fd), tarfile.DIRTYPE)
    yield from _children(directory_fd, member, 1, mounts)
    for name, path in sorted(mounts.items()):
        with contextlib.suppress(OSError), _opened(os.open(path, DIRECTORY)) as fd:
            yield _header(f"{member}/{name}", os.fstat(fd), tarfile.DIRTYPE)
            yield from _children(fd, f"{member}/{name}", 2)


def _children(directory_fd: int, member: str, depth: int, but: Container[str] = ()) -> Iterator[bytes]:
    if depth > MAX_DEPTH:
        return
    for name in sorted(os.listdir(directory_fd)):
        if name in but:
            continue
        with contextlib.suppress(OSError):  # deleted, replaced or closed by its modes since: left out
            yield from _child(directory_fd, name, f"{member}/{name}", depth)


def _child(parent_fd: int, name: str, member: str, depth: int) -> Iterator[bytes]:
    info = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    if stat.S_ISDIR(info.st_mode):
        with _opened(os.open(name, DIRECTORY, dir_fd=parent_fd)) as fd:
            yield _header(member, info, tarfile.DIRTYPE)
            yield from _children(fd, member, depth + 1)
    elif stat.S_ISREG(info.st_mode):
        with _opened(open_file(parent_fd, name)) as fd:
            header, size_bytes = file_member(fd, member)
            yield header
            yield from file_content(fd, size_bytes)
    elif stat.S_ISLNK(info.st_mode):
        target = os.readlink(name, dir_fd=parent_fd)
        if stays_inside(member, target):
            yield _header(member, info, tarfile.SYMTYPE, target=target)


def stays_inside(member: str, target: str) -> bool:
    """Whether a link's text, read from where the member is unpacked, never leads out of the unpacking directory."""
    depth = member.count("/")
    if target.startswith("/"):
        return False
    for part in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return True


@contextlib.contextmanager
def _opened(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _header(member: str, info: os.stat_result, kind: bytes, *, size_bytes: int = 0, target: str = "") -> bytes:
    entry = tarfile.TarInfo(member)
    entry.type = kind
    entry.size = size_bytes
    entry.linkname = target
    entry.mode = stat.S_IMODE(info.st_mode) & 0o777
    entry.mtime = int(info.st_mtime)  # whole seconds: a fraction would cost a header of its own
    entry.uname = entry.gname = "work"
    return entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
