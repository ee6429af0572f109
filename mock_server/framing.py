"""HTTP/1.1 message framing, stricter than the server library's own.

What cheroot takes leniently is refused here, because two readers that disagree about where a message ends are how
requests get smuggled, and because a client under test deserves to hear of its mistake: two or no Host headers, both
Content-Length and Transfer-Encoding, lengths that are not plain digits, folded header lines, broken chunks, bodies
cut short. A client that stalls is cut off by a deadline per message, however slowly it keeps dripping.
"""

import io
import re
import socket
import time
from typing import IO, TYPE_CHECKING, Final

from cheroot.server import HeaderReader

from mock_server.domain.errors import BodyTimedOut, MalformedBody

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PAUSE_S: Final = 30.0  # the longest silence inside a message

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_ONCE: Final = frozenset(
    {b"Host", b"Content-Length", b"Transfer-Encoding", b"Content-Type", b"Authorization", b"Origin", b"Date"}
)
_MAX_LINE_BYTES: Final = 4096


class DeadlineReader(socket.SocketIO):
    """Raw socket reads that end with `TimeoutError` at `deadline` (monotonic seconds), whatever still trickles in."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, "r")
        self._socket = sock
        self.deadline = float("inf")
        self.polling = False

    def readinto(self, b: "WriteableBuffer") -> int | None:
        """Read once, waiting no longer than the pause that is allowed and the deadline."""
        if self.polling:
            self._wait_at_most(0.0)
            return super().readinto(b)
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._wait_at_most(min(left_s, PAUSE_S))
        return super().readinto(b)

    def _wait_at_most(self, seconds: float) -> None:
        """Set the time-out where it is another one: it costs a system call."""
        if self._socket.gettimeout() != seconds:
            self._socket.settimeout(seconds)


class RequestReader(io.BufferedReader):
    """The buffered reading side of one connection, with the questions that cheroot asks of it."""

    bytes_read = 0  # cheroot adds it up in its statistics, which are off

    def __init__(self, sock: socket.socket) -> None:
        self._source = DeadlineReader(sock)
        super().__init__(self._source, 65536)

    def allow(self, seconds: float) -> None:
        """Let the message that is now being read take at most so long."""
        self._source.deadline = time.monotonic() + seconds

    def has_data(self) -> bool:
        """Whether a pipelined request can be read without waiting."""
        self._source.polling = True
        try:
            return bool(self.peek(1))
        except OSError:
            return True  # the next read will tell
        finally:
            self._source.polling = False


class StrictHeaderReader(HeaderReader):
    """Reads one message's headers; a `ValueError` becomes a 400. Use a new one for each message."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def __call__(self, rfile: IO[bytes], hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        """Read all headers into `hdict`."""
        headers: dict[bytes, bytes] = super().__call__(_Unfolded(rfile), hdict)
        check_framing(headers)
        _normalise_connection(headers)
        return headers

    def _allow_header(self, key_name: bytes) -> bool:
        return b"_" not in key_name  # WSGI could not tell X_A from X-A

    def _transform_key(self, key_name: bytes) -> bytes:
        if not _TOKEN.fullmatch(key_name):
            raise ValueError("A header name holds characters that no header name may have.")
        name = key_name.title()
        if name in _ONCE and name in self._seen:
            raise ValueError(f"The header {name.decode('ascii')} came twice; send it once.")
        self._seen.add(name)
        return name


class _Unfolded:
    """Refuses header lines folded over several lines (RFC 9112, 5.2), and bytes no header value may hold."""

    def __init__(self, rfile: IO[bytes]) -> None:
        self._rfile = rfile

    def readline(self) -> bytes:
        """Give the next line as it is. Raises ValueError, which becomes a 400."""
        line = self._rfile.readline()
        if line[:1] in (b" ", b"\t"):
            raise ValueError("A header is folded over several lines; send it on one.")
        if b"\0" in line or b"\r" in line[:-2]:
            raise ValueError("A header holds a NUL or a bare carriage return.")
        return line


def check_framing(headers: dict[bytes, bytes]) -> None:
    """Refuse headers that leave the end of the body in doubt, with `ValueError`."""
    length, coding = headers.get(b"Content-Length"), headers.get(b"Transfer-Encoding")
    if length is not None and coding is not None:
        raise ValueError("Both Content-Length and Transfer-Encoding were sent; send one of them.")
    if length is not None and not _DIGITS.fullmatch(length):
        raise ValueError("Content-Length is not a plain decimal number.")
    if coding is not None and coding.lower() != b"chunked":
        raise ValueError("The only Transfer-Encoding that is read is chunked.")


def _normalise_connection(headers: dict[bytes, bytes]) -> None:
    """Write the Connection header as cheroot compares it: it is case-sensitive and knows no lists."""
    options = {option.strip().lower() for option in headers.get(b"Connection", b"").split(b",")}
    for option, known in ((b"close", b"close"), (b"keep-alive", b"Keep-Alive")):
        if option in options:
            headers[b"Connection"] = known
            return


class Body:
    """A request body as `wsgi.input`: `read(size)` gives exactly what was sent, or says that it was cut short."""

    def __init__(self, rfile: IO[bytes]) -> None:
        self._rfile = rfile
        self._broken = False
        self.complete = False

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all of the rest by default; empty at the end.

        Raises `MalformedBody` where the framing is broken, `BodyTimedOut` where the client stalls.
        """
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(65536), b""))
        if not size or self.complete or self._broken:
            return b""
        self._broken = True  # unless the read below succeeds: what follows a fault is not a body
        try:
            data = self._read(size)
        except TimeoutError:
            raise BodyTimedOut from None
        except ConnectionError as error:
            raise MalformedBody("The connection broke before the whole body had arrived.") from error
        self._broken = False
        return data

    def _read(self, size: int) -> bytes:
        raise NotImplementedError

    def _some(self, size: int) -> bytes:
        data = self._rfile.read(size)
        if len(data) < size:
            raise MalformedBody("The body ended before the length it announced.")
        return data

    def discard(self, max_bytes: int) -> bool:
        """Read the rest and drop it, up to a bound; whether the end was reached (UP-18)."""
        try:
            while max_bytes > 0 and not self.complete and not self._broken:
                max_bytes -= len(self.read(min(max_bytes, 262144)))
        except (MalformedBody, BodyTimedOut):
            return False
        return self.complete


class SizedBody(Body):
    """A body of Content-Length bytes."""

    def __init__(self, rfile: IO[bytes], length_bytes: int) -> None:
        super().__init__(rfile)
        self._left_bytes = length_bytes
        self.complete = length_bytes == 0

    def _read(self, size: int) -> bytes:
        data = self._some(min(size, self._left_bytes))
        self._left_bytes -= len(data)
        self.complete = self._left_bytes == 0
        return data


class ChunkedBody(Body):
    """A body in chunks (RFC 9112, 7.1), trailers read and dropped."""

    def __init__(self, rfile: IO[bytes]) -> None:
        super().__init__(rfile)
        self._left_bytes = 0

    def _read(self, size: int) -> bytes:
        if not self._left_bytes and not self._next_chunk():
            return b""
        data = self._some(min(size, self._left_bytes))
        self._left_bytes -= len(data)
        if not self._left_bytes and self._some(2) != b"\r\n":
            raise MalformedBody("A chunk is not followed by CRLF.")
        return data

    def _next_chunk(self) -> bool:
        size = _CHUNK_SIZE.fullmatch(self._rfile.readline(_MAX_LINE_BYTES))
        if size is None:
            raise MalformedBody("A chunk does not begin with its size in hexadecimal digits.")
        self._left_bytes = int(size[1], 16)
        if not self._left_bytes:
            self._skip_trailers()
        return self._left_bytes > 0

    def _skip_trailers(self) -> None:
        for _ in range(100):
            line = self._rfile.readline(_MAX_LINE_BYTES)
            if line == b"\r\n":
                self.complete = True
                return
            if not line.endswith(b"\r\n"):
                break
        raise MalformedBody("The last chunk is not followed by a proper end of the body.")
