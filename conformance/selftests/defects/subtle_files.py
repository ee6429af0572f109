"""Servers whose listings and downloads go wrong only with odd names, sizes, links or repetitions (LS, DL)."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .downloading import OddArchives
from .listing import OddEntries, OddSelection
from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

# -- LS-01, LS-02, LS-03


@defect("LS-01")
class FilesAreTwiceText(Behaviour):
    """`files` is a string that holds a JSON string that holds the list."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        body = super().listing_body(session, path, entries)
        return {**body, "files": json.dumps(body["files"])}


@defect("LS-01")
class AbsoluteFolderPathIsJoined(Behaviour):
    """The folder_path of an absolute path is that path below /home/work."""

    def folder_path(self, session: Session, path: str) -> str:
        return (
            f"/home/work{path}" if path.startswith("/") and path != "/home/work" else super().folder_path(session, path)
        )


@defect("LS-02")
class TwoLevelsAreListed(Behaviour):
    """A listing holds the files of directories one level below."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        if not path.is_dir():
            return super().entries(path)
        below = (inner for one in sorted(path.iterdir()) if one.is_dir() for inner in sorted(one.iterdir()))
        return [*super().entries(path), *(self.entry(one) for one in below if one.is_file())]


@defect("LS-02")
class ListingsStayWhereTheyWere(Behaviour):
    """A relative path is one below the directory that was listed before, if it is there."""

    def listed(self, session: Session, path: str) -> Path:
        before = getattr(session, "listed_before", session.home)
        there = before / path
        found = (
            there if there.is_dir() and not path.startswith("/") and ".." not in path else super().listed(session, path)
        )
        if found.is_dir():
            session.listed_before = found  # type: ignore[attr-defined]  # this defect's own note
        return found


@defect("LS-02")
class SpacedPathsAreCut(Behaviour):
    """A path ends at its first space."""

    def listed(self, session: Session, path: str) -> Path:
        found = super().listed(session, path)
        return found.parent if " " in found.name else found


@defect("LS-03")
class PrefixesAreFound(Behaviour):
    """The beginning of a directory's name finds it."""

    def listed(self, session: Session, path: str) -> Path:
        try:
            return super().listed(session, path)
        except Problem:
            starts = sorted(session.home.glob(f"{path}*")) if path and path.isalnum() else []
            if not starts:
                raise
            return starts[0]


@defect("LS-03")
class RemovedFoldersAreEmpty(Behaviour):
    """A directory that was listed before and is gone gives an empty list."""

    def listed(self, session: Session, path: str) -> Path:
        found = self.inside(session, path)
        if not found.exists() and f"seen {found}" in self.counts:
            empty = session.place / "empty"
            empty.mkdir(exist_ok=True)
            return empty
        found = super().listed(session, path)
        self.turn(f"seen {found}")
        return found


@defect("LS-03")
class NearestParentIsListed(Behaviour):
    """A path below a directory that does not exist lists what does."""

    def listed(self, session: Session, path: str) -> Path:
        found = self.inside(session, path)
        if not found.exists() and not found.parent.exists() and found.parent.parent.is_dir():
            return found.parent.parent
        return super().listed(session, path)


# -- LS-04, LS-05, LS-06


class FixedEntries(OddEntries):
    """A server with one value for all items."""

    fixed: dict[str, Any] = {}  # noqa: RUF012  - a knob

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, **self.fixed}


knob("modes-are-fixed", "LS-04", "Every mode is -rw-r--r--.", base=FixedEntries, fixed={"mode": "-rw-r--r--"})
knob("modes-are-octal", "LS-04", "Every mode is 0644.", base=FixedEntries, fixed={"mode": "0644"})
knob("mtimes-are-fixed", "LS-04", "Every mtime is 0.", base=FixedEntries, fixed={"mtime": 0})
knob("atimes-are-null", "LS-04", "Every atime is null.", base=FixedEntries, fixed={"atime": None})


@defect("LS-04")
class SizesAreCharacters(Behaviour):
    """The size of a text is its length in characters."""

    def entry(self, path: Path) -> dict[str, Any]:
        size = len(path.read_bytes().decode(errors="replace")) if path.is_file() else 0
        return {**super().entry(path), "size": size}


@defect("LS-04")
class SizesAreRemembered(Behaviour):
    """The size of a file is that of its first listing."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        return {**found, "size": self.counts.setdefault(f"size {path}", found["size"])}


@defect("LS-05")
class LinksAreMissing(OddSelection):
    """Symbolic links are not listed."""

    def wanted(self, path: Path) -> bool:
        return not path.is_symlink()


@defect("LS-05")
class NamesAreQuotedByHand(OddEntries):
    """Double quotes and backslashes in names are dropped."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "filename": entry["filename"].replace('"', "").replace("\\", "")}


@defect("LS-05")
class NamesAreEscapedTwice(OddEntries):
    """Characters beyond ASCII are escapes in names."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "filename": json.dumps(entry["filename"])[1:-1] if entry["filename"].isprintable() else "x"}


@defect("LS-05")
class ListingsAreCached(Behaviour):
    """A directory's listing is remembered until its third request."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.cache: dict[Path, list[dict[str, Any]]] = {}

    def entries(self, path: Path) -> list[dict[str, Any]]:
        if self.turn(f"entries {path}"):
            self.cache.pop(path, None)
        return self.cache.setdefault(path, super().entries(path))


@defect("LS-05")
class ListingsEndAtAThousand(Behaviour):
    """A listing ends after a thousand items."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return super().entries(path)[:1000]


@defect("LS-06")
class ParentsOfHomeAreHome(Behaviour):
    """A path that leads above /home/work lists /home/work."""

    def listed(self, session: Session, path: str) -> Path:
        return session.home if path in {"..", "../.."} else super().listed(session, path)

    def folder_path(self, session: Session, path: str) -> str:
        return "/home/work" if path in {"..", "../.."} else super().folder_path(session, path)


# -- DL-01, DL-02


@defect("DL-01")
class EqualLastPartsAreOne(Behaviour):
    """Two paths with the same last part are sent with the content of the second."""

    def multipart(self, archives: list[bytes]) -> Response:
        heads = {archive[:100]: archive for archive in archives}
        return super().multipart([heads[archive[:100]] for archive in archives])


@defect("DL-01")
class AbsoluteDownloadsAreRefused(Behaviour):
    """An absolute path is not downloaded."""

    def downloaded(self, session: Session, name: str) -> Path:
        if name.startswith("/"):
            raise Problem(400, "Bad path", name)
        return super().downloaded(session, name)


@defect("DL-01")
class NoPathIsNoPart(Behaviour):
    """A download of nothing is an empty multipart body."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return super().wanted_files(values) if values.get("files") else []


@defect("DL-02")
class EqualPathsAreNotCounted(Behaviour):
    """A path that is named again does not count towards the limit."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        names = values.get("files")
        if isinstance(names, list) and len(set(map(str, names))) <= self.max_downloads < len(names):
            return names
        return super().wanted_files(values)


@defect("DL-02")
class LimitIsOneOfTheBody(Behaviour):
    """More than five paths in the query string are sent."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        names = request.query.get("files", [])
        if len(names) <= self.max_downloads:
            return super().download(request, owner, identifier)
        session = self.find(owner, identifier)
        return self.multipart([self.archive(self.downloaded(session, name)) for name in names])


# -- DL-03, DL-04


@defect("DL-03")
class NulsAtTheEndAreLost(OddArchives):
    """NUL bytes at a file's end are lost in downloads."""

    def odd(self, content: bytes) -> bytes:
        return content.rstrip(b"\0")


@defect("DL-03")
class LargeDownloadsRepeat(OddArchives):
    """The second half MiB of a download is the first again."""

    def odd(self, content: bytes) -> bytes:
        half = 512 * 1024
        return (content[:half] * 2)[: len(content)] if len(content) > half else content


@defect("DL-03")
class DownloadsAreOfTheFirstSession(Behaviour):
    """A file of a name that another session has comes from there."""

    def downloaded(self, session: Session, name: str) -> Path:
        path = super().downloaded(session, name)
        for other in list(dict.fromkeys(self.sessions.values())):
            there = other.home / path.relative_to(session.home) if path.is_relative_to(session.home) else path
            if there.is_file():
                return there
        return path


@defect("DL-04")
class OneMissingFileIsSkipped(Behaviour):
    """A path that does not exist is left out where others do."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        found = []
        for name in self.wanted_files(self.parameters(request)):
            try:
                found.append(self.archive(self.downloaded(session, name)))
            except Problem as problem:
                missing = problem
        if not found:
            raise missing
        return self.multipart(found)


@defect("DL-04")
class LinksInFoldersAreRead(Behaviour):
    """The tar of a directory holds what its links lead to."""

    def archive(self, path: Path) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(mode="w", fileobj=buffer, dereference=path.is_dir()) as tar:
            tar.add(path, arcname=self.member_name(path), filter=self.member)
        return buffer.getvalue()


# -- DL-05, DL-06


class OddTrees(Behaviour):
    """A server that leaves members out of its tars."""

    def wanted(self, member: tarfile.TarInfo) -> bool:
        return True

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return super().member(member) if self.wanted(member) else None


@defect("DL-05")
class HiddenMembersAreMissing(OddTrees):
    """Hidden files are missing in the tar of a directory."""

    def wanted(self, member: tarfile.TarInfo) -> bool:
        return "/." not in member.name


@defect("DL-05")
class EmptyFoldersAreMissing(OddTrees):
    """Directories are no members of tars."""

    def archive(self, path: Path) -> bytes:
        if not path.is_dir():
            return super().archive(path)
        buffer = io.BytesIO()
        with tarfile.open(mode="w", fileobj=buffer) as tar:
            for one in sorted(path.rglob("*")):
                if one.is_file():
                    tar.add(one, arcname=f"{path.name}/{one.relative_to(path)}")
        return buffer.getvalue()


@defect("DL-05")
class DeepMembersAreMissing(OddTrees):
    """The tar of a directory ends two levels below it."""

    def wanted(self, member: tarfile.TarInfo) -> bool:
        return member.name.count("/") <= 2  # noqa: PLR2004  - two levels


@defect("DL-06")
class TarsHaveNoEnd(Behaviour):
    """The blocks of zeros at a tar's end are missing."""

    def archive(self, path: Path) -> bytes:
        tar = super().archive(path).rstrip(b"\0")
        return tar + bytes(-len(tar) % 512)


@defect("DL-06")
class LongMembersAreCut(Behaviour):
    """Names in tars end after a hundred bytes."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        kept = super().member(member)
        if kept is not None:
            kept.name = kept.name.encode()[:100].decode(errors="ignore")
        return kept
