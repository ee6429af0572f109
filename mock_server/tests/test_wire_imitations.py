"""Clients that cannot be had from a registry, imitated by their bytes: Java and PHP (2018, `/v2`), and sorna 0.8."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from mock_server.app import Mock, Settings, start
from mock_server.tests.signing import ALICE
from mock_server.tests.support import raw


@dataclass(frozen=True)
class Dialect:
    """How one client writes its requests: the host it signs for, the names of its headers as sent and as signed."""

    signed_host: str
    version: str = "v2.20170315"
    family: str = "BackendAI"
    signed_family: str = "BackendAI"
    prefix: str = "/v2"
    always: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, body: bytes, content_type: str, sent_host: str) -> bytes:
        """Write a whole request, signed."""
        moment = datetime.now(UTC).replace(microsecond=0)
        date, target = moment.isoformat(), self.prefix + path
        counted = b"" if content_type.startswith("multipart/") else body
        text = "\n".join(
            (
                method, target, date, f"host:{self.signed_host}", f"content-type:{content_type.partition(';')[0]}",
                f"x-{self.signed_family.lower()}-version:{self.version}", hashlib.sha256(counted).hexdigest(),
            )
        )  # fmt: skip
        key = _hmac(_hmac(ALICE[1].encode(), f"{moment:%Y%m%d}"), self.signed_host)
        headers = {
            "Host": sent_host,
            "Date": date,
            "Content-Type": content_type,
            f"X-{self.family}-Version": self.version,
            "Authorization": f"{self.family} signMethod=HMAC-SHA256, credential={ALICE[0]}:{_hmac(key, text).hex()}",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self.always,
        }
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


# Java keeps the host of the public service in its signature; its HTTP library adds what is in `always`.
JAVA = Dialect("api.backend.ai", always={"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"})
# PHP leaves out the port, and signs the name of an older version header.
PHP = Dialect("127.0.0.1", signed_family="Sorna", always={"User-Agent": "Backend.AI Client Library (PHP/v0.1)"})


@dataclass(frozen=True)
class Peer:
    """Speaks one dialect to a server."""

    mock: Mock
    dialect: Dialect

    def send(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> "Answer":
        """Send one request; `body` is bytes, or what is written as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        host = self.mock.url.removeprefix("http://")
        head, _, rest = raw(self.mock.url, self.dialect.request(method, path, content, content_type, host)).partition(
            b"\r\n\r\n"
        )
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return Answer(int(lines[0].split()[1]), headers, rest)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON document; Java looks at the type before it reads one."""
        assert "json" in self.headers["content-type"]
        return json.loads(self.body)


@pytest.fixture(scope="module")
def relaxed() -> Iterator[Mock]:
    """Run a server that reads signatures as those two clients need it."""
    with start(Settings(keys=dict((ALICE,)), relaxed_signatures=True, poll_s=0.5)) as running:
        yield running


@pytest.fixture(scope="module")
def strict() -> Iterator[Mock]:
    """Run a server that reads signatures strictly."""
    with start(Settings(keys=dict((ALICE,)), poll_s=0.5)) as running:
        yield running


def _form(*parts: tuple[str, str, bytes]) -> tuple[bytes, str]:
    boundary = "---------------------------1542f2e3"
    head = 'Content-Disposition: form-data; name="src"; filename="{}"\r\nContent-Type: {}\r\n\r\n'
    body = b"".join(
        f"--{boundary}\r\n{head.format(name, kind)}".encode() + content + b"\r\n" for name, kind, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _followed(peer: Peer, path: str, call: dict[str, Any]) -> tuple[list[str], str, int]:
    """Go on until the run ends, with its own ID and with the options still there, as both clients do."""
    statuses, output = [], ""
    while True:
        answer = peer.send("POST", path, call)
        assert answer.status == 200, answer.body
        result = answer.json["result"]
        assert result["runId"] == call["runId"]
        statuses.append(result["status"])
        output += "".join(text for _, text in result["console"])
        if result["status"] == "finished":
            return statuses, output, result["exitCode"]
        call = {**call, "mode": "continue", "code": ""}


@pytest.mark.parametrize("dialect", [JAVA, PHP], ids=["java", "php"])
def test_a_client_of_2018_builds_and_runs_a_project(relaxed: Mock, dialect: Dialect) -> None:
    """The bytes of the Java and the PHP client create, upload, run and destroy, signed as those clients sign."""
    peer = Peer(relaxed, dialect)
    token = f"imitated-{dialect.signed_family.lower()}"
    created = peer.send(
        "POST", "/kernel/create",
        {"lang": "c", "clientSessionToken": token, "resourceLimits": {"maxMem": 0, "timeout": 0}},
    )  # fmt: skip
    assert created.status == 201, created.body
    path = f"/kernel/{created.json['kernelId']}"
    sources = _form(
        ("main.c", "text/plain", b'#include "sub/answer.h"\nint main(void) { return ANSWER; }\n'),
        ("sub/answer.h", "text/plain", b"#define ANSWER 7\n"),
    )
    uploaded = peer.send("POST", f"{path}/upload", *sources)
    assert uploaded.status == 204, uploaded.body
    options = {"build": "gcc main.c -o main", "buildLog": True, "exec": "./main; code=$?; echo $code; exit $code"}
    call = {"mode": "batch", "code": "", "runId": f"{token}-run", "options": options}
    statuses, output, exit_code = _followed(peer, path, call)
    assert statuses[-1] == "finished"
    assert "build-finished" in statuses
    assert "clean-finished" not in statuses  # they do not know it
    assert (output, exit_code) == ("7\n", 7)
    assert peer.send("DELETE", path).status // 100 == 2
    gone = peer.send("POST", path, call)
    assert gone.status == 404  # what Java turns into its own exception
    assert gone.json["title"]


@pytest.mark.parametrize("dialect", [JAVA, PHP], ids=["java", "php"])
def test_their_signatures_are_wrong_by_the_rule(strict: Mock, dialect: Dialect) -> None:
    """A strict server refuses both, for what they sign is not what they send (AU-02, AU-03)."""
    refused = Peer(strict, dialect).send("POST", "/kernel/create", {"lang": "c"})
    assert refused.status == 401
    assert refused.json["type"]


def test_the_first_client_runs_snippets(strict: Mock) -> None:
    """Under `/v1` an execute call is a code and its ID, and a session ends with 204: the client takes nothing else."""
    peer = Peer(strict, Dialect(strict.url.removeprefix("http://"), "v1.20160915", "Sorna", "Sorna", "/v1"))
    created = peer.send("POST", "/kernel/create", {"lang": "bash", "clientSessionToken": "first-version"})
    assert created.status == 201, created.body
    output, status = "", ""
    while status != "finished":
        answer = peer.send("POST", "/kernel/first-version", {"codeId": "one", "code": "echo hello"})
        assert answer.status == 200, answer.body
        result = answer.json["result"]
        assert result["runId"] == "one"
        output, status = output + "".join(text for _, text in result["console"]), result["status"]
    assert output == "hello\n"
    assert peer.send("POST", "/kernel/first-version", {"code": "echo hello"}).status == 400  # EX-25
    assert peer.send("PATCH", "/kernel/first-version").status == 204
    ended = peer.send("DELETE", "/kernel/first-version")
    assert (ended.status, ended.headers["content-length"]) == (204, "0")
