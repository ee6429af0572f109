"""Calls that schemathesis generates from the contract: wrong ones break nothing, right ones are answered as it says.

What the contract calls wrong a server may still take, where no clause forbids it (unknown amounts, odd tokens): then
only the answer's own shape is judged. Folders are left out, for theirs is no session to be deleted with.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.checks import requirement
from conformance.run_reader import Result
from conformance.suite.generated import NO_ROOM, each_call, hold_problem, hold_shape, is_json, naming, send, wrongs
from conformance.suite.programs import HOME, by_hand

if TYPE_CHECKING:
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.models.contract_cases import GeneratedCall
    from conformance.options import Options
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

BODIES: Final = {
    "createSession": "CreateSessionRequest",
    "execute": "ExecuteRequest",
    "listFiles": "ListFilesParameters",
    "downloadFiles": "DownloadParameters",
}
MAX_NAME_BYTES: Final = 120  # far below any file system's limit


def hold_wrong_body(judge: Judge, call: GeneratedCall, exchange: Exchange, *, read: bool) -> None:
    """CO-10: no 5xx for JSON that is malformed, no object or of wrong types; 4xx for the first two where it is read."""
    if exchange.status in NO_ROOM:
        return
    if isinstance(call.json, dict) or not read:
        if any(one.keyword == "type" for one in wrongs(call, BODIES[call.operation])):
            judge.expect("CO-10", not exchange.broke_down, expected="no 5xx", actual=exchange.got, exchange=exchange)
    elif call.has_json or not is_json(call.body):
        judge.expect("CO-10", exchange.refused, expected="a refusal: 4xx", actual=exchange.got, exchange=exchange)


@requirement("CO-10", "CO-02")
@pytest.mark.parametrize("operation", list(BODIES))
def test_a_generated_wrong_body_breaks_nothing(
    operation: str, session: Session, sessions: Sessions, target: Target, options: Options, judge: Judge
) -> None:
    """No body that the contract forbids is answered with 5xx, none that is no JSON object with success."""
    styles = {"listFiles": target.list_style, "downloadFiles": target.download_style}

    def examine(call: GeneratedCall) -> None:
        named = naming(call, **{target.lang_key: target.lang}) if target.lang_key in _members(call) else call
        if isinstance(_members(call).get(target.name_key), str):
            named = naming(named, **{target.name_key: sessions.new_token()})  # one that may be deleted
        exchange = send(session, named)
        hold_problem(judge, exchange)
        hold_wrong_body(judge, named, exchange, read=styles.get(operation) != "query")

    each_call(operation, target, options, 9, examine, right=False)


@requirement("EX-25")
def test_a_generated_call_without_a_known_mode_is_refused(
    session: Session, target: Target, options: Options, judge: Judge
) -> None:
    """An execute call whose mode is missing, unknown or of the wrong type is refused, whatever else it says."""

    def examine(call: GeneratedCall) -> None:
        modeless = any(one.place == ".mode" or one.keyword == "required" for one in wrongs(call, "ExecuteRequest"))
        if isinstance(call.json, dict) and modeless:
            judge.refused("EX-25", send(session, call))

    each_call("execute", target, options, 12, examine, right=False)


@requirement("EX-01", "EX-02", "EX-04", "EX-13", "EX-25", "CO-02", "CO-13", "CN-01")
def test_a_generated_execute_call_gets_what_the_contract_says(
    session: Session, target: Target, options: Options, judge: Judge
) -> None:
    """Generated execute calls get a result of the documented shape or a problem document; plain ones a result."""

    def examine(call: GeneratedCall) -> None:
        body: dict[str, Any] = call.json
        if body["mode"] == "query":
            return  # optional (EX-28)
        once = Result.of(session.try_execute(body)) if body["mode"] != "batch" else None  # of a run that is not there
        for result in by_hand(session, body) if once is None else [once]:
            _hold_result(judge, body, result)

    each_call("execute", target, options, 12, examine, right=True)


@requirement("SE-01", "CO-02", "CO-13")
def test_a_generated_creation_gets_what_the_contract_says(
    session: Session, sessions: Sessions, target: Target, options: Options, judge: Judge
) -> None:
    """Generated creations get a session of the documented shape, or a problem document where they ask for much."""

    def examine(call: GeneratedCall) -> None:
        unsaid = dict.fromkeys(("lang", "image", "name", "clientSessionToken"))
        meaning = {name: None for name in call.json if name.isidentifier() and name not in {"tag", "config"}}
        body = {target.lang_key: target.lang, target.name_key: sessions.new_token()}
        named = naming(call, **{**meaning, **unsaid, **body})
        exchange = send(session, named)
        hold_problem(judge, exchange)
        if exchange.ok:
            judge.status("SE-01", exchange, 201)
            hold_shape(judge, "SessionCreated", exchange, "SE-01")
        elif not named.json.get("config") and exchange.status not in NO_ROOM | {500}:
            expected = "a session: unknown keys are ignored, null is absent"
            judge.expect("CO-13", condition=False, expected=expected, actual=exchange.got, exchange=exchange)

    each_call("createSession", target, options, 5, examine, right=True)


@requirement("UP-15", "CO-02")
def test_a_generated_form_without_a_file_is_refused(
    session: Session, target: Target, options: Options, judge: Judge
) -> None:
    """An upload that the contract forbids never breaks the server, and is refused where it holds no file."""

    def examine(call: GeneratedCall) -> None:
        exchange = send(session, call)
        hold_problem(judge, exchange)
        if b"filename" in call.body:
            judge.expect("UP-15", not exchange.broke_down, expected="no 5xx", actual=exchange.got, exchange=exchange)
        else:
            judge.expect("UP-15", exchange.refused, expected="a refusal: 4xx", actual=exchange.got, exchange=exchange)

    each_call("uploadFiles", target, options, 6, examine, right=False)


@requirement("LS-03", "CO-02")
def test_a_generated_path_is_not_found_in_a_listing(
    session: Session, target: Target, options: Options, judge: Judge
) -> None:
    """Listing a generated path, which is not there, is refused."""

    def examine(call: GeneratedCall) -> None:
        paths = _texts(call, "path")
        if paths and all(map(_is_absent, paths)):
            exchange = send(session, call)
            judge.refused("LS-03", exchange)
            hold_problem(judge, exchange)

    each_call("listFiles", target, options, 15, examine, right=True)


@requirement("DL-04", "CO-02")
def test_a_generated_path_is_not_found_in_a_download(
    session: Session, target: Target, options: Options, judge: Judge
) -> None:
    """Downloading generated paths, which are not there, is refused."""

    def examine(call: GeneratedCall) -> None:
        paths = _texts(call, "files")
        if paths and all(map(_is_absent, paths)):
            exchange = send(session, call)
            judge.refused("DL-04", exchange)
            hold_problem(judge, exchange)

    each_call("downloadFiles", target, options, 9, examine, right=True)


def _members(call: GeneratedCall) -> dict[str, Any]:
    return call.json if isinstance(call.json, dict) else {}


def _hold_result(judge: Judge, body: dict[str, Any], result: Result) -> None:
    exchange = result.exchange
    hold_problem(judge, exchange)
    if exchange.ok:
        judge.status("EX-01", exchange, 200)
        hold_shape(judge, "ExecuteResponse", exchange, "EX-01")
        if asked := body.get("runId"):
            expected = f"runId {asked!r}"
            judge.expect("EX-04", result.run_id == asked, expected=expected, actual=exchange.got, exchange=exchange)
    elif body["mode"] != "batch":
        judge.expect("EX-25", exchange.refused, expected="4xx, or a result", actual=exchange.got, exchange=exchange)
    elif not body.get("code") and not body.get("runId"):
        plain = set(body) <= {"mode", "code", "runId", "options"} and None not in body.values()
        judge.expect(
            "EX-01" if plain else "CO-13", condition=False, expected="a result", actual=exchange.got, exchange=exchange
        )


def _texts(call: GeneratedCall, name: str) -> list[str]:
    """Return the paths that a generated call names, in its body or in its query."""
    value = _members(call).get(name, [text for key, text in call.query if key == name])
    return [value] if isinstance(value, str) else [one for one in value or [] if isinstance(one, str)]


def _is_absent(path: str) -> bool:
    """Tell whether a path surely names nothing: inside home, of a length that exists, with no reading of its own."""
    resolved = posixpath.normpath(posixpath.join(HOME, path))
    odd = path != path.strip() or path.startswith("~") or "%" in path or len(path.encode()) > MAX_NAME_BYTES
    return not odd and resolved.startswith(f"{HOME}/")
