"""The WSGI server under the mock: cheroot, with strict framing and a way to a WebSocket on the same port.

Why cheroot (figures of `python -m benchmarks.wsgi_servers`): of the servers that run inside a process on any free
port, it lets a handler take a request's socket, which a WebSocket upgrade under WSGI needs. waitress is as quick, but
cannot upgrade a connection; uvicorn behind a bridge can, at less than half the speed and a fifth of the upload rate,
and never cuts a stalled client; gunicorn wants the main thread and its signals. What cheroot lacks is added here by
its own extension points: threads that come with demand, a C reader in place of its Python one, framing as RFC 9112
has it, a bounded drain so that a refused upload's answer can be read (UP-18), and problem documents for its own
refusals.
"""

import concurrent.futures
import contextlib
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from mock_server.domain.problem import MEDIA_TYPE, Problem
from mock_server.framing import ChunkedBody, RequestReader, SizedBody, StrictHeaderReader

HEAD_TIMEOUT_S: Final = 15.0
BODY_TIMEOUT_S: Final = 120.0
SOCKET_TIMEOUT_S: Final = 30.0  # a single read or write, and how long an idle connection is kept
MAX_HEADER_BYTES: Final = 65536
MAX_DRAIN_BYTES: Final = 256 * 1024 * 1024
LINGER_S: Final = 2.0
_WRITE_BYTES: Final = 262144

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Writer:
    """The writing side of a connection: straight to the socket, in pieces that each get the full time-out."""

    bytes_written = 0  # cheroot adds it up in its statistics, which are off

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def write(self, data: bytes) -> int:
        self._socket.settimeout(SOCKET_TIMEOUT_S)
        view = memoryview(data)
        for start in range(0, len(view), _WRITE_BYTES):
            self._socket.sendall(view[start : start + _WRITE_BYTES])
        return len(data)


def _make_file(sock: socket.socket, mode: str = "rb", _bufsize: int = -1) -> RequestReader | _Writer:
    return RequestReader(sock) if "r" in mode else _Writer(sock)


class _Request(HTTPRequest):
    """One message: strict head, exact body, problem documents where the server itself refuses."""

    def __init__(self, server: Any, conn: Any) -> None:
        super().__init__(server, conn)
        self.header_reader = StrictHeaderReader()
        self.body: ChunkedBody | SizedBody | None = None

    def parse_request(self) -> None:
        self.conn.rfile.allow(HEAD_TIMEOUT_S)
        super().parse_request()

    def read_request_headers(self) -> bool:
        if not super().read_request_headers():  # type: ignore[no-untyped-call]  # cheroot's stubs are partial
            return False
        why = None
        if b"Host" not in self.inheaders and self.response_protocol == "HTTP/1.1":
            why = "The Host header is missing; HTTP/1.1 demands one."
        elif self.response_protocol == "HTTP/1.0" and b"Transfer-Encoding" in self.inheaders:
            why = "HTTP/1.0 knows no Transfer-Encoding."
        if why:
            self.simple_response("400 Bad Request", why)
        return why is None

    def respond(self) -> None:
        """Read the body by our own readers, and answer."""
        self.conn.rfile.allow(BODY_TIMEOUT_S)
        length_bytes = int(self.inheaders.get(b"Content-Length", 0))
        self.body = ChunkedBody(self.conn.rfile) if self.chunked_read else SizedBody(self.conn.rfile, length_bytes)
        self.rfile = self.body
        self.server.gateway(self).respond()
        if self.chunked_write:
            self.conn.wfile.write(b"0\r\n\r\n")

    def send_headers(self) -> None:
        """Drain what the application left unread, and give even a 204 its length and type (old clients need both)."""
        if self.body is not None and not self.body.discard(MAX_DRAIN_BYTES):
            self.close_connection = True
            self.conn.lingering = True
        if str(self.status, "latin-1").startswith("204"):  # type: ignore[call-overload]  # bytes, whatever the stub says
            self.outheaders.append((b"Content-Length", b"0"))
        super().send_headers()

    def simple_response(self, status: str | int, msg: str = "") -> None:
        """Refuse on the server's own account: a problem document, and the connection ends."""
        code, _, title = str(status).partition(" ")
        problem = Problem(int(code), title.lower().replace(" ", "-"), title, msg or title)
        body = json.dumps(problem.document()).encode()
        head = (
            f"HTTP/1.1 {code} {title}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.close_connection = True
        self.conn.lingering = True
        with contextlib.suppress(OSError):
            self.conn.wfile.write(head.encode("latin-1") + body)


class _Connection(HTTPConnection):
    """One client's connection; ends so that the last answer can be read."""

    RequestHandlerClass = _Request
    lingering = False

    def __init__(self, server: Any, sock: socket.socket, _makefile: object = None) -> None:
        super().__init__(server, sock, _make_file)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self.lingering:
                self._linger()
            super().close()
        self.socket.close()

    def _linger(self) -> None:
        """Let the client take the answer before the reset that unread input would cause."""
        self.socket.shutdown(socket.SHUT_WR)
        self.socket.settimeout(LINGER_S)
        deadline = time.monotonic() + LINGER_S
        while time.monotonic() < deadline and self.socket.recv(_WRITE_BYTES):
            pass


class _Gateway(wsgi.Gateway_10):
    """WSGI, plus the hand-over of the socket."""

    taken = False

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]  # cheroot's stubs are partial
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]  # same
        environ["wsgi.input_terminated"] = True  # our bodies end by themselves, the chunked ones too
        environ["batchproof.take_socket"] = self._take_socket
        environ["batchproof.client_gone"] = self._client_gone
        return environ

    def _take_socket(self) -> socket.socket:
        self.taken = self.req.sent_headers = self.req.close_connection = True
        sock: socket.socket = self.req.conn.socket
        sock.settimeout(None)
        return sock

    def _client_gone(self) -> bool:
        """Whether the client has closed the connection, so that an answer would be lost."""
        poll = select.poll()
        try:
            poll.register(self.req.conn.socket, select.POLLIN)
            return bool(poll.poll(0)) and not self.req.conn.socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return self.write if self.taken else super().start_response(status, headers, exc_info)

    def write(self, chunk: bytes) -> None:
        if not self.taken:
            super().write(chunk)


class _Threads:
    """cheroot's pool interface over an executor: threads come when there is work, and their number is bounded."""

    def __init__(self, serve: Callable[[_Connection], None], max_threads: int) -> None:
        self._serve = serve
        self._executor = concurrent.futures.ThreadPoolExecutor(max_threads, "http")
        self._at_work: dict[concurrent.futures.Future[None], _Connection] = {}

    def start(self) -> None:
        """Nothing to do: threads come with demand."""

    def put(self, conn: _Connection) -> None:
        work = self._executor.submit(self._serve, conn)
        self._at_work[work] = conn
        work.add_done_callback(self._at_work.pop)

    def stop(self, timeout: float) -> None:
        """Give requests in flight so many seconds, then cut their connections."""
        _, late = concurrent.futures.wait(list(self._at_work), timeout)
        for work in late:
            conn = self._at_work.get(work)
            if conn is not None:
                with contextlib.suppress(OSError):
                    conn.socket.shutdown(socket.SHUT_RDWR)
        self._executor.shutdown(wait=True)


class _CherootServer(wsgi.Server):
    """cheroot with our connections, gateway and threads."""

    ConnectionClass = _Connection
    # Unlimited: bounded by the idle time-out and the file descriptors.
    keep_alive_conn_limit = None  # type: ignore[assignment]  # the stub forgets None
    max_request_header_size = MAX_HEADER_BYTES
    expiration_interval = 0.1  # also what a stop waits for the accepting thread

    def __init__(self, app: WsgiApp, host: str, port: int, max_threads: int) -> None:
        super().__init__(
            (host, port), app, server_name="batchproof-mock", timeout=int(SOCKET_TIMEOUT_S), request_queue_size=256
        )
        self.gateway = _Gateway
        self.requests = _Threads(self._serve_connection, max_threads)

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Bind, and close what could not be bound."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def _serve_connection(self, conn: _Connection) -> None:
        keep = False
        try:
            keep = bool(conn.communicate())  # type: ignore[no-untyped-call]  # cheroot's stubs are partial
        except OSError:
            pass  # the client went away
        finally:
            if keep:
                self.put_conn(conn)
            else:
                conn.close()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:  # noqa: FBT001, FBT002  - cheroot's signature
        """One line on stderr, and the traceback only for what is our own fault."""
        _ = level
        if traceback:
            error = sys.exc_info()[1]
            msg = f"{msg} ({type(error).__name__})"
        print(f"batchproof-mock: {msg}", file=sys.stderr)  # noqa: T201  - the log


class Server:
    """An HTTP server for one WSGI application, on threads of its own; use as a context manager or start and stop."""

    def __init__(self, app: WsgiApp, host: str = "127.0.0.1", port: int = 0, max_threads: int = 256) -> None:
        self._cheroot = _CherootServer(app, host, port, max_threads)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind and listen, then serve in the background; `OSError` where the address cannot be had."""
        self._cheroot.prepare()
        self._thread = threading.Thread(target=self._cheroot.serve, name="http-accept")
        self._thread.start()

    def stop(self, grace_s: float = 5.0) -> None:
        """Close the listener, let requests in flight finish within `grace_s`, then cut them."""
        self._cheroot.shutdown_timeout = grace_s
        self._cheroot.stop()
        if self._thread is not None:
            self._thread.join()

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return int(self._cheroot.bind_addr[1])

    @property
    def url(self) -> str:
        """The base URL, once started, without a slash at its end."""
        host = self._cheroot.bind_addr[0]
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
