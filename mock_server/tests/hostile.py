"""Requests that mean harm, made from a seed, and what became of them: shared by the tests and the benchmark."""

import contextlib
import json
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

TIMEOUT_S: Final = 40.0  # longer than any pause that the server allows
SESSION: Final = "hostile-session"
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_CREATED: Final = re.compile(rb'"kernelId": ?"([^"]+)"')
_PATHS: Final = (
    "/",
    "/v4",
    "/kernel",
    "/session",
    "/kernel/create",
    f"/kernel/{SESSION}",
    f"/v4/kernel/{SESSION}",
    f"/session/{SESSION}/upload",
    f"/kernel/{SESSION}/upload",
    f"/kernel/{SESSION}/files",
    f"/kernel/{SESSION}/download",
    f"/kernel/{SESSION}/interrupt",
    f"/kernel/{SESSION}/output",
    f"/kernel/{SESSION}/complete",
    f"/stream/kernel/{SESSION}/execute",
    "/kernel/nobody",
    "/folders",
    "/folders/none/files",
    "/folders/none/upload",
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "get", "")
_KEYS: Final = (
    *("lang", "image", "clientSessionToken", "tag", "config", "mode", "code", "runId", "options", "path", "files"),
    *("environ", "mounts", "instanceMemory", "clean", "build", "exec", "name", "recursive", ""),
)
_PATH_BITS: Final = (
    *("..", "%2e%2e", "%2F", "//", "%00", "%ff%fe", "\u00e9", "%", "%zz", ";", "#", "?", "a" * 9000, "..\\", "\x7f"),
    *("/v9/kernel", "/v4/v4/kernel", "/etc/passwd", "http://evil/", "*", "kernel/%2e%2e/%2e%2e"),
)
_NAMES: Final = (
    *("../x", "/etc/passwd", "a/../../x", "\u0000", "a" * 5000, "..", ".", "", "x/", "%2e%2e%2fx", "a\r\nX: y", "/"),
    *("/home/work/ok", "\udcff", "con:aux", "a/b/c/" * 200),
)


class Maker:
    """Makes hostile messages, each complete in itself, from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  - to be repeatable
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self.wrong_json,
            self.strange_target,
            self.strange_headers,
            self.strange_chunks,
            self.wrong_upload,
            self.strange_query,
            self.noise,
            self.broken_handshake,
            self.cut_short,
        )

    def message(self) -> tuple[str, bytes]:
        """Return the next message and the name of its kind."""
        kind = self._random.choice(self._kinds)
        return kind.__name__, kind()

    def wrong_json(self) -> bytes:
        """Keys of the contract, values of any type, and text that is no JSON."""
        if self._chance(0.2):
            odd = (b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":' * 5000, b"[" * 100000, b'{"mode":NaN}', b"1e999")
            return self._request("POST", self._path(), self._random.choice(odd))
        document = {self._random.choice(_KEYS): self._value(3) for _ in range(self._random.randrange(6))}
        return self._request(self._random.choice(("POST", "PATCH", "GET")), self._path(), json.dumps(document).encode())

    def strange_target(self) -> bytes:
        """Paths that lead elsewhere, are no UTF-8, or have no end."""
        bits = (self._random.choice(_PATH_BITS) for _ in range(self._random.randrange(1, 4)))
        return self._request("GET", self._path() + "/" + "/".join(bits))

    def strange_headers(self) -> bytes:
        """Headers twice, without end, folded, of control characters; other hosts and origins."""
        odd = (
            *(b"Host: evil.example", b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 9" + b"9" * 30),
            *(b"Transfer-Encoding: gzip, chunked", b" folded: yes", b"X: \x00", b"X\x01: y", b"NoColon", b": nothing"),
            *(b"Origin: http://evil.example", b"Sec-Fetch-Site: cross-site", b"X-Method-Override: DELETED"),
            *(b"Authorization: BackendAI signMethod=HMAC-SHA256, credential=" + b"x" * 100, b"Expect: 100-continue"),
            *(b"X: " + b"y" * 70000, b"Date: never", b"Content-Type: multipart/form-data", b"Content-Encoding: gzip"),
        )
        headers = [self._random.choice(odd) for _ in range(self._random.randrange(1, 5))]
        return self._request(self._random.choice(_METHODS), self._path(), headers=headers)

    def strange_chunks(self) -> bytes:
        """Chunks whose sizes are none, lie, or have no end."""
        odd = (
            *(
                b"-1\r\nx\r\n",
                b"ffffffffffffffffff\r\n",
                b"5\r\nabc\r\n0\r\n\r\n",
                b"0\r\n",
                b"zz\r\n",
                b"1;" + b"e" * 9000,
            ),
            *(
                b"2\r\n{}XX0\r\n\r\n",
                b"0x2\r\n{}\r\n0\r\n\r\n",
                b"2\r\n{}\r\n0\r\nT: " + b"t" * 9000 + b"\r\n\r\n",
                b"\r\n",
            ),
        )
        head = f"POST {self._path()} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + self._random.choice(odd)

    def wrong_upload(self) -> bytes:
        """Multipart bodies that are cut, nested, of too many or too large parts, with names that lead out."""
        boundary = self._random.choice(("b", "b" * 70, "b" * 300, "a b", '"', ""))
        parts = b"".join(self._part(boundary) for _ in range(self._random.choice((0, 1, 3, 25))))
        end = self._random.choice((f"--{boundary}--\r\n".encode(), b"", b"--"))
        headers = [f"Content-Type: multipart/form-data; boundary={boundary}".encode()]
        return self._request("POST", f"/kernel/{SESSION}/upload", parts + end, headers)

    def _part(self, boundary: str) -> bytes:
        name = self._random.choice(_NAMES)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'
        content = bytes(self._random.choice((0, 1, 1000)))
        return head.encode(errors="surrogateescape") + content + self._random.choice((b"\r\n", b"", b"\r\n" * 100))

    def strange_query(self) -> bytes:
        """Query strings of every kind."""
        words = (
            "path",
            "files",
            "files[]",
            "=",
            "&",
            "%",
            "%ff",
            "..",
            "/etc",
            "\u00e9",
            "a" * 3000,
            "clientSessionToken",
        )
        query = "".join(self._random.choice(words) for _ in range(self._random.randrange(1, 12)))
        return self._request(self._random.choice(("GET", "POST")), f"{self._path()}?{query}")

    def noise(self) -> bytes:
        """Bytes that are no HTTP at all."""
        return self._random.randbytes(self._random.randrange(1, 300)) + self._random.choice((b"", b"\r\n\r\n"))

    def broken_handshake(self) -> bytes:
        """WebSocket handshakes that lack something, with broken frames behind them."""
        odd = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Version: 13")
        headers = [header for header in odd if self._chance(0.8)]
        request = self._request("GET", f"/stream/kernel/{SESSION}/execute", headers=headers, close=False)
        return request + self._random.randbytes(self._random.randrange(60))

    def cut_short(self) -> bytes:
        """Any other message, cut somewhere."""
        _, message = Maker(self._random.randrange(2**32)).message()
        return message[: self._random.randrange(1, len(message) + 1)]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _path(self) -> str:
        return self._random.choice(_PATHS)

    def _value(self, depth: int) -> object:
        odd: tuple[object, ...] = (
            None,
            True,
            -1,
            2**70,
            1.5,
            "",
            "true",
            "\ud800",
            "\u0000",
            "x" * 5000,
            [],
            {},
            "python:3",
            "c",
            "*",
        )
        if depth and self._chance(0.4):
            if self._chance(0.5):
                return [self._value(depth - 1) for _ in range(self._random.randrange(8))]
            return {self._random.choice(_KEYS): self._value(depth - 1) for _ in range(self._random.randrange(5))}
        return self._random.choice((*odd, "batch", "continue", "input", "query", "no-such-run"))

    def _request(
        self, method: str, path: str, body: bytes = b"", headers: list[bytes] | None = None, *, close: bool = True
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1".encode(errors="surrogateescape"), b"Host: 127.0.0.1", *(headers or ())]
        if close:
            lines.append(b"Connection: close")
        if body:
            lines.append(f"Content-Length: {len(body)}".encode())
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass
class Outcome:
    """What came of many messages."""

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)  # answers of 500 and more, and what was never answered
    created: list[str] = field(default_factory=list)


class Flood:
    """Sends messages to a server; from several threads at once, if wanted."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._address = (host, int(port))
        self._lock = threading.Lock()
        self.outcome = Outcome()

    def send(self, count: int, seed: int) -> None:
        """Send so many messages, each on a connection of its own."""
        maker = Maker(seed)
        for _ in range(count):
            self.send_one(*maker.message())

    def send_one(self, kind: str, message: bytes) -> None:
        """Send one message and read the answer to its end."""
        try:
            answer = self._exchange(message)
        except TimeoutError:
            self._note("none", f"{kind}: no end within {TIMEOUT_S} s: {message[:300]!r}")
            return
        except OSError:  # it would not hear us out, which is its right
            self._note("closed")
            return
        statuses = [status.decode() for status in _STATUS.findall(answer)] or ["closed"]
        for status in statuses:
            self._note(status, f"{kind}: {status}: {message[:300]!r}" if status >= "500" and status != "closed" else "")
        with self._lock:
            self.outcome.created += [found.decode() for found in _CREATED.findall(answer) if statuses[-1] == "201"]

    def _exchange(self, message: bytes) -> bytes:
        with socket.create_connection(self._address, TIMEOUT_S) as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the answer can still be read
                sock.sendall(message)
                sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def _note(self, status: str, fault: str = "") -> None:
        with self._lock:
            self.outcome.sent += 1
            self.outcome.statuses[status] += 1
            if fault:
                self.outcome.faults.append(fault)
