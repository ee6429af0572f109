"""AU: what is signed and how: the header (AU-01), the key (AU-02), the text (AU-03), the version (AU-06)."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.suite.letters import EMPTY_HASH, Desk, extended, zulu
from conformance.target import parameters

if TYPE_CHECKING:
    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.suite.letters import Letter
    from conformance.target import Target

JSON: Final = "application/json"
EMPTY_HASHED_SINCE: Final = "v4.20181215"
TRIES: Final = 12  # of an arbitrary signature, so that one in three of them is noticed
DENIED: Final = frozenset({401, 403})
OTHER_METHODS: Final = {
    "another-signing-method": "BackendAI signMethod=HMAC-SHA512, credential=",
    "no-signing-method": "BackendAI credential=",
    "an-unknown-signing-method": "BackendAI signMethod=NONE, credential=",
    "another-scheme": "Bearer signMethod=HMAC-SHA256, credential=",
    "basic": "Basic signMethod=HMAC-SHA256, credential=",
}


def described(session: Session, client: Client, target: Target) -> Letter:
    """Return a signed request for the session's description, which the target is known to answer with 200."""
    return Desk.of(client, target).letter("GET", session.path())


def hold_control(judge: Judge, letter: Letter, clause: str = "AU-01") -> None:
    """Require that a request signed by the rule is answered: then another is refused for what is spoilt in it."""
    exchange = letter.send()
    if not exchange.ok:
        expected = "success for what is signed by the rule"
        raise judge.unmet(clause, expected=expected, actual=exchange.got, exchange=exchange)


def hold_denial(judge: Judge, clause: str, letter: Letter, spoilt: str) -> None:
    """Require that a request is refused for what is spoilt in it; one that looks at no signature breaks AU-05."""
    exchange = letter.send()
    if exchange.ok:
        hold_any_check(judge, letter)
    judge.expect(
        clause, exchange.refused, expected=f"a refusal (401) of {spoilt}", actual=exchange.got, exchange=exchange
    )


def hold_any_check(judge: Judge, letter: Letter) -> None:
    """Require that the same request is refused with an arbitrary signature, however often (AU-05)."""
    for _ in range(TRIES):
        exchange = letter.credential(signature=secrets.token_hex(32)).send()
        if exchange.ok:
            raise judge.unmet("AU-05", expected="status 401", actual=exchange.got, exchange=exchange)


@requirement("AU-01", tier="smoke", needs="keys")
def test_signed_requests_of_every_method_are_accepted(session: Session, judge: Judge) -> None:
    """Signed requests that read, run, upload, list, download and end are let in."""
    session.upload({"here.txt": b"here"})
    execute = {"mode": "batch", "code": "", "runId": None, "options": {"exec": "true"}}
    calls = (session.try_info(), session.try_list("."), session.try_download("here.txt"), session.try_execute(execute))
    for exchange in (*calls, session.try_restart(), session.try_delete()):
        let_in = exchange.status not in DENIED and exchange.status is not None
        judge.expect("AU-01", let_in, expected="a signed request let in", actual=exchange.got, exchange=exchange)


@requirement("AU-01", needs="keys")
@pytest.mark.parametrize("prefix", OTHER_METHODS.values(), ids=OTHER_METHODS)
def test_another_way_of_signing_is_refused(
    session: Session, client: Client, target: Target, judge: Judge, prefix: str
) -> None:
    """A right signature under another scheme or signing method is refused."""
    letter = described(session, client, target)
    hold_control(judge, letter)
    exchange = letter.saying(Authorization=f"{prefix}{letter.signer.access_key}:{letter.signature}").send()
    judge.expect(
        "AU-01", not exchange.ok, expected=f"a refusal of `{prefix}...`", actual=exchange.got, exchange=exchange
    )


def at_offset(moment: datetime, hours: int) -> datetime:
    """Return the same moment as a clock that many hours east of Greenwich shows it."""
    return moment.astimezone(timezone(timedelta(hours=hours)))


def offsets(moment: datetime) -> tuple[int, int]:
    """Return an offset whose clock shows the day in UTC, and one whose clock shows another."""
    return (1, 14) if moment.hour >= 12 and moment.hour < 23 else (-1, 14) if moment.hour >= 12 else (1, -13)


@requirement("AU-02", needs="keys")
def test_the_day_of_the_key_is_in_utc(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """The key of a date that is written with an offset is of its day in UTC, and of no other day."""
    desk = Desk.of(client, target)
    moment = desk.now()
    same_day, other_day = offsets(moment)
    control = desk.letter("GET", session.path(), moment=moment, date=at_offset(moment, same_day).isoformat()).send()
    if not control.ok:
        raise judge.unmet("AU-04", expected="ISO 8601 with an offset taken", actual=control.got, exchange=control)
    local = at_offset(moment, other_day)
    letter = desk.letter("GET", session.path(), moment=moment, date=local.isoformat())
    exchange = letter.send()
    judge.accepted("AU-02", exchange, expected=f"the key of the day in UTC ({letter.day}) to be taken")
    hold_denial(judge, "AU-02", replace(letter, day=f"{local:%Y%m%d}"), "the key of the day on the local clock")
    for days in (-1, 1):
        day = f"{moment + timedelta(days=days):%Y%m%d}"
        hold_denial(judge, "AU-02", replace(letter, day=day), f"the key of another day ({day})")


@requirement("AU-02", needs="keys")
def test_the_host_of_the_key_is_the_host_header(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """The key is of the host as the Host header has it: with its port, and of no other host."""
    letter = described(session, client, target)
    hold_control(judge, letter)
    bare = letter.key_host.rpartition(":")[0] if ":" in letter.key_host.rpartition("]")[2] else ""
    others = [host for host in (bare, "api.backend.ai", f"{bare or letter.key_host}:1", "") if host != letter.key_host]
    for host in others:
        hold_denial(judge, "AU-02", replace(letter, key_host=host), f"a key of the host {host!r}")
        spoilt = replace(letter.line("host", f"host:{host}"), key_host=host)
        hold_denial(judge, "AU-02", spoilt, f"a signature for the host {host!r}")


@requirement("AU-02", needs="keys")
def test_the_key_is_derived_in_two_steps(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """Day and host in the other order make no key."""
    letter = described(session, client, target)
    hold_control(judge, letter)
    swapped = replace(letter, day=letter.key_host, key_host=letter.day)
    hold_denial(judge, "AU-02", swapped, "a key of the host first and the day second")


@requirement("AU-03", needs="keys")
@pytest.mark.parametrize("name", ["method", "target", "date", "host", "type", "version", "body"])
def test_every_line_is_signed(session: Session, client: Client, target: Target, judge: Judge, name: str) -> None:
    """A signature over a text that differs in one line, or lacks it, is refused."""
    extra = parameters("query", {"bp": "1"})["query"]
    path = f"{session.path()}?{'&'.join(f'{key}={value}' for key, value in extra)}"
    letter = Desk.of(client, target).letter("GET", path)
    hold_control(judge, described(session, client, target))
    hold_control(judge, letter, "AU-03")
    moment = datetime.now(UTC)
    others = {
        "method": ("POST", "DELETE", "HEAD", ""),
        "target": (
            letter.lines["target"].partition("?")[0],
            letter.lines["target"] + "&more=1",
            "/",
            f"{letter.path}%20",
        ),
        "date": (extended(moment - timedelta(minutes=1)), zulu(moment - timedelta(minutes=2)), ""),
        "host": ("host:api.backend.ai", f"host:{letter.key_host.partition(':')[0]}:1", "host:", letter.key_host),
        "type": ("content-type:text/html", "content-type:", "content-type:application/x-bp"),
        "version": (
            *("x-backendai-version:v1.20160915", "x-backendai-version:", "x-backendai-version:v9.20990101"),
            *(f"x-backendai-version:{own}" for own in (target.version,) if own and own != letter.signer.api_version),
        ),
        "body": (sha256(b"another body").hexdigest(), "", "0" * 64),
    }
    for text in (*others[name], None):
        spoilt = f"a text with {text!r}" if text is not None else f"a text without the line of the {name}"
        hold_denial(judge, "AU-03", letter.line(name, text), spoilt)
    if name == "version":  # the other way about: signed with the right one, and sent with another
        for version in ("v4.20181215", "v4.20190115"):
            if version != letter.signer.api_version:
                spoilt = f"the version {version} where another was signed"
                hold_denial(judge, "AU-03", letter.saying(X_BackendAI_Version=version), spoilt)


@requirement("AU-03", needs="keys")
def test_lines_are_joined_by_line_feeds_in_their_order(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """A signature over the lines in another order, or with a line feed at the end, is refused."""
    letter = described(session, client, target)
    hold_control(judge, letter)
    names = list(letter.lines)
    backwards = replace(letter, lines={name: letter.lines[name] for name in reversed(names)})
    hold_denial(judge, "AU-03", backwards, "the lines in another order")
    last = names[-1]
    hold_denial(judge, "AU-03", letter.line(last, letter.lines[last] + "\n"), "a line feed at the end")


@requirement("AU-03", needs="keys")
def test_the_path_is_signed_with_its_query_as_sent(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """Requests with a query are accepted when it is signed exactly as sent: encoded, repeated, empty."""
    desk = Desk.of(client, target)
    hold_control(judge, desk.letter("GET", session.path()))
    for query in ("?a=1", "?a=1&b=2&a=3", "?b=%20%2F%C3%A9+x&a=", "?z=1&a=2"):
        exchange = desk.letter("GET", session.path() + query).send()
        judge.accepted("AU-03", exchange, expected=f"a signed request with the query {query!r} to be accepted")


@requirement("AU-03", needs="keys")
@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/json;charset=UTF-8"])
def test_parameters_of_the_content_type_are_not_signed(
    session: Session, client: Client, target: Target, judge: Judge, content_type: str
) -> None:
    """A JSON body whose content type has parameters is signed for the bare media type."""
    desk = Desk.of(client, target)
    body = json.dumps({"mode": "batch", "code": "", "runId": None, "options": {"exec": "true"}}).encode()
    hold_control(judge, desk.letter("POST", session.path(), body=body, content_type=JSON))
    letter = desk.letter("POST", session.path(), body=body, content_type=content_type)
    judge.accepted("AU-03", letter.send())
    spoilt = letter.line("type", f"content-type:{content_type}")
    hold_denial(judge, "AU-03", spoilt, "a text that has the content type's parameters")


@requirement("AU-03", needs="keys")
def test_the_other_date_header_serves_as_well(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """Without `Date`, the text of `X-BackendAI-Date` is the date; with both, that of `Date`."""
    letter = described(session, client, target)
    hold_control(judge, letter)
    date = letter.date
    alone = letter.saying(Date=None, X_BackendAI_Date=date).send()
    judge.expect("AU-03", alone.ok, expected="X-BackendAI-Date taken", actual=alone.got, exchange=alone)
    stale = extended(datetime.now(UTC) - timedelta(hours=2))
    both = letter.saying(X_BackendAI_Date=stale).send()
    judge.expect("AU-03", both.ok, expected="Date taken before X-BackendAI-Date", actual=both.got, exchange=both)
    other = extended(datetime.now(UTC) - timedelta(minutes=3))
    signed = letter.saying(Date=other, X_BackendAI_Date=date)
    hold_denial(judge, "AU-03", signed, "a text with X-BackendAI-Date where a Date was sent")


def taken_hashes(letter: Letter) -> tuple[str | None, list[Exchange]]:
    """Return which body hash a target wants, by sending the letter with each; None where it wants neither."""
    hashes = {"body": sha256(letter.body).hexdigest(), "empty": EMPTY_HASH}
    sent = {name: letter.line("body", text).send() for name, text in hashes.items()}
    taken = [name for name, exchange in sent.items() if exchange.status not in DENIED and not exchange.broke_down]
    return (taken[0] if len(taken) == 1 else "either") if taken else None, list(sent.values())


@requirement("AU-03", needs="keys")
def test_which_body_is_hashed_where_clients_hash_nothing(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """A multipart body, and a JSON body from v4.20181215 on, is hashed as it is, as an empty one, or as either."""
    desk = Desk.of(client, target)
    later = (
        desk
        if desk.signer.hashes_nothing(JSON)
        else replace(desk, signer=replace(desk.signer, api_version=EMPTY_HASHED_SINCE))
    )
    hold_control(judge, desk.letter("GET", session.path()))
    body = json.dumps({"mode": "batch", "code": "", "runId": None, "options": {"exec": "true"}}).encode()
    letters = {
        "later-body-hash": later.letter("POST", session.path(), body=body, content_type=JSON),
        "multipart-body-hash": desk.letter("POST", session.path("/upload"), form=Form((Part("here.txt", b"here"),))),
    }
    for question, letter in letters.items():
        taken, exchanges = taken_hashes(letter)
        expected = "the hash of the body, or of the empty string, taken"
        judge.expect("AU-03", taken is not None, expected=expected, actual=exchanges[0].got, exchange=exchanges)
        if taken is not None:
            judge.reading("AU-03", question, taken, exchanges)
        other = letter.line("body", sha256(letter.body + b" ").hexdigest())
        hold_denial(judge, "AU-03", other, "the hash of another body")


@requirement("AU-06", needs="keys")
def test_what_a_request_without_a_version_gets(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """A request that names no API version is refused, or served as one of the server's own."""
    for path in ("/v4", "/"):
        unsigned = client.get(path, signer=None, headers={"X-BackendAI-Version": None}, operation="getMajorVersion")
        if unsigned.ok:
            break
    if unsigned.ok or unsigned.refused:
        judge.reading("AU-06", "unsigned-without-version", "assumed" if unsigned.ok else "refused", unsigned)
    letter = described(session, client, target).saying(X_BackendAI_Version=None)
    assumed = (target.version, letter.signer.api_version, "")
    texts = [f"x-backendai-version:{version}" for version in assumed if version is not None]
    sent = [letter.line("version", text).send() for text in (*texts, None)]
    if any(exchange.ok for exchange in sent):
        judge.reading("AU-06", "signed-without-version", "assumed", sent)
    elif all(exchange.refused for exchange in sent):
        judge.reading("AU-06", "signed-without-version", "refused", sent)
