"""The server's side of a WebSocket on a connection that began as an HTTP request.

The library is loaded with the first WebSocket: it takes half as long as all the rest of the server, and most clients
need none.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from mock_server.domain.errors import MalformedBody, NotAWebSocket

if TYPE_CHECKING:
    import simple_websocket

MAX_MESSAGE_BYTES: Final = 1024 * 1024
PING_S: Final = 25.0  # notices a client that vanished without a word
_FAREWELL_S: Final = 2.0
_STALL_MS: Final = 30_000  # how long sent data may stay unacknowledged


class WebSocketClosed(Exception):  # noqa: N818  - an event, not a fault
    """The client is gone."""


class _WholeFrames:
    """The socket as the library uses it. It sends from two threads (answers, pongs), and a frame must stay whole."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sending = threading.Lock()
        self.recv, self.fileno, self.close = sock.recv, sock.fileno, sock.close

    def send(self, data: bytes) -> int:
        """Send all of it."""
        with self._sending:
            self._socket.sendall(data)
        return len(data)


class WebSocket:
    """Text messages to and from one client. Every method raises `WebSocketClosed` once the client is gone."""

    def __init__(self, connection: "simple_websocket.Server") -> None:
        self._connection = connection

    @property
    def closed(self) -> bool:
        """Whether the client has gone."""
        return not self._connection.connected

    def send(self, text: str) -> None:
        """Send one text message."""
        with _closing_told():
            self._connection.send(text)

    def receive(self, timeout_s: float | None = None) -> str | None:
        """Return the next text message, None when none came in time. Raises `MalformedBody` for a binary one."""
        with _closing_told():
            message: str | bytes | None = self._connection.receive(timeout_s)
        if isinstance(message, bytes):
            raise MalformedBody("A binary message came; send text.")
        return message


@contextlib.contextmanager
def _closing_told() -> Iterator[None]:
    import simple_websocket  # noqa: PLC0415  - see above

    try:
        yield
    except (OSError, simple_websocket.ConnectionClosed) as error:
        raise WebSocketClosed from error


@contextlib.contextmanager
def accepted(environ: Mapping[str, Any]) -> Iterator[WebSocket]:
    """Upgrade a request's connection; it is closed when the block ends. Raises `NotAWebSocket` where it is none."""
    if environ.get("HTTP_UPGRADE", "").lower() != "websocket" or "HTTP_SEC_WEBSOCKET_KEY" not in environ:
        raise NotAWebSocket
    import simple_websocket  # noqa: PLC0415  - see above
    from wsproto.utilities import RemoteProtocolError  # noqa: PLC0415  - same

    take_socket: Callable[[], socket.socket] = environ["batchproof.take_socket"]
    sock = take_socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALL_MS)
    with contextlib.closing(sock):
        try:
            connection = simple_websocket.Server.accept(
                {**environ, "werkzeug.socket": _WholeFrames(sock)},
                ping_interval=PING_S,
                max_message_size=MAX_MESSAGE_BYTES,
            )
        except (RemoteProtocolError, simple_websocket.ConnectionError) as error:
            raise NotAWebSocket from error  # for the log of this server: the socket is the library's already
        try:
            yield WebSocket(connection)
        finally:
            with contextlib.suppress(simple_websocket.ConnectionClosed, OSError):
                connection.close()
            connection.thread.join(_FAREWELL_S)  # it reads the client's own farewell
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            connection.thread.join()
