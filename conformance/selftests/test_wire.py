"""What goes over the wire, byte for byte, and what hostile answers cannot do."""

from __future__ import annotations

import base64
import io
import socket
import tarfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import transport as transports
from conformance.archives import NotTarError, open_archive
from conformance.budget import Budget
from conformance.client import Client, retry_after_s
from conformance.exchange import NotJSONError, show
from conformance.multipart import Form, NotMultipartError, Part, split_response
from conformance.selftests.scripted import serve_script
from conformance.selftests.support import exchange
from conformance.signing import Signable, Signer
from conformance.transport import Transport, without_default_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def client_of(url: str, timeout_s: float = 5.0, signer: Signer | None = None) -> Iterator[Client]:
    """Yield a client without a run around it."""
    transport = Transport(url, Budget(100, 60))
    try:
        yield Client(transport, signer, api_version="v4.20181215", timeout_s=timeout_s)
    finally:
        transport.close()


@contextmanager
def answering_raw(*pieces: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """Serve one connection: read its request's head, send the pieces with pauses between, close."""
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return
                    if enough.wait(pause_s):
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            enough.set()
            thread.join(5)


@pytest.mark.parametrize("path", ["/kernel/a%2Fb", "/kernel/%62p", "/kernel/a/../b", "/kernel/x?files=a%2Fb&files=c"])
def test_paths_go_out_exactly_as_they_are(path: str) -> None:
    """No normalization: escapes, dots and queries reach the target as the check wrote them (CO-05)."""
    with serve_script() as (url, target), client_of(url) as client:
        client.get(path)
        assert target.seen[-1].path == path


def test_headers_can_be_replaced_and_taken_away() -> None:
    """A check's own headers win over the client's, and None takes one away; beyond Latin-1 goes out as UTF-8."""
    with serve_script() as (url, target), client_of(url) as client:
        client.get("/", headers={"x-backendai-version": "v9", "Accept": None, "X-Odd": "한"})
        headers = target.seen[-1].headers
    assert headers["x-backendai-version"] == "v9"
    assert "X-BackendAI-Version" not in headers
    assert "Accept" not in headers
    assert headers["X-Odd"].encode("latin-1").decode() == "한"


def test_what_is_signed_is_what_is_sent() -> None:
    """The signature covers method, path with query, host with port, and type of the request as it arrives (AU-03)."""
    signer = Signer("AK", "SK", "v2.20170315", dated="2026-11-23T06:30:37.140484+00:00")
    with serve_script() as (url, target), client_of(url, signer=signer) as client:
        client.post("/kernel/x", json={"a": "é"}, query=[("files", "a b")])
        seen = target.seen[-1]
    signable = transports_signable(seen.method, seen.path, seen.headers, seen.body)
    assert seen.headers["Authorization"].endswith(signer.signature(signable, signer.dated or ""))


def transports_signable(method: str, path: str, headers: dict[str, str], body: bytes) -> Signable:
    """Return what a server signs again from a request that it received."""
    return Signable(method, path, headers["Host"], headers["Content-Type"], body)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h:80/x", "http://h/x"),
        ("https://h:443", "https://h"),
        ("http://h:443", "http://h:443"),
        ("http://h", "http://h"),
    ],
)
def test_a_default_port_is_left_out(url: str, expected: str) -> None:
    """HTTP libraries leave a default port out of the Host header, so the signature must too."""
    assert without_default_port(url) == expected


def test_an_answer_that_drips_for_ever_runs_into_the_deadline() -> None:
    """Bytes that keep coming do not keep the suite: the request ends at its timeout, as an exchange without status."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with answering_raw(head, *[b"x"] * 200, pause_s=0.05) as url, client_of(url, timeout_s=0.4) as client:
        seen = client.get("/")
    assert seen.status is None
    assert "deadline" in (seen.error or "")


def test_an_answer_that_is_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response beyond the size limit is an error, not a full memory."""
    monkeypatch.setattr(transports, "MAX_RESPONSE_BYTES", 1000)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with answering_raw(head, b"x" * 2000) as url, client_of(url) as client:
        seen = client.get("/")
    assert "longer than" in (seen.error or "")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_broken_answer_is_an_exchange_without_status(answer: bytes) -> None:
    """Silence, nonsense and a cut body become the exchange's error, told in one line."""
    with answering_raw(answer) as url, client_of(url) as client:
        seen = client.get("/")
    assert seen.status is None
    assert seen.error
    assert "\n" not in seen.error


def test_raw_bytes_go_out_as_they_are() -> None:
    """A malformed request reaches the target unchanged, and its answer is read."""
    with serve_script() as (url, target), client_of(url) as client:
        seen = client.raw(b"GET /v4 HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n")
    assert seen.status == 200
    assert target.seen[-1].headers["X"] == "y"


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_a_form_can_be_read_back(contents: list[bytes]) -> None:
    """Whatever the contents, a multipart reader finds each part byte for byte."""
    form = Form(tuple(Part(f"f{number}", content) for number, content in enumerate(contents)))
    answer = exchange(200, form.encode(), {"Content-Type": form.content_type})
    assert (split_response(answer) if contents else []) == contents


def test_names_go_out_in_raw_utf_8() -> None:
    """A part's filename is raw UTF-8, with quotes and line ends escaped as browsers do (RFC 7578)."""
    block = Part('a "é"\n.txt', b"").header_block()
    assert 'filename="a %22é%22%0A.txt"'.encode() in block


WHOLE = b"--x\r\n\r\nabc\r\n--x--\r\n"
NOT_MULTIPART = [
    ("application/x-tar", WHOLE),
    ("multipart/mixed", WHOLE),
    ("multipart/mixed; boundary=other", WHOLE),
    ("multipart/mixed; boundary=x", WHOLE.removesuffix(b"--\r\n")),
    ("multipart/mixed; boundary=x", b""),
    ("multipart/mixed; boundary=x", b"--x\r\nabc\r\n--x--\r\n"),
]


@pytest.mark.parametrize(("content_type", "body"), NOT_MULTIPART)
def test_what_is_no_multipart_says_so(content_type: str, body: bytes) -> None:
    """Another type, a missing or wrong boundary, an open end and a part without header end raise NotMultipartError."""
    with pytest.raises(NotMultipartError):
        split_response(exchange(200, body, {"Content-Type": content_type}))


def tar(*members: tuple[str, bytes], mode: str = "w") -> bytes:
    """Return a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]  # any mode of tarfile
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_gives_its_files() -> None:
    """Contents come back by member name, and by path below a folder, whether members carry its name or not."""
    archive = open_archive(tar(("d/a.txt", b"1"), ("d/e/b", b"2")))
    assert archive.below("x/d") == {"a.txt": b"1", "e/b": b"2"}
    assert open_archive(tar(("a.txt", b"1"))).below("d") == {"a.txt": b"1"}
    assert open_archive(tar(("a.txt", b"1"))).only_file == b"1"
    assert open_archive(tar(("a.txt", b"1"), mode="w:gz")).compressed
    assert not archive.compressed


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x"])
def test_unsafe_member_names_are_seen(name: str) -> None:
    """Absolute names and `..` are told (DL-06); nothing is ever unpacked to disk."""
    assert open_archive(tar((name, b""))).unsafe_names() == (name,)


@pytest.mark.parametrize("content", [b"", b"not a tar", tar(("a", b"x" * 5000))[:700], b"\x1f\x8b" + b"\0" * 40])
def test_what_is_no_archive_says_so(content: bytes) -> None:
    """Garbage, cut archives and broken compression raise NotTarError."""
    with pytest.raises(NotTarError):
        open_archive(content)


def test_evidence_hides_secrets_and_long_bodies() -> None:
    """Signatures and cookies are redacted, long bodies cut with their true size, bytes kept in base64."""
    headers = (("Authorization", "BackendAI signMethod=HMAC-SHA256, credential=AK:0123abcd"), ("Cookie", "s=1"))
    body = b"\xff" * 100_000
    seen = exchange(200, body, request_headers=headers, response_size_bytes=len(body)).clipped().to_report()
    assert seen["request_headers"][0][1].endswith("credential=AK:[redacted]")
    assert seen["request_headers"][1][1] == "[redacted]"
    assert seen["response_body"]["size_bytes"] == 100_000
    assert seen["response_body"]["truncated"]
    assert set(base64.b64decode(seen["response_body"]["base64"])) == {0xFF}


@pytest.mark.parametrize("body", [b"NaN", b"{", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_hostile_json_is_refused_by_one_exception(body: bytes) -> None:
    """NaN, cut text, invalid UTF-8, endless nesting and endless digits are NotJSONError, and no object."""
    seen = exchange(200, body)
    with pytest.raises(NotJSONError):
        seen.json()
    assert seen.json_object() == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_can_be_shown(value: object) -> None:
    """Whatever a target sends can be shown in a message of bounded length that encodes as UTF-8."""
    assert len(show(value)) < 2000
    show(value).encode("utf-8")


@pytest.mark.parametrize(("text", "expected"), [("3", 3.0), ("0", 0.05), ("soon", 1.0), (None, 1.0)])
def test_retry_after_is_read_leniently(text: str | None, expected: float) -> None:
    """Seconds are taken as they are; anything else counts as one second."""
    assert retry_after_s(exchange(429, b"", {"Retry-After": text} if text else {})) == expected
