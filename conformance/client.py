"""The HTTP client of one attempt: signs, records, hands every exchange to the observers, waits out a 429.

It never judges a status: whatever comes back is an `Exchange`. Only a spent budget or a passed deadline raises.
"""

from __future__ import annotations

import http.client
import json as jsonlib
import socket
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack
from urllib.parse import urlencode, urlsplit

from conformance import __version__
from conformance.judge import Finding, Unmet, Untestable
from conformance.signing import Signable, Signer
from conformance.transport import CONNECT_TIMEOUT_S, Outgoing, Transport, describe
from conformance.verdicts import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from conformance.exchange import Exchange, Headers, Manner
    from conformance.multipart import Form
    from conformance.restraint import Restraint

USER_AGENT: Final = f"batchproof/{__version__}"
BODYLESS_TYPE: Final = "application/octet-stream"  # servers that default an absent type assume this one: signed alike
MAX_PATIENCE_S: Final = 60.0  # in all, for the 429 answers of one call
_TOO_MANY: Final = 429
_RAW_LIMIT_BYTES: Final = 1024 * 1024


class Call(TypedDict, total=False):
    """What a call may say beyond method and path. An absent `signer` means the run's own; None sends it unsigned."""

    json: Any  # any JSON value, sent as application/json
    body: bytes
    content_type: str | None  # None: send no such header
    form: Form
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str | None]  # these win; None takes a header away
    signer: Signer | None
    timeout_s: float
    operation: str
    observed: bool  # False: a malformed probe, kept from the observers of ordinary traffic
    patient: bool  # False: a 429 is an answer like any other


class Client:
    """Calls of one attempt; `exchanges` holds all of them in order."""

    def __init__(
        self,
        transport: Transport,
        signer: Signer | None,
        *,
        api_version: str,
        timeout_s: float,
        deadline: float | None = None,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.transport = transport
        self.signer = signer
        self.api_version = api_version
        self.exchanges: list[Exchange] = []
        self.clean_up = False
        self.clean_up_patience_s = 0.0  # for the 429 answers of one call when cleaning up
        self.restraint: Restraint | None = None  # what ordinary requests must not do
        self.held_up_s = 0.0  # how long the target's request limit made it wait
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._observe = observe

    def call(self, method: str, path: str, **call: Unpack[Call]) -> Exchange:
        """Send a request; `path` (already encoded) is relative to the endpoint. Return whatever came of it.

        Raise Stopped where the run's budget is spent, Untestable where the attempt is past its deadline, Unmet where
        nothing but 429 comes back to a patient call.
        """
        self.await_turn(method, call.get("headers", {}))
        exchange = self._send(method, path, call)
        patience_s = self.clean_up_patience_s if self.clean_up else MAX_PATIENCE_S * call.get("patient", True)
        while exchange.status == _TOO_MANY and patience_s > 0:
            wait_s = retry_after_s(exchange)
            patience_s -= MAX_PATIENCE_S if self.clean_up and _is_long(exchange) else wait_s
            if patience_s < 0:
                return self._given_up(exchange, call.get("operation", ""), wait_s)
            self._wait(wait_s)
            exchange = self._send(method, path, call)
        return exchange

    def get(self, path: str, **call: Unpack[Call]) -> Exchange:
        """Send a GET."""
        return self.call("GET", path, **call)

    def post(self, path: str, **call: Unpack[Call]) -> Exchange:
        """Send a POST."""
        return self.call("POST", path, **call)

    def raw(self, payload: bytes, *, timeout_s: float = 10.0, half_close: bool = False) -> Exchange:
        """Send bytes on a connection of their own and read one response; never observed, never signed.

        `half_close` shuts the sending side after the payload, as a client that was cut off does.
        """
        if half_close and self.transport.base_url.startswith("https:"):
            raise Untestable(
                "TLS closes both directions at once: no client can be cut off and still read", Cause.UNTOLD
            )
        method = payload.partition(b" ")[0].decode("latin-1")[:16] or "RAW"
        self.await_turn(method)
        self.transport.budget.spend()
        started, clock = datetime.now(UTC), monotonic()
        try:
            status, headers, body = self._raw(payload, timeout_s, half_close=half_close)
            error = None
        except (OSError, http.client.HTTPException, ValueError) as failure:
            status, headers, body, error = None, (), b"", describe(failure)
        manner: Manner = "half-closed" if half_close else "raw"
        outgoing = Outgoing(method, self.transport.base_url, (), payload, timeout_s, manner=manner)
        answer = (status, headers, body, error)
        exchange = self.transport.record(outgoing, answer, started, (monotonic() - clock) * 1000)
        self.exchanges.append(exchange)
        return exchange

    def signed_headers(self, method: str, path: str, content_type: str, body: bytes = b"") -> dict[str, str]:
        """Return the headers that authenticate a request, for `raw` payloads: empty where the run has no keys."""
        if self.signer is None:
            return {"X-BackendAI-Version": self.api_version}
        target = self.transport.base_path + path
        return self.signer.headers(Signable(method, target, self.transport.host, content_type, body))

    def _send(self, method: str, path: str, call: Call) -> Exchange:
        outgoing = self._outgoing(method, path, call)
        exchange = self.transport.send(outgoing, clean_up=self.clean_up)
        self.exchanges.append(exchange)
        if self.restraint is not None:
            self.restraint.note(exchange)
        if self._observe is not None and call.get("observed", True):
            self._observe(exchange)
        return exchange

    def _outgoing(self, method: str, path: str, call: Call) -> Outgoing:
        body, content_type = _content(call)
        query = f"?{urlencode(call['query'])}" if call.get("query") else ""
        target = path + query
        headers: dict[str, str | None] = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        signer = call.get("signer", self.signer)
        if content_type is None and signer is not None and "content_type" not in call:
            content_type = BODYLESS_TYPE
        headers["Content-Type"] = content_type
        if signer is None:
            headers["X-BackendAI-Version"] = self.api_version
        else:
            full = self.transport.base_path + target
            headers |= signer.headers(Signable(method, full, self.transport.host, content_type or BODYLESS_TYPE, body))
        wanted = call.get("headers", {})
        own = signer is not None and signer is self.signer and not any(name in headers for name in wanted)
        return Outgoing(
            method,
            self.transport.base_url + target,
            _overridden(headers, wanted),
            body,
            call.get("timeout_s", self._timeout_s),
            call.get("operation", ""),
            "signed" if own else "plain",
        )

    def _keep_deadline(self) -> None:
        if self._deadline is not None and not self.clean_up and monotonic() > self._deadline:
            raise Untestable("the attempt went past its time limit", Cause.TARGET)

    def await_turn(self, method: str, header_names: Iterable[str] = ()) -> None:
        """Wait until a request of this method may go out; raise Untestable where it may not.

        What a request creates is noted in the ledger after this, and before it goes out.
        """
        self._keep_deadline()
        if self.restraint is None:
            return
        self.restraint.permit(method, header_names)
        while not self.clean_up and (wait_s := self.restraint.wait_s()) > 0:
            self._wait(wait_s)

    def _wait(self, seconds: float) -> None:
        """Wait for the target's request limit; what that takes is not taken from the attempt's time."""
        if self.clean_up:
            threading.Event().wait(seconds)  # also where the run was told to stop
            return
        self.transport.budget.pause(seconds)
        self.held_up_s += seconds
        if self._deadline is not None:
            self._deadline += seconds

    def _given_up(self, exchange: Exchange, operation: str, wait_s: float) -> Exchange:
        limited = exchange.header("Retry-After") or exchange.header("X-RateLimit-Remaining") == "0"
        if self.clean_up or (operation == "createSession" and not limited):
            return exchange  # 429 is also how servers say that they have no room for a session just now
        self.transport.budget.note_refusal(wait_s)
        actual = f"{exchange.got}, and Retry-After {exchange.header('Retry-After') or 'not told'}"
        expected = f"an answer other than 429 within {MAX_PATIENCE_S:g} s"
        raise Unmet(Finding("", expected, actual, (exchange,)), transient=True)

    def _raw(self, payload: bytes, timeout_s: float, *, half_close: bool) -> tuple[int, Headers, bytes]:
        parts = urlsplit(self.transport.base_url)
        secure = parts.scheme == "https"
        address = (parts.hostname or "", parts.port or (443 if secure else 80))
        with ExitStack() as opened:
            wire = opened.enter_context(socket.create_connection(address, min(CONNECT_TIMEOUT_S, timeout_s)))
            if secure:
                wire = opened.enter_context(self.transport.tls().wrap_socket(wire, server_hostname=address[0]))
            wire.settimeout(timeout_s)
            wire.sendall(payload)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(wire)
            try:
                response.begin()
                return response.status, tuple(response.getheaders()), response.read(_RAW_LIMIT_BYTES)
            finally:
                response.close()


def retry_after_s(exchange: Exchange) -> float:
    """Return how long a 429 asks to wait: its Retry-After in seconds, or one second where it does not say."""
    try:
        return max(0.05, float(exchange.header("Retry-After") or 1.0))
    except ValueError:
        return 1.0


def _is_long(exchange: Exchange) -> bool:
    """Tell whether a limit's window is so long that knocking until it is over is of no use."""
    window = exchange.header("X-RateLimit-Window") or ""
    return not exchange.header("Retry-After") and window.isdecimal() and int(window) > MAX_PATIENCE_S


def _content(call: Call) -> tuple[bytes, str | None]:
    if "form" in call:
        return call["form"].encode(), call.get("content_type", call["form"].content_type)
    if "json" in call:
        return jsonlib.dumps(call["json"]).encode(), call.get("content_type", "application/json")
    return call.get("body", b""), call.get("content_type")


def _overridden(headers: Mapping[str, str | None], wanted: Mapping[str, str | None]) -> Headers:
    replaced = {name.lower() for name in wanted}
    kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
    return tuple((name, value) for name, value in {**kept, **wanted}.items() if value is not None)
