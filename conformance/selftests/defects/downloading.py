"""Servers that break downloads (DL) and virtual folders (VF)."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

# -- DL-01, DL-02


@defect("DL-01", also=("DL-06",))
class FilesAreNotArchived(Behaviour):
    """A part is the file itself, not a tar of it."""

    def archive(self, path: Path) -> bytes:
        return path.read_bytes() if path.is_file() else super().archive(path)


@defect("DL-01")
class PartsAreReversed(Behaviour):
    """Parts come in the opposite order."""

    def multipart(self, archives: list[bytes]) -> Response:
        return super().multipart(archives[::-1])


@defect("DL-01")
class PartsAreSorted(Behaviour):
    """Parts come in the order of their names."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return sorted(super().wanted_files(values))


@defect("DL-01")
class OnlyTheFirstPart(Behaviour):
    """Only the first path is sent."""

    def multipart(self, archives: list[bytes]) -> Response:
        return super().multipart(archives[:1])


@defect("DL-01")
class OneArchiveForAll(Behaviour):
    """All paths come in one tar."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        buffer = io.BytesIO()
        with tarfile.open(mode="w", fileobj=buffer) as tar:
            for name in self.wanted_files(self.parameters(request)):
                path = self.downloaded(session, name)
                tar.add(path, arcname=self.member_name(path), filter=self.member)
        return self.multipart([buffer.getvalue()])


@defect("DL-01")
class DownloadIsATar(Behaviour):
    """A download of one path is a bare tar without multipart."""

    def multipart(self, archives: list[bytes]) -> Response:
        if len(archives) == 1:
            return Response(200, archives[0], {"Content-Type": "application/x-tar"})
        return super().multipart(archives)


@defect("DL-01", also=("DL-06",))
class PartsAreGzippedTwice(Behaviour):
    """A part is a tar compressed twice."""

    def archive(self, path: Path) -> bytes:
        return gzip.compress(gzip.compress(super().archive(path)))


@defect("DL-01")
class NoClosingBoundary(Behaviour):
    """The closing boundary is missing."""

    def multipart(self, archives: list[bytes]) -> Response:
        response = super().multipart(archives)
        body = response.body[: response.body.rstrip().rfind(b"\r\n")]
        return Response(200, body, response.headers)


@defect("DL-01", also=("DL-02",))
class DuplicatesAreMerged(Behaviour):
    """A path that is asked for twice is sent once."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return list(dict.fromkeys(super().wanted_files(values)))


knob("six-downloads", "DL-02", "Six paths are accepted.", max_downloads=6)
knob("any-number-of-downloads", "DL-02", "Any number of paths is accepted.", max_downloads=1000)
knob("four-downloads", "DL-01", "The fifth path is refused.", max_downloads=4)


@defect("DL-02")
class SixthDownloadDropped(Behaviour):
    """The paths after the fifth are left out without a word."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        files = values.get("files")
        return super().wanted_files({**values, "files": files[:5] if isinstance(files, list) else files})


@defect("DL-02", also=("CO-10",))
class TooManyDownloadsCrash(Behaviour):
    """More than five paths answer 500."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        try:
            return super().wanted_files(values)
        except Problem as problem:
            raise AssertionError(problem.detail) from None


# -- DL-03


class OddArchives(Behaviour):
    """A server that changes the content of files in its tars."""

    def odd(self, content: bytes) -> bytes:
        return content

    def archive(self, path: Path) -> bytes:
        buffer = io.BytesIO()
        with (
            tarfile.open(fileobj=io.BytesIO(super().archive(path))) as source,
            tarfile.open(mode="w", fileobj=buffer) as target,
        ):
            for member in source:
                file = source.extractfile(member)
                content = self.odd(file.read()) if file else b""
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
        return buffer.getvalue()


@defect("DL-03")
class DownloadedLineEndsAreTranslated(OddArchives):
    """CR LF becomes LF in downloads."""

    def odd(self, content: bytes) -> bytes:
        return content.replace(b"\r\n", b"\n")


@defect("DL-03")
class DownloadsAreText(OddArchives):
    """Bytes that are not UTF-8 become replacement characters in downloads."""

    def odd(self, content: bytes) -> bytes:
        return content.decode(errors="replace").encode()


@defect("DL-03")
class DownloadsAreCut(OddArchives):
    """Downloaded files end after 64 KiB."""

    def odd(self, content: bytes) -> bytes:
        return content[:65_536]


@defect("DL-03")
class DownloadsArePadded(OddArchives):
    """Downloaded files are padded to whole blocks of 512 bytes."""

    def odd(self, content: bytes) -> bytes:
        return content + b"\0" * (-len(content) % 512)


@defect("DL-03")
class EmptyDownloadsAreMissing(Behaviour):
    """An empty file comes as an empty tar."""

    def archive(self, path: Path) -> bytes:
        if path.is_file() and not path.stat().st_size:
            return bytes(10_240)
        return super().archive(path)


@defect("DL-03")
class DownloadsAreStale(Behaviour):
    """A file that was downloaded once comes unchanged for ever."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.cache: dict[Path, bytes] = {}

    def archive(self, path: Path) -> bytes:
        return self.cache.setdefault(path, super().archive(path))


@defect("DL-03", intermittent=True)
class EveryThirdDownloadIsEmpty(Behaviour):
    """One archive in three holds nothing."""

    def archive(self, path: Path) -> bytes:
        return bytes(10_240) if self.turn("archive") else super().archive(path)


# -- DL-04 to DL-06


@defect("DL-04")
class MissingFilesAreSkipped(Behaviour):
    """A path that does not exist gives an empty tar."""

    def downloaded(self, session: Session, name: str) -> Path:
        try:
            return super().downloaded(session, name)
        except Problem as problem:
            if problem.title != "No such file":
                raise
            return session.place / "missing"

    def archive(self, path: Path) -> bytes:
        return super().archive(path) if path.exists() else bytes(10_240)


@defect("DL-04", also=("CO-10",))
class MissingFilesCrash(Behaviour):
    """A path that does not exist answers 500."""

    def downloaded(self, session: Session, name: str) -> Path:
        try:
            return super().downloaded(session, name)
        except Problem as problem:
            raise FileNotFoundError(problem.detail) from None


@defect("DL-04")
class OutsideIsDownloaded(Behaviour):
    """Any file of the system is sent."""

    def downloaded(self, session: Session, name: str) -> Path:
        if name.startswith("/etc/"):
            return self.root.joinpath(name)
        return super().downloaded(session, name)


@defect("DL-04")
class LinksOutAreDownloaded(Behaviour):
    """A link that leads out is followed when a file is sent."""

    def downloaded(self, session: Session, name: str) -> Path:
        path = session.home / name.lstrip("/")
        return path.resolve() if path.is_symlink() else super().downloaded(session, name)


@defect("DL-05")
class DirectoriesAreFlat(Behaviour):
    """The tar of a directory has the files of its first level only."""

    def archive(self, path: Path) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(mode="w", fileobj=buffer) as tar:
            tar.add(path, arcname=path.name, recursive=False)
            for one in path.iterdir() if path.is_dir() else ():
                tar.add(one, arcname=f"{path.name}/{one.name}", recursive=False)
        return buffer.getvalue()


@defect("DL-05")
class DirectoriesAreRefused(Behaviour):
    """A directory can not be downloaded."""

    def downloaded(self, session: Session, name: str) -> Path:
        path = super().downloaded(session, name)
        if path.is_dir():
            raise Problem(400, "Is a directory", name)
        return path


class OddMembers(Behaviour):
    """A server that names the members of its tars otherwise."""

    prefix = ""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        kept = super().member(member)
        if kept is not None:
            kept.name = self.prefix + kept.name
        return kept


knob("members-are-absolute", "DL-06", "Members of tars have absolute names.", base=OddMembers, prefix="/home/work/")
knob("members-lead-up", "DL-06", "Members of tars begin with `..`.", base=OddMembers, prefix="../work/")


@defect("DL-06")
class TarsAreBroken(Behaviour):
    """The checksum of a tar's first header is wrong."""

    def archive(self, path: Path) -> bytes:
        tar = bytearray(super().archive(path))
        tar[148:156] = b"0000000\0"
        return bytes(tar)


@defect("DL-06")
class TarsEndEarly(Behaviour):
    """A tar ends in the middle of its last file."""

    def archive(self, path: Path) -> bytes:
        tar = super().archive(path)
        return tar if path.is_dir() else tar[: 512 + path.stat().st_size // 2]


# -- VF


@defect("VF-05")
class FoldersAreEmptiedWithTheSession(Behaviour):
    """What a session wrote into its folders goes with it."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        for directory in session.mounts.values():
            self.empty(directory)


@defect("VF-05", also=("SE-10",))
class MountsAreCopies(Behaviour):
    """A session mounts a copy of the folder."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, {})
        for alias, directory in mounts.items():
            copy = session.place / f"mount-{alias}"
            shutil.copytree(directory, copy)
            self.own(copy)
            session.mounts[alias] = copy
        return session


@defect("VF-01")
class FoldersMayBeMadeTwice(Behaviour):
    """A second folder of the same name is created."""

    def create_folder(self, request: Request, owner: str) -> Response:
        self.folders.pop((owner, self.read_object(request).get("name", "")), None)
        return super().create_folder(request, owner)


@defect("VF-02")
class UnknownFolderIsEmpty(Behaviour):
    """An unknown folder is shown as an empty object."""

    def show_folder(self, request: Request, owner: str, name: str) -> Response:
        return (
            super().show_folder(request, owner, name) if (owner, name) in self.folders else self.json(200, {"item": {}})
        )


@defect("VF-04")
class FoldersAreNotDeleted(Behaviour):
    """Deleting a folder is answered and not done."""

    def delete_folder(self, request: Request, owner: str, name: str) -> Response:
        self.find_folder(owner, name)
        return Response(204)
