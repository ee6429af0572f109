"""Defects of listings that show seldom: with one odd name, in an empty directory, on a rewrite."""

from __future__ import annotations

import stat
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session


def first_match(session: Session, pattern: str) -> str:
    """Return the first name at the top of home that a pattern matches; the pattern itself where none does."""
    return next((one.name for one in sorted(session.home.iterdir()) if fnmatch(one.name, pattern)), pattern)


# -- LS


@defect("LS-05")
class OddBytesBreakListings(Behaviour):
    """A directory with a name that is not UTF-8 answers 500."""

    def entry(self, path: Path) -> dict[str, Any]:
        path.name.encode()
        return super().entry(path)


@defect("LS-01")
class ErrorsAreMissingForEmptyFolders(Behaviour):
    """The listing of an empty directory has no `errors`."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        body = super().listing_body(session, path, entries)
        return body if entries else {key: value for key, value in body.items() if key != "errors"}


@defect("LS-01")
class FolderPathsAreEncoded(Behaviour):
    """Blanks in folder_path are `%20`."""

    def folder_path(self, session: Session, path: str) -> str:
        return super().folder_path(session, path).replace(" ", "%20")


@defect("LS-02")
class DotsAreNotFound(Behaviour):
    """A path that begins with `./` does not exist."""

    def listed(self, session: Session, path: str) -> Path:
        if path.startswith("./"):
            raise self.no_such_path(path)
        return super().listed(session, path)


@defect("LS-02")
class PathsAreTrimmed(Behaviour):
    """Blanks around a path are dropped."""

    def listed(self, session: Session, path: str) -> Path:
        return super().listed(session, path.strip())


@defect("LS-02")
class PlusInPathsIsABlank(Behaviour):
    """A plus sign in a path is read as a blank."""

    def parameters(self, request: Request) -> dict[str, Any]:
        values = super().parameters(request)
        if isinstance(values.get("path"), str):
            values["path"] = values["path"].replace("+", " ")
        return values


@defect("LS-02")
class BracketsInPathsArePatterns(Behaviour):
    """A path with `[`, `*` or `?` is a pattern; the first match is listed."""

    def listed(self, session: Session, path: str) -> Path:
        return super().listed(session, first_match(session, path))


@defect("LS-03")
class MissingPathsInFoldersWithBlanksAreForbidden(Behaviour):
    """A path with a blank that does not exist answers 403."""

    def no_such_path(self, path: str) -> Problem:
        return Problem(403, "Forbidden", path) if " " in path else super().no_such_path(path)


@defect("LS-03")
class RenamedFoldersAreFoundByTheirOldName(Behaviour):
    """A directory that is gone is listed as it was while another session's is there."""

    def listed(self, session: Session, path: str) -> Path:
        try:
            return super().listed(session, path)
        except Problem:
            others = (one for one in self.sessions.values() if one is not session and one.owner == session.owner)
            for other in others:
                if (other.home / path.lstrip("/")).is_dir():
                    return other.home / path.lstrip("/")
            raise


@defect("LS-04")
class GroupModesAreLost(Behaviour):
    """What group and others may do is never told."""

    def entry(self, path: Path) -> dict[str, Any]:
        mode = path.lstat().st_mode
        return {**super().entry(path), "mode": stat.filemode(mode & ~0o077)}


@defect("LS-04")
class ExecuteBitsFollowTheOwner(Behaviour):
    """What the owner may execute all may execute."""

    def entry(self, path: Path) -> dict[str, Any]:
        mode = path.lstat().st_mode
        return {**super().entry(path), "mode": stat.filemode(mode | (0o111 if mode & 0o100 else 0))}


@defect("LS-04")
class MtimesAreOfTheFirstListing(Behaviour):
    """The mtime of an item is the one of its first listing."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        kept = self.__dict__.setdefault("mtimes", {})
        return {**found, "mtime": kept.setdefault(path, found["mtime"])}


@defect("LS-04")
class LargeSizesAreRounded(Behaviour):
    """The size of a file of more than 64 KiB is rounded to whole kilobytes."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        return {**found, "size": found["size"] // 1000 * 1000 if found["size"] > 1 << 16 else found["size"]}


@defect("LS-05")
class BackupsAreMissing(Behaviour):
    """Names that end in `~` are not listed."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return [one for one in super().entries(path) if not one["filename"].endswith("~")]


@defect("LS-05")
class CachesAreMissing(Behaviour):
    """`__pycache__` and `.git` are not listed."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return [one for one in super().entries(path) if one["filename"] not in {"__pycache__", ".git"}]


@defect("LS-05")
class NamesEndAtANewline(Behaviour):
    """A name ends at its first newline."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        return {**found, "filename": found["filename"].partition("\n")[0] or "\n"}


@defect("LS-05")
class BackslashesAreDoubled(Behaviour):
    """A backslash in a name comes twice."""

    def entry(self, path: Path) -> dict[str, Any]:
        found = super().entry(path)
        return {**found, "filename": found["filename"].replace("\\", "\\\\")}


@defect("LS-05")
class DanglingLinksEndAListing(Behaviour):
    """A listing ends at a link that leads nowhere."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        found = []
        for one in super().entries(path):
            if path.is_dir() and not (path / one["filename"]).exists():
                break
            found.append(one)
        return found


@defect("LS-06")
class ChainsOfLinksAreFollowed(Behaviour):
    """A link to a link that leads out is followed when it is listed."""

    def listed(self, session: Session, path: str) -> Path:
        first = session.home / path
        if first.is_symlink() and (session.home / first.readlink()).is_symlink():
            return first.resolve()
        return super().listed(session, path)

    def folder_path(self, session: Session, path: str) -> str:
        return f"/home/work/{path}" if (session.home / path).is_symlink() else super().folder_path(session, path)
