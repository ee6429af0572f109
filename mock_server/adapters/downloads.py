"""Downloads (DL): every requested path opened and checked before the first byte, then one tar a part, streamed."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from mock_server.adapters import archives
from mock_server.adapters.walk import DIRECTORY, Mounts, Spot
from mock_server.adapters.workspaces import Workspace
from mock_server.domain import paths
from mock_server.domain.errors import InvalidPath, PathNotFound

_HOME_MEMBER: Final = "work"
_GATHER_BYTES: Final = 131072


@dataclass(frozen=True)
class _File:
    """A regular file, open: its archive's length is known."""

    fd: int
    member: str

    def archive(self) -> tuple[int | None, Iterator[bytes]]:
        header, size_bytes = archives.file_member(self.fd, self.member)
        return archives.archived_size(header, size_bytes), self._stream(header, size_bytes)

    def _stream(self, header: bytes, size_bytes: int) -> Iterator[bytes]:
        yield header
        yield from archives.file_content(self.fd, size_bytes)
        yield archives.END


@dataclass(frozen=True)
class _Tree:
    """A directory, open."""

    fd: int
    member: str
    mounts: Mounts

    def archive(self) -> tuple[int | None, Iterator[bytes]]:
        return None, self._stream()

    def _stream(self) -> Iterator[bytes]:
        yield from archives.tree(self.fd, self.member, self.mounts)
        yield archives.END


class Download:
    """An answer being made; close it in any case. `length_bytes` is None where a directory is among the paths."""

    def __init__(self, workspace: Workspace, requested: Sequence[str]) -> None:
        """Open all paths. Raises PathNotFound, OutsideWorkspace, InvalidPath."""
        self._opened = contextlib.ExitStack()
        self._boundary = secrets.token_hex(16)
        try:
            self._items = [self._open(workspace, path) for path in requested]
        except BaseException:
            self._opened.close()
            raise
        self._archives = [item.archive() for item in self._items]

    @property
    def content_type(self) -> str:
        """The multipart type with its boundary."""
        return f"multipart/mixed; boundary={self._boundary}"

    @property
    def length_bytes(self) -> int | None:
        """The body's length."""
        total = len(self._closing())
        for index, (size_bytes, _) in enumerate(self._archives):
            if size_bytes is None:
                return None
            total += len(self._head(index)) + size_bytes
        return total

    def __iter__(self) -> Iterator[bytes]:
        """Give the body in pieces worth a write."""
        return _gathered(self._pieces())

    def close(self) -> None:
        """Close what is open. Idempotent."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pieces(self) -> Iterator[bytes]:
        for index, (_, archive) in enumerate(self._archives):
            yield self._head(index)
            yield from archive
        yield self._closing()

    def _head(self, index: int) -> bytes:
        """Boundary and part headers: `Content-` ones only, the older clients know no others."""
        start = "\r\n" if index else ""
        return (
            f"{start}--{self._boundary}\r\nContent-Type: application/x-tar\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        ).encode()

    def _closing(self) -> bytes:
        return f"\r\n--{self._boundary}--\r\n".encode()

    def _open(self, workspace: Workspace, path: str) -> _File | _Tree:
        names = paths.components(path)
        member = names[-1] if names else _HOME_MEMBER
        with workspace.locate(path) as spot:
            if spot.info is None:
                raise PathNotFound(path)
            if not (spot.is_directory or spot.is_file):
                raise InvalidPath(path, "it is neither a file nor a directory")
            return self._open_spot(spot, path, member)

    def _open_spot(self, spot: Spot, path: str, member: str) -> _File | _Tree:
        try:
            if spot.is_directory:
                fd = os.open(spot.name, DIRECTORY, dir_fd=spot.parent_fd)
            else:
                fd = archives.open_file(spot.parent_fd, spot.name)
        except PermissionError as error:
            raise InvalidPath(path, "its modes forbid reading it") from error
        except OSError as error:  # a program changed it just now
            raise PathNotFound(path) from error
        self._opened.callback(os.close, fd)
        return _Tree(fd, member, spot.mounts) if spot.is_directory else _File(fd, member)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces, so that a tree of many files does not cost a write for each header and block."""
    held: list[bytes] = []
    size_bytes = 0
    for piece in pieces:
        held.append(piece)
        size_bytes += len(piece)
        if size_bytes >= _GATHER_BYTES:
            yield b"".join(held)
            held, size_bytes = [], 0
    yield b"".join(held)
