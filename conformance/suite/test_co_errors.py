"""CO: how wrong calls are answered (CO-02, CO-03, CO-10 to CO-12)."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.rules import of_exchange
from conformance.suite.creations import ask_for_session, other_langs
from conformance.target import parameters

if TYPE_CHECKING:
    from conformance.client import Client
    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

MALFORMED: Final = {
    "truncated": b'{"mode": "batch", "code": ""',
    "bare-words": b"{mode: batch}",
    "trailing-comma": b'{"mode": "batch",}',
    "trailing-text": b'{"mode": "batch"} x',
    "not-json": b"mode=batch&code=",
    "bad-utf-8": b'{"mode": "batch", "code": "\xff\xfe", "runId": null}',
}
DEEP: Final = 1000  # nested lists: beyond what parsers that call themselves can bear
NO_OBJECT: Final = (
    b"[]",
    b"[{}]",
    b'[["mode", "batch"]]',
    b'[{"mode": "batch", "code": "", "runId": null, "options": {"exec": "true"}}]',
    b'"batch"',
    b"1",
    b"true",
    b"null",
    b"",
    b"[" * DEEP + b"]" * DEEP,
    b"[" * DEEP,
)
WRONG_CREATIONS: Final[tuple[dict[str, Any], ...]] = (
    {"lang": 5},
    {"lang": ["python"]},
    {"lang": {"name": "python"}},
    {"token": 12345},
    {"token": ["bp-token"]},
    {"token": {}},
    {"config": "none"},
    {"config": ["environ"]},
    {"config": {"environ": ["A=b"]}},
    {"config": {"environ": "A=b"}},
    {"config": {"mounts": {"a": "b"}}},
)
NO_SUCH_CALL: Final = frozenset({405, 501})  # what is optional (SE-11) need not be there
WRONG_WITHIN: Final[tuple[dict[str, Any], ...]] = (  # some servers may take these for what they look like
    {"environ": {"BP_A": 5}},
    {"environ": {"BP_A": {"b": []}}},
    {"environ": {"BP_A": None}},
    {"mounts": [5]},
    {"resources": "all"},
    {"resources": {"mem": ["64m"], "cpu": {}}},
    {"instanceMemory": "much"},
    {"instanceCores": [1]},
)
WRONG_CALLS: Final[tuple[dict[str, Any], ...]] = (
    {"runId": []},
    {"runId": {"a": 1}},
    {"runId": 5},
    {"mode": 5},
    {"mode": []},
    {"mode": {}},
    {"mode": True},
)
WRONG_OPTIONS: Final[tuple[Any, ...]] = (
    "make",
    ["make"],
    5,
    True,
    {"exec": 5},
    {"exec": ["true"]},
    {"build": {"command": "true"}},
    {"clean": [1]},
    {"exec": "\ud800"},
)
ABSURD: Final = {"instanceMemory": 10**9, "resources": {"mem": "1000000g"}}  # SE-08: more than there is
WRONG_PATHS: Final[tuple[Any, ...]] = ({}, ["here.txt"], 5)
WRONG_FILES: Final[tuple[Any, ...]] = ({}, 5, [5], [["here.txt"]], [{}])
UNSUPPORTED: Final = (
    ("PUT", ""),
    ("PUT", "/upload"),
    ("DELETE", "/upload"),
    ("DELETE", "/files"),
    ("PUT", "/files"),
    ("GET", "/upload"),
    ("PATCH", "/download"),
)


def unknown_id() -> str:
    """Return an id that no session has."""
    return f"bp-none-{secrets.token_hex(8)}"


def provoked(session: Session, sessions: Sessions, client: Client, target: Target, limits: Limits) -> list[Exchange]:
    """Return the answers to wrong calls of many kinds."""
    unknown = target.path(unknown_id())
    too_many = {f"f{number}.txt": b"x" for number in range(limits.max_files + 1)}
    execute: dict[str, Any] = {"mode": "no-such-mode", "code": "", "runId": "co02", "options": {}}
    return [
        client.get(unknown, operation="getSession"),
        client.call("DELETE", unknown, operation="destroySession"),
        client.post(unknown, json=execute | {"mode": "batch"}, operation="execute"),
        client.get(unknown + "/files", operation="listFiles"),
        session.try_list(f"no-such-folder-{secrets.token_hex(4)}"),
        session.try_download(*[f"f{number}" for number in range(limits.max_downloads + 1)]),
        session.try_upload(too_many),
        session.try_upload({"big.bin": b"x" * (limits.max_file_bytes + 1)}),
        session.try_execute(execute),
        sessions.try_create(target.creation(sessions.new_token(), config=ABSURD)),
        sessions.try_create(target.creation("b" * (limits.min_token_chars - 1))),
        sessions.try_create(target.creation(session.token, other_langs(target)[0])),
        client.post(session.path(), body=MALFORMED["truncated"], content_type="application/json", operation="execute"),
        client.post(target.resource, body=b"[]", content_type="application/json", operation="createSession"),
        client.call("PUT", session.path("/upload"), body=b"x", content_type="text/plain"),
        client.get(f"/no-such-path-{secrets.token_hex(4)}"),
        client.get(session.path("/no-such-path")),
    ]


@requirement("CO-02", "CO-03", tier="smoke")
def test_every_error_is_a_problem_document(
    session: Session, sessions: Sessions, client: Client, target: Target, limits: Limits, judge: Judge
) -> None:
    """Wrong calls of every kind are answered with a problem document: `type`, `title`, `application/problem+json`."""
    answers = provoked(session, sessions, client, target, limits)
    errors = [one for one in answers if one.status is not None and one.status >= 400]
    if not errors:
        raise judge.not_testable("none of the wrong calls was answered with an error")
    for exchange in errors:
        judge.shown.append(exchange)
        for found in of_exchange(exchange):
            judge.expect(found.clause, condition=False, expected=found.expected, actual=found.actual, exchange=exchange)


def hold_refusal(judge: Judge, exchange: Exchange) -> None:
    """CO-10: a body that cannot be understood gets a 4xx."""
    judge.expect(
        "CO-10",
        exchange.refused,
        expected="a refusal: status 4xx, never 5xx and never success",
        actual=exchange.got,
        exchange=exchange,
    )


def hold_no_breakdown(judge: Judge, exchange: Exchange) -> None:
    """CO-10: a body that cannot be understood, and need not be read, does not get a 5xx."""
    judge.expect("CO-10", not exchange.broke_down, expected="no 5xx", actual=exchange.got, exchange=exchange)


@requirement("CO-10", tier="smoke")
def test_a_body_that_is_no_json_object_is_refused(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """Malformed JSON, and JSON that is not an object, answer 4xx on creating and on executing."""
    for body in (*MALFORMED.values(), *NO_OBJECT):
        for path, operation in ((session.path(), "execute"), (target.resource, "createSession")):
            hold_refusal(judge, client.post(path, body=body, content_type="application/json", operation=operation))


@requirement("CO-10")
def test_a_listing_with_a_body_that_is_no_json_object_is_refused(
    session: Session, client: Client, judge: Judge
) -> None:
    """Malformed JSON, and JSON that is not an object, answer 4xx on listing, where bodies of GETs are read."""
    session.upload({"there/here.txt": b"here"})
    path = session.path("/files")
    form: dict[str, Any] = {"content_type": "application/json", "operation": "listFiles"}
    named = client.get(path, body=b'{"path": "there"}', **form)
    if "here.txt" not in named.text:
        raise judge.not_offered("parameters in the body of a GET", "it reads the query string (CO-06)", named)
    for body in (MALFORMED["truncated"], b"[]", b'["there"]', b'"there"', b"7"):
        hold_refusal(judge, client.get(path, body=body, **form))


@requirement("CO-10")
def test_a_creation_with_values_of_the_wrong_type_is_refused(sessions: Sessions, target: Target, judge: Judge) -> None:
    """Values of the wrong type in a create call answer 4xx."""
    for wrong in WRONG_CREATIONS:
        named = {{"lang": target.lang_key, "token": target.name_key}.get(key, key): wrong[key] for key in wrong}
        hold_refusal(judge, sessions.try_create(target.creation(sessions.new_token()) | named))
    for config in WRONG_WITHIN:
        token = sessions.new_token()
        exchange = ask_for_session(sessions, target.creation(token, config=config))
        hold_no_breakdown(judge, exchange)
        if exchange.ok:
            sessions.adopt(exchange, token).delete()


@requirement("CO-10")
def test_an_execute_call_with_values_of_the_wrong_type_is_refused(session: Session, judge: Judge) -> None:
    """A mode or a run id of the wrong type answers 4xx."""
    body: dict[str, Any] = {"mode": "batch", "code": "", "runId": "co10", "options": {"exec": "true"}}
    for wrong in WRONG_CALLS:
        hold_refusal(judge, session.try_execute(body | wrong))
    for code in (5, ["true"], {"a": 1}, True):  # a code that is given may be ignored (EX-03)
        hold_no_breakdown(judge, session.try_execute(body | {"code": code, "runId": None}))


@requirement("CO-10")
def test_options_of_the_wrong_type_break_nothing(session: Session, judge: Judge) -> None:
    """Options of the wrong type never answer 5xx."""
    for options in WRONG_OPTIONS:
        exchange = session.try_execute({"mode": "batch", "code": "", "runId": "co10", "options": options})
        judge.expect("CO-10", not exchange.broke_down, expected="no 5xx", actual=exchange.got, exchange=exchange)


@requirement("CO-10")
def test_file_calls_with_values_of_the_wrong_type_are_refused(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """A path that is no text and files that are no list answer 4xx; never 5xx, where the body does not carry them."""
    hold = hold_no_breakdown if "query" in {target.list_style, target.download_style} else hold_refusal
    session.upload({"here.txt": b"here"})
    for path in WRONG_PATHS:
        hold(judge, client.get(session.path("/files"), json={"path": path}, operation="listFiles"))
    for files in WRONG_FILES:
        path, method = session.path("/download"), target.download_method
        hold(judge, client.call(method, path, json={"files": files}, operation="downloadFiles"))


@requirement("CO-11")
def test_an_unknown_id_is_not_found_anywhere(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """An id that no session has answers 404 on every path below it, for every method."""
    session.upload({"here.txt": b"here"})
    path = target.path(unknown_id())
    unknown = Unknown(client, target, path)
    stranger = target.path(str(uuid.uuid4()))  # as sessions are called from v5 on
    others = [client.get(stranger, operation="getSession"), client.get(f"{stranger}/files", operation="listFiles")]
    interrupt = client.post(f"{path}/interrupt", operation="interruptSession")
    if interrupt.status not in NO_SUCH_CALL:
        others.append(interrupt)
    for exchange in (*unknown.calls(), *others, client.call("DELETE", stranger, operation="destroySession")):
        judge.expect("CO-11", exchange.status == 404, expected="status 404", actual=exchange.got, exchange=exchange)


@requirement("CO-11")
def test_the_id_of_a_terminated_session_is_not_found_anywhere(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """The id of a session that was used and terminated answers 404 on every path below it, for every method."""
    session.upload({"here.txt": b"here"})
    session.sh("true")
    session.delete()
    for exchange in Unknown(client, target, session.path()).calls():
        judge.expect("CO-11", exchange.status == 404, expected="status 404", actual=exchange.got, exchange=exchange)


@requirement("CO-11")
def test_an_id_is_known_in_full_only(sessions: Sessions, client: Client, target: Target, judge: Judge) -> None:
    """An id that begins as that of a session does, goes on after it, or has other letter case, answers 404."""
    token = f"{sessions.new_token()}-Part"
    session = sessions.create(token=token)
    session.upload({"here.txt": b"here"})
    by_token = client.get(target.path(token), operation="getSession").ok
    known = token if by_token else session.id
    others = (known[:-1], f"{known}1", *((token.lower(), token.upper()) if by_token else ()))  # a UUID has no case
    for other in others:
        for exchange in (
            client.get(target.path(other), operation="getSession"),
            client.get(target.path(other, "/files"), operation="listFiles"),
            client.call("DELETE", target.path(other), operation="destroySession"),
        ):
            expected = f"status 404 for {other}, where {known} lives"
            judge.expect("CO-11", exchange.status == 404, expected=expected, actual=exchange.got, exchange=exchange)


class Unknown:
    """Well-formed calls on a session that does not exist."""

    def __init__(self, client: Client, target: Target, path: str) -> None:
        self._client = client
        self._target = target
        self._path = path

    def calls(self) -> list[Exchange]:
        """Return the answers to each of them."""
        client, path = self._client, self._path
        form = Form((Part("here.txt", b"here"),))
        listing = parameters(self._target.list_style, {"path": "."})
        files = parameters(self._target.download_style, {"files": ["here.txt"]})
        body = {"mode": "batch", "code": "", "runId": "co11", "options": {"exec": "true"}}
        return [
            client.get(path, operation="getSession"),
            client.post(path, json=body, operation="execute"),
            client.call("PATCH", path, operation="restartSession"),
            client.call("DELETE", path, operation="destroySession"),
            client.post(path + "/upload", form=form, operation="uploadFiles"),
            client.get(path + "/files", operation="listFiles", **listing),
            client.call(self._target.download_method, path + "/download", operation="downloadFiles", **files),
        ]


@requirement("CO-12")
def test_a_method_that_a_path_does_not_support_is_refused(session: Session, client: Client, judge: Judge) -> None:
    """A method that a known path does not support answers 405, or 404, and does nothing."""
    for method, tail in UNSUPPORTED:
        exchange = client.call(method, session.path(tail))
        judge.expect(
            "CO-12", exchange.status in {404, 405}, expected="status 405 or 404", actual=exchange.got, exchange=exchange
        )
    for method in ("PUT", "PATCH"):  # of the sessions as a whole, which no version offers
        exchange = client.call(method, session.bench.target.resource)
        judge.expect(
            "CO-12", exchange.status in {404, 405}, expected="status 405 or 404", actual=exchange.got, exchange=exchange
        )
    info = session.try_info()
    judge.require("CO-12", info.ok, expected="the session to be as before", actual=info.got, exchange=info)
