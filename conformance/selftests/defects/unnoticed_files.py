"""Defects of files and sessions that a first look passes over: odd forms, overlap, second calls, other paths."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .subtle_uploads import OddRequests
from .table import defect

if TYPE_CHECKING:
    import tarfile
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

Files = list[tuple[str, bytes]]

# -- UP


@defect("UP-01")
class QuotedBoundariesAreRefused(OddRequests):
    """A boundary in quotes is looked for with its quotes."""

    def unwanted(self, request: Request) -> bool:
        return 'boundary="' in request.headers.get("Content-Type", "")


@defect("UP-01")
class ParametersBeforeTheBoundaryAreRefused(OddRequests):
    """A Content-Type that names anything before its boundary, or is not in lower case, is refused."""

    def unwanted(self, request: Request) -> bool:
        return not request.headers.get("Content-Type", "").startswith("multipart/form-data; boundary=")


@defect("UP-01")
class PartHeadersAreCaseSensitive(OddRequests):
    """A part whose headers are in lower case is refused."""

    def unwanted(self, request: Request) -> bool:
        return b"\r\ncontent-disposition:" in request.body[:1000]


@defect("UP-04")
class DirectoriesAreMadeOnce(Behaviour):
    """A directory that an upload made is taken to be there ever after."""

    def make_directories(self, session: Session, directory: Path) -> None:
        made = self.__dict__.setdefault("made_directories", set())
        if directory not in made:
            super().make_directories(session, directory)
        made.add(directory)


@defect("UP-05")
class DottedNamesAreRefused(Behaviour):
    """A name that begins with `./` is refused."""

    def place_of(self, session: Session, name: str) -> Path:
        if name.startswith("./") and ".." not in name:
            raise Problem(400, "Bad path", name)
        return super().place_of(session, name)


@defect("UP-01", intermittent=True)
class RefusalsEmptyTheStage(Behaviour):
    """A refused upload takes with it the files of another that is being stored."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().upload(request, owner, identifier)
        except Problem:
            self.counts["refusals"] = self.counts.get("refusals", 0) + 1
            raise

    def store(self, session: Session, path: Path, content: bytes) -> None:
        before = self.counts.get("refusals", 0)
        threading.Event().wait(0.03)
        if self.counts.get("refusals", 0) == before:
            super().store(session, path, content)


@defect("UP-14")
class CharsetsAreConverted(Behaviour):
    """A part whose type names another charset than UTF-8 is stored in UTF-8."""

    def read_files(self, request: Request) -> Files:
        files = super().read_files(request)
        if b"charset=iso-8859-1" in request.body.lower():
            return [(name, content.decode("latin-1").encode()) for name, content in files]
        return files


@defect("UP-02")
class AbsoluteLinksAreTheHosts(Behaviour):
    """A file for a directory that is an absolute link within home lands somewhere else."""

    def place_of(self, session: Session, name: str) -> Path:
        top = session.home / name.partition("/")[0]
        if top.is_symlink() and str(top.readlink()).startswith("/home/work/") and ".." not in name:
            return session.place / "elsewhere"
        return super().place_of(session, name)

    def check_places(self, session: Session, places: list[Path]) -> None:
        super().check_places(session, [path for path in places if path.is_relative_to(session.home)])


# -- LS


@defect("LS-03")
class PathsBelowFilesCrash(Behaviour):
    """A path below a regular file answers 500 when it is listed."""

    def listed(self, session: Session, path: str) -> Path:
        found = self.inside(session, path)
        if found.parent.is_file():
            raise NotADirectoryError(path)
        return super().listed(session, path)


@defect("SE-10")
class MountedFoldersAreNotListed(Behaviour):
    """A path in a mounted folder is outside when it is listed."""

    def listed(self, session: Session, path: str) -> Path:
        found = super().listed(session, path)
        if not found.is_relative_to(session.home) and session.lang:
            raise self.outside(path)
        return found


@defect("SE-10")
class MountedFoldersAreNotDownloaded(Behaviour):
    """A path in a mounted folder is outside when it is downloaded."""

    def downloaded(self, session: Session, name: str) -> Path:
        found = super().downloaded(session, name)
        if not found.is_relative_to(session.home) and session.lang:
            raise self.outside(name)
        return found


# -- DL


@defect("DL-03")
class LargeDownloadsEndEarly(Behaviour):
    """A file of more than 1 MiB comes with zeros after its first MiB."""

    def archive(self, path: Path) -> bytes:
        whole = super().archive(path)
        lost = len(whole) - (1 << 20) if path.is_file() and len(whole) > 1_100_000 else 0  # noqa: PLR2004  - rare
        return whole[: len(whole) - lost] + bytes(lost)


@defect("DL-05")
class SlashesAtTheEndAreNotFound(Behaviour):
    """A directory that is named with a slash at its end is not downloaded."""

    def downloaded(self, session: Session, name: str) -> Path:
        if name.endswith("/"):
            raise Problem(404, "No such file", name)
        return super().downloaded(session, name)


@defect("DL-05")
class HardLinksAreMissing(Behaviour):
    """Of several names of one file the tar of a directory holds the first alone."""

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if member.islnk() else super().member(member)


# -- SE


@defect("SE-02", intermittent=True)
class OverlappingCreationsAreTwo(Behaviour):
    """Two creations with one token that overlap make two sessions."""

    def create_session(self, request: Request, owner: str) -> Response:
        wanted = self.read_object(request)
        name = wanted.get("clientSessionToken")
        known = isinstance(name, str) and (owner, name) in self.sessions
        threading.Event().wait(0.1)
        if isinstance(name, str) and not known and (owner, name) in self.sessions:
            with contextlib.suppress(KeyError):
                old = self.sessions.pop((owner, name))
                self.sessions[owner, f"{name}-{old.uuid}"] = old
        return super().create_session(request, owner)


@defect("SE-09")
class ReuseForgetsTheEnvironment(Behaviour):
    """A creation that finds a living session gives it the environment that it names, or none."""

    def create_session(self, request: Request, owner: str) -> Response:
        response = super().create_session(request, owner)
        if b'"created": false' in response.body:
            wanted = self.read_object(request)
            session = self.sessions[owner, str(wanted["clientSessionToken"])]
            session.environ = self.read_environ(wanted.get("config") or {})
        return response


@defect("SE-05")
class ReuseResetsTheAge(Behaviour):
    """The age of a session begins anew when a creation finds it."""

    def reuse(self, living: Session, lang: str) -> Response:
        response = super().reuse(living, lang)
        living.born_s = time.monotonic()
        return response


@defect("SE-06")
class DeleteKillsNothing(Behaviour):
    """A DELETE forgets the session, and its commands go on."""

    def destroy(self, session: Session) -> None:
        with self.lock:
            self.sessions.pop((session.owner, session.name), None)


@defect("SE-04")
class TokensThatAreUuidsAreNotFound(Behaviour):
    """A token that reads as a UUID is taken for one, and finds nothing."""

    def find(self, owner: str, identifier: str) -> Session:
        session = super().find(owner, identifier)
        if len(identifier.replace("-", "")) == 32 and identifier == session.name:  # noqa: PLR2004  - hex digits
            raise self.unknown(identifier)
        return session


@defect("SE-01")
class AnyLimitIsTooMuch(Behaviour):
    """A creation that asks for a cluster of one, or for no GPU, is refused."""

    def check_limits(self, config: dict[str, Any]) -> None:
        super().check_limits(config)
        if config.get("clusterSize") == 1:
            raise self.too_much()


class LegacyPath(Behaviour):
    """A server whose legacy path differs."""

    legacy = False

    def create_session(self, request: Request, owner: str) -> Response:
        self.legacy = request.path.endswith("/create")
        return super().create_session(request, owner)


@defect("SE-02")
class LegacyCreationsAreConflicts(LegacyPath):
    """The legacy path refuses the token of a living session."""

    def reuse(self, living: Session, lang: str) -> Response:
        if self.legacy:
            raise Problem(409, "Session exists", living.name)
        return super().reuse(living, lang)


@defect("SE-04")
class LegacyTokensAreNotMeasured(LegacyPath):
    """The legacy path takes tokens of any length."""

    def check_token(self, token: str) -> None:
        if not self.legacy:
            super().check_token(token)


@defect("SE-09")
class LegacyCreationsHaveNoEnvironment(LegacyPath):
    """The legacy path ignores config.environ."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        environ = super().read_environ(config)
        return {} if self.legacy else environ


@defect("VF-05")
class RestartsEmptyFolders(Behaviour):
    """A restart removes all below the home, in mounted folders too."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        for directory in session.mounts.values():
            self.empty(directory)


# -- CO


@defect("CO-09")
class PrefixIsNotForFolders(Behaviour):
    """Folders are not found under the major revision."""

    def path_segments(self, request: Request) -> list[str]:
        segments = super().path_segments(request)
        return ["none", *segments] if "/folders" in request.path and request.path.startswith("/v") else segments


@defect("CO-09")
class PrefixIsNotForDeletions(Behaviour):
    """Sessions are not terminated under the major revision."""

    def method(self, request: Request) -> str:
        if request.method == "DELETE" and request.path.startswith("/v"):
            raise Problem(404, "Not found", "no such path")
        return super().method(request)


@defect("CO-10")
class CodeOfTheWrongTypeCrashes(Behaviour):
    """A `code` that is no text answers 500."""

    def read_object(self, request: Request) -> dict[str, Any]:
        value = super().read_object(request)
        if not isinstance(value.get("code"), str | None):
            raise TypeError("code")
        return value


@defect("CO-10")
class ResourcesOfTheWrongTypeCrash(Behaviour):
    """Resources and amounts of the wrong type in a creation answer 500."""

    def check_limits(self, config: dict[str, Any]) -> None:
        if not isinstance(config.get("resources"), dict | None) or isinstance(config.get("instanceMemory"), str | list):
            raise TypeError("resources")
        super().check_limits(config)


@defect("CO-10")
class FolderBodiesCrash(Behaviour):
    """A body that is no object, or a name that is no text, answers 500 where a folder is created."""

    def create_folder(self, request: Request, owner: str) -> Response:
        try:
            return super().create_folder(request, owner)
        except Problem as problem:
            if problem.title in {"Not an object", "Wrong type"}:
                raise TypeError(problem.detail) from None
            raise


@defect("CO-13")
class NullCodeIsRefused(Behaviour):
    """A null `code` is refused."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Any:
        if "code" in wanted and wanted["code"] is None:
            raise Problem(400, "Wrong type", "code must be a text")
        return super().find_run(session, wanted, mode)


@defect("CO-13")
class NullHostIsRefused(Behaviour):
    """A folder's creation with `host: null` is refused."""

    def create_folder(self, request: Request, owner: str) -> Response:
        if set(self.read_object(request)) - {"name"}:
            raise Problem(400, "Unknown key")
        return super().create_folder(request, owner)


# -- AU and RL


class UnsignedSomewhere(Behaviour):
    """A server that serves some calls without a signature."""

    def is_open(self, request: Request) -> bool:
        return False

    def admit(self, request: Request) -> str:
        if self.keys and "Authorization" not in request.headers and self.is_open(request):
            return next(iter(self.keys))
        return super().admit(request)


@defect("AU-05")
class UnsignedFoldersAreServed(UnsignedSomewhere):
    """Virtual folders need no signature."""

    def is_open(self, request: Request) -> bool:
        return "/folders" in request.path


@defect("AU-05")
class UnsignedLegacyCreationsAreServed(UnsignedSomewhere):
    """A creation by the legacy path needs no signature."""

    def is_open(self, request: Request) -> bool:
        return request.path.endswith("/create")


@defect("AU-05")
class UnsignedInterruptsAreServed(UnsignedSomewhere):
    """An interrupt needs no signature."""

    def is_open(self, request: Request) -> bool:
        return request.path.endswith("/interrupt")


class FreeCalls(Behaviour):
    """A server that does not count some calls."""

    free = False

    def is_free(self, request: Request) -> bool:
        return False

    def counted_call(self, request: Request, who: str, owner: str) -> Response:
        if self.is_free(request):
            try:
                return self.call(request, owner)
            except Problem as problem:
                return self.problem(problem)
        return super().counted_call(request, who, owner)


@defect("RL-02")
class DownloadsAreFree(FreeCalls):
    """Downloads do not count."""

    def is_free(self, request: Request) -> bool:
        return request.path.endswith("/download")


@defect("RL-02")
class RunsAreFree(FreeCalls):
    """Calls that execute do not count where they succeed."""

    def is_free(self, request: Request) -> bool:
        return request.method == "POST" and b'"mode"' in request.body and "none" not in request.path


# -- odd names and places


@defect("UP-13")
class DottedMountsAreWritten(Behaviour):
    """A mounted folder is known by the beginning of a path alone."""

    def place_of(self, session: Session, name: str) -> Path:
        if name.startswith("./") and name.split("/")[1] in session.mounts:
            return self.inside(session, name)
        return super().place_of(session, name)


@defect("UP-13")
class OnlyTheFirstFileIsKeptOutOfMounts(Behaviour):
    """A file for a mounted folder is written there where it is not the first of its upload."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        self.placed: list[str] = []
        return super().upload(request, owner, identifier)

    def place_of(self, session: Session, name: str) -> Path:
        self.placed.append(name)
        if len(self.placed) > 1 and name.partition("/")[0] in session.mounts:
            return self.inside(session, name)
        return super().place_of(session, name)


@defect("UP-11")
class ConflictsAreNoticedLate(Behaviour):
    """That a file stands where a directory is needed is noticed when the files before it are stored."""

    def check_places(self, session: Session, places: list[Path]) -> None:
        for at, path in enumerate(places):
            try:
                super().check_places(session, [path])
            except Problem:
                for earlier in places[:at]:
                    self.store(session, earlier, b"half")
                raise


@defect("UP-14")
class UnprintableCharactersAreDropped(Behaviour):
    """Characters that print nothing are dropped from names."""

    def file_name(self, filename: str, disposition: str) -> str:
        return "".join(one for one in super().file_name(filename, disposition) if one.isprintable() or one == "\u00a0")


@defect("UP-14")
class OddBlanksAreBlanks(Behaviour):
    """Blanks of every kind in names become plain ones."""

    def file_name(self, filename: str, disposition: str) -> str:
        return re.sub(r"[^\S\t\r\n]", " ", super().file_name(filename, disposition))


@defect("DL-01")
class BackslashesInDownloadsAreSlashes(Behaviour):
    """A backslash in a path separates directories when it is downloaded."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        return [name.replace("\\", "/") for name in super().wanted_files(values)]


@defect("DL-01", also=("DL-03", "DL-06"))
class NewlinesInNamesBreakParts(Behaviour):
    """A line end in a name is one in the header of its part."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().download(request, owner, identifier)
        if any("\n" in name for name in self.wanted_files(self.parameters(request))):
            body = response.body.replace(b"x-tar\r\n\r\n", b"x-tar\r\nContent-Disposition: x\r\n\r\nline\r\n\r\n")
            return replace(response, body=body)
        return response


@defect("AU-04")
class OtherDateIsIsoAlone(Behaviour):
    """X-BackendAI-Date is understood in the extended form of ISO 8601 alone."""

    def date_text(self, request: Request) -> str:
        text = super().date_text(request)
        return text if request.headers.get("Date") or "-" in text else ""


@defect("CO-09")
class PrefixIsNotForTheOlderPath(Behaviour):
    """The older path of creations is not found under the major revision."""

    def path_segments(self, request: Request) -> list[str]:
        segments = super().path_segments(request)
        return ["none"] if request.path.startswith("/v") and segments[-1] == "create" else segments


@defect("AU-07")
class OthersAreInterrupted(Behaviour):
    """Only an interrupt does not look at whose the session is."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        theirs = next((one.owner for one in list(self.sessions.values()) if identifier in self.ids_of(one)), owner)
        return super().interrupt(request, theirs, identifier)


@defect("AU-07")
class UuidsAreEverybodys(Behaviour):
    """A session is one of its key where its name is asked for, and everybody's by its UUID."""

    def find(self, owner: str, identifier: str) -> Session:
        found = next((one for one in list(self.sessions.values()) if one.uuid == identifier), None)
        return found or super().find(owner, identifier)
