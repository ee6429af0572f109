"""Runs over a WebSocket, as the command lines of clients since 18.12 drive them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import simple_websocket

from mock_server.app import Mock
from mock_server.tests.support import Client

HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}


class Stream:
    """The client's end of one run."""

    def __init__(self, socket: simple_websocket.Client) -> None:
        self._socket = socket

    def send(self, message: object) -> None:
        """Send a JSON document, or text as it is."""
        self._socket.send(message if isinstance(message, str) else json.dumps(message))

    def run(self, **options: str | None) -> None:
        """Send the request that starts the run, as clients do."""
        self.send({"code": "", "mode": "batch", "options": {"buildLog": False, **options}})

    def results(self) -> Iterator[dict[str, Any]]:
        """Give what the server sends until it closes the connection."""
        while True:
            try:
                message = self._socket.receive(20)
            except simple_websocket.ConnectionClosed:
                return
            assert message is not None, "the server fell silent"
            yield json.loads(message)


@contextmanager
def connected(client: Client, session: str, dialect: str = "kernel") -> Iterator[Stream]:
    """Connect to the stream of a session."""
    path = session.replace("/kernel/", f"/stream/{dialect}/")
    socket = simple_websocket.Client.connect(client.url.replace("http", "ws", 1) + path + "/execute")
    try:
        yield Stream(socket)
    finally:
        if socket.connected:
            socket.close()
        socket.thread.join(10)


@pytest.mark.parametrize("dialect", ["kernel", "session"])
def test_a_stream_carries_one_run_to_its_end(client: Client, session: str, dialect: str) -> None:
    """The results come without being asked for, in the order of the steps, and then the server closes."""
    with connected(client, session, dialect) as stream:
        stream.run(clean="echo c", build="echo b", exec="echo e; exit 3")
        results = list(stream.results())
    ends = [(result["status"], result["exitCode"]) for result in results if result["status"] != "continued"]
    assert ends == [("clean-finished", 0), ("build-finished", 0), ("finished", 3)]
    assert "".join(text for result in results for _, text in result["console"]) == "c\nb\ne\n"
    assert all(set(result) == {"status", "console", "exitCode", "options", "files"} for result in results)


def test_a_long_output_arrives_whole(client: Client, session: str) -> None:
    """Messages far beyond any buffer are not cut or mixed up."""
    with connected(client, session) as stream:
        stream.run(exec="head -c 400000 /dev/zero | tr '\\0' x; printf y >&2")
        console = [piece for result in stream.results() for piece in result["console"]]
    assert "".join(text for kind, text in console if kind == "stdout") == "x" * 400_000
    assert "".join(text for kind, text in console if kind == "stderr") == "y"


def test_a_question_is_answered_by_a_plain_text_message(client: Client, session: str) -> None:
    """At `waiting-input` the next text message is the line that the program reads (EX-18)."""
    with connected(client, session) as stream:
        stream.run(exec="read -r who; echo hello $who")
        console = ""
        for result in stream.results():
            console += "".join(text for _, text in result["console"])
            if result["status"] == "waiting-input":
                assert result["options"] == {"is_password": False}
                stream.send("Ada")
    assert console == "hello Ada\n"


def test_a_run_whose_client_went_away_is_killed_and_the_session_goes_on(client: Client, session: str) -> None:
    """Nobody else knows the run, so it may not hold up those that come after it (EX-31)."""
    with connected(client, session) as stream:
        stream.run(exec="sleep 1000 & echo $! >pid; wait")
        next(stream.results())
    assert client.run(session, "cat pid; ps -e | grep -c sleep")["console"].splitlines()[-1:] == ["0"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no json", "not JSON"),
        ("[]", "array"),
        ({"mode": "continue", "runId": "x"}, "begins with 'batch'"),
        ({"mode": "batch", "options": {"exec": 7}}, "options"),
        ({"mode": "batch", "code": "print(1)"}, "code"),
    ],
)
def test_a_stream_that_begins_wrongly_is_told_why_and_closed(
    client: Client, session: str, message: object, said: str
) -> None:
    """The reason comes on the console of a last message, where clients print it."""
    with connected(client, session) as stream:
        stream.send(message)
        (refusal,) = stream.results()
    assert refusal["status"] == "server-error"
    assert said in refusal["console"][0][1]
    assert client.run(session, "echo usable")["console"] == "usable\n"


def test_a_plain_request_is_told_to_upgrade(client: Client, session: str) -> None:
    """Without the headers of a handshake the answer is a 426, with half of them still no fault of the server."""
    path = session.replace("/kernel/", "/stream/kernel/") + "/execute"
    assert client.send("GET", path).status_code == 426
    assert client.send("GET", path, headers=HANDSHAKE).status_code == 426


def test_a_stream_of_an_unknown_session_is_refused(client: Client) -> None:
    """The handshake is answered by a 404 (CO-11)."""
    headers = {**HANDSHAKE, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert client.send("GET", "/stream/kernel/nobody/execute", headers=headers).status_code == 404


def test_a_web_page_of_another_site_cannot_open_a_stream(client: Client, session: str) -> None:
    """Browsers let any page connect; its Origin gives it away."""
    headers = {**HANDSHAKE, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://evil.example"}
    path = session.replace("/kernel/", "/stream/kernel/") + "/execute"
    assert client.send("GET", path, headers=headers).status_code == 403


def test_an_ended_session_ends_its_streams(client: Client, mock: Mock) -> None:
    """A delete while a stream waits closes it with the reason."""
    session = client.create()
    with connected(client, session) as stream:
        stream.run(exec="sleep 1000")
        results = stream.results()
        next(results)
        with Client(mock) as other:
            other.send("DELETE", session)
        assert [result["status"] for result in results][-1] == "server-error"
