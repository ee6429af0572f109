"""CO: conventions of every call: JSON in and out (CO-01, CO-04), encoded ids (CO-05), versions (CO-08, CO-09)."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.rules import of_exchange
from conformance.run_reader import GOING_ON, Result
from conformance.suite.creations import ask_for_session, settled
from conformance.suite.stored import in_home, word
from conformance.target import parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.client import Client
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

VERSION: Final = re.compile(r"v(\d+)\.\d{8}")
DOCUMENTED_MAJOR: Final = 4
UNSUPPORTED_MAJOR: Final = 9999
RUNS: Final = 6  # one answer in three may be another
FOLDER: Final = "é 한국 😀"
TEXT: Final = "é ü 한국어 😀 \u2028 ñ"  # two, three and four bytes, and a line separator that JSON may hold raw


@requirement("CO-01", tier="smoke")
def test_successes_are_json_objects(
    session: Session, sessions: Sessions, client: Client, target: Target, judge: Judge
) -> None:
    """What creates, reuses, describes, runs, lists and ends answers with one JSON object, typed `application/json`."""
    sessions.try_create(target.creation(session.token))
    session.upload({"seen.txt": b"seen"})
    ran = [session.run("echo seen").exchanges[-1] for _ in range(RUNS)]
    for call in (session.try_info, session.try_list, session.try_delete):
        call()
    for exchange in client.exchanges:
        for finding in of_exchange(exchange):
            if finding.clause == "CO-01":
                judge.expect(
                    "CO-01", condition=False, expected=finding.expected, actual=finding.actual, exchange=exchange
                )
    judge.shown.extend(ran)


def raw_utf8(body: Any) -> bytes:
    """Encode a JSON body with its characters as they are."""
    return json.dumps(body, ensure_ascii=False).encode()


def escaped(body: Any) -> bytes:
    """Encode a JSON body with every character beyond ASCII as an escape, the astral ones as two."""
    return json.dumps(body).encode("ascii")


@requirement("CO-04", tier="smoke")
@pytest.mark.parametrize("encode", [raw_utf8, escaped], ids=["raw-utf-8", "escapes"])
def test_commands_are_taken_in_both_forms(
    session: Session, client: Client, judge: Judge, encode: Callable[[Any], bytes]
) -> None:
    """Text in an execute call means the same as raw UTF-8 and with escapes."""
    plain = session.run("printf '%s' 'plain'")
    if plain.stdout != "plain":
        raise judge.unmet("CN-06", expected="plain", actual=plain.stdout, exchange=plain.exchanges)
    body = {"mode": "batch", "code": "", "runId": "co04", "options": {"exec": f"printf '%s' '{TEXT}'"}}
    first = client.post(session.path(), body=encode(body), content_type="application/json", operation="execute")
    judge.accepted("CO-04", first)
    results = [Result.of(first)]
    while results[-1].status in GOING_ON:
        results.append(Result.of(session.try_execute({"mode": "continue", "code": "", "runId": "co04", "options": {}})))
    output = "".join(result.stdout for result in results)
    judge.require("CO-04", output == TEXT, expected=TEXT, actual=output, exchange=[one.exchange for one in results])


@requirement("CO-04")
def test_paths_are_taken_in_both_forms(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """A path in the body of a listing, or of a download, means the same as raw UTF-8 and with escapes."""
    in_home(session, f"mkdir {word(FOLDER)}; : > {word(FOLDER)}/within.txt")
    form: dict[str, Any] = {"content_type": "application/json", "operation": "listFiles"}
    both = [client.get(session.path("/files"), body=encode({"path": FOLDER}), **form) for encode in (escaped, raw_utf8)]
    found = ["within.txt" in exchange.text for exchange in both]
    if target.list_style == "query" and not any(found):
        raise judge.not_offered("parameters in the body of a GET", "it reads the query string (CO-06)", both[0])
    expected = "a listing of the folder in both forms, or in neither"
    judge.require("CO-04", found[0] == found[1], expected=expected, actual=both[not found[1]].got, exchange=both)
    files = {"files": [f"{FOLDER}/within.txt"]}
    form["operation"] = "downloadFiles"
    download = partial(client.call, target.download_method, session.path("/download"), **form)
    both = [download(body=encode(files)) for encode in (escaped, raw_utf8)]
    same = both[0].ok == both[1].ok
    expected = "a download of the file in both forms, or in neither"
    judge.require("CO-04", same, expected=expected, actual=both[both[0].ok].got, exchange=both)


@requirement("CO-04")
@pytest.mark.parametrize("encode", [raw_utf8, escaped], ids=["raw-utf-8", "escapes"])
def test_creations_are_taken_in_both_forms(
    sessions: Sessions, client: Client, target: Target, judge: Judge, encode: Callable[[Any], bytes]
) -> None:
    """Text in a create call is taken as raw UTF-8 and with escapes, and reaches the commands' environment."""
    token = sessions.new_token()
    plain = ask_for_session(sessions, target.creation(token, config={"environ": {"BP_TEXT": "plain"}}))
    original = settled(sessions, plain, token)
    if not plain.ok or original.run("printf '%s' \"$BP_TEXT\"").stdout != "plain":
        raise judge.unmet("SE-09", expected="a session with BP_TEXT=plain", actual=plain.got, exchange=plain)
    original.delete()
    body = encode(target.creation(token, config={"environ": {"BP_TEXT": TEXT}}))
    client.await_turn("POST")
    sessions.bench.ledger.expect(token)
    created = client.post(target.resource, body=body, content_type="application/json", operation="createSession")
    judge.accepted("CO-04", created)
    run = settled(sessions, created, token).run("printf '%s' \"$BP_TEXT\"")
    judge.require("CO-04", run.stdout == TEXT, expected=TEXT, actual=run.stdout, exchange=[created, *run.exchanges])


@requirement("CO-05", tier="smoke")
def test_an_encoded_id_names_the_same_session(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """An id with URI-encoded characters in a path is decoded: every call finds the session that the plain id names."""
    session.upload({"here.txt": b"here"})
    plain = session.try_info()
    if not plain.ok:
        raise judge.unmet("SE-05", expected="status 200", actual=plain.got, exchange=plain)
    path = f"{target.resource}/" + "".join(f"%{byte:02X}" for byte in session.id.encode())
    info = client.get(path, operation="getSession")
    judge.require(
        "CO-05", info.ok, expected=f"what the plain id gets: {plain.got}", actual=info.got, exchange=(plain, info)
    )
    # in capitals: the HTTP library rewrites others after they were signed
    partly = quote(session.id, safe="").replace("-", "%2D")
    info = client.get(target.path("") + partly, operation="getSession")
    judge.expect("CO-05", info.ok, expected=f"what the plain id gets: {plain.got}", actual=info.got, exchange=info)
    listing = client.get(path + "/files", operation="listFiles")
    judge.expect(
        "CO-05", "here.txt" in listing.text, expected="a listing of here.txt", actual=listing.got, exchange=listing
    )
    plain = session.try_upload({"more.txt": b"more"})
    if plain.ok:
        form = Form((Part("more.txt", b"more"),))
        judge.accepted("CO-05", client.post(path + "/upload", form=form, operation="uploadFiles"))
    plain = session.try_download("here.txt")
    if plain.ok:
        files = parameters(target.download_style, {"files": ["here.txt"]})
        fetched = client.call(target.download_method, path + "/download", operation="downloadFiles", **files)
        judge.accepted("CO-05", fetched)
    body = {"mode": "batch", "code": "", "runId": "co05", "options": {"exec": "true"}}
    ran = client.post(path, json=body, operation="execute")
    judge.accepted("CO-05", ran)
    while Result.of(ran).status in GOING_ON:
        ran = session.try_execute({"mode": "continue", "code": "", "runId": "co05", "options": {}})
    ended = client.call("DELETE", path, operation="destroySession")
    if not ended.ok and session.try_delete().ok:
        judge.accepted("CO-05", ended)


def majors(target: Target) -> tuple[int, ...]:
    """Return the major revisions whose promises hold for the target: the documents' own, then the one it names."""
    named = VERSION.fullmatch(target.version or "")
    return tuple(dict.fromkeys((DOCUMENTED_MAJOR, *((int(named[1]),) if named else ()))))


@requirement("CO-08", tier="smoke")
def test_the_major_revision_names_the_full_version(client: Client, target: Target, judge: Judge) -> None:
    """A GET of the major revision, unauthenticated, answers with the full version."""
    answers = [(major, client.get(f"/v{major}", signer=None, operation="getMajorVersion")) for major in majors(target)]
    known = next(((major, exchange) for major, exchange in answers if exchange.ok), answers[0])
    major, exchange = known
    judge.accepted("CO-08", exchange, expected="status 200 with the full version")
    version = exchange.json_object().get("version")
    matched = VERSION.fullmatch(version) if isinstance(version, str) else None
    expected = f"`version`, a text like v{major}.20181215"
    judge.require("CO-08", matched, expected=expected, actual=exchange.got, exchange=exchange)
    agrees = matched is not None and (int(matched[1]) == major or version == target.version)
    judge.require("CO-08", agrees, expected=expected, actual=version, exchange=exchange)


@requirement("CO-09")
def test_the_version_prefix_serves_the_same_resource(
    session: Session, client: Client, target: Target, judge: Judge
) -> None:
    """Every URL works under the major revision's prefix too."""
    session.upload({"here.txt": b"here"})
    infos = [client.get(f"/v{major}{session.path()}", operation="getSession") for major in majors(target)]
    works = next((index for index, exchange in enumerate(infos) if exchange.ok), 0)
    judge.accepted("CO-09", infos[works])
    prefix = f"/v{majors(target)[works]}"
    listing = client.get(prefix + session.path("/files"), operation="listFiles")
    judge.expect(
        "CO-09", "here.txt" in listing.text, expected="a listing of here.txt", actual=listing.got, exchange=listing
    )
    body = {"mode": "batch", "code": "", "runId": "co09", "options": {"exec": "true"}}
    ran = client.post(prefix + session.path(), json=body, operation="execute")
    judge.accepted("CO-09", ran)
    while Result.of(ran).status in GOING_ON:
        ran = session.try_execute({"mode": "continue", "code": "", "runId": "co09", "options": {}})
    again = client.post(prefix + target.resource, json=target.creation(session.token), operation="createSession")
    judge.accepted("CO-09", again)  # the session itself: its token is in use (SE-02)
    older, body = f"{target.resource}/create", target.creation(session.token)
    if target.dialect == "kernel" and client.post(older, json=body, operation="createSessionLegacy").ok:
        judge.accepted("CO-09", client.post(prefix + older, json=body, operation="createSessionLegacy"))
    form = Form((Part("more.txt", b"more"),))
    judge.accepted("CO-09", client.post(prefix + session.path("/upload"), form=form, operation="uploadFiles"))
    plain = session.try_download("here.txt")
    if plain.ok:
        files = parameters(target.download_style, {"files": ["here.txt"]})
        path = prefix + session.path("/download")
        fetched = client.call(target.download_method, path, operation="downloadFiles", **files)
        judge.accepted("CO-09", fetched)
    if client.get("/folders", operation="listFolders").ok:
        judge.accepted("CO-09", client.get(f"{prefix}/folders", operation="listFolders"))
    ended = client.call("DELETE", prefix + session.path(), operation="destroySession")
    if not ended.ok and session.try_delete().ok:
        judge.accepted("CO-09", ended)


@requirement("CO-09")
def test_an_unsupported_major_revision_is_unknown(session: Session, client: Client, judge: Judge) -> None:
    """A major revision that no server supports answers 404, by itself and as a prefix."""
    for path in (f"/v{UNSUPPORTED_MAJOR}", f"/v{UNSUPPORTED_MAJOR}{session.path()}"):
        exchange = client.get(path, operation="getMajorVersion")
        judge.expect("CO-09", exchange.status == 404, expected="status 404", actual=exchange.got, exchange=exchange)
