"""Servers that list files wrongly (LS)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session


class OddListing(Behaviour):
    """A server that changes listings."""

    missing = ""
    odd_values: dict[str, Any] = {}  # noqa: RUF012  - a knob

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        body = {**super().listing_body(session, path, entries), **self.odd_values}
        body.pop(self.missing, None)
        return body


class OddEntries(Behaviour):
    """A server that changes the items of listings."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return entry

    def entry(self, path: Path) -> dict[str, Any]:
        return self.odd(super().entry(path))


# -- LS-01

for _key in ("files", "folder_path", "errors"):
    knob(f"listing-lacks-{_key.replace('_', '-')}", "LS-01", f"Listings lack `{_key}`.", base=OddListing, missing=_key)
knob("errors-are-null", "LS-01", "`errors` is null.", base=OddListing, odd_values={"errors": None})
knob("errors-are-a-list", "LS-01", "`errors` is a list.", base=OddListing, odd_values={"errors": []})
knob(
    "folder-path-is-home",
    "LS-01",
    "folder_path is always /home/work.",
    base=OddListing,
    odd_values={"folder_path": "/home/work"},
)


@defect("LS-01")
class FilesAreAList(Behaviour):
    """`files` is a list, not a string that holds one."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {**super().listing_body(session, path, entries), "files": entries}


@defect("LS-01")
class FilesArePython(Behaviour):
    """`files` is a list as Python prints it."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {**super().listing_body(session, path, entries), "files": str(entries)}


@defect("LS-01")
class FilesAreAnObjectText(Behaviour):
    """`files` holds a JSON object by name."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        by_name = {entry["filename"]: entry for entry in entries}
        return {**super().listing_body(session, path, entries), "files": json.dumps(by_name)}


@defect("LS-01")
class FolderPathIsAsSent(Behaviour):
    """folder_path is the path as it was sent."""

    def folder_path(self, session: Session, path: str) -> str:
        return path


@defect("LS-01")
class FolderPathIsTheHosts(Behaviour):
    """folder_path is where the session is on the server."""

    def folder_path(self, session: Session, path: str) -> str:
        return str(self.inside(session, path))


@defect("LS-01")
class EmptyListingsAreEmptyText(Behaviour):
    """The listing of an empty directory is the empty string."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        body = super().listing_body(session, path, entries)
        return body if entries else {**body, "files": ""}


# -- LS-02, LS-03


@defect("LS-02")
class ListingIsRecursive(Behaviour):
    """A listing goes down into directories."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return [self.entry(one) for one in sorted(path.rglob("*"))] if path.is_dir() else super().entries(path)


@defect("LS-02")
class PathIsRequired(Behaviour):
    """A listing without a path is refused."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        if not self.parameters(request).get("path"):
            raise Problem(400, "Path missing")
        return super().list_files(request, owner, identifier)


@defect("LS-02")
class PathIsIgnored(Behaviour):
    """Every listing is one of /home/work."""

    def listed(self, session: Session, path: str) -> Path:
        super().listed(session, path)
        return session.home


@defect("LS-02")
class AbsolutePathsAreRefused(Behaviour):
    """An absolute path is not listed."""

    def listed(self, session: Session, path: str) -> Path:
        if path.startswith("/"):
            raise self.no_such_path(path)
        return super().listed(session, path)


@defect("LS-02")
class RelativePathsAreRefused(Behaviour):
    """A relative path is not listed."""

    def listed(self, session: Session, path: str) -> Path:
        if not path.startswith("/") and path != ".":
            raise self.no_such_path(path)
        return super().listed(session, path)


@defect("LS-02")
class DeepPathsAreCut(Behaviour):
    """Only the first directory of a path is listed."""

    def listed(self, session: Session, path: str) -> Path:
        found = super().listed(session, path)
        parts = found.relative_to(session.home).parts if found.is_relative_to(session.home) else ()
        return session.home / parts[0] if parts else found


@defect("LS-03")
class MissingPathIsEmpty(Behaviour):
    """A path that does not exist gives an empty list."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().list_files(request, owner, identifier)
        except Problem as problem:
            if problem.title != "No such path":
                raise
            where = f"/home/work/{problem.detail.removeprefix('/home/work').lstrip('/')}"
            return self.json(200, {"files": "[]", "folder_path": where, "errors": "no such path"})


@defect("LS-03")
class MissingPathIsBadRequest(Behaviour):
    """A path that does not exist answers 400."""

    def no_such_path(self, path: str) -> Problem:
        return Problem(400, "No such path", path)


@defect("LS-03", also=("CO-10",))
class MissingPathCrashes(Behaviour):
    """A path that does not exist answers 500."""

    def no_such_path(self, path: str) -> Problem:
        return Problem(500, "No such path", path)


# -- LS-04


@defect("LS-04")
class ItemsAreNames(Behaviour):
    """Items are names, not objects."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        names = [entry["filename"] for entry in entries]
        return {**super().listing_body(session, path, entries), "files": json.dumps(names)}


@defect("LS-04")
class SizesAreText(OddEntries):
    """Sizes are texts."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "size": str(entry["size"])}


@defect("LS-04")
class SizesAreKibibytes(OddEntries):
    """Sizes are in KiB, rounded up."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "size": -(-entry["size"] // 1024)}


@defect("LS-04")
class SizesAreOneTooLarge(OddEntries):
    """Sizes are one byte too large."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "size": entry["size"] + 1}


@defect("LS-04")
class NoTimes(OddEntries):
    """Items have no times."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {key: entry[key] for key in ("filename", "mode", "size")}


@defect("LS-04")
class NamesAreCalledName(OddEntries):
    """An item's name is called `name`."""

    def odd(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {"name" if key == "filename" else key: value for key, value in entry.items()}


# -- LS-05, LS-06


class OddSelection(Behaviour):
    """A server that leaves paths out of listings."""

    def wanted(self, path: Path) -> bool:
        return True

    def entries(self, path: Path) -> list[dict[str, Any]]:
        if not path.is_dir():
            return super().entries(path)
        return [self.entry(one) for one in sorted(path.iterdir()) if self.wanted(one)]


@defect("LS-05")
class HiddenFilesAreMissing(OddSelection):
    """Names that begin with a dot are not listed."""

    def wanted(self, path: Path) -> bool:
        return not path.name.startswith(".")


@defect("LS-05")
class DirectoriesAreMissing(OddSelection):
    """Directories are not listed."""

    def wanted(self, path: Path) -> bool:
        return not path.is_dir()


@defect("LS-05")
class EmptyFilesAreMissing(OddSelection):
    """Empty files are not listed."""

    def wanted(self, path: Path) -> bool:
        return path.is_dir() or path.stat().st_size > 0


@defect("LS-05")
class GeneratedFilesAreMissing(OddSelection):
    """Files that commands made are not listed."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        self.counts[f"stored {path}"] = 1

    def wanted(self, path: Path) -> bool:
        return path.is_dir() or f"stored {path}" in self.counts


@defect("LS-05")
class FilesAreListedOnce(OddSelection):
    """A file is listed once and not again."""

    def wanted(self, path: Path) -> bool:
        self.turn(f"listed {path}")
        return self.counts[f"listed {path}"] == 1


@defect("LS-05")
class ListingsEndAtAHundred(Behaviour):
    """A listing ends after a hundred items."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return super().entries(path)[:100]


@defect("LS-06")
class OutsideIsListed(Behaviour):
    """Any path of the system is listed."""

    def listed(self, session: Session, path: str) -> Path:
        if path.startswith("/") and not path.startswith("/home/work"):
            return Path(path)
        return super().listed(session, path)

    def folder_path(self, session: Session, path: str) -> str:
        return path if path.startswith("/") else super().folder_path(session, path)


@defect("LS-06")
class LinksOutAreListed(Behaviour):
    """A link that leads out is followed when a directory is listed."""

    def listed(self, session: Session, path: str) -> Path:
        if (session.home / path.lstrip("/")).is_symlink():
            return (session.home / path.lstrip("/")).resolve()
        return super().listed(session, path)

    def folder_path(self, session: Session, path: str) -> str:
        return "/".join(("/home/work", *self.below_home(path)))


@defect("LS-06")
class OutsideListsCrash(Behaviour):
    """A path outside answers 500 when it is listed."""

    def listed(self, session: Session, path: str) -> Path:
        try:
            return super().listed(session, path)
        except Problem as problem:
            raise replace(problem, status=500) from None
