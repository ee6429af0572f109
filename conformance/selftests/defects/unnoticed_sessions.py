"""Defects of sessions and of access that a first look passes over: overlap, reuse, older paths, what is optional."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session


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
