"""What exact print order costs (CN-08), beside best effort: `python -m benchmarks.print_order`.

In process, no HTTP, both engines in turn so that other loads meet both alike. Bulk output should cost nothing, for
writes to stdout are never stopped; a write to stderr, or a shell's redirection of stdout, costs a round trip.
"""

import statistics
import sys
import time
from contextlib import ExitStack

import click

from mock_server.adapters.runner import PrintOrder, Runner, RunSession, choose_level
from mock_server.tests.engine import new_session, run

_ROUNDS = 3
_PYTHON = "python3 -S -c 'import os\nfor i in range({count}): {body}'"
# name, command, how often a program is stopped in it
WORKLOADS = (
    ("1 GiB to stdout", "dd if=/dev/zero bs=64k count=16384 status=none", 0),
    ("1 GiB to stderr by >&2", "dd if=/dev/zero bs=64k count=16384 status=none >&2", 1),
    ("1 GiB to stderr, 64 KiB a write", _PYTHON.format(count=16384, body="os.write(2, bytes(65536))"), 16384),
    ("10,000 small writes to stdout", _PYTHON.format(count=10_000, body='os.write(1, b"o")'), 0),
    ("10,000 small writes to stderr", _PYTHON.format(count=10_000, body='os.write(2, b"e")'), 10_000),
    ("bash, 2 x 2,500 lines alternating", "for ((i = 0; i < 2500; i++)); do echo o; echo e >&2; done", 5000),
    ("bash, 2,500 lines appended to a file", "for ((i = 0; i < 2500; i++)); do echo o >> f; done", 5000),
)


def took_s(session: RunSession, command: str) -> float:
    """Run a command to its end; return seconds. Ends the benchmark when it fails."""
    start = time.perf_counter()
    last = run(session, command)[-1]
    if last.exit_code != 0:
        sys.exit(f"{command!r} ended with {last.exit_code}")
    return time.perf_counter() - start


def main() -> None:
    """Print the medians of both orders for each workload."""
    sandbox = choose_level()
    with ExitStack() as stack:
        sessions: dict[PrintOrder, RunSession] = {}
        for order in PrintOrder:
            runner = stack.enter_context(Runner(sandbox, print_order=order))
            if runner.print_order_kept[0] is not order:
                sys.exit(f"no {order} print order here: {runner.print_order_kept[1]}")
            sessions[order] = stack.enter_context(new_session(runner))
        for name, command, stops in WORKLOADS:
            times: dict[PrintOrder, list[float]] = {order: [] for order in PrintOrder}
            for _ in range(_ROUNDS):
                for order, session in sessions.items():
                    times[order].append(took_s(session, command))
            exact, plain = (statistics.median(times[order]) for order in (PrintOrder.EXACT, PrintOrder.BEST_EFFORT))
            each = f", {(exact - plain) / stops * 1e6:.0f} us a stop" if stops > 1 else ""
            click.echo(f"{name}: exact {exact:.2f} s, best effort {plain:.2f} s{each}")


if __name__ == "__main__":
    main()
