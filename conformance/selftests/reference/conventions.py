"""CO: routes, parameters, JSON in and out, problems. Every family of calls builds on this."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar
from urllib.parse import unquote

from .message import JSON, PROBLEM, Problem, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

PREFIXES: Final = re.compile(r"v([1-4])")
SESSION_CALLS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"GET": "show_session", "POST": "execute", "PATCH": "restart_session", "DELETE": "destroy_session"},
    "upload": {"POST": "upload"},
    "files": {"GET": "list_files"},
    "download": {"GET": "download", "POST": "download"},
    "interrupt": {"POST": "interrupt"},
    "output": {"GET": "show_output"},
}
FOLDER_CALLS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"GET": "show_folder", "DELETE": "delete_folder"},
    "files": {"GET": "list_folder_files"},
    "upload": {"POST": "upload_to_folder"},
    "mkdir": {"POST": "make_folder_directory"},
    "download": {"GET": "download_from_folder"},
    "delete_files": {"DELETE": "delete_folder_files"},
}


class Conventions:
    """Knobs are class attributes, hooks are methods; a defect or a variant overrides either."""

    version = "v4.20190315"
    dialects: tuple[str, ...] = ("kernel", "session")
    folders_offered = True
    interrupt_offered = True
    extra_fields: ClassVar[dict[str, Any]] = {}
    parameters_from = "both"  # CO-06 (open): "both", "body" or "query"
    json_type = JSON
    ascii_json = False
    url = ""  # where the transport serves this
    keep_alive = True
    chunked = False
    framed = True  # or a body ends with its connection
    protocol = "HTTP/1.1"  # or "HTTP/1.0"
    idle_s: float | None = None  # how long a connection may wait for its next request
    lower_case_headers = False
    latency_s = 0.0

    def __init__(self, **knobs: Any) -> None:
        """Start with these knobs changed; an unknown one is an error."""
        for name, value in knobs.items():
            if not hasattr(self, name):
                raise AttributeError(f"{type(self).__name__} has no knob {name!r}")
            setattr(self, name, value)
        self.lock = threading.RLock()
        self.counts: dict[str, int] = {}
        self.root = Path(tempfile.mkdtemp(prefix="reference-"))
        self.root.chmod(0o711)

    def close(self) -> None:
        """Remove everything that was written."""
        shutil.rmtree(self.root, ignore_errors=True)

    def turn(self, what: str, every: int = 3) -> bool:
        """Whether this is the ``every``-th time that ``what`` happens: for intermittent defects."""
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1
            return self.counts[what] % every == 0

    # -- from request to response

    def respond(self, request: Request) -> Response:
        """Answer a request; nothing raised leaves this method."""
        if self.latency_s:
            time.sleep(self.latency_s)
        try:
            response = self.answer(request)
        except Problem as problem:
            response = self.problem(problem)
        except Exception as fault:  # noqa: BLE001  - a server answers whatever happens
            response = self.problem(Problem(500, "Internal error", f"{type(fault).__name__}: {fault}"))
        return self.finish(request, response)

    def finish(self, request: Request, response: Response) -> Response:
        """The last look at every response."""
        return response

    def answer(self, request: Request) -> Response:
        """Let the request in (see access.py), then call its handler."""
        return self.call(request, "")

    def call(self, request: Request, owner: str) -> Response:
        """Find the handler of method and path, and call it: ``handler(request, owner, *ids)``."""
        methods, ids = self.match(self.path_segments(request))
        method = self.method(request)
        if method not in methods:
            raise self.wrong_method(method, methods)
        handler: Callable[..., Response] = getattr(self, methods[method])
        return handler(request, owner, *ids)

    def wrong_method(self, method: str, methods: Mapping[str, str]) -> Problem:
        """CO-12."""
        return Problem(405, "Method not allowed", f"{method} is none of {', '.join(methods)}")

    def method(self, request: Request) -> str:
        """CO-07."""
        if request.method == "POST":
            return request.headers.get("X-Method-Override", "POST").upper()
        return request.method

    def path_segments(self, request: Request) -> list[str]:
        """The path's segments without the major-revision prefix (CO-09), not yet decoded."""
        segments = request.path.strip("/").split("/")
        if len(segments) > 1 and self.is_prefix(segments[0]):
            return segments[1:]
        return segments

    def is_prefix(self, segment: str) -> bool:
        """Whether this is a major revision that is still served."""
        return PREFIXES.fullmatch(segment) is not None

    def match(  # noqa: C901, PLR0911  - a table of paths
        self, segments: list[str]
    ) -> tuple[Mapping[str, str], list[str]]:
        """The methods that a path supports, and the ids within it."""
        match segments:
            case [""]:
                return {"GET": "show_version"}, []
            case [prefix] if self.is_prefix(prefix):
                return {"GET": "show_version"}, []
            case [name] if name in self.dialects:
                return {"POST": "create_session"}, []
            case [name, "create"] if name in self.dialects:
                return {"POST": "create_session"}, []
            case ["folders"] if self.folders_offered:
                return {"GET": "list_folders", "POST": "create_folder"}, []
            case ["folders", "create"] if self.folders_offered:
                return {"POST": "create_folder"}, []
            case [name, identifier, *call] if name in self.dialects:
                return self.match_call(SESSION_CALLS, identifier, call)
            case ["folders", identifier, *call] if self.folders_offered:
                return self.match_call(FOLDER_CALLS, identifier, call)
        raise Problem(404, "Not found", "no such path")

    def match_call(
        self, calls: Mapping[str, Mapping[str, str]], identifier: str, call: list[str]
    ) -> tuple[Mapping[str, str], list[str]]:
        """The methods of a call on one session or folder."""
        name, *rest = call or [""]
        known = calls.get(name)
        if known is None or (name == "output") != bool(rest) or (name == "interrupt" and not self.interrupt_offered):
            raise Problem(404, "Not found", "no such path")
        return known, [self.decode_id(identifier), *([unquote("/".join(rest))] if rest else [])]

    def decode_id(self, segment: str) -> str:
        """CO-05."""
        return unquote(segment)

    def show_version(self, request: Request, owner: str) -> Response:
        """CO-08."""
        return self.json(200, {"version": self.version, "manager": "reference"})

    # -- JSON out

    def json(self, status: int, value: Any) -> Response:
        """CO-01."""
        return Response(status, self.dump({**value, **self.extra_fields}), {"Content-Type": self.json_type})

    def dump(self, value: Any) -> bytes:
        """A JSON text; what is no Unicode scalar value travels escaped."""
        try:
            return json.dumps(value, ensure_ascii=self.ascii_json).encode()
        except UnicodeEncodeError:
            return json.dumps(value).encode()

    def problem(self, problem: Problem) -> Response:
        """CO-02, CO-03."""
        return Response(problem.status, self.dump(self.problem_body(problem)), {"Content-Type": PROBLEM})

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        """The members of a problem object."""
        return {
            "type": f"urn:reference:problem:{problem.slug}",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            **self.extra_fields,
        }

    # -- parameters in

    def load(self, body: bytes) -> Any:
        """The JSON value in a body (CO-04); no body is an empty object."""
        return json.loads(body.decode()) if body.strip() else {}

    def read_object(self, request: Request) -> dict[str, Any]:
        """CO-10: the body as one JSON object."""
        try:
            value = self.load(request.body)
        except (ValueError, RecursionError) as fault:
            raise Problem(400, "Malformed JSON", str(fault)) from None
        if not isinstance(value, dict):
            raise Problem(400, "Not an object", "the body must be a JSON object")
        return value

    def parameters(self, request: Request) -> dict[str, Any]:
        """CO-06: body and query string; where both name a parameter, the query string wins."""
        if self.parameters_from == "body":
            return self.read_object(request)
        query = {name: values if name == "files" else values[-1] for name, values in request.query.items()}
        return query if self.parameters_from == "query" else {**self.read_object(request), **query}

    def typed(self, values: Mapping[str, Any], key: str, kind: type[T], default: T) -> T:
        """CO-10, CO-13: the value of a key; absent and null give the default, another type is refused."""
        value = values.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Problem(400, "Wrong type", f"{key} must be {kind.__name__}, not {type(value).__name__}")
        return value
