"""The HTTP server itself: many waits, upgrades, stalled clients, and a stop that leaves nothing in flight."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import simple_websocket

from mock_server import server as server_module
from mock_server.server import Server

_TEXT = [("Content-Type", "text/plain"), ("Content-Length", "2")]


class App:
    """Answers at `/`, waits for `released` at `/wait`, echoes a WebSocket at `/ws`, tells of its client at `/gone`."""

    def __init__(self) -> None:
        self.waiting = threading.Semaphore(0)
        self.released = threading.Event()
        self.gone: list[bool] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        return {"/wait": self._wait, "/ws": self._echo, "/gone": self._gone}.get(environ["PATH_INFO"], self._ok)(
            environ, start_response
        )

    def _ok(self, _environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", _TEXT)
        return [b"ok"]

    def _wait(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.waiting.release()
        self.released.wait(30)
        return self._ok(environ, start_response)

    def _gone(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.gone.append(environ["batchproof.client_gone"]())
        self.waiting.release()
        self.released.wait(30)
        self.gone.append(environ["batchproof.client_gone"]())
        self.waiting.release()
        return self._ok(environ, start_response)

    def _echo(self, environ: dict[str, Any], _start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection = simple_websocket.Server.accept({**environ, "werkzeug.socket": environ["batchproof.take_socket"]()})
        connection.send(f"echo {connection.receive(10)}")
        connection.close()
        return []


@pytest.fixture
def app() -> Iterator[App]:
    """Give an application whose waits end with the test at the latest."""
    made = App()
    yield made
    made.released.set()


@pytest.fixture
def server(app: App) -> Iterator[Server]:
    """Serve it on a free port."""
    with Server(app, max_threads=256) as running:
        yield running


def test_two_hundred_waits_leave_room_for_short_requests(app: App, server: Server) -> None:
    """Short requests are answered while two hundred others wait (EX-17)."""
    with ThreadPoolExecutor(200) as pool:
        waits = [pool.submit(requests.get, f"{server.url}/wait", timeout=60) for _ in range(200)]
        for _ in waits:
            assert app.waiting.acquire(timeout=30)
        assert requests.get(server.url, timeout=30).text == "ok"
        app.released.set()
        assert {wait.result(30).status_code for wait in waits} == {200}


def test_a_stop_lets_requests_in_flight_finish(app: App, server: Server) -> None:
    """After the listener is closed a request in flight still gets its answer, and new ones are refused."""
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(requests.get, f"{server.url}/wait", timeout=30)
        assert app.waiting.acquire(timeout=30)
        stopped = pool.submit(server.stop, 20.0)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", server.port), 1).close()
            except ConnectionError:
                break
        assert not stopped.done()
        app.released.set()
        assert answer.result(30).text == "ok"
        stopped.result(30)


def test_a_stop_cuts_what_outlasts_its_grace(app: App, server: Server) -> None:
    """A request that does not end within the grace has its connection cut."""
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(requests.get, f"{server.url}/wait", timeout=30)
        assert app.waiting.acquire(timeout=30)
        stopped = pool.submit(server.stop, 0.05)
        with pytest.raises(requests.ConnectionError):
            answer.result(30)
        app.released.set()
        stopped.result(30)


def test_a_connection_is_upgraded_to_a_websocket_on_the_same_port(server: Server) -> None:
    """A handler can take the socket and speak WebSocket on it; plain requests go on beside it."""
    client = simple_websocket.Client(f"ws://127.0.0.1:{server.port}/ws")
    client.send("hello")
    assert client.receive(10) == "echo hello"
    with pytest.raises(simple_websocket.ConnectionClosed):
        client.receive(10)
    assert requests.get(server.url, timeout=30).text == "ok"


def test_a_vanished_client_is_noticed(app: App, server: Server) -> None:
    """A handler can ask whether its client is still there, so that output is not handed to nobody."""
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert app.waiting.acquire(timeout=30)
    app.released.set()
    assert app.waiting.acquire(timeout=30)
    assert app.gone == [False, True]


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: drip"])
def test_a_client_that_stalls_in_its_head_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """A head that does not arrive in time is a 408."""
    monkeypatch.setattr(server_module, "HEAD_TIMEOUT_S", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
        sock.sendall(sent)
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_client_that_drips_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending a little now and then does not keep a connection beyond the deadline of its message."""
    monkeypatch.setattr(server_module, "HEAD_TIMEOUT_S", 0.5)
    pause = threading.Event()
    with socket.create_connection(("127.0.0.1", server.port), 0.05) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        deadline = time.monotonic() + 20
        answer = b""
        while not answer and time.monotonic() < deadline:
            pause.wait(0.05)
            try:
                sock.sendall(b"X: y\r\n")
                answer = sock.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
    assert answer.startswith(b"HTTP/1.1 408")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 408


def test_an_occupied_address_is_an_error(server: Server) -> None:
    """A second server cannot have the same port, and says so."""
    with pytest.raises(OSError, match="in use"):
        Server(App(), port=server.port).start()
