"""What harm does: `python -m benchmarks.hostile [--requests 10000] [--kills 500] [--seed N] [--json FILE]`.

A server in a process of its own gets hostile requests (made by hand from a seed, and schemathesis's negative data)
while clients stall beside them; then runs full of daemons are killed at random moments. What must come out: no answer
of 500 or more, no request without an end, no session and no process left over, no growth that goes on.
"""

import contextlib
import http.client
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import requests

from benchmarks.served import Served, served
from mock_server.adapters.runner import Runner, choose_level
from mock_server.domain.runs import Commands
from mock_server.tests.engine import new_session, processes_with
from mock_server.tests.hostile import SESSION, Flood

_THREADS: Final = 4
_WARM_UP: Final = 500
_STALLED: Final = 20
_CUT_S: Final = 45.0  # a client that stalls is cut after 30 s of silence at the latest
_KILL_BUDGET_S: Final = 90.0
_DAEMON: Final = (
    "for i in 1 2 3; do (setsid bash -c '(bash -c \"sleep 300; :\" {mark} &) ; exit' &) > /dev/null 2>&1; done; sleep 9"
)
_PARTIAL: Final = (
    b"GE",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"POST /kernel HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
    b"POST /kernel HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
)


@dataclass
class Report:
    """What came out, and what of it must not be."""

    figures: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def expect(self, name: str, value: float, most: float) -> None:
        """Note a figure that must not be more than so much."""
        self.figures[name] = value
        if value > most:
            self.faults.append(f"{name}: {value}, at most {most} was right")


def flood(server: Served, count: int, seed: int, report: Report) -> None:
    """Send the requests made by hand, and see what they leave."""
    flooding = Flood(server.url)
    requests.post(f"{server.url}/kernel", json={"lang": "c", "clientSessionToken": SESSION}, timeout=30)
    flooding.send(_WARM_UP, seed)
    before = server.memory_kib, server.open_files
    started = time.perf_counter()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda at: flooding.send(count // _THREADS, seed + 1 + at), range(_THREADS)))
    report.figures["requests per second"] = round(count / (time.perf_counter() - started))
    outcome = flooding.outcome
    report.figures["requests by hand"] = outcome.sent
    report.figures["statuses"] = dict(sorted(outcome.statuses.items()))
    report.expect("answers of 500 and more, or none at all", len(outcome.faults), 0)
    report.faults += outcome.faults[:5]
    for created in {*outcome.created, SESSION}:
        requests.delete(f"{server.url}/kernel/{created}", timeout=30)
    report.expect("memory grown by, KiB", server.memory_kib - before[0], 32 * 1024)
    report.expect("open files grown by", server.open_files - before[1], 16)


def negative(server: Served, count: int, seed: int, report: Report) -> None:
    """Send schemathesis's negative data to every operation that has some."""
    import hypothesis  # noqa: PLC0415  - slow to load, and not needed by the rest
    import schemathesis  # noqa: PLC0415  - same
    from schemathesis.core.result import Ok  # noqa: PLC0415  - same
    from schemathesis.generation import GenerationMode  # noqa: PLC0415  - same

    statuses: Counter[int] = Counter()
    created = {SESSION}
    requests.post(f"{server.url}/kernel", json={"lang": "c", "clientSessionToken": SESSION}, timeout=30)
    schema = schemathesis.openapi.from_path("spec/openapi.yaml")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=max(1, count // len(operations)),
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def send(case: Any) -> None:
            with contextlib.suppress(requests.ConnectionError, requests.exceptions.InvalidHeader, ValueError):
                if "id" in (case.path_parameters or {}) and case.method != "DELETE":
                    case.path_parameters["id"] = SESSION
                response = case.call(base_url=server.url, timeout=40)
                statuses[response.status_code] += 1
                if response.status_code < http.client.BAD_REQUEST and b"kernelId" in response.content:
                    created.add(response.json()["kernelId"])

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):
            send()
    report.figures["requests by schemathesis"] = statuses.total()
    report.figures["their statuses"] = {str(status): number for status, number in sorted(statuses.items())}
    report.expect("of these 500 and more", sum(number for status, number in statuses.items() if status >= 500), 0)  # noqa: PLR2004  - HTTP
    for name in created:
        requests.delete(f"{server.url}/kernel/{name}", timeout=30)


@contextlib.contextmanager
def stalling(server: Served, report: Report) -> Iterator[None]:
    """Have clients stall while the block lasts, and see that the server cuts them off."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(_STALLED)]
        for at, client in enumerate(clients):
            client.sendall(_PARTIAL[at % len(_PARTIAL)])
        yield
        kept = 0
        for client in clients:
            client.settimeout(max(1.0, started + _CUT_S - time.monotonic()))
            try:
                while client.recv(65536):
                    pass
            except TimeoutError:
                kept += 1
            except OSError:  # cut off
                continue
        report.expect("stalled clients that were kept", kept, 0)


def kills(count: int, seed: int, report: Report) -> None:
    """Start daemons and kill their run after a random time; none of them may be left."""
    mark = f"mark-{seed}-{random.SystemRandom().randrange(2**40)}"
    chance = random.Random(seed)  # noqa: S311  - to be repeatable
    sandbox = choose_level()
    done = 0
    until = time.monotonic() + _KILL_BUDGET_S
    with Runner(sandbox, poll_s=0.001) as runner, new_session(runner) as session:
        while done < count and time.monotonic() < until:
            session.batch(Commands(exec=_DAEMON.format(mark=mark)), f"run-{done}")
            time.sleep(chance.uniform(0, 0.03))
            session.abandon(f"run-{done}")
            done += 1
    report.figures["runs killed"] = done
    report.figures["at level"] = sandbox.name
    report.expect("processes left", len(processes_with(mark)), 0)


def show(report: Report) -> None:
    """Print it as a table."""
    from rich.console import Console  # noqa: PLC0415  - for people only
    from rich.table import Table  # noqa: PLC0415  - same

    table = Table("what", "figure", title="Harm")
    for name, value in report.figures.items():
        table.add_row(name, json.dumps(value) if isinstance(value, dict) else str(value))
    Console(width=120).print(table)
    for fault in report.faults:
        click.echo(f"WRONG: {fault}")


@click.command()
@click.option("--requests", "count", type=click.IntRange(0, 10**6), default=10_000, show_default=True)
@click.option("--kills", "kill_count", type=click.IntRange(0, 10**5), default=500, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def main(count: int, kill_count: int, seed: int, path: Path | None) -> None:
    """Do harm, and say what came of it; exit code 1 where anything was wrong."""
    report = Report()
    with served("--poll", "0.2", "--exec-timeout", "5") as server:
        with stalling(server, report):
            flood(server, count - count // 10, seed, report)
            negative(server, count // 10, seed, report)
        report.figures["threads"] = server.threads
        report.expect("sessions left", server.workspaces, 0)
    kills(kill_count, seed, report)
    show(report)
    if path:
        path.write_text(json.dumps({"figures": report.figures, "faults": report.faults}, indent=1))
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
