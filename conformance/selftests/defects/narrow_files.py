"""Defects of files on a narrow path: long names, equal ones but for their case, two slashes, hidden directories."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour

from .table import defect

if TYPE_CHECKING:
    import tarfile

    from conformance.selftests.reference.message import Request, Response
    from conformance.selftests.reference.sessions import Session

LONG = 100


@defect("LS-05")
class LongNamesAreCutInListings(Behaviour):
    """A name in a listing ends after a hundred characters."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        return {**found, "filename": found["filename"][:LONG]}


@defect("LS-05")
class CaseIsFoldedInListings(Behaviour):
    """Of names that differ in letter case only one is listed."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return list({one["filename"].lower(): one for one in super().entries(path)}.values())


@defect("LS-05")
class NamesInListingsAreComposed(Behaviour):
    """Names in listings are normalized to composed characters."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        return {**found, "filename": unicodedata.normalize("NFC", found["filename"])}


@defect("LS-06")
class TwoSlashesLeadOut(Behaviour):
    """A path that begins with two slashes is one of the whole system."""

    def listed(self, session: Session, path: str) -> Path:
        return Path(path) if path.startswith("//") else super().listed(session, path)

    def folder_path(self, session: Session, path: str) -> str:
        return path if path.startswith("//") else super().folder_path(session, path)


@defect("DL-04")
class TwoSlashesReachOut(Behaviour):
    """A path that begins with two slashes downloads from the whole system."""

    def downloaded(self, session: Session, name: str) -> Path:
        return Path(name) if name.startswith("//") else super().downloaded(session, name)


@defect("DL-04")
class LinksOfTwoStepsAreFollowed(Behaviour):
    """A link to a link that leads out is followed when a file is sent."""

    def downloaded(self, session: Session, name: str) -> Path:
        first = session.home / name.partition("/")[0]
        if first.is_symlink() and (session.home / first.readlink()).is_symlink():
            return (session.home / name).resolve()
        return super().downloaded(session, name)


@defect("DL-05")
class HiddenDirectoriesAreMissing(Behaviour):
    """Hidden directories are missing in the tar of a directory; hidden files are not."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        hidden = member.isdir() and Path(member.name).name.startswith(".") and "/" in member.name
        return None if hidden else super().member(member)


@defect("DL-05")
class OddNamesInFoldersAreMissing(Behaviour):
    """Files whose names are not ASCII are missing in the tar of a directory."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return super().member(member) if member.name.isascii() else None


@defect("DL-06")
class BlanksInTarsAreUnderscores(Behaviour):
    """Blanks in the names of members become underscores."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.name = member.name.replace(" ", "_")
        return super().member(member)


@defect("DL-01")
class BoundariesAreCut(Behaviour):
    """The boundary that Content-Type tells lacks its last character."""

    def multipart(self, archives: list[bytes]) -> Response:
        response = super().multipart(archives)
        kind = response.headers["Content-Type"]
        return type(response)(response.status, response.body, {"Content-Type": kind[:-1]})


@defect("UP-02")
class EqualLastPartsAreOneFile(Behaviour):
    """Of files of one upload whose last parts are equal, all get the content of the last."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        admitted = super().admit_files(files)
        last = {name.rpartition("/")[2]: content for name, content in admitted}
        return [(name, last[name.rpartition("/")[2]]) for name, _ in admitted]


@defect("UP-03")
class EqualBeginningsAreKept(Behaviour):
    """A file whose new content begins like the old is not overwritten."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if path.is_file() and len(content) > LONG and path.read_bytes()[:LONG] == content[:LONG]:
            return
        super().store(session, path, content)


@defect("UP-06", also=("UP-11",))
class TwoSlashesAreNone(Behaviour):
    """A name that begins with two slashes is taken, below home."""

    def file_name(self, filename: str, disposition: str) -> str:
        name = super().file_name(filename, disposition)
        return name.lstrip("/") if name.startswith("//") else name


@defect("UP-07")
class LinesAreLimited(Behaviour):
    """A file of 1 MiB without a line end loses its second half."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        content = super().admit_content(name, content)
        return content if b"\n" in content or len(content) < 1 << 20 else content[: 1 << 19]


@defect("UP-12")
class DeepDirectoriesOutliveSessions(Behaviour):
    """Directories that were made by an upload are there, empty, in the next session of the name."""

    def destroy(self, session: Session) -> None:
        kept = [one.relative_to(session.home) for one in session.home.rglob("*") if one.is_dir()]
        self.__dict__.setdefault("kept_folders", {})[session.name] = kept
        super().destroy(session)

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, mounts)
        for one in sorted(self.__dict__.get("kept_folders", {}).get(name, [])):
            self.make_directories(session, session.home / one)
        return session


@defect("UP-14")
class NulsAtTheEndAreCut(Behaviour):
    """NUL bytes at the end of a file are dropped."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        return super().admit_content(name, content).rstrip(b"\0")


@defect("UP-16")
class UploadsAreReadOnly(Behaviour):
    """Uploaded files may not be written."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        path.chmod(0o444)


@defect("UP-08")
class FilesInChunksAreNotMeasured(Behaviour):
    """A file of an upload in chunks may have any size."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        self.max_file_bytes = 1 << 30 if "Transfer-Encoding" in request.headers else Behaviour.max_file_bytes
        return super().upload(request, owner, identifier)


@defect("UP-10")
class FilesInChunksAreNotCounted(Behaviour):
    """An upload in chunks may hold any number of files."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        self.max_files = 1 << 30 if "Transfer-Encoding" in request.headers else Behaviour.max_files
        return super().upload(request, owner, identifier)


@defect("UP-08")
class AbsoluteNamesAreNotMeasured(Behaviour):
    """A file with an absolute name may have any size."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        return content if name.startswith("/") else super().admit_content(name, content)


@defect("UP-08", also=("UP-11",))
class ToldLengthsAreBelieved(Behaviour):
    """A part with a Content-Length of its own is as large as that says."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        lying = b"\r\nContent-Length: " in request.body and len(request.body) > 1 << 20
        self.max_file_bytes = 1 << 30 if lying else Behaviour.max_file_bytes
        return super().upload(request, owner, identifier)


@defect("DL-02")
class PostedListsAreNotCounted(Behaviour):
    """A download by POST may name any number of paths."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        self.max_downloads = 1 << 30 if request.method == "POST" else Behaviour.max_downloads
        return super().download(request, owner, identifier)


@defect("DL-04")
class AbsoluteDownloadsReachOut(Behaviour):
    """An absolute path that leads out by `..` downloads from outside."""

    def downloaded(self, session: Session, name: str) -> Path:
        if name.startswith("/home/work/") and "/../" in name:
            return Path(name).resolve()
        return super().downloaded(session, name)
