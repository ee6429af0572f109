"""HTTP/1.1 on a loopback port, in threads of this process: the only file that knows sockets."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from .message import Problem, Request
from .sandbox import way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .behaviour import Behaviour
    from .message import Response

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
EARLY_BYTES: Final = 1024 * 1024 + 4096
CHUNK_BYTES: Final = 16 * 1024


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    behaviour: Behaviour

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body
    disable_nagle_algorithm = True
    server: _Listener
    _head = b""

    def setup(self) -> None:
        """Speak the version of HTTP that the behaviour speaks."""
        self.protocol_version = self.server.behaviour.protocol
        super().setup()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - http.server's name
        """Nothing is logged: the suite records every exchange itself."""

    def _serve(self) -> None:
        behaviour = self.server.behaviour
        self.connection.settimeout(None)
        if self._refused_early():
            return
        body, whole = self._read_body()
        request = Request(self.command, self.path, self.headers, body, str(self.client_address[0]), cut_short=not whole)
        response = behaviour.respond(request)
        if not behaviour.keep_alive or not behaviour.framed or not whole:
            self.close_connection = True
        self._write(response, chunked=behaviour.chunked and bool(response.body))
        self.connection.settimeout(behaviour.idle_s)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815  - http.server's names

    def _refused_early(self) -> bool:
        """UP-18: whether a large upload was refused, and the connection reset, before it had all come."""
        length = int(self.headers.get("Content-Length", "0") or 0)
        behaviour = self.server.behaviour
        if not behaviour.refuses_early or length < EARLY_BYTES or not self.path.endswith("/upload"):
            return False
        self._head = self.rfile.read(EARLY_BYTES)
        if not behaviour.refuse_early(self._head, length):
            return False
        self.close_connection = True
        self._write(behaviour.problem(Problem(400, "File too large")), chunked=False)
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return True

    def _read_body(self) -> tuple[bytes, bool]:
        """The body, and whether all of it came."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        announced = self.headers.get("Content-Length", "0")
        length = int(announced) if announced.isdigit() else 0
        head, self._head = self._head, b""
        body = head + self.rfile.read(min(length, MAX_BODY_BYTES) - len(head))
        return body, len(body) == length

    def _read_chunks(self) -> tuple[bytes, bool]:
        pieces: list[bytes] = []
        while True:
            head = self.rfile.readline(64).partition(b";")[0].strip()
            try:
                size = int(head, 16)
            except ValueError:
                return b"".join(pieces), False
            if size == 0:
                self.rfile.readline(1024)
                return b"".join(pieces), True
            piece = self.rfile.read(size)
            self.rfile.readline(2)
            pieces.append(piece)
            if len(piece) != size or sum(map(len, pieces)) > MAX_BODY_BYTES:
                return b"".join(pieces), False

    def _write(self, response: Response, *, chunked: bool) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name.lower() if self.server.behaviour.lower_case_headers else name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif response.status != 204 and self.server.behaviour.framed:  # noqa: PLR2004  - RFC 9110: a 204 has no length
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if chunked:
            self._write_chunks(response.body)
        else:
            self.wfile.write(response.body)

    def _write_chunks(self, body: bytes) -> None:
        for start in range(0, len(body), CHUNK_BYTES):
            piece = body[start : start + CHUNK_BYTES]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


@contextmanager
def serve(behaviour: Behaviour, port: int = 0) -> Iterator[str]:
    """Serve a behaviour on a loopback port (0: a free one); yields its URL, and leaves nothing behind."""
    if not way():
        raise RuntimeError("neither bwrap nor unshare runs a command here: the reference has no sandbox")
    listener = _Listener(("127.0.0.1", port), _Connection)
    listener.behaviour = behaviour
    behaviour.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield behaviour.url
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
        behaviour.close()
