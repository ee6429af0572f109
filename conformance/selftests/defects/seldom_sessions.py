"""Defects of calls, sessions and folders that show seldom: in the second session, with null, by one form of an id."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

# -- CO


@defect("CO-01")
class ReuseIsPlainText(Behaviour):
    """The answer to a creation that finds a living session is sent as text/plain."""

    def reuse(self, living: Session, lang: str) -> Response:
        found = super().reuse(living, lang)
        return Response(found.status, found.body, {"Content-Type": "text/plain"})


@defect("CO-01")
class ContinuedIsTypedAsText(Behaviour):
    """The answers to `continue` calls are sent as text/json."""

    def finish(self, request: Request, response: Response) -> Response:
        if b'"continue"' not in request.body or response.status != 200:  # noqa: PLR2004  - HTTP's own
            return response
        return Response(response.status, response.body, {**response.headers, "Content-Type": "text/json"})


@defect("CO-02")
class RefusedCreationsHaveNoTitle(Behaviour):
    """A creation that is refused for its token or its language is answered without a `title`."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        body = super().problem_body(problem)
        if problem.title in {"Bad token", "Session exists"}:
            del body["title"]
        return body


@defect("CO-04")
class RawPathsAreLatin1(Behaviour):
    """Raw UTF-8 in the body of a listing is read as Latin-1; elsewhere it is not."""

    def parameters(self, request: Request) -> dict[str, Any]:
        values = super().parameters(request)
        if not request.body.isascii() and isinstance(values.get("path"), str):
            values["path"] = values["path"].encode().decode("latin-1")
        return values


@defect("CO-05")
class PartlyEncodedIdsAreKept(Behaviour):
    """An id is decoded only where its first character is encoded."""

    def decode_id(self, segment: str) -> str:
        return super().decode_id(segment) if segment.startswith("%") else segment


@defect("CO-09")
class PrefixIsNotForFiles(Behaviour):
    """Uploads and downloads are not found under the major revision."""

    def path_segments(self, request: Request) -> list[str]:
        segments = super().path_segments(request)
        prefixed = len(segments) < len(request.path.strip("/").split("/"))
        return ["none", *segments] if prefixed and segments[-1] in {"upload", "download"} else segments


@defect("CO-10")
class EmptyBodiesCrash(Behaviour):
    """A call without a body where one is needed answers 500."""

    def read_object(self, request: Request) -> dict[str, Any]:
        if request.method == "POST" and not request.body:
            raise RuntimeError("no body")
        return super().read_object(request)


@defect("CO-10")
class NumbersInEnvironCrash(Behaviour):
    """A number as a value of `config.environ` answers 500."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        environ = config.get("environ")
        if isinstance(environ, dict) and any(isinstance(value, int) for value in environ.values()):
            raise TypeError("int is no str")
        return super().read_environ(config)


@defect("CO-10")
class OnlyTheFirstPathIsTyped(Behaviour):
    """A path that is no text answers 500 unless it is the first of a download."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        names = values.get("files")
        if isinstance(names, list) and any(not isinstance(name, str) for name in names[1:]):
            raise TypeError("no text")
        return super().wanted_files(values)


@defect("CO-11")
class UnknownUuidsCrash(Behaviour):
    """An unknown id in the form of a UUID answers 500."""

    def unknown(self, identifier: str) -> Problem:
        if identifier.count("-") == 4 and len(identifier) == 36:  # noqa: PLR2004  - what a UUID looks like
            raise KeyError(identifier)
        return super().unknown(identifier)


@defect("CO-13")
class NullConfigIsRefused(Behaviour):
    """`config: null` is refused."""

    def create_session(self, request: Request, owner: str) -> Response:
        if self.read_object(request).get("config", {}) is None:
            raise Problem(400, "Wrong type", "config must be an object")
        return super().create_session(request, owner)


@defect("CO-13")
class NullOptionsEndARun(Behaviour):
    """A `continue` whose options are null is refused."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        wanted = self.read_object(request)
        if wanted.get("mode") == "continue" and wanted.get("options", {}) is None:
            raise Problem(400, "Wrong type", "options must be an object")
        return super().execute(request, owner, identifier)


@defect("CO-13")
class NullPathIsRefused(Behaviour):
    """A listing whose path is null is refused."""

    def parameters(self, request: Request) -> dict[str, Any]:
        values = super().parameters(request)
        if values.get("path", "") is None:
            raise Problem(400, "Wrong type", "path must be a text")
        return values


# -- SE


@defect("SE-01")
class NamelessSessionsAreOne(Behaviour):
    """Every session without a token is called `default`."""

    def read_token(self, wanted: dict[str, Any]) -> str:
        named = wanted.get("clientSessionToken") or wanted.get("name")
        return super().read_token(wanted) if named else "default"


@defect("SE-01", also=("SE-02", "SE-05"))
class LegacyCreationsAreForgotten(Behaviour):
    """A session that was made by the legacy path is not there."""

    def create_session(self, request: Request, owner: str) -> Response:
        response = super().create_session(request, owner)
        if urlsplit(request.target).path.endswith("/create"):
            name = self.read_token(self.read_object(request))
            session = self.sessions.get((owner, name))
            if session is not None:
                self.destroy(session)
        return response


@defect("SE-02")
class ReuseEndsWhatIsRunning(Behaviour):
    """A creation that finds a living session ends its runs."""

    def reuse(self, living: Session, lang: str) -> Response:
        self.kill_runs(living)
        return super().reuse(living, lang)


@defect("SE-02")
class ReuseByTheThirdTimeIsRefused(Behaviour):
    """A session is found again twice, and no more."""

    def reuse(self, living: Session, lang: str) -> Response:
        with self.lock:
            self.counts[living.uuid] = self.counts.get(living.uuid, 0) + 1
        if self.counts[living.uuid] > 2:  # noqa: PLR2004  - twice
            raise Problem(409, "Session exists", living.name)
        return super().reuse(living, lang)


@defect("SE-04")
class TokensKeepTheirLanguage(Behaviour):
    """The token of a terminated session is refused with another language."""

    def create_session(self, request: Request, owner: str) -> Response:
        wanted = self.read_object(request)
        langs: dict[str, str] = self.__dict__.setdefault("langs", {})
        name = wanted.get("clientSessionToken") or wanted.get("name")
        if isinstance(name, str) and isinstance(wanted.get("lang"), str):
            known = langs.get(name, wanted["lang"])
            response = super().create_session(request, owner)
            if known != wanted["lang"]:
                self.destroy(self.sessions[owner, name])
                raise Problem(409, "Session exists", f"{name} ran {known}")
            langs[name] = known
            return response
        return super().create_session(request, owner)


@defect("SE-05")
class AgeIsTheServers(Behaviour):
    """A session is as old as the server, and a minute."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.began_s = time.monotonic() - 60

    def age_ms(self, session: Session) -> int:
        return int((time.monotonic() - self.began_s) * 1000)


@defect("SE-06")
class DeletedByNameLivesByUuid(Behaviour):
    """A session that was terminated by its name is still found by its UUID."""

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        response = super().destroy_session(request, owner, identifier)
        if identifier == session.name:
            self.__dict__.setdefault("ghosts", {})[session.uuid] = session
        return response

    def show_session(self, request: Request, owner: str, identifier: str) -> Response:
        ghost = self.__dict__.get("ghosts", {}).get(identifier)
        return (
            super().show_session(request, owner, identifier)
            if ghost is None
            else self.json(200, self.session_info(ghost))
        )


knob("gpus-are-not-limited", "SE-08", "Any number of GPUs is granted.", max_gpus=10**9)
knob("clusters-are-not-limited", "SE-08", "Any size of a cluster is granted.", max_cluster_size=10**9)


@defect("SE-09")
class EnvironIsLostOnRestart(Behaviour):
    """After a restart `config.environ` is gone."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        session.environ.clear()


@defect("SE-09")
class EnvironIsTheNewestSessions(Behaviour):
    """While two sessions live, both have the environment of the one that was made last."""

    def environ(self, session: Session) -> dict[str, str]:
        newest = max(self.sessions.values(), key=lambda one: one.born_s, default=session)
        return super().environ(newest if newest.environ else session)


@defect("SE-09")
class EmptyValuesAreUnset(Behaviour):
    """A variable with an empty value is not set."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return {name: value for name, value in super().read_environ(config).items() if value}


@defect("SE-09")
class ValuesEndAtAnEqualsSign(Behaviour):
    """A value ends at its first `=`."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return {name: value.partition("=")[0] for name, value in super().read_environ(config).items()}


@defect("SE-10")
class OnlyTheFirstAliasIsTaken(Behaviour):
    """Of several mounts with an alias only the first is found under it."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = self.typed(config, "mounts", list, [])
        if all(isinstance(one, str) for one in mounts):
            config = {**config, "mounts": [*mounts[:1], *(one.partition(":")[0] for one in mounts[1:])]}
        return super().read_mounts(config, owner)


@defect("SE-11")
class InterruptsKill(Behaviour):
    """An interrupt kills the command, whether it ignores SIGINT or not."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        self.kill_runs(self.find(owner, identifier))
        return Response(204)
