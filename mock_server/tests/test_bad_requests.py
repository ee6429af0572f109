"""Malformed requests: each is answered by a problem document that says what was wrong, and by nothing worse."""

import json
import re
from typing import Any

import pytest

from mock_server.app import Mock
from mock_server.tests.support import Client, raw

_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "multipart/form-data; boundary=b"}
_FILE = 'Content-Disposition: form-data; name="src"; filename="f"\r\n\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"5",
        b"null",
        b"true",
        b"\xff\xfe",
        b'{"lang": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"lang": NaN}',
        b'{"lang": Infinity}',
        b'{"lang": "c", "lang": "d"}',
        b'{"lang": "c", "clientSessionToken": "\\ud800abcd"}',
        b'{"lang": "c", "config": {"instanceMemory": 1e999}}',
        b'{"lang": "c", "config": {"instanceMemory": ' + b"9" * 5000 + b"}}",
        b'{"lang": "c", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"lang": "c"} trailing',
        b"{'lang': 'c'}",
        b"lang=c",
        b"{}",
        b'{"lang": null}',
        b'{"lang": ""}',
        b'{"lang": " "}',
        b'{"lang": 5}',
        b'{"lang": ["c"]}',
        b'{"lang": "c\\u0000"}',
        b'{"lang": "c", "clientSessionToken": "abc"}',
        b'{"lang": "c", "clientSessionToken": "' + b"a" * 65 + b'"}',
        b'{"lang": "c", "clientSessionToken": "-abcd"}',
        b'{"lang": "c", "clientSessionToken": "ab/cd"}',
        b'{"lang": "c", "clientSessionToken": "ab cd"}',
        b'{"lang": "c", "clientSessionToken": 12345}',
        b'{"lang": "c", "name": {}}',
        b'{"lang": "c", "config": "x"}',
        b'{"lang": "c", "config": {"environ": ["A=B"]}}',
        b'{"lang": "c", "config": {"environ": {"A": 5}}}',
        b'{"lang": "c", "config": {"environ": {"A=B": "x"}}}',
        b'{"lang": "c", "config": {"environ": {"": "x"}}}',
        b'{"lang": "c", "config": {"environ": {"A": "x\\u0000y"}}}',
        b'{"lang": "c", "config": {"mounts": ["a", "b", "c", "d", "e", "f"]}}',
        b'{"lang": "c", "config": {"mounts": ["no-such-folder"]}}',
        b'{"lang": "c", "config": {"mounts": "a"}}',
        b'{"lang": "c", "config": {"instanceMemory": "much"}}',
        b'{"lang": "c", "config": {"instanceMemory": -1}}',
        b'{"lang": "c", "config": {"clusterSize": 1.5}}',
        b'{"lang": "c", "config": {"resources": {"mem": "lots"}}}',
        b'{"lang": "c", "config": {"resources": {"cpu": []}}}',
    ],
    ids=lambda body: ascii(body[:90] + body[-9:]),
)
def test_malformed_creates_are_refused(client: Client, body: bytes) -> None:
    """What cannot be read as a session to create is a 400 that leaves none behind (CO-10, SE-04, SE-04a, SE-10)."""
    response = client.send("POST", "/kernel", data=body, headers=_JSON)
    assert response.status_code == 400, response.text
    assert len(response.json()["detail"]) < 500


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "text/plain", "application/octet-stream", None]
)
def test_json_is_read_whatever_its_type_says(client: Client, content_type: str | None) -> None:
    """A JSON body counts under any type that is no form's (CO-04)."""
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"lang": "c", "clientSessionToken": "typed-1", "tag": "\u00fc\U0001f600"}).encode()
    assert client.send("POST", "/kernel", data=body, headers=headers).status_code == 201
    assert client.send("DELETE", "/kernel/typed-1").status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 415),
        (b"x", {"Content-Type": "application/json"}, 415),
        (b"x", {"Content-Type": "multipart/mixed; boundary=b"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"x", {"Content-Type": "multipart/form-data"}, 400),
        (b"x", {"Content-Type": "multipart/form-data; boundary="}, 400),
        (b"x", {"Content-Type": "multipart/form-data; boundary=" + "b" * 300}, 400),
        (b"", _FORM, 400),
        (b"x", _FORM, 400),
        (b"--b--\r\n", _FORM, 400),
        (b"--b\r\n", _FORM, 400),
        (f"--b\r\n{_FILE}cut short".encode(), _FORM, 400),
        (f"--b\r\n{_FILE}x\r\n--b".encode(), _FORM, 400),
        (f"--c\r\n{_FILE}x\r\n--c--\r\n".encode(), _FORM, 400),
        (b'--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nx\r\n--b--\r\n', _FORM, 400),
        (b"--b\r\n\r\nno headers\r\n--b--\r\n", _FORM, 400),
        (b"--b\r\nnonsense\r\n\r\nx\r\n--b--\r\n", _FORM, 400),
        (b'--b\r\nContent-Disposition: form-data; filename="\xff"\r\n\r\nx\r\n--b--\r\n', _FORM, 400),
        (b'--b\r\nContent-Disposition: form-data; filename="%ff"\r\n\r\nx\r\n--b--\r\n', _FORM, 400),
        (b"--b\r\nContent-Disposition: form-data; filename*=klingon'x\r\n\r\nx\r\n--b--\r\n", _FORM, 400),
        (f"--b\r\nContent-Length: 9\r\n{_FILE}x\r\n--b--\r\n".encode(), _FORM, 400),
        (f"--b\r\nX: {'y' * 70000}\r\n{_FILE}x\r\n--b--\r\n".encode(), _FORM, 400),
        (b"--b\r\n" + f"{_FILE.replace('f', 'n' * 300)}x\r\n--b--\r\n".encode(), _FORM, 400),
    ],
)
def test_malformed_uploads_are_refused(
    client: Client, session: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """An upload that is no form, has no file, or is cut short is refused and stores nothing (UP-15)."""
    assert client.send("POST", f"{session}/upload", data=body, headers=headers).status_code == status
    assert client.names(session) == set()


@pytest.mark.parametrize(
    ("method", "call", "options"),
    [
        ("GET", "files", {"data": b"path=sub"}),
        ("GET", "files", {"data": b"[]"}),
        ("GET", "files", {"json": {"path": 5}}),
        ("GET", "files", {"json": {"path": ["a"]}}),
        ("GET", "files", {"params": {"path": "a\0b"}}),
        ("GET", "files", {"params": {"path": "n" * 300}}),
        ("GET", "files", {"params": {"path": "n/" * 3000}}),
        ("GET", "download", {}),
        ("GET", "download", {"json": {"files": []}}),
        ("GET", "download", {"json": {"files": "f"}}),
        ("GET", "download", {"json": {"files": [1]}}),
        ("GET", "download", {"json": {"files": None}}),
        ("POST", "download", {"data": b"{"}),
        ("POST", "download", {"params": {"files": [""]}}),
    ],
)
def test_malformed_reads_are_refused(
    client: Client, session: str, method: str, call: str, options: dict[str, Any]
) -> None:
    """Paths of the wrong type or impossible form are a 400 (CO-10)."""
    assert client.send(method, f"{session}/{call}", **options).status_code == 400


@pytest.mark.parametrize("path", ["", "/upload", "/files", "/download"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_unknown_ids_are_not_found_whatever_comes_with_them(client: Client, method: str, path: str) -> None:
    """An id that no session has is a 404 on every path and method it supports, before its body is read (CO-11)."""
    response = client.send(method, f"/kernel/no-such-session{path}", data=b"{ not JSON")
    assert response.status_code in {404, 405}
    assert response.status_code == 404 or "Allow" in response.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/kernel/x", "DELETE, GET, HEAD, PATCH, POST"),
        ("GET", "/kernel", "POST"),
        ("OPTIONS", "/kernel", "POST"),
        ("DELETE", "/", "GET, HEAD"),
        ("GET", "/kernel/x/upload", "POST"),
        ("PROPFIND", "/kernel/x/files", "GET, HEAD"),
    ],
)
def test_unsupported_methods_name_the_supported_ones(client: Client, method: str, path: str, allowed: str) -> None:
    """A method that a known path does not support is a 405 with Allow (CO-12)."""
    response = client.send(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/kernel/a/b/c",
        "//kernel",
        "/kernel//x",
        "/v5/kernel/x",
        "/v4",
        "/kernel/%2e%2e/x",
        "/%00",
        "/kernel/x/",
    ],
)
def test_unknown_paths_are_not_found(client: Client, path: str) -> None:
    """Paths that the contract does not name are a 404 problem document, never a redirect (CO-02, CO-03)."""
    assert client.send("POST", path).status_code in {400, 404, 405}


def test_a_json_body_without_end_is_cut(client: Client) -> None:
    """A JSON body over the limit is a 413, read no further than its bound."""
    body = b'{"lang": "c", "x": "' + b"x" * (5 * 1024 * 1024) + b'"}'
    assert client.send("POST", "/kernel", data=body, headers=_JSON).status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:8090"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "["}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_pages_of_other_sites_are_kept_out(client: Client, headers: dict[str, str], status: int) -> None:
    """A rebound name, a foreign Origin or a cross-site fetch is refused; programs and own pages pass."""
    assert client.send("GET", "/", headers=headers).status_code == status


_HEAD = b"Host: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
        (b"GET  / HTTP/1.1\r\n" + _HEAD + b"\r\n", 400),
        (b"GET / HTTP/9.9\r\n" + _HEAD + b"\r\n", 505),
        (b"get / HTTP/1.1\r\n" + _HEAD + b"\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET http://localhost/ HTTP/1.1\r\n" + _HEAD + b"\r\n", 400),
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n" + _HEAD + b"\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + _HEAD + b"X: " + b"x" * 70000 + b"\r\n\r\n", 413),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Content-Length: +2\r\n\r\n{}", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Content-Length: -2\r\n\r\n{}", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Content-Length: 1_0\r\n\r\n{}", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
        (
            b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /kernel HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Content-Length: 20\r\n\r\n{}", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 400),
        (b"POST /kernel HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y", 400),
    ],
)
def test_bad_framing_is_refused(mock: Mock, request_: bytes, status: int) -> None:
    """Messages whose end or target is in doubt are refused with a problem document, and the connection ends."""
    head, _, body = raw(mock.url, request_).partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == str(status).encode(), head
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_http_1_0_is_served_without_a_host(mock: Mock) -> None:
    """An HTTP/1.0 client gets its answer whole, and the connection ends."""
    assert b'"version"' in raw(mock.url, b"GET / HTTP/1.0\r\n\r\n")


def test_pipelined_requests_are_answered_in_order(mock: Mock) -> None:
    """Requests that came in one piece are answered one after another, the body of each read to its end."""
    chunked = b"2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"
    request = (
        b"POST /kernel HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked
        + b"GET /v4 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        + b"GET /nope HTTP/1.1\r\n"
        + _HEAD
        + b"\r\n"
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", raw(mock.url, request))
    assert statuses == [b"400", b"200", b"404"]
