"""A target that answers what a test scripts: it keeps a set of sessions, runs nothing, and remembers every call.

Where the proving ground's reference server shows what the suite says of real behaviour, this one shows what the core
does with an exact sequence of answers.
"""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body parsed."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Reply:
    """One answer; a `body` that is no bytes is sent as JSON. `hang_up`: close the connection without a word."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


Script = "Callable[[Seen], Reply | None]"


class Scripted:
    """The target's state: `script` answers first; where it returns None, the obliging default does."""

    def __init__(self, script: Callable[[Seen], Reply | None] = lambda _: None) -> None:
        self.script = script
        self.sessions: set[str] = set()
        self.seen: list[Seen] = []
        self.lock = threading.Lock()

    def calls(self, method: str, ending: str = "") -> list[Seen]:
        """Return the requests of that method whose path ends so."""
        return [one for one in self.seen if one.method == method and one.path.endswith(ending)]

    def answer(self, seen: Seen) -> Reply:
        """Answer a request."""
        with self.lock:
            self.seen.append(seen)
        scripted = self.script(seen)
        return self._obliging(seen) if scripted is None else scripted

    def _obliging(self, seen: Seen) -> Reply:
        parts = seen.path.partition("?")[0].strip("/").split("/")
        if parts in (["v4"], [""]):
            return Reply(200, {"version": "v4.20181215"})
        if parts == ["kernel"] and seen.method == "POST":
            token = seen.json["clientSessionToken"]
            self.sessions.add(token)
            return Reply(201, {"kernelId": token, "created": True})
        if parts[0] != "kernel" or len(parts) < 2 or parts[1] not in self.sessions:  # noqa: PLR2004  - resource and id
            return problem(404)
        return self._of_session(seen, parts[1], parts[2:])

    def _of_session(self, seen: Seen, session_id: str, rest: list[str]) -> Reply:
        if rest == ["upload"]:
            return Reply(204)
        if rest == ["files"]:
            listing = json.dumps([{"filename": "bp-probe-file.txt"}])
            return Reply(200, {"files": listing, "folder_path": "/home/work", "errors": ""})
        if seen.method == "DELETE":
            self.sessions.discard(session_id)
            return Reply(200, {"stats": {}})
        if seen.method == "GET":
            return Reply(200, {"lang": "python"})
        return Reply(200, {"result": result(seen.json.get("runId") or "assigned")})


def result(run_id: str = "r", status: str = "finished", code: int | None = 0, **more: Any) -> dict[str, Any]:
    """Return an execution result object."""
    plain: dict[str, Any] = {
        "runId": run_id,
        "status": status,
        "exitCode": code,
        "console": [],
        "options": None,
        "files": [],
    }
    return plain | more


def problem(status: int) -> Reply:
    """Return a refusal as CO-02 and CO-03 have it."""
    body = {"type": f"urn:test:{status}", "title": "Refused"}
    return Reply(status, body, {"Content-Type": "application/problem+json"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # headers and body in one packet

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target: Scripted = self.server.target  # type: ignore[attr-defined]  # set by `serve_script`
        reply = target.answer(Seen(self.command, self.path, dict(self.headers.items()), body))
        if reply.hang_up:
            self.close_connection = True
            return
        payload = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - the library's name
        """Say nothing."""


@contextmanager
def serve_script(
    script: Callable[[Seen], Reply | None] = lambda _: None, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, Scripted]]:
    """Serve a scripted target on a free loopback port, by HTTPS where `tls` is given; yield its URL and its state."""
    target = Scripted(script)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    server.target = target  # type: ignore[attr-defined]  # read by the handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}", target
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
