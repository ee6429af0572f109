"""Defects of calls and sessions on a narrow path: one operation of many, one kind of refusal, the second time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session


@defect("CO-02")
class TypesAreWords(Behaviour):
    """The `type` of a 404 is a sentence, not a URI."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        body = super().problem_body(problem)
        return {**body, "type": problem.title} if problem.title == "Session not found" else body


@defect("CO-02")
class TitlesOfWrongMethodsAreEmpty(Behaviour):
    """The `title` of a refused method is empty."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        body = super().problem_body(problem)
        return {**body, "title": ""} if problem.title == "Method not allowed" else body


@defect("CO-10")
class TrailingTextIsIgnored(Behaviour):
    """What follows a JSON value in a body is not looked at."""

    def load(self, body: bytes) -> Any:
        text = body.decode().strip()
        return json.JSONDecoder().raw_decode(text)[0] if text else {}


@defect("CO-10")
class BytesThatAreNoTextCrash(Behaviour):
    """A body that is not UTF-8 answers 500."""

    def load(self, body: bytes) -> Any:
        try:
            body.decode()
        except UnicodeDecodeError as fault:
            raise RuntimeError(str(fault)) from fault
        return super().load(body)


@defect("CO-11")
class UnknownSessionsAreInterrupted(Behaviour):
    """Interrupting an unknown session answers 204."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        if not any(identifier in self.ids_of(one) for one in self.visible(owner)):
            return Response(204)
        return super().interrupt(request, owner, identifier)


@defect("CO-07")
class OnlyReadsAreOverridden(Behaviour):
    """A POST that names GET in X-Method-Override is one; one that names another method is not."""

    def method(self, request: Request) -> str:
        method = super().method(request)
        return method if method == "GET" else request.method


@defect("SE-02")
class SecondReuseTellsAnotherId(Behaviour):
    """The second creation that finds a living session is told another id."""

    def reuse(self, living: Session, lang: str) -> Response:
        found = super().reuse(living, lang)
        turns = self.counts[living.uuid] = self.counts.get(living.uuid, 0) + 1
        body = json.loads(found.body)
        names = {key: f"{body[key]}-{turns}" for key in ("kernelId", "sessId") if turns > 1}
        return Response(found.status, self.dump({**body, **names}), found.headers)


@defect("SE-03")
class RefusalsAreForgiven(Behaviour):
    """The second creation with another language finds the session."""

    def reuse(self, living: Session, lang: str) -> Response:
        if living.lang == lang:
            return super().reuse(living, lang)
        turns = self.counts[living.uuid] = self.counts.get(living.uuid, 0) + 1
        return super().reuse(living, lang if turns == 1 else living.lang)


@defect("SE-05")
class QueriesAreShared(Behaviour):
    """The queries of all sessions are counted together."""

    def session_info(self, session: Session) -> dict[str, Any]:
        info = super().session_info(session)
        return {**info, "numQueriesExecuted": sum(one.queries["calls"] for one in list(self.sessions.values()))}


@defect("SE-05")
class QueriesAreForgottenWhenTold(Behaviour):
    """The number of queries is that since it was asked for."""

    def session_info(self, session: Session) -> dict[str, Any]:
        info = super().session_info(session)
        session.queries["calls"] = 0
        return info


@defect("SE-05")
class CpuCreditIsInMicroseconds(Behaviour):
    """The CPU credit is told in microseconds."""

    def session_info(self, session: Session) -> dict[str, Any]:
        return {**super().session_info(session), "cpuCreditUsed": session.cpu_ms * 1000}


@defect("CO-09")
class PrefixIsNotForCreations(Behaviour):
    """Sessions are not created under the major revision."""

    def path_segments(self, request: Request) -> list[str]:
        segments = super().path_segments(request)
        return ["none"] if request.method == "POST" and len(segments) == 1 and "/v" in request.path else segments


@defect("SE-05")
class AgeIsTheOldestSessions(Behaviour):
    """A session is as old as the oldest that lives."""

    def age_ms(self, session: Session) -> int:
        return (
            max(super(AgeIsTheOldestSessions, self).age_ms(one) for one in [session, *self.sessions.values()]) + 9_000
        )


@defect("SE-06", also=("CO-11",))
class DeletedSessionsAreListed(Behaviour):
    """Files of a terminated session are listed as none."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        gone = self.__dict__.setdefault("gone_sessions", set())
        if identifier in gone:
            return self.json(200, {"files": "[]", "folder_path": "/home/work", "errors": ""})
        return super().list_files(request, owner, identifier)

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        self.__dict__.setdefault("gone_sessions", set()).update(self.ids_of(session))


@defect("SE-07")
class RestartFreesTheToken(Behaviour):
    """After a restart the token makes a session of its own."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        with self.lock:
            if (session.owner, session.name) in self.sessions:
                self.sessions[session.owner, session.uuid] = self.sessions.pop((session.owner, session.name))


@defect("SE-07")
class SecondRestartIsAConflict(Behaviour):
    """A session is restarted once."""

    def restart(self, session: Session) -> None:
        turns = self.counts[session.uuid] = self.counts.get(session.uuid, 0) + 1
        if turns > 1:
            raise Problem(409, "Restarted before", session.name)
        super().restart(session)


@defect("VF-05")
class FoldersAreExclusive(Behaviour):
    """A folder that a living session has mounted is refused to another."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = super().read_mounts(config, owner)
        taken = {place for one in list(self.sessions.values()) for place in one.mounts.values()}
        if taken & set(mounts.values()):
            raise Problem(409, "Folder in use", "mounted by another session")
        return mounts


@defect("AU-05")
class UnsignedDownloadsAreServed(Behaviour):
    """Only the signature of downloads is not checked."""

    def authenticate(self, request: Request) -> str:
        if request.path.endswith("/download"):
            return next(iter(self.keys))
        return super().authenticate(request)


@defect("AU-05")
class UnsignedContinuesAreServed(Behaviour):
    """An execute call needs no signature where it continues a run."""

    def authenticate(self, request: Request) -> str:
        if b'"continue"' in request.body and "Authorization" not in request.headers:
            return next(iter(self.keys))
        return super().authenticate(request)


@defect("AU-07")
class OthersFilesAreDownloaded(Behaviour):
    """Only downloads do not look at whose the session is."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        for one in list(self.sessions.values()):
            if identifier in self.ids_of(one):
                return super().download(request, one.owner, identifier)
        return super().download(request, owner, identifier)


@defect("AU-07")
class OthersRunsAreContinued(Behaviour):
    """Only executing does not look at whose the session is."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        for one in list(self.sessions.values()):
            if identifier in self.ids_of(one):
                return super().execute(request, one.owner, identifier)
        return super().execute(request, owner, identifier)


@defect("AU-07")
class OthersTokensAreReused(Behaviour):
    """The token of another key's session finds that session."""

    def create_session(self, request: Request, owner: str) -> Response:
        wanted = self.read_object(request)
        name = wanted.get("clientSessionToken") or wanted.get("name")
        for (who, token), one in list(self.sessions.items()):
            if token == name and who != owner:
                return self.reuse(one, one.lang)
        return super().create_session(request, owner)
