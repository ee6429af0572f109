"""Signatures over HTTP: what is let in, what is refused, and whose sessions are whose (AU)."""

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
import simple_websocket
from hypothesis import given
from hypothesis import strategies as st

from mock_server.app import Mock, Settings, start
from mock_server.domain.access_errors import BadDate
from mock_server.domain.signatures import read_date
from mock_server.tests.signing import ALICE, BOB, NEW, OLD, Signing
from mock_server.tests.support import Client, check, form
from mock_server.tests.test_stream import HANDSHAKE, Stream


@pytest.fixture(scope="module")
def locked() -> Iterator[Mock]:
    """Run a server that knows two users."""
    with start(Settings(poll_s=0.5, exec_timeout_s=20, keys=dict((ALICE, BOB)))) as running:
        yield running


@pytest.fixture
def client(locked: Mock) -> Iterator[Client]:
    """Give a client of it that signs nothing by itself."""
    with Client(locked) as connected:
        yield connected


@pytest.fixture
def hers(client: Client) -> Iterator[str]:
    """Give the path of a session of Alice's."""
    answer = client.send("POST", "/session", json={"lang": "c"}, auth=Signing())
    assert answer.status_code == 201, answer.text
    path = f"/session/{answer.json()['sessionId']}"
    yield path
    client.send("DELETE", path, auth=Signing())


def status(client: Client, path: str, method: str = "GET", **options: Any) -> int:
    """Send a request and give its status."""
    return client.send(method, path, **options).status_code


@pytest.mark.parametrize("signing", [Signing(), Signing(version=OLD, whole_body=True), Signing(family="Sorna")])
def test_the_whole_flow_works_signed(client: Client, signing: Signing) -> None:
    """All calls are let in that are signed by the rule, with either hash and either family (AU-01, AU-02, AU-03)."""
    path = f"/kernel/{client.send('POST', '/kernel', json={'lang': 'c'}, auth=signing).json()['kernelId']}"
    body, content_type = form(("a file", b"content"))
    assert (
        status(client, f"{path}/upload", "POST", data=body, headers={"Content-Type": content_type}, auth=signing) == 204
    )
    call = {"mode": "batch", "runId": None, "options": {"exec": "cat a*"}}
    result = client.send("POST", path, json=call, auth=signing).json()["result"]
    while result["status"] != "finished":
        call = {"mode": "continue", "runId": result["runId"]}
        result = client.send("POST", path, json=call, auth=signing).json()["result"]
    assert result["console"] == [["stdout", "content"]]
    assert status(client, f"{path}/files?path=.", auth=signing) == 200
    assert status(client, f"{path}/download?files=a%20file", auth=signing) == 200
    assert status(client, path, "DELETE", auth=signing) == 200


@pytest.mark.parametrize("whole_body", [False, True])
def test_an_upload_is_stored_with_either_hash(client: Client, hers: str, *, whole_body: bool) -> None:
    """A multipart body may be signed as it is or as empty (AU-03), and twenty full files come through both ways."""
    body, content_type = form(*((f"f{number}", bytes(1024 * 1024)) for number in range(20)))
    signing = Signing(version=OLD, whole_body=whole_body)
    headers = {"Content-Type": content_type}
    assert status(client, f"{hers}/upload", "POST", data=body, headers=headers, auth=signing) == 204
    listing = client.send("GET", f"{hers}/files", auth=Signing()).json()["files"]
    assert {entry["size"] for entry in json.loads(listing)} == {1024 * 1024}


def test_an_old_client_cannot_leave_its_body_unsigned(client: Client, hers: str) -> None:
    """Before v4.20181215 a JSON body counts: its hash cannot be that of the empty string."""
    call = {"mode": "batch", "options": {"exec": "true"}}
    assert status(client, hers, "POST", json=call, auth=Signing(version=OLD)) == 401
    assert status(client, hers, "POST", json=call, auth=Signing(version=OLD, whole_body=True)) == 200


FORMS: dict[str, Callable[[datetime], str]] = {
    "extended": datetime.isoformat,
    "basic": lambda moment: f"{moment:%Y%m%dT%H%M%SZ}",
    "fraction": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
    "basic-offset": lambda moment: f"{moment:%Y%m%dT%H%M%S+0000}",
    "far-offset": lambda moment: f"{moment.astimezone(timezone(timedelta(hours=14))):%Y-%m-%dT%H:%M:%S%z}",
    "http": lambda moment: format_datetime(moment, usegmt=True),
    "http-of-old": lambda moment: f"{moment:%A, %d-%b-%y %H:%M:%S GMT}",
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("header", ["Date", "X-BackendAI-Date"])
def test_every_form_of_the_date_is_read(
    client: Client, hers: str, write: Callable[[datetime], str], header: str
) -> None:
    """ISO 8601 with and without separators, with any offset, and the HTTP forms are taken (AU-04)."""
    assert status(client, hers, auth=Signing(write=write, date_header=header)) == 200


@pytest.mark.parametrize(("minutes", "expected"), [(-16, 401), (-14, 200), (14, 200), (16, 401), (-5_000_000, 401)])
def test_the_date_is_near_the_servers_clock(client: Client, hers: str, minutes: int, expected: int) -> None:
    """Fourteen minutes off is near enough, sixteen are not (AU-04)."""
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    assert status(client, hers, auth=Signing(moment=moment)) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "1543000000", "2018-12-15", "2018-13-45T00:00:00Z", "Mon, 99 Foo"])
def test_an_unreadable_date_is_refused(client: Client, hers: str, text: str) -> None:
    """A date that is missing, no date, or has no time of day is a 401 (AU-04)."""
    assert status(client, hers, auth=Signing(write=lambda _: text)) == 401


@given(st.text(max_size=60) | st.datetimes().map(str))
def test_reading_a_date_ends_in_a_moment_or_a_refusal(text: str) -> None:
    """Whatever a client sends as date, the reader gives an aware moment or refuses."""
    with contextlib.suppress(BadDate):
        assert read_date(text).tzinfo is not None


@pytest.mark.parametrize(
    "spoilt",
    [
        Signing(pair=("AKALICE", "guessed")),
        Signing(pair=("AKNOBODY", ALICE[1])),
        Signing(pair=(ALICE[0], BOB[1])),
        Signing(host="api.backend.ai"),
        Signing(host="127.0.0.1"),
        Signing(method="POST"),
        Signing(content_type="text/html"),
    ],
)
def test_a_wrong_signature_is_refused(client: Client, hers: str, spoilt: Signing) -> None:
    """An unknown key, another secret, and a signature of anything else than was sent are a 401 in the same words."""
    answer = client.send("GET", hers, auth=spoilt)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:batchproof:problem:wrong-signature")
    assert answer.headers["WWW-Authenticate"].startswith("BackendAI")
    assert "secret" not in answer.text.replace("SECRET", "")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, 401),
        ("", 401),
        ("Bearer abc", 401),
        ("BackendAI", 400),
        ("BackendAI credential=AKALICE:00", 400),
        ("BackendAI signMethod=HMAC-SHA512, credential=AKALICE:00", 400),
        ("BackendAI signMethod=HMAC-SHA256, credential=AKALICE", 400),
        ("BackendAI signMethod=HMAC-SHA256, credential=AKALICE:not-hex", 400),
        ("BackendAI signMethod=HMAC-SHA256, credential=AKALICE:00, more=1", 400),
        ("BackendAI signMethod=HMAC-SHA256, credential=AKALICE:00", 401),
    ],
)
def test_an_authorization_that_says_nothing_is_refused(
    client: Client, hers: str, header: str | None, expected: int
) -> None:
    """No header and another scheme are a 401, a malformed one a 400 (AU-05)."""
    headers = {"Date": datetime.now(UTC).isoformat(), "X-BackendAI-Version": NEW}
    assert (
        status(client, hers, headers={**headers, "Authorization": header} if header is not None else headers)
        == expected
    )


def test_a_signed_request_names_its_version(client: Client, hers: str) -> None:
    """Without a version, or with one that is none, a signed request is a 400 (AU-06)."""
    for version in ("", "4", "v4", "v4.2018"):
        assert status(client, hers, auth=Signing(version=version)) == 400


def test_the_version_is_told_to_everybody(client: Client) -> None:
    """The version needs no signature, and a wrong one does not matter there: clients since 18.12 sign it (CO-08)."""
    for path in ("/", "/v4"):
        assert status(client, path) == 200
        assert status(client, path, auth=Signing(pair=("AKNOBODY", "x"))) == 200


def test_an_overridden_method_may_be_signed_either_way(client: Client, hers: str) -> None:
    """A client that is restricted to POST signs what it sends, or what it means (CO-07)."""
    for method in ("POST", "GET"):
        assert status(client, hers, "POST", headers={"X-Method-Override": "GET"}, auth=Signing(method=method)) == 200


def test_a_session_exists_only_for_its_owner(client: Client, hers: str) -> None:
    """With another key a session is a 404 on every path, by name and by UUID, and its name is free (AU-07)."""
    bob = Signing(pair=BOB)
    name = client.send("POST", "/session", json={"lang": "c", "name": "shared-name"}, auth=Signing()).json()
    calls = (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", ""), ("GET", "/files"), ("POST", "/upload"))
    for path in (hers, "/session/shared-name", f"/kernel/{name['sessionId']}"):
        for method, tail in (*calls, ("GET", "/download?files=a"), ("GET", "/logs"), ("POST", "/interrupt")):
            assert status(client, path + tail, method, auth=bob) == 404
    own = client.send("POST", "/session", json={"lang": "python", "name": "shared-name"}, auth=bob).json()
    assert own["created"]
    assert own["sessionId"] != name["sessionId"]
    assert status(client, "/session/shared-name", "DELETE", auth=bob) == 200
    assert client.send("GET", "/session/shared-name", auth=Signing()).json()["lang"] == "c"
    assert status(client, "/session/shared-name", "DELETE", auth=Signing()) == 200


def test_a_stream_belongs_to_the_sessions_owner(locked: Mock, client: Client, hers: str) -> None:
    """The WebSocket opens for the owner's signature, and for no other (AU-07)."""
    path = f"/stream{hers}/execute"
    handshake = {**HANDSHAKE, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert status(client, path, headers=handshake) == 401
    assert status(client, path, headers=handshake, auth=Signing(pair=BOB)) == 404
    # As command lines sign it: no Content-Type is sent, `application/octet-stream` is signed.
    signing = Signing(host="127.0.0.1")  # the Host header that the library sends has no port
    signed = requests.Request("GET", locked.url + path, auth=signing).prepare().headers
    socket = simple_websocket.Client.connect(locked.url.replace("http", "ws", 1) + path, headers=dict(signed))
    stream = Stream(socket)
    stream.run(exec="echo mine")
    results = list(stream.results())
    socket.thread.join(10)
    assert [item for result in results for item in result["console"]] == [["stdout", "mine\n"]]


def test_relaxed_signatures_let_other_hosts_in() -> None:
    """What Java and PHP sign is accepted where the operator says so, and any other host still is not."""
    settings = Settings(keys=dict((ALICE,)), relaxed_signatures=True, allowed_hosts=frozenset({"build-box"}))
    with start(settings) as relaxed, Client(relaxed) as client:
        for host in (None, "api.backend.ai", "127.0.0.1", "build-box"):
            assert status(client, "/manager/announcement", auth=Signing(host=host)) == 200
        assert status(client, "/manager/announcement", auth=Signing(host="elsewhere")) == 401


def test_many_keys_of_a_request_are_one_refusal(locked: Mock) -> None:
    """A doubled Authorization header is malformed: no second credential gets a second try."""
    wrong = "BackendAI signMethod=HMAC-SHA256, credential=AKALICE:00"
    answer = requests.get(f"{locked.url}/kernel/x", headers={"Authorization": f"{wrong}, {wrong}"}, timeout=30)
    check(locked.contract, "GET", "/kernel/x", answer)
    assert answer.status_code == 400
