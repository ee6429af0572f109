"""Downloads taken apart: one tar archive for each requested path. Every archive is hostile."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_MEMBERS: Final = 20_000
MAX_CONTENT_BYTES: Final = 256 * 1024 * 1024  # of all members together: a small archive may unpack to terabytes


class NotTarError(ValueError):
    """A part of a download is not an archive that an ordinary tar reader opens."""


@dataclass(frozen=True)
class Archive:
    """One archive: the contents of its regular files by member name, and the names of everything in it."""

    files: Mapping[str, bytes]
    names: tuple[str, ...]
    links: Mapping[str, str]  # names of symbolic and hard links, with their targets
    compressed: bool

    @property
    def only_file(self) -> bytes | None:
        """The content of the archive's one regular file; None where it holds none, or several."""
        return next(iter(self.files.values())) if len(self.files) == 1 else None

    def unsafe_names(self) -> tuple[str, ...]:
        """Return the member names that are absolute or have a `..` (DL-06)."""
        return tuple(name for name in self.names if name.startswith("/") or ".." in PurePosixPath(name).parts)

    def below(self, folder: str) -> dict[str, bytes]:
        """Return contents by path relative to the downloaded folder, whether members are named with it or without."""
        base = PurePosixPath(folder).name
        return {_relative(name, base): content for name, content in self.files.items()}


def open_archive(content: bytes) -> Archive:
    """Read a tar archive, plain or compressed in a way that tar readers open by themselves; raise NotTarError."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
            return _read(archive, compressed=not _is_plain(content))
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
        raise NotTarError(f"a tar reader cannot open the {len(content):,} bytes: {error}") from error


def _read(archive: tarfile.TarFile, *, compressed: bool) -> Archive:
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    names: list[str] = []
    left_bytes = MAX_CONTENT_BYTES
    for member in _bounded(archive):
        names.append(member.name)
        if member.issym() or member.islnk():
            links[member.name] = member.linkname
        elif member.isreg():
            left_bytes -= member.size
            if left_bytes < 0:
                raise ValueError(f"the archive unpacks to more than {MAX_CONTENT_BYTES:,} bytes")
            stream = archive.extractfile(member)
            files[member.name] = stream.read() if stream else b""
    return Archive(files, tuple(names), links, compressed)


def _bounded(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(archive):
        if number >= MAX_MEMBERS:
            raise ValueError(f"the archive has more than {MAX_MEMBERS:,} members")
        yield member


def _is_plain(content: bytes) -> bool:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:"):
            return True
    except (tarfile.TarError, EOFError, OSError, ValueError):
        return False


def _relative(name: str, base: str) -> str:
    parts = PurePosixPath(name).parts
    return str(PurePosixPath(*parts[1:])) if len(parts) > 1 and parts[0] == base else str(PurePosixPath(name))
