"""Servers that break uploads (UP)."""

from __future__ import annotations

import os
import threading
import unicodedata
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

MIB = 1024 * 1024

# -- UP-01, UP-02


@defect("UP-01")
class UploadIsCreated(Behaviour):
    """An upload answers 201."""

    def uploaded(self) -> Response:
        return Response(201)


@defect("UP-01")
class UploadIsOk(Behaviour):
    """An upload answers 200 with an empty object."""

    def uploaded(self) -> Response:
        return self.json(200, {})


class _OneFieldName(Behaviour):
    """Sees the names of form fields."""

    field = b'name="src"'

    def read_files(self, request: Request) -> list[tuple[str, bytes]]:
        head = request.body[:2000]
        if self.field not in head.replace(b"'", b'"'):
            raise Problem(400, "No file", "no such field")
        return super().read_files(request)


knob("only-field-src", "UP-01", "Only form fields called `src` are files.", base=_OneFieldName)


@defect("UP-01", also=("UP-09",))
class OnlyTheFirstFile(Behaviour):
    """Only the first file of a request is stored."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return super().admit_files(files)[:1]


class _OddNames(Behaviour):
    """A server that changes the names of files."""

    def odd(self, name: str) -> str:
        return name

    def file_name(self, filename: str, disposition: str) -> str:
        return self.odd(super().file_name(filename, disposition))


@defect("UP-02", also=("UP-04",))
class FilesAreFlat(_OddNames):
    """Only the last part of a path is kept."""

    def odd(self, name: str) -> str:
        return name.rpartition("/")[2] if ".." not in name and not name.startswith("/") else name


@defect("UP-02")
class NamesAreLowerCase(_OddNames):
    """Names are stored in lower case."""

    def odd(self, name: str) -> str:
        return name.lower()


@defect("UP-02", also=("UP-12",))
class FilesAreSharedBetweenSessions(Behaviour):
    """Uploads land in every living session."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        for other in list(self.sessions.values()):
            if other is not session:
                super().store(other, other.home / path.relative_to(session.home), content)


@defect("UP-02")
class LeadingDotsAreDropped(_OddNames):
    """A name's leading dot is dropped."""

    def odd(self, name: str) -> str:
        return name.lstrip(".") if not name.startswith("..") and "/" not in name else name


@defect("UP-02", intermittent=True)
class EveryThirdFileIsLost(Behaviour):
    """One file in three is not stored."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if not self.turn("store"):
            super().store(session, path, content)


# -- UP-03, UP-04, UP-05


@defect("UP-03")
class ExistingFilesStay(Behaviour):
    """A file that exists is not overwritten."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if not path.exists():
            super().store(session, path, content)


@defect("UP-03")
class ExistingFilesAreRefused(Behaviour):
    """A file that exists makes the upload fail."""

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, places)
        if any(path.exists() for path in places):
            raise Problem(400, "File exists")


@defect("UP-03")
class OverwritesOnlyWhenLarger(Behaviour):
    """A smaller file does not overwrite a larger one."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if not path.exists() or path.stat().st_size <= len(content):
            super().store(session, path, content)


@defect("UP-03")
class OldTailStays(Behaviour):
    """A shorter file overwrites only the beginning of a longer one."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        old = path.read_bytes() if path.is_file() else b""
        super().store(session, path, content + old[len(content) :])


@defect("UP-03")
class ExistingFilesAreAppendedTo(Behaviour):
    """A file that exists is appended to."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, (path.read_bytes() if path.is_file() else b"") + content)


@defect("UP-03")
class ProgramsFilesStay(Behaviour):
    """A file that a command wrote is not overwritten."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        made: set[Path] = getattr(session, "uploaded", set())
        if path in made or not path.exists():
            super().store(session, path, content)
        session.uploaded = made | {path}  # type: ignore[attr-defined]  # this defect's own note


@defect("UP-04")
class DirectoriesAreNotMade(Behaviour):
    """A file in a directory that does not exist is refused."""

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, places)
        if any(not path.parent.is_dir() for path in places):
            raise Problem(400, "No such directory")


@defect("UP-04")
class OneDirectoryIsMade(Behaviour):
    """Only one level of directories is made."""

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, places)
        if any(not path.parent.parent.is_dir() for path in places):
            raise Problem(400, "No such directory")


@defect("UP-04")
class DeepDirectoriesCrash(Behaviour):
    """Three levels of new directories answer 500."""

    def make_directories(self, session: Session, directory: Path) -> None:
        if len(directory.relative_to(session.home).parts) > 2 and not directory.parent.is_dir():  # noqa: PLR2004  - three levels
            raise FileNotFoundError(directory)
        super().make_directories(session, directory)


@defect("UP-05")
class AbsoluteIsRelative(Behaviour):
    """An absolute name ends up in /home/work/home/work."""

    def place_of(self, session: Session, name: str) -> Path:
        return super().place_of(session, name.lstrip("/") if name.startswith("/home/work") else name)


@defect("UP-05")
class AbsoluteIsRefused(Behaviour):
    """An absolute name is refused."""

    def place_of(self, session: Session, name: str) -> Path:
        if name.startswith("/"):
            raise self.outside(name)
        return super().place_of(session, name)


# -- UP-06


@defect("UP-06")
class OutsideIsTakenAsInside(Behaviour):
    """An absolute path elsewhere is stored below home."""

    def absolute(self, name: str) -> list[str]:
        path = PurePosixPath(name)
        return list(path.relative_to("/").parts) if not path.is_relative_to("/home/work") else super().absolute(name)


@defect("UP-06")
class SiblingPrefixIsInside(Behaviour):
    """/home/worker passes for /home/work."""

    def absolute(self, name: str) -> list[str]:
        if name.startswith("/home/work") and not name.startswith("/home/work/"):
            return name.removeprefix("/home/work").split("/")
        return super().absolute(name)


@defect("UP-06")
class ParentsAreIgnored(Behaviour):
    """`..` at the top stays at the top."""

    def parent(self, done: list[str]) -> list[str]:
        return done[:-1]


@defect("UP-06")
class OnlyLeadingParentsAreRefused(Behaviour):
    """`../x` is refused, `a/../../x` is taken."""

    def below_home(self, name: str) -> list[str]:
        parts = super().below_home(name)
        if parts[0] == "..":
            raise self.outside(name)
        return parts

    def parent(self, done: list[str]) -> list[str]:
        return done[:-1]


@defect("UP-06")
class AbsoluteParentsAreIgnored(Behaviour):
    """`/home/work/../x` is taken."""

    def place_of(self, session: Session, name: str) -> Path:
        if name.startswith("/home/work/.."):
            return super().place_of(session, name.removeprefix("/home/work").replace("/..", "").lstrip("/"))
        return super().place_of(session, name)


@defect("UP-06")
class LinksOutAreFollowed(Behaviour):
    """A link that leads out is followed when a file is uploaded."""

    def place_of(self, session: Session, name: str) -> Path:
        try:
            return super().place_of(session, name)
        except Problem:
            path = session.home / name
            if ".." in name or name.startswith("/") or not path.parent.is_dir():
                raise
            return path


@defect("UP-06", also=("CO-10",))
class OutsideCrashes(Behaviour):
    """A path outside answers 500."""

    def place_of(self, session: Session, name: str) -> Path:
        try:
            return super().place_of(session, name)
        except Problem as problem:
            raise PermissionError(problem.detail) from None


@defect("UP-06", also=("UP-11",))
class OutsideIsSkipped(Behaviour):
    """A file whose path leads out is dropped, and the upload succeeds."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        for name, content in self.admit_files(self.read_files(request)):
            try:
                self.store(session, self.place_of(session, name), content)
            except Problem as problem:
                if problem.title != "Bad path":
                    raise
        return self.uploaded()


# -- UP-07 to UP-11

knob("exactly-one-mib-refused", "UP-07", "A file of exactly 1 MiB is refused.", max_file_bytes=MIB - 1)
knob("megabytes-are-decimal", "UP-07", "The limit is 1,000,000 bytes.", max_file_bytes=1_000_000)
knob("one-byte-more", "UP-08", "A file of 1 MiB and one byte is accepted.", max_file_bytes=MIB + 1)
knob("no-size-limit", "UP-08", "A file of any size is accepted.", max_file_bytes=1 << 60)
knob("too-large-is-413", "UP-08", "A file that is too large answers 413.", too_large_status=413)
knob("two-mib", "UP-08", "The limit is 2 MiB.", max_file_bytes=2 * MIB)
knob("nineteen-files", "UP-09", "The twentieth file is refused.", max_files=19)
knob("twenty-one-files", "UP-10", "The twenty-first file is accepted.", max_files=21)
knob("any-number-of-files", "UP-10", "Any number of files is accepted.", max_files=1000)


@defect("UP-08")
class LargeFilesAreCut(Behaviour):
    """A file that is too large is cut at 1 MiB, and the upload succeeds."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        return super().admit_content(name, content[: self.max_file_bytes])


@defect("UP-08")
class OnlyTheFirstFileIsMeasured(Behaviour):
    """A file that is too large is accepted unless it comes first."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [*super().admit_files(files[:1]), *files[1 : self.max_files + 1]]


@defect("UP-07", also=("UP-09",))
class RequestsAreLimited(Behaviour):
    """The 1 MiB limit counts all files of a request together."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        if len(files) > 1 and sum(len(content) for _, content in files) > self.max_file_bytes:
            raise Problem(400, "File too large")
        return super().admit_files(files)


@defect("UP-10")
class TwentyFirstFileDropped(Behaviour):
    """The files after the twentieth are dropped without a word."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return super().admit_files(files[: self.max_files])


@defect("UP-10")
class TooManyFilesIs413(Behaviour):
    """Too many files answer 413."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        if len(files) > self.max_files:
            raise Problem(413, "Too many files")
        return super().admit_files(files)


@defect("UP-11")
class RefusedUploadsAreHalfKept(Behaviour):
    """The files before the one that is too large are stored."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        files = self.read_files(request)
        if len(files) > self.max_files:
            self.admit_files(files)
        for name, content in files:
            self.store(session, self.place_of(session, name), self.admit_content(name, content))
        return self.uploaded()


@defect("UP-11")
class TooManyAreKept(Behaviour):
    """Twenty of twenty-one files are stored before the refusal."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [(name, self.admit_content(name, content)) for name, content in files]

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)

    def check_places(self, session: Session, places: list[Path]) -> None:
        if len(places) > self.max_files:
            for path in places[: self.max_files]:
                self.store(session, path, b"partial")
            raise Problem(400, "Too many files")
        super().check_places(session, places)


@defect("UP-11")
class RefusedUploadsDelete(Behaviour):
    """A refused upload removes the files that it would have overwritten."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().upload(request, owner, identifier)
        except Problem:
            session = self.find(owner, identifier)
            for name, _ in self.read_files(request):
                path = session.home / name
                if path.resolve().is_relative_to(session.home.resolve()) and path.is_file():
                    path.unlink()
            raise


# -- UP-12, UP-13


@defect("UP-12")
class FilesSurviveTermination(Behaviour):
    """A new session with the same token finds the old one's files."""

    def __init__(self, **knobs: Any) -> None:  # noqa: ANN401  - every knob has its own type
        super().__init__(**knobs)
        self.attic: dict[str, list[tuple[Path, bytes]]] = {}

    def destroy(self, session: Session) -> None:
        kept = [path for path in session.home.rglob("*") if path.is_file() and not path.is_symlink()]
        self.attic[session.name] = [(path.relative_to(session.home), path.read_bytes()) for path in kept]
        super().destroy(session)

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, mounts)
        for path, content in self.attic.get(name, []):
            self.store(session, session.home / path, content)
        return session


@defect("UP-13")
class MountsAreWritten(Behaviour):
    """An upload writes into a mounted folder."""

    def place_of(self, session: Session, name: str) -> Path:
        parts = self.resolve(session, self.below_home(name))
        if parts and parts[0] in session.mounts:
            return self.host_path(session, parts)
        return super().place_of(session, name)


@defect("UP-13")
class MountsAreHidden(Behaviour):
    """An upload to a mounted folder succeeds and is nowhere to be seen."""

    def place_of(self, session: Session, name: str) -> Path:
        try:
            return super().place_of(session, name)
        except Problem as problem:
            if problem.title != "Mounted folder":
                raise
            return session.place / "nowhere"


# -- UP-14


class _OddContent(Behaviour):
    """A server that changes what is in files."""

    def odd(self, content: bytes) -> bytes:
        return content

    def admit_content(self, name: str, content: bytes) -> bytes:
        return self.odd(super().admit_content(name, content))


@defect("UP-14")
class EmptyFilesAreLost(Behaviour):
    """An empty file is not stored."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if content:
            super().store(session, path, content)


@defect("UP-14", also=("DL-03",))
class LineEndsAreTranslated(_OddContent):
    """CR LF becomes LF."""

    def odd(self, content: bytes) -> bytes:
        return content.replace(b"\r\n", b"\n")


@defect("UP-14", also=("DL-03",))
class LastNewlineIsStripped(_OddContent):
    """A newline at the end is stripped."""

    def odd(self, content: bytes) -> bytes:
        return content.removesuffix(b"\n")


@defect("UP-14")
class FinalNewlineIsAdded(_OddContent):
    """A file without a newline at its end gets one."""

    def odd(self, content: bytes) -> bytes:
        return content + b"\n" if content and not content.endswith(b"\n") and len(content) < MIB else content


@defect("UP-14", also=("DL-03",))
class NulEndsAFile(_OddContent):
    """A file ends at its first NUL."""

    def odd(self, content: bytes) -> bytes:
        return content.partition(b"\0")[0]


@defect("UP-14", also=("DL-03",))
class ContentIsText(_OddContent):
    """Bytes that are not UTF-8 become replacement characters."""

    def odd(self, content: bytes) -> bytes:
        return content.decode(errors="replace").encode()


@defect("UP-14", also=("DL-03",))
class MarksAreStripped(_OddContent):
    """A byte order mark at the beginning is stripped."""

    def odd(self, content: bytes) -> bytes:
        return content.removeprefix(b"\xef\xbb\xbf")


@defect("UP-14")
class BoundaryLikeLinesEndAFile(_OddContent):
    """A line that begins with two hyphens ends a file."""

    def odd(self, content: bytes) -> bytes:
        return content.partition(b"\r\n--")[0]


@defect("UP-14")
class SpacesBecomeUnderscores(_OddNames):
    """Spaces in names become underscores."""

    def odd(self, name: str) -> str:
        return name.replace(" ", "_")


@defect("UP-14")
class NamesAreAscii(_OddNames):
    """Characters outside ASCII become question marks in names."""

    def odd(self, name: str) -> str:
        return name.encode("ascii", "replace").decode()


@defect("UP-14")
class NamesAreLatin1(_OddNames):
    """UTF-8 in names is read as Latin-1."""

    def odd(self, name: str) -> str:
        return name.encode().decode("latin-1")


@defect("UP-14")
class NamesAreDecomposed(_OddNames):
    """Names are normalized to decomposed characters."""

    def odd(self, name: str) -> str:
        return unicodedata.normalize("NFD", name)


@defect("UP-14")
class PlusBecomesSpace(_OddNames):
    """A plus sign in a name becomes a space."""

    def odd(self, name: str) -> str:
        return name.replace("+", " ")


@defect("UP-14", intermittent=True)
class EveryThirdFileLosesItsEnd(Behaviour):
    """One file in three is stored without its last byte."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content[:-1] if self.turn("store") else content)


# -- UP-15, UP-16, UP-17, UP-18


@defect("UP-15")
class NoMultipartIsNothing(Behaviour):
    """A body that is not multipart answers 204."""

    def read_files(self, request: Request) -> list[tuple[str, bytes]]:
        return super().read_files(request) if "multipart" in request.headers.get("Content-Type", "") else []


@defect("UP-15")
class NoFileIsNothing(Behaviour):
    """A multipart body without a file answers 204."""

    def read_files(self, request: Request) -> list[tuple[str, bytes]]:
        try:
            return super().read_files(request)
        except Problem as problem:
            if problem.title != "No file":
                raise
            return []


@defect("UP-15")
class CutBodiesCrash(Behaviour):
    """A multipart body that ends early answers 500."""

    def split(self, body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
        if not body.rstrip().endswith(b"--" + boundary + b"--"):
            raise EOFError("unexpected end of body")
        return super().split(body, boundary)


@defect("UP-15")
class CutBodiesAreTaken(Behaviour):
    """A multipart body that ends early is taken as far as it came."""

    def read_files(self, request: Request) -> list[tuple[str, bytes]]:
        return super().read_files(replace(request, cut_short=False))

    def split(self, body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
        return super().split(body + b"\r\n--" + boundary + b"--\r\n", boundary)


@defect("UP-15")
class NoMultipartCrashes(Behaviour):
    """A body that is not multipart answers 500."""

    def read_files(self, request: Request) -> list[tuple[str, bytes]]:
        if "multipart" not in request.headers.get("Content-Type", ""):
            raise AssertionError("multipart/* content type expected")
        return super().read_files(request)


def _take_away(path: Path) -> None:
    """Make a path somebody else's; without the right to do that, nobody's."""
    if os.getuid() == 0:
        os.chown(path, 0, 0)
    else:
        path.chmod(0)


@defect("UP-16")
class UploadsAreSomebodyElses(Behaviour):
    """Uploaded files belong to another user than the one that runs commands."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        _take_away(path)


@defect("UP-16")
class NewDirectoriesAreSomebodyElses(Behaviour):
    """Directories made for an upload belong to another user than the one that runs commands."""

    def own(self, path: Path) -> None:
        super().own(path)
        if path.is_dir():
            _take_away(path)


@defect("UP-16", also=("UP-02", "UP-03"))
class UploadsTakeASecond(Behaviour):
    """An uploaded file appears a second after the answer."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        timer = threading.Timer(1.0, super().store, (session, path, content))
        timer.daemon = True
        timer.start()


@defect("UP-18")
class RefusesWhileBeingSent(Behaviour):
    """A refused upload is answered and the connection reset while the client is still sending."""

    refuses_early = True

    def refuse_early(self, head: bytes, length: int) -> bool:
        first_file_ends = head.find(b"\r\n--", head.find(b"\r\n\r\n")) != -1
        return not first_file_ends or length > (self.max_files + 1) * MIB - 4096
