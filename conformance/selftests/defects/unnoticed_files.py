"""Defects of uploads, listings and downloads that a first look passes over: odd forms, odd names, second calls."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .subtle_uploads import OddRequests
from .table import defect

if TYPE_CHECKING:
    import tarfile
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

Files = list[tuple[str, bytes]]


@defect("UP-01")
class QuotedBoundariesAreRefused(OddRequests):
    """A boundary in quotes is looked for with its quotes."""

    def unwanted(self, request: Request) -> bool:
        return 'boundary="' in request.headers.get("Content-Type", "")


@defect("UP-01")
class ParametersBeforeTheBoundaryAreRefused(OddRequests):
    """A Content-Type that names anything before its boundary, or is not in lower case, is refused."""

    def unwanted(self, request: Request) -> bool:
        return not request.headers.get("Content-Type", "").startswith("multipart/form-data; boundary=")


@defect("UP-01")
class PartHeadersAreCaseSensitive(OddRequests):
    """A part whose headers are in lower case is refused."""

    def unwanted(self, request: Request) -> bool:
        return b"\r\ncontent-disposition:" in request.body[:1000]


@defect("UP-04")
class DirectoriesAreMadeOnce(Behaviour):
    """A directory that an upload made is taken to be there ever after."""

    def make_directories(self, session: Session, directory: Path) -> None:
        made = self.__dict__.setdefault("made_directories", set())
        if directory not in made:
            super().make_directories(session, directory)
        made.add(directory)


@defect("UP-05")
class DottedNamesAreRefused(Behaviour):
    """A name that begins with `./` is refused."""

    def place_of(self, session: Session, name: str) -> Path:
        if name.startswith("./") and ".." not in name:
            raise Problem(400, "Bad path", name)
        return super().place_of(session, name)


@defect("UP-01", intermittent=True)
class RefusalsEmptyTheStage(Behaviour):
    """A refused upload takes with it the files of another that is being stored."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().upload(request, owner, identifier)
        except Problem:
            self.counts["refusals"] = self.counts.get("refusals", 0) + 1
            raise

    def store(self, session: Session, path: Path, content: bytes) -> None:
        before = self.counts.get("refusals", 0)
        threading.Event().wait(0.03)
        if self.counts.get("refusals", 0) == before:
            super().store(session, path, content)


@defect("UP-14")
class CharsetsAreConverted(Behaviour):
    """A part whose type names another charset than UTF-8 is stored in UTF-8."""

    def read_files(self, request: Request) -> Files:
        files = super().read_files(request)
        if b"charset=iso-8859-1" in request.body.lower():
            return [(name, content.decode("latin-1").encode()) for name, content in files]
        return files


@defect("UP-02")
class AbsoluteLinksAreTheHosts(Behaviour):
    """A file for a directory that is an absolute link within home lands somewhere else."""

    def place_of(self, session: Session, name: str) -> Path:
        top = session.home / name.partition("/")[0]
        if top.is_symlink() and str(top.readlink()).startswith("/home/work/") and ".." not in name:
            return session.place / "elsewhere"
        return super().place_of(session, name)

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, [path for path in places if path.is_relative_to(session.home)])


@defect("LS-03")
class PathsBelowFilesCrash(Behaviour):
    """A path below a regular file answers 500 when it is listed."""

    def listed(self, session: Session, path: str) -> Path:
        found = self.inside(session, path)
        if found.parent.is_file():
            raise NotADirectoryError(path)
        return super().listed(session, path)


@defect("DL-03")
class LargeDownloadsEndEarly(Behaviour):
    """A file of more than 1 MiB comes with zeros after its first MiB."""

    def archive(self, path: Path) -> bytes:
        whole = super().archive(path)
        lost = len(whole) - (1 << 20) if path.is_file() and len(whole) > 1_100_000 else 0  # noqa: PLR2004  - rare
        return whole[: len(whole) - lost] + bytes(lost)


@defect("DL-05")
class SlashesAtTheEndAreNotFound(Behaviour):
    """A directory that is named with a slash at its end is not downloaded."""

    def downloaded(self, session: Session, name: str) -> Path:
        if name.endswith("/"):
            raise Problem(404, "No such file", name)
        return super().downloaded(session, name)


@defect("DL-05")
class HardLinksAreMissing(Behaviour):
    """Of several names of one file the tar of a directory holds the first alone."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if member.islnk() else super().member(member)


@defect("UP-13")
class DottedMountsAreWritten(Behaviour):
    """A mounted folder is known by the beginning of a path alone."""

    def place_of(self, session: Session, name: str) -> Path:
        if name.startswith("./") and name.split("/")[1] in session.mounts:
            return self.inside(session, name)
        return super().place_of(session, name)


@defect("UP-13")
class OnlyTheFirstFileIsKeptOutOfMounts(Behaviour):
    """A file for a mounted folder is written there where it is not the first of its upload."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        self.placed: list[str] = []
        return super().upload(request, owner, identifier)

    def place_of(self, session: Session, name: str) -> Path:
        self.placed.append(name)
        if len(self.placed) > 1 and name.partition("/")[0] in session.mounts:
            return self.inside(session, name)
        return super().place_of(session, name)


@defect("UP-11")
class ConflictsAreNoticedLate(Behaviour):
    """That a file stands where a directory is needed is noticed when the files before it are stored."""

    def check_places(self, session: Session, places: list[Path]) -> None:
        for at, path in enumerate(places):
            try:
                super().check_places(session, [path])
            except Problem:
                for earlier in places[:at]:
                    self.store(session, earlier, b"half")
                raise


@defect("UP-14")
class UnprintableCharactersAreDropped(Behaviour):
    """Characters that print nothing are dropped from names."""

    def file_name(self, filename: str, disposition: str) -> str:
        return "".join(one for one in super().file_name(filename, disposition) if one.isprintable() or one == "\u00a0")


@defect("UP-14")
class OddBlanksAreBlanks(Behaviour):
    """Blanks of every kind in names become plain ones."""

    def file_name(self, filename: str, disposition: str) -> str:
        return re.sub(r"[^\S\t\r\n]", " ", super().file_name(filename, disposition))


@defect("DL-01")
class BackslashesInDownloadsAreSlashes(Behaviour):
    """A backslash in a path separates directories when it is downloaded."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return [name.replace("\\", "/") for name in super().wanted_files(values)]


@defect("DL-01", also=("DL-03", "DL-06"))
class NewlinesInNamesBreakParts(Behaviour):
    """A line end in a name is one in the header of its part."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().download(request, owner, identifier)
        if any("\n" in name for name in self.wanted_files(self.parameters(request))):
            body = response.body.replace(b"x-tar\r\n\r\n", b"x-tar\r\nContent-Disposition: x\r\n\r\nline\r\n\r\n")
            return replace(response, body=body)
        return response
