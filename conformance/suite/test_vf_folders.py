"""VF-01 to VF-04: creating, showing, filling and deleting virtual folders."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from conformance.archives import NotTarError, open_archive
from conformance.checks import requirement
from conformance.exchange import NotJSONError
from conformance.multipart import Form, NotMultipartError, Part, split_response
from conformance.rules import listed_items
from conformance.suite.folders import folder, folder_path, spare_name, try_create, try_delete
from conformance.target import parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.sessions import Sessions

NO_FOLDERS = frozenset({404, 405, 501})
MALFORMED = ("", "a/b", "../x", "..", "/abs", "a\0b")


def folders_of(judge: Judge, exchange: Exchange) -> tuple[list[Any], str]:
    """Return the list of folders and the form in which it came; judge VF-02 that there is one."""
    judge.status("VF-02", exchange, 200)
    try:
        body = exchange.json()
    except NotJSONError as error:
        judge.require("VF-02", condition=False, expected="a JSON list of folders", actual=error, exchange=exchange)
    if isinstance(body, list):
        return body, "array"
    found = folders_in(exchange)
    held = isinstance(body, dict) and any(isinstance(value, list) for value in body.values())
    judge.require("VF-02", held, expected="a list, or an object that holds it", actual=body, exchange=exchange)
    return found, "object"


def named(folders: Iterable[Any]) -> set[object]:
    """Return the names in a list of folders."""
    return {one.get("name") for one in folders if isinstance(one, dict)}


def list_folders(client: Client) -> Exchange:
    """Ask for all folders."""
    return client.get("/folders", operation="listFolders")


@requirement("VF-01")
def test_a_folder_is_created_with_its_id_and_name(sessions: Sessions, judge: Judge) -> None:
    """A new folder is answered with 201, its id and its name, by the current and by the legacy path."""
    for path in ("/folders", "/folders/create"):
        with spare_name(sessions) as name:
            exchange = try_create(sessions, name, path)
            judge.status("VF-01", exchange, 201)
            body = exchange.json_object()
            judge.expect("VF-01", body.get("name") == name, expected=f"name {name}", actual=body, exchange=exchange)
            given = isinstance(body.get("id"), str) and body["id"]
            judge.expect("VF-01", given, expected="an id", actual=body, exchange=exchange)


@requirement("VF-01")
def test_two_folders_have_two_ids(sessions: Sessions, judge: Judge) -> None:
    """Folders of different names have different ids, and both exist."""
    with spare_name(sessions) as one, spare_name(sessions) as other:
        exchanges = [try_create(sessions, name) for name in (one, other)]
        ids = [exchange.json_object().get("id") for exchange in exchanges]
        judge.expect("VF-01", ids[0] != ids[1], expected="two ids", actual=ids, exchange=exchanges)


@requirement("VF-01")
def test_a_name_that_is_taken_is_refused(sessions: Sessions, judge: Judge) -> None:
    """A second folder of the same name answers 400, and its name is free again once the first is deleted."""
    with folder(sessions) as name:
        for path in ("/folders", "/folders/create"):
            judge.status("VF-01", try_create(sessions, name, path), 400)
        deleted = try_delete(sessions, name)
        if not deleted.ok:
            raise judge.unmet("VF-04", expected="204", actual=deleted.got, exchange=deleted)
        judge.status("VF-01", try_create(sessions, name), 201)


@requirement("VF-01")
def test_malformed_names_are_refused(sessions: Sessions, judge: Judge) -> None:
    """A name that is empty, leads elsewhere or is no text answers 400."""
    with folder(sessions):
        for name in MALFORMED:
            exchange = try_create(sessions, name)
            expected = f"400 for the name {name!r}"
            judge.expect("VF-01", exchange.status == 400, expected=expected, actual=exchange.got, exchange=exchange)
            if exchange.ok:
                try_delete(sessions, name)


@requirement("VF-02")
def test_folders_are_listed_and_shown(sessions: Sessions, judge: Judge) -> None:
    """A folder is in the list while it exists, and `GET /folders/:name` answers its `item`."""
    client = sessions.bench.client
    judge.status("VF-02", list_folders(client), 200)  # what is listed later must not be what was listed now
    with folder(sessions) as name:
        exchange = list_folders(client)
        folders, form = folders_of(judge, exchange)
        judge.expect("VF-02", name in named(folders), expected=f"{name} listed", actual=folders, exchange=exchange)
        judge.reading("VF-02", "list-form", form, exchange)
        shown = client.get(folder_path(name), operation="getFolder")
        judge.status("VF-02", shown, 200)
        item = shown.json_object().get("item")
        right = isinstance(item, dict) and item.get("name", name) == name
        judge.expect("VF-02", right and item, expected=f"the `item` {name}", actual=item, exchange=shown)


@requirement("VF-02")
def test_a_folder_that_does_not_exist_is_not_found(sessions: Sessions, judge: Judge) -> None:
    """`GET /folders/:name` answers 404 where there is no such folder."""
    with folder(sessions) as name, spare_name(sessions) as spare:
        judge.status("VF-02", sessions.bench.client.get(folder_path(spare)), 404)
        exchange = sessions.bench.client.get(folder_path(f"{name}x"))
        judge.status("VF-02", exchange, 404)


@requirement("VF-04")
def test_a_folder_that_is_deleted_is_gone(sessions: Sessions, judge: Judge) -> None:
    """Deleting a folder answers 204, and 404 the second time; others stay."""
    client = sessions.bench.client
    with folder(sessions) as name, folder(sessions) as other:
        judge.status("VF-04", try_delete(sessions, name), 204)
        judge.status("VF-04", client.get(folder_path(name)), 404)
        judge.status("VF-04", try_delete(sessions, name), 404)
        kept = client.get(folder_path(other))
        judge.status("VF-04", kept, 200, expected="the other folder to be there still (200)")
        listed = list_folders(client)
        judge.expect(
            "VF-04",
            name not in named(folders_in(listed)),
            expected=f"{name} not listed",
            actual=listed.got,
            exchange=listed,
        )


def folders_in(exchange: Exchange) -> list[Any]:
    """Return the folders in a response, by whatever list of an object; empty where there is none."""
    try:
        body = exchange.json()
    except NotJSONError:
        return []
    lists = [body] if isinstance(body, list) else list(body.values()) if isinstance(body, dict) else []
    return [item for one in lists if isinstance(one, list) for item in one]


@requirement("VF-04")
def test_deleting_an_unknown_folder_is_not_found(sessions: Sessions, judge: Judge) -> None:
    """Deleting a folder that never was answers 404."""
    with folder(sessions), spare_name(sessions) as spare:
        judge.status("VF-04", try_delete(sessions, spare), 404)


@requirement("VF-03")
def test_files_of_a_folder_are_written_and_listed(sessions: Sessions, judge: Judge) -> None:
    """Files are uploaded to a folder and directories made in it with 201, and both are listed."""
    client = sessions.bench.client
    with folder(sessions) as name:
        form = Form((Part("a.txt", b"a\r\n\0"), Part("b.txt", b"b")))
        uploaded = client.post(folder_path(name, "/upload"), form=form, observed=False)
        judge.status("VF-03", uploaded, 201)
        made = client.post(folder_path(name, "/mkdir"), json={"path": "made"}, observed=False)
        judge.status("VF-03", made, 201)
        listing = client.get(folder_path(name, "/files"), observed=False)
        judge.status("VF-03", listing, 200)
        listed = {str(item.get("filename")) for item in folder_items(listing) if isinstance(item, dict)}
        wanted = {"a.txt", "b.txt", "made"}
        judge.expect("VF-03", wanted <= listed, expected=sorted(wanted), actual=sorted(listed), exchange=listing)


def folder_items(exchange: Exchange) -> list[Any]:
    """Return the items of a folder's listing, a list or a string that holds one."""
    files = exchange.json_object().get("files")
    return files if isinstance(files, list) else listed_items(exchange) or []


@requirement("VF-03")
def test_files_of_a_folder_are_deleted(sessions: Sessions, judge: Judge) -> None:
    """A file of a folder that is deleted is gone, and the others stay."""
    client = sessions.bench.client
    with folder(sessions) as name:
        form = Form((Part("a.txt", b"a"), Part("b.txt", b"b")))
        uploaded = client.post(folder_path(name, "/upload"), form=form, observed=False)
        judge.accepted("VF-03", uploaded)
        told = parameters("both", {"files": ["a.txt"]})
        deleted = client.call("DELETE", folder_path(name, "/delete_files"), **told, observed=False)
        judge.accepted("VF-03", deleted)
        listing = client.get(folder_path(name, "/files"), observed=False)
        listed = {str(item.get("filename")) for item in folder_items(listing) if isinstance(item, dict)}
        right = "b.txt" in listed and "a.txt" not in listed
        judge.expect("VF-03", right, expected="b.txt, no a.txt", actual=sorted(listed), exchange=listing)


def holds(exchange: Exchange, content: bytes) -> bool:
    """Tell whether a response brings a file: as it is, or in an archive, alone or as a part; no document says which."""
    if content in exchange.response_body:
        return True
    with suppress(NotMultipartError, NotTarError):
        pieces = split_response(exchange) if exchange.media_type.startswith("multipart/") else [exchange.response_body]
        return any(content in open_archive(piece).files.values() for piece in pieces)
    return False


@requirement("VF-03")
def test_files_of_a_folder_come_back(sessions: Sessions, judge: Judge) -> None:
    """A file that was uploaded to a folder is downloaded from it byte for byte."""
    client = sessions.bench.client
    content = b"content\r\n\0\xff of a folder's file"
    with folder(sessions) as name:
        uploaded = client.post(folder_path(name, "/upload"), form=Form((Part("a.bin", content),)), observed=False)
        judge.accepted("VF-03", uploaded)
        path, wanted = folder_path(name, "/download"), {"files": ["a.bin"]}
        tries = [
            client.get(path, json=wanted, observed=False),
            client.get(path, query=[("files", "a.bin")], observed=False),
        ]
        sent = [one for one in tries if one.ok]
        judge.require("VF-03", sent, expected="success (200)", actual=tries[0].got, exchange=tries)
        whole = any(holds(one, content) for one in sent)
        judge.expect("VF-03", whole, expected="the file's content", actual=sent[0].got, exchange=sent)


def hold_offered(judge: Judge, sessions: Sessions) -> None:
    """Go on where virtual folders are offered."""
    offer = try_create(sessions, "")
    if offer.status in NO_FOLDERS:
        raise judge.not_offered("virtual folders", f"POST /folders answers {offer.status}", offer)


@requirement("CO-10")
def test_a_folder_that_is_asked_for_wrongly_is_refused(sessions: Sessions, judge: Judge) -> None:
    """Malformed JSON, a body that is no object and a name that is no text answer 4xx where a folder is created."""
    hold_offered(judge, sessions)
    bodies = (b"[]", b'["name"]', b'"name"', b"7", b"null", b'{"name": ', b'{"name": ["a"]}', b'{"name": {}}')
    for body in bodies:
        exchange = sessions.bench.client.post(
            "/folders", body=body, content_type="application/json", operation="createFolder", observed=False
        )
        judge.refused("CO-10", exchange, expected=f"a refusal (4xx) of {body.decode()}")


@requirement("CO-13")
def test_a_folder_may_be_asked_for_with_nulls_and_unknown_keys(sessions: Sessions, judge: Judge) -> None:
    """A folder is created with `host: null`, as real clients send it, and with an unknown key."""
    hold_offered(judge, sessions)
    for more in ({"host": None}, {"host": None, "group": None, "bpUnknown": [None]}):
        with folder(sessions), spare_name(sessions) as name:
            exchange = sessions.bench.client.post("/folders", json={"name": name} | more, operation="createFolder")
            judge.accepted("CO-13", exchange)
