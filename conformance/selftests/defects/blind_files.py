"""Subtle defects of uploads, listings and downloads, invented without a look at the checks that they should fail."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

HIDDEN = ".*"


@defect("UP-03")
class EqualSizesAreKept(Behaviour):
    """A file of the same size as the stored one is taken for the same."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if not (path.is_file() and path.stat().st_size == len(content)):
            super().store(session, path, content)


@defect("UP-14")
class ScriptsAreConverted(Behaviour):
    """CR/LF in a file that begins with `#!` becomes LF."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        content = super().admit_content(name, content)
        return content.replace(b"\r\n", b"\n") if content.startswith(b"#!") else content


@defect("UP-14")
class LastNewlineIsAdded(Behaviour):
    """A text file without a newline at its end gets one."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        content = super().admit_content(name, content)
        return content + b"\n" if name.endswith((".c", ".txt")) and content and not content.endswith(b"\n") else content


@defect("UP-16")
class NewDirectoriesBelongToRoot(Behaviour):
    """Directories that an upload makes can not be written by commands."""

    def make_directories(self, session: Session, directory: Path) -> None:
        made = not directory.is_dir()
        super().make_directories(session, directory)
        if made:
            directory.chmod(0o555)


@defect("UP-12")
class HiddenFilesOutliveSessions(Behaviour):
    """Hidden files of a session are there in the next one of its name."""

    def destroy(self, session: Session) -> None:
        stash = self.root / f"stash-{session.name}"
        for one in session.home.glob(HIDDEN):
            if one.is_file():
                stash.mkdir(exist_ok=True)
                shutil.copy2(one, stash / one.name)
        super().destroy(session)

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, mounts)
        for one in (self.root / f"stash-{name}").glob(HIDDEN):
            shutil.copy2(one, session.home / one.name)
            self.own(session.home / one.name)
        return session


@defect("UP-11")
class DirectoriesOfRefusalsStay(Behaviour):
    """The directories of a request that is refused are made."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        self.refused_names = [name for name, _ in files]
        return super().admit_files(files)

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        self.refused_names = []
        try:
            return super().upload(request, owner, identifier)
        except Problem:
            session = self.find(owner, identifier)
            for name in self.refused_names:
                if "/" in name and not name.startswith("/") and ".." not in name and "\0" not in name:
                    self.make_directories(session, (session.home / name).parent)
            raise


@defect("UP-09")
class TwentiethFileIsLost(Behaviour):
    """Of exactly twenty files the last is not stored."""

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        admitted = super().admit_files(files)
        return admitted[:-1] if len(admitted) == self.max_files else admitted


@defect("UP-02")
class ExtensionsAreLowerCase(Behaviour):
    """The extension of a name is made lower case."""

    def file_name(self, filename: str, disposition: str) -> str:
        stem, dot, extension = super().file_name(filename, disposition).rpartition(".")
        return stem + dot + extension.lower() if dot and "/" not in extension else f"{stem}{dot}{extension}"


@defect("LS-05")
class DashedNamesAreMissing(Behaviour):
    """Names that begin with a dash are not listed."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return [one for one in super().entries(path) if not one["filename"].startswith("-")]


@defect("LS-01")
class EmptyListsAreEmptyText(Behaviour):
    """`files` of an empty directory is the empty string."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        body = super().listing_body(session, path, entries)
        return body if entries else {**body, "files": ""}


@defect("LS-02")
class TrailingSlashesAreNotFound(Behaviour):
    """A directory that is named with a slash at its end does not exist."""

    def listed(self, session: Session, path: str) -> Path:
        if path.endswith("/"):
            raise self.no_such_path(path)
        return super().listed(session, path)


@defect("LS-03")
class MissingPathsAreEmptyBelowFolders(Behaviour):
    """A path that does not exist in a directory that does is empty."""

    def listed(self, session: Session, path: str) -> Path:
        try:
            return super().listed(session, path)
        except Problem as problem:
            found = session.home / path.lstrip("/")
            if problem.title == "No such path" and "/" in path.strip("/") and found.parent.is_dir():
                empty = session.place / "nothing"
                empty.mkdir(exist_ok=True)
                return empty
            raise


@defect("DL-01")
class RepeatedPathsAreSentOnce(Behaviour):
    """A path that is asked for twice is sent once."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return list(dict.fromkeys(super().wanted_files(values)))


@defect("DL-03")
class DownloadsAreRemembered(Behaviour):
    """A file that is downloaded again is as it was the first time."""

    def archive(self, path: Path) -> bytes:
        kept = self.__dict__.setdefault("kept_archives", {})
        if path.is_dir():
            return super().archive(path)
        archive: bytes = kept.setdefault(path, super().archive(path))
        return archive


@defect("DL-04")
class DanglingLinksAreEmpty(Behaviour):
    """A link that leads nowhere is downloaded as an empty file."""

    def downloaded(self, session: Session, name: str) -> Path:
        asked = session.home / name.lstrip("/")
        if asked.is_symlink() and not asked.exists():
            empty = session.place / "tmp" / asked.name
            empty.touch()
            return empty
        return super().downloaded(session, name)


@defect("LS-04")
class TimesAreTold(Behaviour):
    """The mtime of every item is the moment of the listing."""

    def entry(self, path: Path) -> dict[str, Any]:
        return {**super().entry(path), "mtime": time.time()}


@defect("SE-02")
class ReuseGivesAnotherId(Behaviour):
    """A reused session is told by its UUID, a new one by its token."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        body = super().created_body(session, created=created)
        return body if created else {**body, "kernelId": session.uuid, "sessId": session.uuid}


@defect("SE-03")
class RefusedReuseChangesTheLanguage(Behaviour):
    """A reuse with another lang is refused, but the session is one of that lang from then on."""

    def reuse(self, living: Session, lang: str) -> Response:
        try:
            return super().reuse(living, lang)
        finally:
            living.lang = lang


@defect("SE-06", also=("CO-11",))
class TerminatedTwiceIsFine(Behaviour):
    """Terminating a session that was terminated before succeeds."""

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        gone = self.__dict__.setdefault("gone", set())
        if identifier in gone and not any(identifier in self.ids_of(one) for one in self.visible(owner)):
            return Response(200, json.dumps({"stats": {}}).encode(), {"Content-Type": self.json_type})
        response = super().destroy_session(request, owner, identifier)
        gone.add(identifier)
        return response


@defect("SE-09")
class ValuesEndAtANewline(Behaviour):
    """A value in config.environ ends at its first newline."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return {name: value.partition("\n")[0] for name, value in super().read_environ(config).items()}


@defect("SE-05")
class DescriptionsAreCounted(Behaviour):
    """Asking for the description counts as a query."""

    def session_info(self, session: Session) -> dict[str, Any]:
        session.queries["calls"] += 1
        return super().session_info(session)
