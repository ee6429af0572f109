"""Which WSGI server can carry the mock: the same small Flask application under each candidate, over real HTTP.

`python -m benchmarks.wsgi_servers` measures, for every candidate that is installed, in a process of its own: small
GETs one after another and by 16 threads, an upload of 20 MiB, 200 long polls of 2 s at once while short requests go
on, and how long a client that stalls inside its headers is kept. Bounded to about a minute.
"""

import contextlib
import http.client
import importlib.util
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import click
import flask

GET_S: Final = 2.0
FILE_BYTES: Final = 1024 * 1024
UPLOAD: Final = b"x" * (20 * FILE_BYTES)
WAITERS: Final = 200
STALL_S: Final = 20.0


def sent() -> Iterator[bytes]:
    """Give the body of the request, piece by piece."""
    left = int(flask.request.headers["Content-Length"])
    while left and (data := flask.request.environ["wsgi.input"].read(min(left, 65536))):
        left -= len(data)
        yield data


def keep(held: list[IO[bytes]]) -> int:
    """Write the body to new files, in the place of those that are held; return how many they are."""
    size_bytes, replaced, held[:] = 0, held[:], []
    for piece in sent():
        if size_bytes >= len(held) * FILE_BYTES:
            held.append(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115  - closed when the next body replaces it
        size_bytes += held[-1].write(piece)
    for file in replaced:
        file.close()
    return len(held)


def application() -> flask.Flask:
    """Four routes: a small answer, a body counted, a body kept in files of 1 MiB, and a wait of two seconds."""
    app = flask.Flask("bench")
    held: list[IO[bytes]] = []  # the files of the latest body: without names, so that none is left

    @app.get("/")
    def small() -> dict[str, str]:
        return {"status": "RUNNING"}

    @app.post("/upload")
    def upload() -> dict[str, int]:
        return {"size_bytes": sum(map(len, sent()))}

    @app.post("/store")
    def store() -> dict[str, int]:
        return {"files": keep(held)}

    @app.get("/wait")
    def wait() -> dict[str, str]:
        threading.Event().wait(2.0)
        return {"status": "continued"}

    return app


def serve_cheroot_as_used(app: Any, port: int) -> None:
    """Serve with cheroot as the mock configures it."""
    from mock_server.server import Server  # noqa: PLC0415  - only the served candidate is loaded

    Server(app, port=port).start()
    threading.Event().wait()


def serve_cheroot(app: Any, port: int) -> None:
    """Serve with cheroot as it comes, with threads for the waits."""
    from cheroot import wsgi  # noqa: PLC0415  - only the served candidate is loaded

    wsgi.Server(("127.0.0.1", port), app, numthreads=256).start()


def serve_waitress(app: Any, port: int) -> None:
    """Serve with waitress, tuned for many waits and large bodies."""
    import waitress  # noqa: PLC0415  - only the served candidate is loaded

    waitress.serve(
        app,
        port=port,
        threads=256,
        asyncore_use_poll=True,
        connection_limit=1000,
        recv_bytes=262144,
        inbuf_overflow=67108864,
        channel_timeout=30,
        cleanup_interval=5,
        _quiet=True,
    )


def serve_uvicorn(app: Any, port: int) -> None:
    """Serve with uvicorn, bridged by a2wsgi."""
    import uvicorn  # noqa: PLC0415  - only the served candidate is loaded
    from a2wsgi import WSGIMiddleware  # noqa: PLC0415  - same

    uvicorn.run(WSGIMiddleware(app, workers=256), port=port, log_level="error")


CANDIDATES: Final[dict[str, tuple[tuple[str, ...], Callable[[Any, int], None]]]] = {
    "cheroot as used": (("cheroot",), serve_cheroot_as_used),
    "cheroot": (("cheroot",), serve_cheroot),
    "waitress": (("waitress",), serve_waitress),
    "uvicorn + a2wsgi": (("uvicorn", "a2wsgi"), serve_uvicorn),
}


def free_port() -> int:
    """Give a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def served(name: str) -> Iterator[int]:
    """Run one candidate in a process of its own; gives its port once it answers."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.wsgi_servers", "--serve", name, "--port", str(port)])
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                threading.Event().wait(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def gets_per_s(port: int, clients: int) -> float:
    """Count small GETs over kept connections for a while."""
    counts = [0] * clients
    end = time.monotonic() + GET_S

    def client(index: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < end:
            connection.request("GET", "/")
            connection.getresponse().read()
            counts[index] += 1
        connection.close()

    threads = [threading.Thread(target=client, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / GET_S


def timed_request(port: int, method: str, path: str, body: bytes | None = None) -> float:
    """Seconds that one request on a new connection took."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body)
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - started


def waits(port: int) -> tuple[float, float]:
    """Seconds for all long polls together, and for the slowest short request among them."""
    threads = [threading.Thread(target=timed_request, args=(port, "GET", "/wait")) for _ in range(WAITERS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    slowest_s = max(timed_request(port, "GET", "/") for _ in range(20))
    for thread in threads:
        thread.join()
    return time.perf_counter() - started, slowest_s


def stall_s(port: int) -> str:
    """Seconds until a client that stops inside its headers is cut off."""
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), STALL_S) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        try:
            sock.recv(1)
        except TimeoutError:
            return f"> {STALL_S:.0f} s"
    return f"{time.perf_counter() - started:.0f} s"


def measure(name: str) -> str:
    """One line of the table."""
    with served(name) as port:
        one, many = gets_per_s(port, 1), gets_per_s(port, 16)
        upload_s = min(timed_request(port, "POST", "/upload", UPLOAD) for _ in range(5))
        all_s, short_s = waits(port)
        upload_mb_s = len(UPLOAD) / upload_s / 1e6
        return (
            f"{name:18} {one:7.0f} {many:7.0f} {upload_mb_s:9.0f} MB/s {all_s:8.2f} s {short_s * 1000:8.0f} ms"
            f" {stall_s(port):>8}"
        )


@click.command()
@click.option("--serve", type=click.Choice(list(CANDIDATES)), help="Serve one candidate (used by the measurement).")
@click.option("--port", type=int, default=0)
def main(serve: str | None, port: int) -> None:
    """Measure every installed candidate."""
    if serve:
        CANDIDATES[serve][1](application(), port)
        return
    click.echo(
        f"{'server':18} {'GET c1':>7} {'GET c16':>7} {'upload':>14} {'200 waits':>10} {'short':>11} {'stall':>8}"
    )
    for name, (modules, _) in CANDIDATES.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        click.echo(f"{name:18} not installed: {', '.join(missing)}" if missing else measure(name))


if __name__ == "__main__":
    main()
