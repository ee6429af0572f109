"""What the run engine does, in process, beside the same sandbox started alone and a bare reader of a pipe."""

import threading
import time
from collections.abc import Iterator
from typing import Final

from benchmarks import execute
from benchmarks.figures import Figure, at_least, at_most, in_turn
from mock_server.adapters.runner import Runner, RunSession, choose_level
from mock_server.domain.runs import Commands
from mock_server.tests.engine import new_place, new_session

_ROUNDS: Final = 60
_FLOODS: Final = 3
_GIB_MB: Final = 1024**3 / 1e6


def measure() -> Iterator[Figure]:
    """Yield the figures of the best level that works here."""
    sandbox = choose_level()
    with Runner(sandbox) as runner, new_session(runner) as session:
        yield _round_trip(runner, session)
        yield _flood(session)


def _round_trip(runner: Runner, session: RunSession) -> Figure:
    with new_place(runner.sandbox) as place:

        def alone() -> float:
            took_ms: list[float] = []

            def spawn() -> None:  # in a thread of its own, for what it gives up it cannot take back
                runner.sandbox.restrict_spawner()
                took_ms.append(execute.alone_ms(runner.sandbox, place))

            thread = threading.Thread(target=spawn)
            thread.start()
            thread.join()
            return took_ms[0]

        ours, limit = in_turn(_ROUNDS, lambda: execute.engine_ms(session), alone)
    return at_most(f"`true`, of the same {runner.sandbox.name} alone", ours, limit, "ms", 1.5)


def _flood(session: RunSession) -> Figure:
    def ours() -> float:
        started = time.perf_counter()
        session.batch(Commands(build=execute.FLOOD), "flood")
        while session.newest_unfinished():
            session.resume("flood")
        return _GIB_MB / (time.perf_counter() - started)

    def bare() -> float:
        started = time.perf_counter()
        execute.bare()
        return _GIB_MB / (time.perf_counter() - started)

    rate, limit = in_turn(_FLOODS, ours, bare)
    return at_least("1 GiB of output, of a bare epoll reader", rate, limit, "MB/s", 0.7)
