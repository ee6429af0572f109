"""What the server does over HTTP, beside a bare Flask application on the same server library.

Both run in processes of their own and are asked in turn by the same client.
"""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Final

import requests

from benchmarks import wsgi_servers
from benchmarks.figures import Figure, at_least, below, in_turn
from benchmarks.served import Served, served
from mock_server.tests.support import form

_ROUNDS: Final = 5
_UPLOADS: Final = 9
_GETS: Final = 300
_POLLS: Final = 200
_SESSIONS: Final = 1000
_STARTS: Final = 5
_TIMEOUT_S: Final = 60


def measure() -> Iterator[Figure]:
    """Yield the figures, one after the other."""
    with served("--poll", "15") as server, wsgi_servers.served("cheroot as used") as bare_port:
        port = int(server.url.rpartition(":")[2])
        yield _gets(port, bare_port)
        yield from _uploads(port, bare_port)
        yield _beside_polls(port)
        yield _memory(server)
    yield _start()


def _create(port: int, name: str) -> str:
    url = f"http://127.0.0.1:{port}/kernel"
    requests.post(url, json={"lang": "c", "clientSessionToken": name}, timeout=_TIMEOUT_S).raise_for_status()
    return f"/kernel/{name}"


def _gets(port: int, bare_port: int) -> Figure:
    path = _create(port, "bench-get")

    def rate(of_port: int, target: str) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", of_port, timeout=_TIMEOUT_S)
        started = time.perf_counter()
        for _ in range(_GETS):
            connection.request("GET", target)
            connection.getresponse().read()
        connection.close()
        return _GETS / (time.perf_counter() - started)

    ours, limit = in_turn(_ROUNDS, lambda: rate(port, path), lambda: rate(bare_port, "/"))
    return at_least("GET session, of a bare Flask route", ours, limit, "requests/s", 0.7)


def _uploads(port: int, bare_port: int) -> Iterator[Figure]:
    """Hold an upload against reading as much, and against reading it and writing it to as many files."""
    path = _create(port, "bench-upload")
    content = b"x" * wsgi_servers.FILE_BYTES
    body, content_type = form(*((f"file{at}", content) for at in range(20)))

    def rate(of_port: int, target: str) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", of_port, timeout=_TIMEOUT_S)
        started = time.perf_counter()
        connection.request("POST", target, body, {"Content-Type": content_type})
        answer = connection.getresponse()
        answer.read()
        took_s = time.perf_counter() - started
        connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"the upload was answered with {answer.status}")
        return len(body) / took_s / 1e6

    for target, what, share in (("/store", "reading and writing it", 0.8), ("/upload", "reading and dropping it", 0.4)):
        ours, limit = in_turn(_UPLOADS, partial(rate, port, f"{path}/upload"), partial(rate, bare_port, target))
        yield at_least(f"upload of 20 x 1 MiB, of {what}", ours, limit, "MB/s", share)


def _beside_polls(port: int) -> Figure:
    """Measure short requests while clients wait for a run that says nothing."""
    path = _create(port, "bench-polls")
    url = f"http://127.0.0.1:{port}{path}"
    first = {"mode": "batch", "runId": "silent", "options": {"build": "echo begun", "exec": "sleep 60"}}
    waiting = {"mode": "continue", "runId": "silent"}
    requests.post(url, json=first, timeout=_TIMEOUT_S).raise_for_status()  # ends with build-finished

    sent = threading.Barrier(_POLLS + 1, timeout=_TIMEOUT_S)
    body, headers = json.dumps(waiting), {"Content-Type": "application/json"}

    def poll() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        connection.request("POST", path, body, headers)
        sent.wait()
        connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=poll) for _ in range(_POLLS)]
    for thread in threads:
        thread.start()
    sent.wait()
    requests.get(url, timeout=_TIMEOUT_S).raise_for_status()  # its turn comes after theirs: now they wait
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    took_ms = []
    for _ in range(_GETS):
        started = time.perf_counter()
        connection.request("GET", path)
        connection.getresponse().read()
        took_ms.append((time.perf_counter() - started) * 1000)
    connection.close()
    alive = sum(thread.is_alive() for thread in threads)
    requests.delete(url, timeout=_TIMEOUT_S)
    for thread in threads:
        thread.join()
    p99 = sorted(took_ms)[int(len(took_ms) * 0.99) - 1]
    return below(f"GET beside {alive} idle long polls, p99", p99, "ms", 50)


def _memory(server: Served) -> Figure:
    port = int(server.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)

    def create(count: int) -> None:
        for _ in range(count):
            connection.request("POST", "/kernel", b'{"lang": "c"}', {"Content-Type": "application/json"})
            connection.getresponse().read()

    create(_SESSIONS // 10)
    before_kib = server.memory_kib
    create(_SESSIONS // 2)
    connection.close()
    return below("memory of an idle session", (server.memory_kib - before_kib) / (_SESSIONS // 2), "KiB", 20)


def _start() -> Figure:
    """Measure from the start of the process to the first answer."""
    took_s = []
    for _ in range(_STARTS):
        started = time.perf_counter()
        with served() as server:
            requests.get(server.url, timeout=_TIMEOUT_S).raise_for_status()
            took_s.append(time.perf_counter() - started)
    return below("start of the process to the first answer", statistics.median(took_s), "s", 0.6)
