"""Requests on the wire: bytes out, bytes in, within budgets and deadlines. Nothing here knows the API."""

from __future__ import annotations

import itertools
import re
import ssl
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from conformance.exchange import Exchange, Headers, Manner

if TYPE_CHECKING:
    from conformance.budget import Budget

CONNECT_TIMEOUT_S: Final = 10.0
MAX_RESPONSE_BYTES: Final = 256 * 1024 * 1024  # a hostile server may send without end
_CREDENTIAL: Final = re.compile(r"credential=([^:\s]+):")
_UNAUTHORIZED: Final = 401
_PIECE_BYTES: Final = 256 * 1024
Trust = bool | str  # whether certificates are verified, or the file of the authorities that are trusted


@dataclass(frozen=True)
class Outgoing:
    """A request ready to be sent; `url` goes out exactly as it is, with no normalization."""

    method: str
    url: str
    headers: Headers
    body: bytes
    timeout_s: float
    operation: str = ""
    manner: Manner = "plain"


class Transport:
    """Keep-alive connections, one pool for each thread; every exchange is numbered and leaves a full record."""

    def __init__(self, base_url: str, budget: Budget, *, trust: Trust = True) -> None:
        self.base_url = without_default_port(base_url.rstrip("/"))
        parts = urlsplit(self.base_url)
        self.host = parts.netloc  # as the Host header has it, and so as signatures do
        self.base_path = parts.path
        self.budget = budget
        self._trust = trust
        if trust is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the user said so with --insecure
        self.spent: Counter[str] = Counter()  # RL-02: requests answered so far by access key, "" for unsigned ones
        self._numbers = itertools.count(1)
        self._counting = threading.Lock()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def send(self, request: Outgoing, *, clean_up: bool = False) -> Exchange:
        """Send and read the whole response; a failure of any kind becomes the exchange's `error`.

        Raise Stopped where the budget lets nothing out; `clean_up` requests go out all the same.
        """
        if not clean_up:
            self.budget.spend()
        started, clock = datetime.now(UTC), monotonic()
        try:
            status, headers, body = self._converse(request)
            error = None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as failure:
            status, headers, body, error = None, (), b"", describe(failure)
        if not clean_up:
            self.budget.note(status, error)
        duration_ms = (monotonic() - clock) * 1000
        return self.record(request, (status, headers, body, error), started, duration_ms)

    def tls(self) -> ssl.SSLContext:
        """Return the TLS settings for connections made by hand."""
        if self._trust is False:
            return ssl._create_unverified_context()  # noqa: S323, SLF001  - the user said so with --insecure
        return ssl.create_default_context(cafile=None if self._trust is True else self._trust)

    def close(self) -> None:
        """Close the connections of all threads."""
        for session in self._sessions:
            session.close()

    def record(
        self,
        request: Outgoing,
        answer: tuple[int | None, Headers, bytes, str | None],
        started: datetime,
        duration_ms: float,
    ) -> Exchange:
        """Return the numbered record of an exchange."""
        status, headers, body, error = answer
        with self._counting:
            self.spent[_charged(request, status)] += status is not None
        return Exchange(
            id=f"e{next(self._numbers)}",
            method=request.method,
            url=request.url,
            request_headers=request.headers,
            request_body=request.body,
            status=status,
            response_headers=headers,
            response_body=body,
            error=error,
            started=started,
            duration_ms=duration_ms,
            operation=request.operation,
            request_size_bytes=len(request.body),
            response_size_bytes=len(body),
            manner=request.manner,
        )

    def _converse(self, request: Outgoing) -> tuple[int, Headers, bytes]:
        prepared = requests.Request(request.method, request.url, data=request.body or None).prepare()
        prepared.url = request.url  # undo the library's normalization: CO-05 needs the escapes as they are
        for name, value in request.headers:
            prepared.headers[name] = value.encode("utf-8")  # type: ignore[assignment]  # header bytes beyond Latin-1
        timeout = (min(CONNECT_TIMEOUT_S, request.timeout_s), request.timeout_s)
        with self._session().send(prepared, stream=True, timeout=timeout, allow_redirects=False) as response:
            body = _read(response, monotonic() + request.timeout_s)
            return response.status_code, tuple(response.raw.headers.items()), body

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # no .netrc, no proxies: what is sent is what the record says
            session.headers.clear()
            session.verify = self._trust
            session.mount(self.base_url, HTTPAdapter(max_retries=0, pool_maxsize=4))
            self._sessions.append(session)
        return session


def without_default_port(url: str) -> str:
    """Return the URL without a port that its scheme implies: HTTP libraries leave it out of the Host header."""
    parts = urlsplit(url)
    implied = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    netloc = parts.netloc.removesuffix(implied) if implied else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc))


def describe(failure: BaseException) -> str:
    """Return one line on a transport failure, without the library's nesting of causes."""
    root: BaseException = failure
    while root.args and isinstance(root.args[0], BaseException):
        root = root.args[0]
    reason: Any = getattr(root, "reason", None)
    root = reason if isinstance(reason, BaseException) else root
    return f"{type(root).__name__}: {root}"


def _read(response: requests.Response, deadline: float) -> bytes:
    """Read the body piece by piece: a server that drips bytes for ever runs into the deadline all the same."""
    pieces: list[bytes] = []
    size_bytes = 0
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        pieces.append(piece)
        size_bytes += len(piece)
        if size_bytes > MAX_RESPONSE_BYTES:
            raise ValueError(f"the response is longer than {MAX_RESPONSE_BYTES:,} bytes")
        if monotonic() > deadline:
            raise TimeoutError(f"the response was still coming at the deadline, after {size_bytes:,} bytes")
    return b"".join(pieces)


def _charged(request: Outgoing, status: int | None) -> str:
    """Return whose allowance a request is taken from: a signature that was not taken charges the address."""
    named = " ".join(value for _, value in request.headers) or request.body[:_PIECE_BYTES].decode("latin-1")
    found = _CREDENTIAL.search(named)
    return found[1] if found and status != _UNAUTHORIZED else ""
