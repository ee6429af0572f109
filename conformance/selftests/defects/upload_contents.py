"""Servers that keep uploads wrongly (UP-12 to UP-18)."""

from __future__ import annotations

import contextlib
import os
import threading
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request

from .odd import OddNames
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

MIB = 1024 * 1024

# -- UP-12, UP-13


@defect("UP-12")
class FilesSurviveTermination(Behaviour):
    """A new session with the same token finds the old one's files."""

    def __init__(self, **knobs: Any) -> None:
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


class OddContent(Behaviour):
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
class LineEndsAreTranslated(OddContent):
    """CR LF becomes LF."""

    def odd(self, content: bytes) -> bytes:
        return content.replace(b"\r\n", b"\n")


@defect("UP-14", also=("DL-03",))
class LastNewlineIsStripped(OddContent):
    """A newline at the end is stripped."""

    def odd(self, content: bytes) -> bytes:
        return content.removesuffix(b"\n")


@defect("UP-14")
class FinalNewlineIsAdded(OddContent):
    """A file without a newline at its end gets one."""

    def odd(self, content: bytes) -> bytes:
        return content + b"\n" if content and not content.endswith(b"\n") and len(content) < MIB else content


@defect("UP-14", also=("DL-03",))
class NulEndsAFile(OddContent):
    """A file ends at its first NUL."""

    def odd(self, content: bytes) -> bytes:
        return content.partition(b"\0")[0]


@defect("UP-14", also=("DL-03",))
class ContentIsText(OddContent):
    """Bytes that are not UTF-8 become replacement characters."""

    def odd(self, content: bytes) -> bytes:
        return content.decode(errors="replace").encode()


@defect("UP-14", also=("DL-03",))
class MarksAreStripped(OddContent):
    """A byte order mark at the beginning is stripped."""

    def odd(self, content: bytes) -> bytes:
        return content.removeprefix(b"\xef\xbb\xbf")


@defect("UP-14")
class BoundaryLikeLinesEndAFile(OddContent):
    """A line that begins with two hyphens ends a file."""

    def odd(self, content: bytes) -> bytes:
        return content.partition(b"\r\n--")[0]


@defect("UP-14")
class SpacesBecomeUnderscores(OddNames):
    """Spaces in names become underscores."""

    def odd(self, name: str) -> str:
        return name.replace(" ", "_")


@defect("UP-14")
class NamesAreAscii(OddNames):
    """Characters outside ASCII become question marks in names."""

    def odd(self, name: str) -> str:
        return name.encode("ascii", "replace").decode()


@defect("UP-14")
class NamesAreLatin1(OddNames):
    """UTF-8 in names is read as Latin-1."""

    def odd(self, name: str) -> str:
        return name.encode().decode("latin-1")


@defect("UP-14")
class NamesAreDecomposed(OddNames):
    """Names are normalized to decomposed characters."""

    def odd(self, name: str) -> str:
        return unicodedata.normalize("NFD", name)


@defect("UP-14")
class PlusBecomesSpace(OddNames):
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
        def later() -> None:
            with contextlib.suppress(FileNotFoundError):  # the session is gone
                super(UploadsTakeASecond, self).store(session, path, content)

        timer = threading.Timer(1.0, later)
        timer.daemon = True
        timer.start()


@defect("UP-18", also=("RL-01",))
class RefusesWhileBeingSent(Behaviour):
    """A refused upload is answered and the connection reset while the client is still sending."""

    refuses_early = True

    def refuse_early(self, head: bytes, length: int) -> bool:
        first_file_ends = head.find(b"\r\n--", head.find(b"\r\n\r\n")) != -1
        return not first_file_ends or length > (self.max_files + 1) * MIB - 4096
