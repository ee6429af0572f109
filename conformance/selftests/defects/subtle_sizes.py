"""Servers whose uploads go wrong only with odd sizes, numbers and contents (UP-07 to UP-14)."""

from __future__ import annotations

import gzip
import re
import shutil
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .odd import OddNames
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

Files = list[tuple[str, bytes]]


# -- UP-07 to UP-12


@defect("UP-07")
class NamesCountAsContent(Behaviour):
    """A file's name counts towards its size."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        if len(content) <= self.max_file_bytes < len(content) + len(name):
            raise Problem(400, "File too large")
        return super().admit_content(name, content)


class OddSizes(Behaviour):
    """A server that measures files in a way of its own."""

    def size_of(self, content: bytes) -> int:
        return len(content)

    def admit_content(self, name: str, content: bytes) -> bytes:
        return content if self.size_of(content) <= self.max_file_bytes else super().admit_content(name, content)


@defect("UP-08")
class SizesAreInCharacters(OddSizes):
    """The limit counts characters, not bytes."""

    def size_of(self, content: bytes) -> int:
        return len(content.decode("utf-8", "ignore")) if not content.isascii() else len(content)


@defect("UP-08")
class BlanksAtTheEndAreNotCounted(OddSizes):
    """Blanks and line ends at a file's end do not count."""

    def size_of(self, content: bytes) -> int:
        return len(content.rstrip())


@defect("UP-09", also=("UP-01",))
class FilesAreCountedPerSession(Behaviour):
    """The limit of files is one of the whole session, three times as large."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        self.turn(f"stored in {session.home}")

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, places)
        if self.counts[f"stored in {session.home}"] + len(places) > 3 * self.max_files - 1:
            raise Problem(400, "Too many files")


@defect("UP-09")
class FoldersCountAsFiles(Behaviour):
    """New directories count towards the limit of files."""

    def admit_files(self, files: Files) -> Files:
        folders = {name.rpartition("/")[0] for name, _ in files} - {""}
        if len(files) > 1 and len(files) + len(folders) > self.max_files + 1:
            raise Problem(400, "Too many files")
        return super().admit_files(files)


@defect("UP-10")
class EmptyFilesDoNotCount(Behaviour):
    """Empty files do not count towards the limit."""

    def admit_files(self, files: Files) -> Files:
        full = super().admit_files([one for one in files if one[1]])
        return [*full, *(one for one in files if not one[1])]


@defect("UP-10")
class FilesInFoldersDoNotCount(Behaviour):
    """Files in directories do not count towards the limit."""

    def admit_files(self, files: Files) -> Files:
        return [
            *super().admit_files([one for one in files if "/" not in one[0]]),
            *(one for one in files if "/" in one[0]),
        ]


@defect("UP-11")
class FoldersOfRefusedUploadsStay(Behaviour):
    """The directories of a refused upload are made all the same."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        for name, _ in self.read_files(request):
            if "/" in name and not name.startswith("/") and ".." not in name:
                self.make_directories(session, session.home / name.rpartition("/")[0])
        return super().upload(request, owner, identifier)


@defect("UP-12")
class HomesAreUsedAgain(Behaviour):
    """A session finds the subdirectories of the one that terminated before it."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.left = self.root / "left"

    def destroy(self, session: Session) -> None:
        shutil.rmtree(self.left, ignore_errors=True)
        shutil.copytree(session.home, self.left, symlinks=True)
        super().destroy(session)

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, mounts)
        for folder in self.left.iterdir() if self.left.is_dir() else ():
            if folder.is_dir() and name in self.counts:
                shutil.copytree(folder, session.home / folder.name, symlinks=True)
        self.turn(name)
        return session


# -- UP-14


class OddContent(Behaviour):
    """A server that changes what is in files."""

    def odd(self, content: bytes) -> bytes:
        return content

    def admit_content(self, name: str, content: bytes) -> bytes:
        return self.odd(super().admit_content(name, content))


@defect("UP-14", also=("DL-03",))
class ArchivesAreUnpacked(OddContent):
    """A gzip file is unpacked."""

    def odd(self, content: bytes) -> bytes:
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


@defect("UP-14", also=("DL-03",))
class LoneReturnsAreLost(OddContent):
    """A carriage return at a file's end is taken for a part of the boundary."""

    def odd(self, content: bytes) -> bytes:
        return content.removesuffix(b"\r")


@defect("UP-14")
class WholeBlocksLoseAByte(OddContent):
    """A file of exactly 64 KiB loses its last byte."""

    def odd(self, content: bytes) -> bytes:
        return content[:-1] if len(content) == 65_536 else content  # noqa: PLR2004  - a buffer's size


@defect("UP-14")
class NamesAreComposed(OddNames):
    """Names are normalized to composed characters."""

    def odd(self, name: str) -> str:
        return unicodedata.normalize("NFC", name)


@defect("UP-14")
class NamesAreCompatible(OddNames):
    """Names are normalized to compatible characters."""

    def odd(self, name: str) -> str:
        return unicodedata.normalize("NFKC", name) if unicodedata.normalize("NFC", name) == name else name


@defect("UP-14")
class SpacesAreCollapsed(OddNames):
    """Several spaces in a row become one."""

    def odd(self, name: str) -> str:
        return re.sub(" +", " ", name)


@defect("UP-14")
class EmojiAreDropped(OddNames):
    """Characters beyond the basic plane are dropped from names."""

    def odd(self, name: str) -> str:
        return "".join(one for one in name if one <= "\uffff") or name
