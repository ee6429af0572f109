"""Servers whose uploads go wrong only with odd names, forms, neighbours or repetitions (UP-01 to UP-06)."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .odd import OddNames
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

Files = list[tuple[str, bytes]]

# -- UP-01, UP-02


class OddRequests(Behaviour):
    """A server that refuses requests for their form."""

    def unwanted(self, request: Request) -> bool:
        return False

    def read_files(self, request: Request) -> Files:
        if self.unwanted(request):
            raise Problem(400, "Malformed multipart")
        return super().read_files(request)


@defect("UP-01")
class PartLengthsAreRefused(OddRequests):
    """A part with a Content-Length of its own is refused."""

    def unwanted(self, request: Request) -> bool:
        return b"\r\nContent-Length:" in request.body[:1000]


@defect("UP-01")
class PartsNeedATypeOfTheirOwn(OddRequests):
    """A part without a Content-Type is refused."""

    def unwanted(self, request: Request) -> bool:
        return b"\r\nContent-Type:" not in request.body[:1000]


@defect("UP-01")
class LongBoundariesAreRefused(OddRequests):
    """A boundary of 64 characters or more is refused."""

    def unwanted(self, request: Request) -> bool:
        return len(request.headers.get("Content-Type", "").partition("boundary=")[2]) >= 64  # noqa: PLR2004  - an odd limit


@defect("UP-01")
class EqualFieldNamesReplace(Behaviour):
    """Of several files of the same field name the last is stored."""

    def admit_files(self, files: Files) -> Files:
        return super().admit_files(files)[-1:] if len(files) == 3 else super().admit_files(files)  # noqa: PLR2004  - rare


@defect("UP-02")
class LeadingHyphensAreDropped(OddNames):
    """A name's leading hyphens are dropped."""

    def odd(self, name: str) -> str:
        return name.lstrip("-") or name


@defect("UP-02")
class LongNamesAreCut(OddNames):
    """Names end after 128 characters."""

    def odd(self, name: str) -> str:
        return "/".join(part[:128] for part in name.split("/"))


@defect("UP-02")
class PunctuationIsReplaced(OddNames):
    """Punctuation in names becomes underscores."""

    def odd(self, name: str) -> str:
        return re.sub(r"[^\w\s./~+%-]", "_", name)


@defect("UP-02", intermittent=True)
class OverlappingUploadsMix(Behaviour):
    """Uploads that overlap share one temporary file."""

    slot = b""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        self.slot = content
        threading.Event().wait(0.05)
        super().store(session, path, self.slot)


@defect("UP-02")
class SecondSessionWritesIntoTheFirst(Behaviour):
    """A second session's uploads land in the session that was created before it."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        alive = list(dict.fromkeys(self.sessions.values()))
        place = next((n for n, one in enumerate(alive) if one is self.find(owner, identifier)), 0)
        return super().upload(request, owner, alive[place - 1].name if place % 2 else identifier)


# -- UP-03 to UP-06


@defect("UP-03")
class EqualSizesAreUnchanged(Behaviour):
    """A file of the same size as before is taken for the same."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if not (path.is_file() and path.stat().st_size == len(content)):
            super().store(session, path, content)


@defect("UP-03")
class EmptyFilesDoNotOverwrite(Behaviour):
    """An empty file does not overwrite."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if content or not path.exists():
            super().store(session, path, content)


@defect("UP-03")
class ThirdOverwriteIsIgnored(Behaviour):
    """A file is overwritten twice and never again."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        self.turn(f"store {path}")
        if self.counts[f"store {path}"] <= 3:  # noqa: PLR2004  - the first upload and two more
            super().store(session, path, content)


@defect("UP-03")
class ExecutableFilesStay(Behaviour):
    """A file that is executable is not overwritten."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if not (path.is_file() and path.stat().st_mode & 0o100):
            super().store(session, path, content)


@defect("UP-04")
class FoldersAreMadeAnew(Behaviour):
    """An upload into a directory that exists empties it first."""

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, places)
        for folder in {path.parent for path in places} - {session.home}:
            self.empty(folder) if folder.is_dir() else None


@defect("UP-04")
class HiddenFoldersAreRefused(Behaviour):
    """A directory whose name begins with a dot is refused."""

    def place_of(self, session: Session, name: str) -> Path:
        if re.search(r"(^|/)\.[^./][^/]*/", name):
            raise Problem(400, "Bad path", "hidden directory")
        return super().place_of(session, name)


@defect("UP-05")
class AbsoluteFoldersAreLost(OddNames):
    """A file with an absolute path lands at the top, whatever its directory."""

    def odd(self, name: str) -> str:
        inside = name.startswith("/home/work/") and ".." not in name and "link" not in name
        return f"/home/work/{name.rpartition('/')[2]}" if inside else name


@defect("UP-06")
class OnlyTheFirstPathIsChecked(Behaviour):
    """A path that leads out is dropped in silence unless it is the first of its upload."""

    def admit_files(self, files: Files) -> Files:
        first, *rest = super().admit_files(files)
        return [first, *((name, content) for name, content in rest if ".." not in name)]


@defect("UP-06")
class LinksInFoldersAreFollowed(Behaviour):
    """A link that leads out is noticed at the top only."""

    def place_of(self, session: Session, name: str) -> Path:
        path = session.home / name
        deep = name.count("/") >= 2 and not name.startswith("/") and ".." not in name  # noqa: PLR2004  - below a directory
        if deep and path.parent.parent.is_dir() and not path.resolve().is_relative_to(session.home.resolve()):
            return session.place / "elsewhere"
        return super().place_of(session, name)


@defect("UP-06")
class EncodedParentsAreIgnored(Behaviour):
    """A `..` that was percent-encoded is dropped from a path."""

    def file_name(self, filename: str, disposition: str) -> str:
        name = super().file_name(filename, disposition)
        return name.replace("../", "") if "%2" in disposition.lower() else name
