"""Servers that admit the wrong uploads (UP-06 to UP-11)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

MIB = 1024 * 1024

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
