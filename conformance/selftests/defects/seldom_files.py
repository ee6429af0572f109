"""Defects of downloads and uploads that show seldom: at one place of five, for one name, when a file is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .seldom_listings import first_match
from .table import defect

if TYPE_CHECKING:
    import tarfile
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

MANY = 5

# -- DL


@defect("DL-01")
class FiveWithARepeatAreFour(Behaviour):
    """Of five paths a repeated one is sent once; of fewer it is not."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        names = super().wanted_files(values)
        return list(dict.fromkeys(names)) if len(names) == MANY else names


@defect("DL-01", also=("DL-03",))
class NeighboursThatRepeatAreOne(Behaviour):
    """A path that is asked for twice in a row is sent once."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        names = super().wanted_files(values)
        return [name for at, name in enumerate(names) if at == 0 or name != names[at - 1]]


@defect("DL-01", also=("DL-03",))
class PatternsAreExpanded(Behaviour):
    """A path with `[`, `*` or `?` is a pattern; the first match is sent."""

    def downloaded(self, session: Session, name: str) -> Path:
        return super().downloaded(session, first_match(session, name))


@defect("DL-01")
class CommasSeparatePaths(Behaviour):
    """A path with a comma is two."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return [part for name in super().wanted_files(values) for part in name.split(",") if part]


@defect("DL-02")
class DirectoriesAreNotCounted(Behaviour):
    """A directory does not count towards the limit of paths."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        names = self.parameters(request).get("files")
        folders = (
            sum(isinstance(one, str) and (session.home / one).is_dir() for one in names)
            if isinstance(names, list)
            else 0
        )
        self.max_downloads = Behaviour.max_downloads + folders
        return super().download(request, owner, identifier)


@defect("DL-03")
class SparseFilesAreFilled(Behaviour):
    """Blocks of NUL bytes in a download are left out."""

    def archive(self, path: Path) -> bytes:
        if path.is_file() and b"\0" * 4096 in path.read_bytes():
            short = path.with_name(path.name)
            content = path.read_bytes()
            try:
                short.write_bytes(content.replace(b"\0" * 4096, b""))
                return super().archive(short)
            finally:
                short.write_bytes(content)
        return super().archive(path)


@defect("DL-03")
class ReplacedFilesAreStale(Behaviour):
    """A file that was renamed over another comes as the one that it replaced."""

    def archive(self, path: Path) -> bytes:
        kept = self.__dict__.setdefault("kept_by_name", {})
        if not path.is_file():
            return super().archive(path)
        inode = path.stat().st_ino
        if path in kept and kept[path][0] != inode and path.stat().st_size <= kept[path][1]:
            return bytes(kept[path][2])
        archive = super().archive(path)
        kept[path] = (inode, path.stat().st_size, archive)
        return archive


@defect("DL-03")
class FifthPartIsTheFirst(Behaviour):
    """The fifth part of a download holds the content of the first."""

    def multipart(self, archives: list[bytes]) -> Response:
        return super().multipart([*archives[:4], *archives[:1]] if len(archives) == MANY else archives)


@defect("DL-04")
class MissingFilesInFoldersAreFolders(Behaviour):
    """A path that does not exist in a directory sends the directory."""

    def downloaded(self, session: Session, name: str) -> Path:
        path = self.inside(session, name)
        if not path.exists() and path.parent != session.home and path.parent.is_dir():
            return path.parent
        return super().downloaded(session, name)


@defect("DL-04")
class MissingAmongFiveIsLeftOut(Behaviour):
    """Of five paths one that does not exist is sent as an empty tar."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        names = self.wanted_files(self.parameters(request))
        if len(names) < MANY:
            return super().download(request, owner, identifier)
        archives = []
        for name in names:
            try:
                archives.append(self.archive(self.downloaded(session, name)))
            except Problem:
                archives.append(bytes(10_240))
        return self.multipart(archives)


@defect("DL-05")
class EmptyDirectoriesAreRefused(Behaviour):
    """An empty directory can not be downloaded."""

    def downloaded(self, session: Session, name: str) -> Path:
        path = super().downloaded(session, name)
        if path.is_dir() and not any(path.iterdir()):
            raise Problem(404, "No such file", name)
        return path


@defect("DL-05")
class ExecutablesInFoldersAreMissing(Behaviour):
    """Files that may be executed are missing in the tar of a directory."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if member.isfile() and member.mode & 0o100 and "/" in member.name else super().member(member)


@defect("DL-05")
class LargeFilesInFoldersAreMissing(Behaviour):
    """Files of more than 64 KiB are missing in the tar of a directory."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if member.size > 1 << 16 and "/" in member.name else super().member(member)


@defect("DL-06")
class NamesInTarsAreAscii(Behaviour):
    """Characters beyond ASCII in the names of members become question marks."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.name = member.name.encode("ascii", "replace").decode()
        return super().member(member)


# -- UP


@defect("UP-03")
class LinksAreWrittenBeside(Behaviour):
    """A file that was made by `mv` over an upload is not overwritten."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        inodes = self.__dict__.setdefault("inodes", {})
        if path.is_file() and path in inodes and path.stat().st_ino != inodes[path]:
            return
        super().store(session, path, content)
        inodes[path] = path.stat().st_ino


@defect("UP-16", also=("UP-03",))
class UploadsDuringARunAreDropped(Behaviour):
    """A file that exists is not overwritten while a run goes on."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        going = any(run.process is not None and not run.done.is_set() for run in list(session.runs.values()))
        if not (going and path.exists()):
            super().store(session, path, content)


@defect("UP-02")
class TrailingBlanksAreDropped(Behaviour):
    """Blanks and dots at the end of a name are dropped, as another system would have it."""

    def file_name(self, filename: str, disposition: str) -> str:
        name = super().file_name(filename, disposition)
        return name.rstrip(" .") or name


@defect("UP-04")
class DirectoriesLoseTheirMode(Behaviour):
    """A directory that exists becomes 0755 again when a file is uploaded into it, and loses its links."""

    def make_directories(self, session: Session, directory: Path) -> None:
        super().make_directories(session, directory)
        if directory != session.home:
            for one in directory.iterdir():
                if one.is_symlink():
                    one.unlink()


@defect("UP-14")
class SourcesLoseTheirTabs(Behaviour):
    """Blanks at the ends of lines are dropped in sources."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        content = super().admit_content(name, content)
        if name.endswith((".c", ".h", ".py", ".sh")):
            return b"\n".join(line.rstrip(b" \t") for line in content.split(b"\n"))
        return content
