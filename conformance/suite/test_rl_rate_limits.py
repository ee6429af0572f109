"""RL: what a target tells of its request limit (RL-01), and that it keeps it (RL-02)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.observers import RATE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.signing import Signer
    from conformance.target import Target

LIMIT, REMAINING, WINDOW = RATE_HEADERS
TOO_MANY: Final = 429
DEFAULT_WINDOW_S: Final = 900  # RL-01
LONGEST_WINDOW_S: Final = 24 * 3600  # a number above it counts no seconds
MAX_SPENT: Final = 3_000  # requests that a check may spend to reach a limit
LEAST_ROOM: Final = 24  # requests that are left for a session's life, and some more
FORM: Final = Form((Part("here.txt", b"here"),))
RUN: Final[dict[str, Any]] = {"mode": "batch", "code": "", "runId": None, "options": {"exec": "true"}}


def told(exchange: Exchange, name: str) -> int | None:
    """Return the whole number that a header tells; None where it tells none."""
    text = (exchange.header(name) or "").strip()
    return int(text) if text.isascii() and text.isdigit() else None


@requirement("RL-01", tier="smoke")
def test_every_response_tells_the_limit(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """Successes and refusals, with and without a body, carry the limit, what remains, and the window in seconds."""
    session.upload({"here.txt": b"here"})
    unknown = target.path(f"bp-none-{secrets.token_hex(6)}")
    calls = [session.try_info(), session.try_list("."), session.try_upload({"here.txt": b"here"})]
    calls += [session.try_execute(RUN), session.try_execute({"mode": "no-such-mode"}), session.try_download("here.txt")]
    calls += [client.get(unknown), client.call("PUT", session.path("/upload")), session.try_delete()]
    for exchange in calls:
        values = [told(exchange, name) for name in RATE_HEADERS]
        shown = {name: exchange.header(name) for name in RATE_HEADERS}
        complete = all(value is not None for value in values)
        expected = f"{', '.join(RATE_HEADERS)}, whole numbers"
        if judge.expect("RL-01", complete, expected=expected, actual=shown, exchange=exchange):
            limit, remaining, window_s = (value or 0 for value in values)
            sane = 0 <= remaining <= limit and 0 < window_s <= LONGEST_WINDOW_S
            expected = "a remaining number up to the limit, and a window in seconds (900 by default)"
            judge.expect("RL-01", sane, expected=expected, actual=shown, exchange=exchange)
    limits = {told(exchange, LIMIT) for exchange in calls}
    if target.rate_limit is not None:
        judge.expect("RL-01", limits == {target.rate_limit}, expected=target.rate_limit, actual=limits, exchange=calls)
    left = [told(exchange, REMAINING) or 0 for exchange in calls]
    falls = any(later < earlier for earlier, later in pairwise(left))
    expected = "a remaining number that falls with requests"
    judge.expect("RL-01", falls, expected=expected, actual=left, exchange=(calls[0], calls[-1]))


class Spender:
    """Sends requests of one key (or address) until its allowance is spent, and knows how many there were."""

    def __init__(self, client: Client, target: Target, signer: Signer | None) -> None:
        self._client = client
        self._signer = signer
        self._unknown = target.path(f"bp-none-{secrets.token_hex(6)}")
        self._resource = target.resource
        self._since = target.probes[0].started if target.probes else datetime.now(UTC)
        self.first = self.send("GET", self._unknown)
        remaining = told(self.first, REMAINING)
        alone = remaining is not None and remaining + self.total == (target.rate_limit or 0)
        self.exact = alone and self._within_the_window()

    @property
    def total(self) -> int:
        """How many requests of this key or address the whole run has sent."""
        return self._client.transport.spent[self._signer.access_key if self._signer else ""]

    def send(self, method: str, path: str, **call: Any) -> Exchange:
        """Send one request; a 429 is an answer like any other."""
        return self._client.call(method, path, signer=self._signer, patient=False, **call)

    def failing(self) -> Iterator[Exchange]:
        """Send requests that fail, of one kind after the other, without end."""
        while True:
            yield self.send("GET", self._unknown)
            yield self.send("POST", self._unknown, json=RUN)
            yield self.send("DELETE", self._unknown)
            yield self.send("POST", self._resource, body=b"[]", content_type="application/json")

    def succeeding(self, session: Session) -> Iterator[Exchange]:
        """Send requests that succeed, of one kind after the other, without end."""
        while True:
            yield self.send("GET", session.path())
            yield self.send("POST", session.path("/upload"), form=FORM)
            yield self.send("GET", session.path())
            yield self.send("GET", session.path("/files"))

    def _within_the_window(self) -> bool:
        """Whether none of this run's requests has left the window, nor will during the check."""
        window_s = told(self.first, WINDOW) or DEFAULT_WINDOW_S
        return datetime.now(UTC) - self._since < timedelta(seconds=window_s * 0.8)


def spend(judge: Judge, spender: Spender, answers: Iterable[Exchange], count: int) -> Exchange | None:
    """Send up to `count` of the requests; return the first that was answered 429, if one was."""
    for _, exchange in zip(range(count), answers, strict=False):
        if exchange.broke_down:
            expected = f"an answer as to the requests before, or 429 (request {spender.total:,} of this key or address)"
            judge.require("RL-02", condition=False, expected=expected, actual=exchange.got, exchange=exchange)
        if exchange.status == TOO_MANY:
            return exchange
    return None


def allowance(judge: Judge, spender: Spender, limit: int) -> int:
    """Return how many requests are left at most before one must be answered 429; raise where that cannot be asked."""
    if spender.first.status == TOO_MANY:
        raise judge.not_testable(
            "the limit was spent before the check began: ask for it alone (--only RL)", untold=True
        )
    if spender.first.broke_down:
        raise judge.unmet("CO-11", expected="status 404", actual=spender.first.got, exchange=spender.first)
    left = limit - spender.total if spender.exact else limit
    if left > MAX_SPENT:
        raise judge.not_testable(f"{left:,} requests would reach the limit, and {MAX_SPENT:,} may be sent", untold=True)
    return left


@requirement("RL-02", needs="rate-limit", exclusive=True, timeout_s=600)
def test_the_request_past_the_limit_is_refused(
    sessions: Sessions, client: Client, target: Target, judge: Judge
) -> None:
    """Successes and failures count alike: as many requests as the limit allows are served, and the next answers 429."""
    limit = target.rate_limit or 0
    spender = Spender(client, target, target.signer)
    left = allowance(judge, spender, limit)
    refusal = None
    if left > LEAST_ROOM:
        session = sessions.create()
        refusal = spend(judge, spender, spender.succeeding(session), (left - LEAST_ROOM) // 2)
        if refusal is None:
            session.delete()
    rest = (limit - spender.total if spender.exact else limit) + 1
    refusal = refusal or spend(judge, spender, spender.failing(), rest)
    last = client.exchanges[-1]
    expected = f"status 429 for request {limit + 1:,}"
    judge.require(
        "RL-02", refusal is not None, expected=expected, actual=f"{last.got} ({spender.total:,})", exchange=last
    )
    if spender.exact:
        expected = f"{limit:,} requests served before the first 429"
        served = spender.total - 1
        judge.expect(
            "RL-02", served == limit, expected=expected, actual=f"{served:,} served", exchange=(spender.first, last)
        )
    for _, exchange in zip(range(8), spender.failing(), strict=False):
        judge.expect(
            "RL-02",
            exchange.status == TOO_MANY,
            expected="status 429 past the limit",
            actual=exchange.got,
            exchange=exchange,
        )
    hold_others_served(judge, client, target, last)
    hold_addresses_limited(judge, client, target)


def hold_others_served(judge: Judge, client: Client, target: Target, refusal: Exchange) -> None:
    """Require that a second key, where one is known, has a limit of its own."""
    if target.second_signer is not None:
        theirs = client.get(target.path("bp-none-theirs"), signer=target.second_signer, patient=False)
        served = theirs.status != TOO_MANY
        expected = "another key's request served"
        judge.expect("RL-02", served, expected=expected, actual=theirs.got, exchange=(refusal, theirs))


def hold_addresses_limited(judge: Judge, client: Client, target: Target) -> None:
    """Require that requests without a signature, refused ones too, count for the address they come from."""
    if target.signer is None:
        return
    limit = target.rate_limit or 0
    spender = Spender(client, target, None)
    if spender.first.status == TOO_MANY:
        return
    refusal = spend(judge, spender, spender.failing(), limit + 1)
    last = client.exchanges[-1]
    expected = f"status 429 by unsigned request {limit + 1:,}"
    judge.expect("RL-02", refusal is not None, expected=expected, actual=last.got, exchange=last)
