"""Servers that put uploads in the wrong place (UP-01 to UP-05)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .odd import OddNames
from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

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


@defect("UP-01", also=("UP-02", "UP-07", "UP-09"))
class OnlyTheFirstFile(Behaviour):
    """Only the first file of a request is stored."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return super().admit_files(files)[:1]


@defect("UP-02", also=("UP-04",))
class FilesAreFlat(OddNames):
    """Only the last part of a path is kept."""

    def odd(self, name: str) -> str:
        return name.rpartition("/")[2] if ".." not in name and not name.startswith("/") else name


@defect("UP-02")
class NamesAreLowerCase(OddNames):
    """Names are stored in lower case."""

    def odd(self, name: str) -> str:
        return name.lower()


@defect("UP-02", also=("UP-01", "UP-12"))
class FilesAreSharedBetweenSessions(Behaviour):
    """Uploads land in every living session."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        for other in list(self.sessions.values()):
            if other is not session:
                super().store(other, other.home / path.relative_to(session.home), content)


@defect("UP-02")
class LeadingDotsAreDropped(OddNames):
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
