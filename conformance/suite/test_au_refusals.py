"""AU: who is refused (AU-05), and whose sessions are seen (AU-07)."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.session import Session
from conformance.sessions import session_id_of
from conformance.suite.creations import ids
from conformance.suite.letters import METHOD_PREFIX, Desk
from conformance.suite.test_ex_files import served, told_files
from conformance.target import parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.sessions import Sessions
    from conformance.signing import Signer
    from conformance.target import Target

FORM: Final = Form((Part("intruder.txt", b"intruder"),))
IMPOSTORS: Final = (
    "no signature",
    "an unknown access key",
    "a wrong secret",
    "an empty secret",
    "a longer access key",
)
UNAUTHORIZED: Final = 401
REPEATS: Final = 3  # an intruder may try again


def calls(client: Client, target: Target, session: Session, **call: Any) -> Iterator[tuple[str, Exchange]]:
    """Make every call on a session in a manner of one's own; yield what each was, and what came back."""
    run = {"mode": "batch", "code": "", "runId": None, "options": {"exec": "echo x > /home/work/intruder.txt"}}
    files = parameters(target.download_style, {"files": ["here.txt"]})
    path = session.path()
    yield "description", client.get(path, **call)
    yield "listing", client.get(path + "/files", **parameters(target.list_style, {"path": "."}), **call)
    yield (
        "download",
        client.call(target.download_method, path + "/download", operation="downloadFiles", **files, **call),
    )
    yield "upload", client.post(path + "/upload", form=FORM, **call)
    yield "run", client.post(path, json=run, **call)
    yield "continuation", client.post(path, json=run | {"mode": "continue", "runId": "none"}, **call)
    yield "restart", client.call("PATCH", path, **call)
    yield "termination", client.call("DELETE", path, **call)


def hold_untouched(judge: Judge, clause: str, session: Session) -> None:
    """Require that the session is there as it was."""
    info = session.try_info()
    judge.expect(clause, info.ok, expected="the session to live on", actual=info.got, exchange=info)
    if info.ok:
        listing = session.listing()
        names = sorted(listing.items)
        kept = "here.txt" in names and "intruder.txt" not in names
        judge.expect(clause, kept, expected="its files as before", actual=names, exchange=listing.exchange)


def hold_unauthorized(judge: Judge, what: str, exchange: Exchange) -> None:
    """AU-05: 401."""
    judge.expect(
        "AU-05",
        exchange.status == UNAUTHORIZED,
        expected=f"status 401 for {what}",
        actual=exchange.got,
        exchange=exchange,
    )


def impostors(signer: Signer) -> dict[str, Signer | None]:
    """Return who must not be let in."""
    return {
        "no signature": None,
        "an unknown access key": replace(signer, access_key=f"AKIA{secrets.token_hex(8).upper()}"),
        "a wrong secret": replace(signer, secret_key=secrets.token_hex(20)),
        "an empty secret": replace(signer, secret_key=""),
        "a longer access key": replace(signer, access_key=f"{signer.access_key}X"),
    }


@requirement("AU-05", tier="smoke", needs="keys")
@pytest.mark.parametrize("who", IMPOSTORS)
def test_nobody_else_is_let_in(session: Session, client: Client, target: Target, judge: Judge, who: str) -> None:
    """Every call without a signature, of an unknown key or with a wrong signature answers 401, and does nothing."""
    session.upload({"here.txt": b"here"})
    impostor = impostors(Desk.of(client, target).signer)[who]
    for what, exchange in calls(client, target, session, signer=impostor):
        hold_unauthorized(judge, f"a {what} with {who}", exchange)
    created = client.post(target.resource, json=target.creation(None), signer=impostor)
    hold_unauthorized(judge, f"a creation with {who}", created)
    if created.ok:
        client.call("DELETE", target.path(session_id_of(created) or ""), signer=impostor)
    hold_untouched(judge, "AU-05", session)


@requirement("AU-05", tier="smoke", needs="keys")
def test_a_wrong_signature_is_refused_each_time(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """A signature of the right form that is wrong, if only in one digit, answers 401 however often it is tried."""
    letter = Desk.of(client, target).letter("GET", session.path())
    control = letter.send()
    if not control.ok:
        raise judge.unmet(
            "AU-01", expected="success for what is signed by the rule", actual=control.got, exchange=control
        )
    right = letter.signature
    wrong = {
        "another first digit": other_digit(right, 0),
        "another digit in the middle": other_digit(right, 31),
        "another last digit": other_digit(right, 63),
        "all zeros": "0" * 64,
        "digits in another order": right[::-1] if right != right[::-1] else "1" * 64,
    }
    for what, signature in wrong.items():
        for _ in range(REPEATS):
            hold_unauthorized(judge, f"a signature with {what}", letter.credential(signature=signature).send())
    for path in (session.path("/files"), f"{session.path()}?bp=1"):
        replayed = replace(letter, path=path).credential(signature=right).send()
        hold_unauthorized(judge, "a signature that was right for another path", replayed)
    own, other = letter.signer, target.second_signer
    if other is not None and client.get(session.path(), signer=other).status != UNAUTHORIZED:
        for mixed in (replace(own, secret_key=other.secret_key), replace(other, secret_key=own.secret_key)):
            hold_unauthorized(judge, "the secret of another key", client.get(session.path(), signer=mixed))


@requirement("AU-05", needs="keys")
def test_nobody_else_is_let_in_by_the_version_prefix(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """Under the prefix of the major revision (CO-09), where it is served, calls without a signature answer 401 too."""
    session.upload({"here.txt": b"here"})
    major = target.api_version.partition(".")[0]
    for path in (session.path(), session.path("/files")):
        for prefix in dict.fromkeys((f"/{major}", "/v4", "/v1")):
            exchange = client.get(prefix + path, signer=None)
            if not exchange.refused:  # where the prefix is not served, any refusal will do
                hold_unauthorized(judge, f"a GET below {prefix} without a signature", exchange)


@requirement("AU-05", needs="keys")
def test_nobody_else_is_let_in_elsewhere(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """Calls that need not be offered are not served without a signature either: folders, interrupts, older paths."""
    told = client.get(session.path())
    if not told.ok:
        raise judge.unmet("AU-01", expected="success for what is signed", actual=told.got, exchange=told)
    unsigned = {
        "list of folders": client.get("/folders", signer=None, operation="listFolders"),
        "interrupt": client.post(session.path("/interrupt"), signer=None),
        "creation by the older path": client.post(
            f"{target.resource}/create", json=target.creation(session.token), signer=None
        ),
    }
    for what, exchange in unsigned.items():
        if exchange.ok:  # where it is not offered, any refusal will do
            hold_unauthorized(judge, f"a {what} without a signature", exchange)


def other_digit(signature: str, index: int) -> str:
    """Return the signature with another hex digit there."""
    digit = f"{(int(signature[index], 16) + 1) % 16:x}"
    return signature[:index] + digit + signature[index + 1 :]


MALFORMED: Final = {
    "empty": "",
    "scheme-alone": "BackendAI",
    "no-credential": "BackendAI signMethod=HMAC-SHA256",
    "no-key-and-signature": METHOD_PREFIX,
    "no-signature": f"{METHOD_PREFIX}{{key}}",
    "empty-signature": f"{METHOD_PREFIX}{{key}}:",
    "empty-key": f"{METHOD_PREFIX}:{{signature}}",
    "no-hex": f"{METHOD_PREFIX}{{key}}:{'z' * 64}",
    "cut-short": f"{METHOD_PREFIX}{{key}}:{{short}}",
    "too-long": f"{METHOD_PREFIX}{{key}}:{{signature}}00",
    "no-parameters": "BackendAI {key}:{signature}",
    "unknown-method": "BackendAI signMethod=HMAC-SHA512, credential={key}:{signature}",
    "basic": "Basic dXNlcjpwYXNzd29yZA==",
    "bearer": "Bearer {signature}",
    "no-equals": "BackendAI signMethod, credential",
    "commas": "BackendAI ,,,,====",
    "long": f"BackendAI {'a' * 4000}",
}


@requirement("AU-05", needs="keys")
@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_header_is_refused(
    session: Session, client: Client, target: Target, judge: Judge, header: str
) -> None:
    """An `Authorization` that is not of the documented form answers 4xx."""
    letter = Desk.of(client, target).letter("GET", session.path())
    right = letter.signature
    text = header.format(key=letter.signer.access_key, signature=right, short=right[:-1])
    exchange = letter.saying(Authorization=text).send()
    judge.refused("AU-05", exchange, expected=f"a refusal (4xx) of `{header[:80]}`")


@contextmanager
def theirs(sessions: Sessions, client: Client, target: Target, judge: Judge) -> Iterator[Session]:
    """Make a session of the second key, and end it afterwards."""
    token = sessions.new_token()
    created = client.post(target.resource, json=target.creation(token), signer=target.second_signer)
    if not created.ok:
        raise judge.not_testable(f"the second key pair cannot create a session: {created.got}")
    session = Session(session_id_of(created) or token, token, sessions.bench, created)
    try:
        yield session
    finally:
        client.call("DELETE", session.path(), signer=target.second_signer)


def hold_let_in(judge: Judge, client: Client, refused: Exchange, target: Target) -> None:
    """Require that the second key may make that call at all: on a path that names no session."""
    path = target.path(f"bp-none-{secrets.token_hex(6)}")
    exchange = client.call(refused.method, path, signer=target.second_signer)
    if exchange.status == UNAUTHORIZED:
        raise judge.unmet("AU-01", expected="the second key let in", actual=exchange.got, exchange=exchange)


@requirement("AU-07", needs=("keys", "second-keys"))
def test_a_session_is_unknown_to_another_key(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """Every call on a session with another user's key answers 404, and does nothing."""
    session.upload({"here.txt": b"here"})
    for what, exchange in calls(client, target, session, signer=target.second_signer):
        if exchange.status == UNAUTHORIZED:
            hold_let_in(judge, client, exchange, target)
        expected = f"status 404 for a {what} with another key"
        judge.expect("AU-07", exchange.status == 404, expected=expected, actual=exchange.got, exchange=exchange)
    interrupt = client.post(session.path("/interrupt"), signer=target.second_signer)  # which need not be offered
    others = [client.get(target.path(name), signer=target.second_signer) for name in ids(session.creation)]
    for exchange in (interrupt, *others):
        judge.expect("AU-07", not exchange.ok, expected="status 404", actual=exchange.got, exchange=exchange)
    hold_untouched(judge, "AU-07", session)
    run = session.run("mkdir -p /home/work/.output; echo secret > /home/work/.output/mine")
    for name, url in told_files(run):
        if not urlsplit(url).netloc and served(client, url).ok:  # what is elsewhere may have its own way of letting in
            theirs = served(client, url, signer=target.second_signer)
            expected = f"status 404 for {name} with another key"
            judge.expect("AU-07", not theirs.ok, expected=expected, actual=theirs.got, exchange=theirs)


@requirement("AU-07", needs=("keys", "second-keys"))
def test_a_session_of_another_key_is_unknown(sessions: Sessions, client: Client, target: Target, judge: Judge) -> None:
    """A session of the second key is unknown to the first, and its token gives the first a session of its own."""
    with theirs(sessions, client, target, judge) as other:
        info = other.try_info()
        judge.status("AU-07", info, 404)
        again = sessions.try_create(target.creation(other.token))
        reused = again.ok and again.json_object().get("created") is False
        expected = "a session of one's own, or a refusal"
        judge.require("AU-07", not reused, expected=expected, actual=again.got, exchange=(other.creation, again))
