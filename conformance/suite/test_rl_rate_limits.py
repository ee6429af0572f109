"""RL: what a target tells of its request limit (RL-01), and that it keeps it (RL-02)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.observers import RATE_HEADERS
from conformance.target import parameters

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
ALIKE: Final = 4  # requests of one kind
LEAST_ROOM: Final = 24  # requests that are left for a session's life, and some more
BLOCK: Final = 3
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
    for like in (calls, [client.get(unknown) for _ in range(ALIKE)]):
        left = [told(exchange, REMAINING) or 0 for exchange in like]
        falls = any(later < earlier for earlier, later in pairwise(left))
        expected = "a remaining number that falls with requests"
        judge.expect("RL-01", falls, expected=expected, actual=left, exchange=(like[0], like[-1]))


class Spender:
    """Sends requests of one key (or address) until its allowance is spent, and knows how many there were."""

    def __init__(self, client: Client, target: Target, signer: Signer | None) -> None:
        self.limit = target.rate_limit or 0
        self.blocks: list[tuple[Exchange, ...]] = []  # of like requests, one directly after the other
        self._client = client
        self._signer = signer
        self._unknown = target.path(f"bp-none-{secrets.token_hex(6)}")
        self._resource = target.resource
        self._download_method = target.download_method
        self._download = {"operation": "downloadFiles", **parameters(target.download_style, {"files": ["here.txt"]})}
        self._since = target.probes[0].started if target.probes else datetime.now(UTC)
        before = self.total
        self.first = self.send("GET", self._unknown)
        remaining = told(self.first, REMAINING)
        alone = remaining is not None and remaining + self.total == self.limit
        self.exact = alone and self._within_the_window()
        self.overspent = before > self.limit

    @property
    def total(self) -> int:
        """How many requests of this key or address the whole run has sent."""
        return self._client.transport.spent[self._signer.access_key if self._signer else ""]

    @property
    def left(self) -> int:
        """How many requests can be left at most before one must be answered 429."""
        return self.limit - self.total if self.exact else self.limit

    def send(self, method: str, path: str, **call: Any) -> Exchange:
        """Send one request; a 429 is an answer like any other."""
        return self._client.call(method, path, signer=self._signer, patient=False, **call)

    def look(self) -> Exchange:
        """Send a request to see what remains."""
        return self.send("GET", self._unknown)

    def failing(self) -> Iterator[Exchange]:
        """Send requests that fail, a few of each kind, without end."""
        while True:
            yield from self._block("GET", self._unknown)
            yield from self._block("POST", self._unknown, json=RUN)
            yield from self._block("DELETE", self._unknown)
            yield from self._block("POST", self._resource, body=b"[]", content_type="application/json")

    def succeeding(self, session: Session) -> Iterator[Exchange]:
        """Send requests that succeed, a few of each kind, without end."""
        while True:
            yield from self._block("GET", session.path())
            yield from self._block("POST", session.path("/upload"), form=FORM)
            yield from self._block("GET", session.path("/files"))
            yield from self._block("POST", session.path(), json=RUN | {"runId": "rl02"})  # one run, gone on with
            yield from self._block(self._download_method, session.path("/download"), **self._download)

    def free(self) -> tuple[Exchange, ...]:
        """Return like requests after which as much remained as before, where others lowered it; else nothing."""
        fell: dict[str, list[bool]] = {}
        for block in self.blocks:
            earlier, later = (told(block[index], REMAINING) for index in (0, -1))
            if earlier is not None and later is not None:
                fell.setdefault(kind_of(block), []).append(later < earlier)
        kinds = [kind for kind in fell if not any(fell[kind])] if any(map(any, fell.values())) else []
        return next((block for block in self.blocks if kind_of(block) in kinds), ())

    def _block(self, method: str, path: str, **call: Any) -> Iterator[Exchange]:
        sent: list[Exchange] = []
        for _ in range(BLOCK):
            sent.append(self.send(method, path, **call))
            yield sent[-1]
        if all(one.status not in {TOO_MANY, None} for one in sent):
            self.blocks.append(tuple(sent))

    def _within_the_window(self) -> bool:
        """Whether none of this run's requests has left the window, nor will during the check."""
        window_s = told(self.first, WINDOW) or DEFAULT_WINDOW_S
        return datetime.now(UTC) - self._since < timedelta(seconds=window_s * 0.8)


def kind_of(block: tuple[Exchange, ...]) -> str:
    """Return what the requests of a block have in common."""
    return f"{block[0].method} {block[0].url} {block[0].status}"


def spend(judge: Judge, spender: Spender, answers: Iterable[Exchange], count: int) -> Exchange | None:
    """Send up to `count` of the requests; return the first that was answered 429, if one was."""
    for exchange in islice(answers, count):
        if exchange.broke_down:
            expected = f"an answer as before, or 429 (request {spender.total:,} of this key or address)"
            judge.require("RL-02", condition=False, expected=expected, actual=exchange.got, exchange=exchange)
        if exchange.status == TOO_MANY:
            return exchange
    return None


def hold_room(judge: Judge, spender: Spender) -> None:
    """Raise where the limit can not be met by what a check may send."""
    if spender.first.status == TOO_MANY:
        advice = "the limit was spent before the check began: ask for it alone (--only RL)"
        raise judge.not_testable(advice, untold=True)
    if spender.first.broke_down:
        raise judge.unmet("CO-11", expected="status 404", actual=spender.first.got, exchange=spender.first)
    if spender.left > MAX_SPENT:
        reason = f"{spender.left:,} requests would reach the limit, and a check sends at most {MAX_SPENT:,}"
        raise judge.not_testable(reason, untold=True)


@requirement("RL-02", needs="rate-limit", exclusive=True, timeout_s=600)
def test_the_request_past_the_limit_is_refused(
    sessions: Sessions, client: Client, target: Target, judge: Judge
) -> None:
    """Successes and failures count alike: as many requests as the limit allows are served, and the next answers 429."""
    spender = Spender(client, target, target.signer)
    hold_room(judge, spender)
    refusal = None
    if spender.left > LEAST_ROOM:
        session = sessions.create()
        refusal = spend(judge, spender, spender.succeeding(session), (spender.left - LEAST_ROOM) // 2)
        if refusal is None:
            session.delete()
            hold_ends_counted(judge, spender, sessions)
    refusal = refusal or spend(judge, spender, spender.failing(), spender.left + 1)
    last = client.exchanges[-1]
    free = spender.free()
    judge.expect("RL-02", not free, expected="every request counted", actual="these were not", exchange=free)
    expected, got = f"status 429 for request {spender.limit + 1:,}", f"{last.got} ({spender.total:,} requests)"
    judge.require("RL-02", refusal is not None, expected=expected, actual=got, exchange=last)
    if spender.exact:
        expected, served = f"{spender.limit:,} requests served before the first 429", spender.total - 1
        judge.expect("RL-02", served == spender.limit, expected=expected, actual=served, exchange=(spender.first, last))
    elif spender.overspent and not free:
        raise judge.not_testable("the limit was met, but when cannot be told: more was sent before", untold=True)
    for exchange in islice(spender.failing(), 4 * BLOCK):
        expected = "status 429 past the limit"
        judge.expect("RL-02", exchange.status == TOO_MANY, expected=expected, actual=exchange.got, exchange=exchange)
    hold_others_served(judge, client, target, last)
    hold_addresses_limited(judge, client, target)


def hold_ends_counted(judge: Judge, spender: Spender, sessions: Sessions) -> None:
    """Require that the end of a session gives nothing back; a window may begin anew meanwhile, but not twice."""
    looks: list[Exchange] = []
    for _ in range(2):
        session = sessions.create()
        looks.append(spender.look())
        session.delete()
        looks.append(spender.look())
    left = [told(look, REMAINING) for look in looks]
    if None not in left and looks[-1].started - looks[0].started < timedelta(seconds=DEFAULT_WINDOW_S):
        risen = all((left[index + 1] or 0) > (left[index] or 0) for index in (0, 2))
        expected = "a remaining number that the end of a session does not raise"
        judge.expect("RL-02", not risen, expected=expected, actual=left, exchange=looks)


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
    spender = Spender(client, target, None)
    if spender.first.status == TOO_MANY:
        return
    refusal = spend(judge, spender, spender.failing(), spender.limit + 1)
    last = client.exchanges[-1]
    expected = f"status 429 by unsigned request {spender.limit + 1:,}"
    judge.expect("RL-02", refusal is not None, expected=expected, actual=last.got, exchange=last)
