"""Servers that break the conventions (CO)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.selftests.reference.sessions import Session


@defect("CO-01")
class ListingIsPlainText(Behaviour):
    """Listings are JSON sent as text/plain."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().list_files(request, owner, identifier)
        return replace(response, headers={"Content-Type": "text/plain"})


@defect("CO-01", also=("SE-05",))
class InfoIsAList(Behaviour):
    """The session's facts come as a list that holds one object."""

    def show_session(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().show_session(request, owner, identifier)
        return replace(response, body=b"[" + response.body + b"]")


@defect("CO-01", also=("EX-01",))
class ResultsHaveNoType(Behaviour):
    """Execution results carry no Content-Type."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        return replace(super().execute(request, owner, identifier), headers={})


@defect("CO-01", intermittent=True)
class EveryThirdResultIsHtml(Behaviour):
    """One execution result in three claims to be text/html."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().execute(request, owner, identifier)
        return replace(response, headers={"Content-Type": "text/html"}) if self.turn("html") else response


@defect("CO-02")
class UnknownSessionIsHtml(Behaviour):
    """A 404 is a page of HTML."""

    def problem(self, problem: Problem) -> Response:
        if problem.status != 404:  # noqa: PLR2004  - the status is the defect
            return super().problem(problem)
        return Response(404, b"<h1>Not Found</h1>", {"Content-Type": "text/html"})


@defect("CO-02")
class ProblemsHaveNoTitle(Behaviour):
    """Problems say `msg` where `title` belongs."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        body = super().problem_body(problem)
        return {**{key: value for key, value in body.items() if key != "title"}, "msg": problem.title}


@defect("CO-02")
class UploadProblemsHaveNoType(Behaviour):
    """The refusal of an upload has no `type`."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        body = super().problem_body(problem)
        if problem.title in {"File too large", "Too many files"}:
            del body["type"]
        return body


@defect("CO-02")
class TypeIsANumber(Behaviour):
    """The problem's `type` is its status."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        return {**super().problem_body(problem), "type": problem.status}


@defect("CO-02")
class ProblemIsAString(Behaviour):
    """A refused command is answered with a JSON string."""

    def problem(self, problem: Problem) -> Response:
        response = super().problem(problem)
        if problem.title != "Bad mode":
            return response
        return replace(response, body=json.dumps(problem.detail).encode())


@defect("CO-03")
class ProblemsArePlainJson(Behaviour):
    """Problems are sent as application/json."""

    def problem(self, problem: Problem) -> Response:
        return replace(super().problem(problem), headers={"Content-Type": "application/json"})


@defect("CO-04")
class RawUtf8IsLatin1(Behaviour):
    """Raw UTF-8 in a body is read as Latin-1; escapes are fine."""

    def load(self, body: bytes) -> Any:
        return json.loads(body.decode("latin-1")) if body.strip() else {}


@defect("CO-04")
class RawUtf8IsRefused(Behaviour):
    """A body that is not ASCII is refused."""

    def load(self, body: bytes) -> Any:
        return json.loads(body.decode("ascii")) if body.strip() else {}


@defect("CO-04")
class EscapesStayEscaped(Behaviour):
    r"""`\uXXXX` is taken as six characters."""

    def load(self, body: bytes) -> Any:
        return super().load(body.replace(b"\\u", b"\\\\u"))


@defect("CO-04")
class SurrogatePairsAreLost(Behaviour):
    """A character outside the basic plane, escaped as a pair, becomes two question marks."""

    def load(self, body: bytes) -> Any:
        return super().load(body.replace(b"\\ud", b"?\\u00").replace(b"\\uD", b"?\\u00"))


@defect("CO-05")
class IdsAreNotDecoded(Behaviour):
    """A percent-encoded id is unknown."""

    def decode_id(self, segment: str) -> str:
        return segment


@defect("CO-05")
class IdsAreDecodedOnGetOnly(Behaviour):
    """Ids are decoded except where a file is uploaded."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        if "%" in request.path:
            raise self.unknown(identifier)
        return super().upload(request, owner, identifier)


@defect("CO-07")
class OverrideIsIgnored(Behaviour):
    """X-Method-Override is ignored."""

    def method(self, request: Request) -> str:
        return request.method


@defect("CO-08")
class NoMajorVersion(Behaviour):
    """The major revision's own URL is not found."""

    def match(self, segments: list[str]) -> tuple[Mapping[str, str], list[str]]:
        if segments == ["v4"]:
            raise Problem(404, "Not found")
        return super().match(segments)


@defect("CO-08")
class VersionIsMajorOnly(Behaviour):
    """The version is `v4`, without its date."""

    def show_version(self, request: Request, owner: str) -> Response:
        return self.json(200, {"version": "v4"})


@defect("CO-08")
class VersionIsANumber(Behaviour):
    """The version is the number 4."""

    def show_version(self, request: Request, owner: str) -> Response:
        return self.json(200, {"version": 4})


@defect("CO-09")
class PrefixIsNotFound(Behaviour):
    """URLs under /v4 are not found."""

    def path_segments(self, request: Request) -> list[str]:
        return request.path.strip("/").split("/")


@defect("CO-09")
class AnyPrefixWorks(Behaviour):
    """An unsupported major revision is served like a supported one."""

    def is_prefix(self, segment: str) -> bool:
        return segment[:1] == "v" and segment[1:].isdigit()


@defect("CO-10")
class MalformedJsonCrashes(Behaviour):
    """Malformed JSON answers 500."""

    def read_object(self, request: Request) -> dict[str, Any]:
        value = self.load(request.body)
        return value if isinstance(value, dict) else super().read_object(request)


@defect("CO-10")
class ListBodyCrashes(Behaviour):
    """A body that is a JSON list answers 500."""

    def read_object(self, request: Request) -> dict[str, Any]:
        if request.body.lstrip().startswith(b"["):
            raise TypeError("list indices must be integers")
        return super().read_object(request)


@defect("CO-10")
class ListBodyIsAccepted(Behaviour):
    """A list that holds an object is taken as that object."""

    def load(self, body: bytes) -> Any:
        value = super().load(body)
        return value[0] if isinstance(value, list) and value else value


@defect("CO-10")
class NullBodyCrashes(Behaviour):
    """A body that is `null` answers 500."""

    def read_object(self, request: Request) -> dict[str, Any]:
        if request.body.strip() == b"null":
            raise AttributeError("'NoneType' object has no attribute 'get'")
        return super().read_object(request)


@defect("CO-10", also=("EX-25",))
class WrongTypesCrash(Behaviour):
    """A value of the wrong type answers 500."""

    def typed(self, values: Mapping[str, Any], key: str, kind: type[Any], default: Any) -> Any:
        try:
            return super().typed(values, key, kind, default)
        except Problem as problem:
            raise TypeError(problem.detail) from None


@defect("CO-10")
class NumbersPassAsText(Behaviour):
    """A number where a text belongs is taken as its digits."""

    def typed(self, values: Mapping[str, Any], key: str, kind: type[Any], default: Any) -> Any:
        if kind is str and isinstance(values.get(key), int | float):
            return str(values[key])
        return super().typed(values, key, kind, default)


@defect("CO-10")
class DeepNestingCrashes(Behaviour):
    """A body of a thousand nested lists answers 500."""

    def read_object(self, request: Request) -> dict[str, Any]:
        if request.body.count(b"[") > 500:  # noqa: PLR2004  - far more than a real body
            raise RecursionError
        return super().read_object(request)


@defect("CO-11")
class UnknownSessionListsNothing(Behaviour):
    """Listing an unknown session gives an empty list."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            self.find(owner, identifier)
        except Problem:
            return self.json(200, {"files": "[]", "folder_path": "/home/work", "errors": ""})
        return super().list_files(request, owner, identifier)


@defect("CO-11")
class UnknownSessionCrashesDownload(Behaviour):
    """Downloading from an unknown session answers 500."""

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            self.find(owner, identifier)
        except Problem:
            raise KeyError(identifier) from None
        return super().download(request, owner, identifier)


@defect("CO-11")
class BadUploadHidesUnknownSession(Behaviour):
    """An upload to an unknown session answers 400."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().upload(request, owner, identifier)
        except Problem as problem:
            raise Problem(400, problem.title, problem.detail) from None


@defect("CO-12")
class WrongMethodCrashes(Behaviour):
    """A method that a path does not support answers 500."""

    def wrong_method(self, method: str, methods: Mapping[str, str]) -> Problem:
        return Problem(500, "Internal error", method)


@defect("CO-12")
class WrongMethodIsBadRequest(Behaviour):
    """A method that a path does not support answers 400."""

    def wrong_method(self, method: str, methods: Mapping[str, str]) -> Problem:
        return Problem(400, "Bad request", method)


@defect("CO-13")
class UnknownKeysAreRefused(Behaviour):
    """An unknown key in the options of a run is refused."""

    def read_commands(self, wanted: dict[str, Any]) -> Any:
        if set(wanted.get("options") or {}) - {"clean", "build", "exec"}:
            raise Problem(400, "Unknown option")
        return super().read_commands(wanted)


@defect("CO-13")
class NullEnvironIsRefused(Behaviour):
    """`environ: null` is refused."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        if config.get("environ", {}) is None:
            raise Problem(400, "Wrong type", "environ must be an object")
        return super().read_environ(config)


@defect("CO-13")
class NullTagIsRefused(Behaviour):
    """`tag: null` is refused."""

    def read_lang(self, wanted: dict[str, Any]) -> str:
        if wanted.get("tag", "") is None:
            raise Problem(400, "Wrong type", "tag must be a text")
        return super().read_lang(wanted)


@defect("CO-02")
class StreamProblemsAreEmpty(Behaviour):
    """The refusal of a malformed body has no body itself."""

    def problem(self, problem: Problem) -> Response:
        response = super().problem(problem)
        return replace(response, body=b"{}") if problem.title == "Malformed JSON" else response


@defect("CO-11")
class SessionsAreCaseBlind(Behaviour):
    """An id in other letter case finds the session: no session has that id."""

    def find(self, owner: str, identifier: str) -> Session:
        try:
            return super().find(owner, identifier)
        except Problem:
            for session in self.visible(owner):
                if session.name.lower() == identifier.lower():
                    return session
            raise
