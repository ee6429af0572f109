"""Uploads, listings and downloads over HTTP."""

import json
import os
import threading
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server.app import Mock
from mock_server.tests.support import Client, archives, form

MIB = 1024 * 1024


def listing(client: Client, session: str, path: str) -> list[dict[str, Any]]:
    """Give the listed entries of a folder."""
    entries: list[dict[str, Any]] = json.loads(
        client.send("GET", f"{session}/files", params={"path": path}).json()["files"]
    )
    return entries


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=3000)
    | st.lists(st.sampled_from([b"\r\n", b"--", b"test-boundary-7d1f", b"\0", b"\xff"])).map(b"".join)
)
def test_round_trip_keeps_every_byte(client: Client, session: str, content: bytes) -> None:
    """What was uploaded is downloaded byte for byte (UP-14, DL-03)."""
    if b"\r\n--test-boundary-7d1f" in b"\r\n" + content:
        return  # the boundary itself: no client may choose one that its content holds
    assert client.upload(session, ("file", content)).status_code == 204
    assert client.read(session, "file") == content


@pytest.mark.parametrize(
    ("given_name", "stored"),
    [
        ("plain.txt", "plain.txt"),
        ("/home/work/abs/x", "abs/x"),
        ("sub%2Fanswer.h", "sub/answer.h"),
        ("a%20b%C3%A9", "a bé"),
        ("ünï/日本 語", "ünï/日本 語"),
        ('quo\\"te', 'quo"te'),
        ("back\\\\slash", "back\\slash"),
        ("100%", "100%"),
        ("./a/./b//c", "a/b/c"),
        ("a/../b", "b"),
        ("-rf", "-rf"),
        (".hidden", ".hidden"),
    ],
)
def test_filenames_name_paths(client: Client, session: str, given_name: str, stored: str) -> None:
    """A filename is a path: relative or absolute, decoded, UTF-8, unquoted (UP-01, UP-02, UP-04, UP-05, UP-17)."""
    assert client.upload(session, (given_name, b"content")).status_code == 204
    assert client.read(session, stored) == b"content"


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="src"; filename="sub%2Fwrong"; filename*=utf-8\'\'sub%2Fright',
        "form-data; filename*=UTF-8'en'sub%2Fright",
        "form-data; name=x; filename=sub/right",
        'FORM-DATA;name="x";filename="sub/right"',
    ],
)
def test_dispositions_of_real_clients(client: Client, session: str, disposition: str) -> None:
    """`filename*` comes first; unquoted values and missing names are read; parts may carry a Content-Length."""
    body = f"--b\r\nCONTENT-DISPOSITION: {disposition}\r\nContent-Length: 2\r\n\r\nok\r\n--b--\r\n".encode()
    headers = {"Content-Type": 'multipart/form-data; boundary="b"'}
    assert client.send("POST", f"{session}/upload", data=body, headers=headers).status_code == 204
    assert client.read(session, "sub/right") == b"ok"


def test_a_file_of_exactly_one_mebibyte_is_accepted_and_one_byte_more_is_not(client: Client, session: str) -> None:
    """The size limit is inclusive, and a refusal leaves the other file of the request out too (UP-07, UP-08, UP-11)."""
    assert client.upload(session, ("max", b"x" * MIB)).status_code == 204
    assert client.upload(session, ("first", b"x"), ("over", b"x" * (MIB + 1))).status_code == 400
    assert client.names(session) == {"max"}


def test_twenty_files_are_accepted_and_twenty_one_are_not(client: Client, session: str) -> None:
    """The count is inclusive, repeated names count each, plain fields do not (UP-09, UP-10)."""
    files = [(f"f{index}", b"x") for index in range(20)]
    assert client.upload(session, *files).status_code == 204
    assert client.upload(session, *files, ("f0", b"new")).status_code == 400
    assert client.read(session, "f0") == b"x"
    fields = {f"field{index}": "x" for index in range(30)}
    response = client.send("POST", f"{session}/upload", data=fields, files={"src": ("only", b"x")})
    assert response.status_code == 204


def test_the_last_of_two_files_of_one_name_stays(client: Client, session: str) -> None:
    """Files are stored in order; an existing one is overwritten (UP-03)."""
    assert client.upload(session, ("same", b"first"), ("same", b"second")).status_code == 204
    assert client.read(session, "same") == b"second"


def test_commands_see_uploads_as_their_own(client: Client, session: str) -> None:
    """Uploaded files and directories belong to the user that runs commands (UP-16)."""
    client.upload(session, ("d/own.txt", b"x"))
    result = client.run(session, "test -O d && test -O d/own.txt && echo more >> d/own.txt && rm d/own.txt && rmdir d")
    assert result["exitCode"] == 0, result


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "%2e%2e/x", "out/x", "out", "", "dir/", "a\0b"])
def test_refused_names_write_nothing(client: Client, session: str, name: str) -> None:
    """Names that lead out, through links too, or name no file are a 400 (UP-06)."""
    assert client.run(session, "ln -s /tmp out")["exitCode"] == 0
    assert client.upload(session, ("fine", b"x"), (name, b"x")).status_code == 400
    assert client.names(session) == {"out"}
    assert client.run(session, "ls -A /tmp")["console"] == ""


def test_a_refusal_can_be_read_by_a_client_that_goes_on_sending(client: Client, session: str) -> None:
    """The whole of a large refused upload is drained, and the connection can be used again (UP-18)."""
    body, content_type = form(("big", bytes(30 * MIB)))
    with requests.Session() as plain:
        response = plain.post(
            f"{client.url}{session}/upload", data=body, headers={"Content-Type": content_type}, timeout=30
        )
        assert response.status_code == 400
        assert response.json()["type"].endswith(":file-too-large")
        assert plain.get(f"{client.url}{session}", timeout=30).status_code == 200


def test_chunked_uploads_are_read(client: Client, session: str) -> None:
    """An upload in chunks is stored whole."""
    body, content_type = form(("big", b"ab" * 400_000))
    pieces = (body[start : start + 7001] for start in range(0, len(body), 7001))
    response = client.send("POST", f"{session}/upload", data=pieces, headers={"Content-Type": content_type})
    assert response.status_code == 204
    assert client.read(session, "big") == b"ab" * 400_000


def test_uploads_while_the_session_ends_are_stored_or_refused(client: Client) -> None:
    """Deleting a session under uploads leaves no file and no fault behind."""
    path = client.create()
    statuses: list[int] = []
    stop = threading.Event()
    body, content_type = form(*((f"f{index}", b"x" * 1000) for index in range(20)))

    def upload() -> None:
        while not stop.is_set():
            url = f"{client.url}{path}/upload"
            response = requests.post(url, data=body, headers={"Content-Type": content_type}, timeout=30)
            statuses.append(response.status_code)
            if response.status_code != 204:
                return

    threads = [threading.Thread(target=upload) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        while client.send("GET", path).status_code == 200 and not statuses:
            pass
        assert client.send("DELETE", path).status_code == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert set(statuses) <= {204, 404}


def test_listing_of_a_folder(client: Client, session: str) -> None:
    """Files and directories of one level are listed, the folder's path under both names (LS-01, LS-04, LS-05)."""
    client.upload(session, ("sub/in.txt", b"12345"), ("top.txt", b""))
    answer = client.send("GET", f"{session}/files", json={"path": "sub/"}).json()
    assert answer["folder_path"] == answer["abspath"] == "/home/work/sub"
    assert answer["errors"] == ""
    (entry,) = json.loads(answer["files"])
    assert entry["filename"] == "in.txt"
    assert entry["mode"] == "-rw-r--r--"
    assert entry["size"] == 5
    assert {"ctime", "mtime", "atime"} <= entry.keys()
    assert client.names(session) == {"sub", "top.txt"}


@pytest.mark.parametrize(
    ("query", "body", "folder"),
    [
        (None, None, "/home/work"),
        (None, {"path": None}, "/home/work"),
        (None, {"path": "."}, "/home/work"),
        ("sub", {"path": "nowhere"}, "/home/work/sub"),
        (None, {"path": "/home/work/sub"}, "/home/work/sub"),
        ("sub/file", None, "/home/work/sub/file"),
    ],
)
def test_path_comes_from_query_or_body(
    client: Client, session: str, query: str | None, body: dict[str, str] | None, folder: str
) -> None:
    """The query wins, null is absent, home is the default (CO-06, CO-13, LS-02)."""
    client.upload(session, ("sub/file", b"x"))
    params = {} if query is None else {"path": query}
    answer = client.send("GET", f"{session}/files", params=params, json=body)
    assert answer.json()["folder_path"] == folder


@pytest.mark.parametrize(("path", "status"), [("nope", 404), ("f/x", 400), ("/etc", 400), ("..", 400), ("out", 400)])
def test_listing_refusals(client: Client, session: str, path: str, status: int) -> None:
    """What is not there is a 404, what is outside a 400 (LS-03, LS-06)."""
    client.run(session, "ln -s /etc out; touch f")
    assert client.send("GET", f"{session}/files", params={"path": path}).status_code == status


def test_strange_entries_are_listed(client: Client, session: str) -> None:
    """FIFOs, sockets' kin, broken links, names with newlines and invalid UTF-8 are listed without waiting."""
    client.run(
        session, r"""mkfifo pipe; ln -s nowhere broken; touch $'new\nline' $'bad\xffname'; mkdir -m 000 closed"""
    )
    entries = {entry["filename"]: entry["mode"][0] for entry in listing(client, session, "")}
    assert entries == {"pipe": "p", "broken": "l", "new\nline": "-", "bad\ufffdname": "-", "closed": "d"}


def test_download_gives_one_tar_for_each_path_in_order(client: Client, session: str) -> None:
    """Parts follow the request; directories come as trees, members named from the base name (DL-01, DL-05)."""
    client.upload(session, ("d/one", b"1"), ("d/e/two", b"22"), ("top", b"333"))
    paths = ["top", "d", "d/e/two", "."]
    for method, options in (
        ("GET", {"params": {"files": paths}}),
        ("POST", {"params": {"files": paths}}),
        ("POST", {"json": {"files": paths}}),
        ("GET", {"json": {"files": paths}}),
    ):
        response = client.send(method, f"{session}/download", **options)
        assert response.headers["Content-Type"].startswith("multipart/mixed; boundary=")
        names = [sorted(archive.getnames()) for archive in archives(response)]
        assert names[:3] == [["top"], ["d", "d/e", "d/e/two", "d/one"], ["two"]]
        assert "work/d/e/two" in names[3]


def test_download_through_a_link_inside(client: Client, session: str) -> None:
    """A link that stays inside gives what it leads to, under the name that was asked for."""
    client.run(session, "mkdir real; echo hi > real/file; ln -s real/file latest")
    assert client.read(session, "latest") == b"hi\n"


def test_trees_hold_no_way_out(client: Client, session: str) -> None:
    """Links that leave the tree and special files are left out; links that stay are kept as links (DL-06)."""
    client.run(session, "mkdir t; cd t; touch f; ln -s f in; ln -s /etc/passwd abs; ln -s ../../../x up; mkfifo p")
    (archive,) = archives(client.send("GET", f"{session}/download", params={"files": ["t"]}))
    assert sorted(archive.getnames()) == ["t", "t/f", "t/in"]
    assert archive.getmember("t/in").linkname == "f"


@pytest.mark.parametrize(
    ("files", "status"),
    [
        (["ok", "nope"], 404),
        (["ok", "/etc/passwd"], 400),
        (["ok", "out"], 400),
        (["pipe"], 400),
        (["ok"] * 6, 400),
        ([], 400),
    ],
)
def test_download_refusals(client: Client, session: str, files: list[str], status: int) -> None:
    """Every path is checked before the first byte: one bad path refuses all (DL-02, DL-04)."""
    client.run(session, "touch ok; ln -s /etc/passwd out; mkfifo pipe")
    assert client.send("GET", f"{session}/download", params={"files": files}).status_code == status


def test_large_and_long_named_files_are_archived(client: Client, session: str) -> None:
    """Sizes over a read, long names and many files come back whole (DL-03)."""
    name = "n" * 200
    client.run(
        session, f"mkdir -p {name}/{name}; head -c 3000001 /dev/zero > {name}/{name}/f; touch {name}/f{{1..300}}"
    )
    (archive,) = archives(client.send("GET", f"{session}/download", params={"files": [name]}))
    assert archive.getmember(f"{name}/{name}/f").size == 3_000_001
    assert len(archive.getmembers()) == 303


def test_archives_stay_whole_while_files_change(client: Client, session: str, mock: Mock) -> None:
    """A file that grows and shrinks while it is read does not break its archive."""
    living = mock.sessions.find(session.rpartition("/")[2])
    target = living.workspace.home / "changing"
    target.write_bytes(b"x" * MIB)
    stop = threading.Event()

    def change() -> None:
        size = 0
        while not stop.is_set():
            size = (size + 77_777) % (2 * MIB)
            os.truncate(target, size)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(20):
            for archive in archives(client.send("GET", f"{session}/download", params={"files": ["changing", "."]})):
                for member in archive.getmembers():
                    content = archive.extractfile(member)
                    assert content is None or len(content.read()) == member.size
    finally:
        stop.set()
        changer.join()


def test_a_download_may_be_asked_for_by_post(client: Client, session: str) -> None:
    """Later clients post their list of files, in the body or in the query (DL-07)."""
    client.upload(session, ("a", b"1"), ("b", b"2"))
    for options in ({"json": {"files": ["a", "b"]}}, {"params": {"files": ["a", "b"]}}):
        response = client.send("POST", f"{session}/download", **options)
        assert [archive.getnames() for archive in archives(response)] == [["a"], ["b"]]
