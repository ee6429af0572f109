"""What a run costs over its bare sandbox: `python -m benchmarks.execute [LEVEL ...]`, in process, no HTTP.

For each level: the round trip of `exec: "true"` (both its calls) beside the same argument vector started alone, in
turn so that other loads meet both alike; then 1 GiB of output beside a bare epoll reader, and the memory it costs.
"""

import os
import resource
import select
import statistics
import subprocess
import sys
import time
from threading import Thread

import click

from mock_server.adapters.runner import NoSandboxError, Runner, RunSession, Sandbox, SessionPlace, choose_level
from mock_server.adapters.sandbox_levels import LEVELS, find_bash
from mock_server.domain.runs import Commands
from mock_server.tests.engine import new_place, run

_ROUNDS = 100
_GIB = 1024**3
FLOOD = f"head -c {_GIB} /dev/zero"


def alone_ms(sandbox: Sandbox, place: SessionPlace) -> float:
    """Start `true` in the sandbox with nothing around it; return milliseconds until it ended."""
    with open(os.devnull, "wb") as null:  # noqa: PTH123  - a device, not a file
        start = time.perf_counter()
        subprocess.run(sandbox.argv(place, "true", null.fileno()), pass_fds=(null.fileno(),), check=True, env={})
        return (time.perf_counter() - start) * 1000


def engine_ms(session: RunSession) -> float:
    """Run `true` through the engine; return milliseconds from the first call to the last result."""
    start = time.perf_counter()
    run(session, "true")
    return (time.perf_counter() - start) * 1000


def compare(runner: Runner, session: RunSession) -> None:
    """Print the round trip of `true` in the engine and alone."""
    engine: list[float] = []
    alone: list[float] = []

    def measure(place: SessionPlace) -> None:
        runner.sandbox.restrict_spawner()
        alone.append(alone_ms(runner.sandbox, place))

    with new_place(runner.sandbox) as place:
        for _ in range(_ROUNDS):
            engine.append(engine_ms(session))
            thread = Thread(target=measure, args=(place,))
            thread.start()
            thread.join()
    medians = statistics.median(engine), statistics.median(alone)
    p99 = sorted(engine)[int(_ROUNDS * 0.99) - 1]
    click.echo(
        f"{runner.sandbox.name}: true {medians[0]:.1f} ms (p99 {p99:.1f}), alone {medians[1]:.1f} ms, "
        f"ratio {medians[0] / medians[1]:.2f}"
    )


def flood(session: RunSession) -> None:
    """Print what 1 GiB of output takes in the engine and in a bare epoll reader."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    session.batch(Commands(build=FLOOD), "flood")
    while session.newest_unfinished():
        session.resume("flood")
    engine_s = time.perf_counter() - start
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    start = time.perf_counter()
    bare()
    click.echo(f"1 GiB: {engine_s:.2f} s, {grown_mib:.0f} MiB; bare epoll reader {time.perf_counter() - start:.2f} s")


def bare() -> None:
    """Read 1 GiB from a pipe by epoll and drop it."""
    reading, writing = os.pipe()
    process = subprocess.Popen([find_bash(), "-c", FLOOD], stdout=writing)
    os.close(writing)
    poll = select.epoll()
    poll.register(reading, select.EPOLLIN)
    while poll.poll() and os.read(reading, 65536):
        pass
    process.wait()
    os.close(reading)


def main(names: list[str]) -> None:
    """Measure the named levels, or all that work here."""
    for name in names or [level.name for level in LEVELS]:
        try:
            sandbox = choose_level(force=name)
        except NoSandboxError as error:
            click.echo(f"{name}: not measured: {error}")
            continue
        with Runner(sandbox) as runner, new_place(sandbox) as place:
            session = runner.open_session(place)
            compare(runner, session)
            flood(session)
            session.close()


if __name__ == "__main__":
    main(sys.argv[1:])
