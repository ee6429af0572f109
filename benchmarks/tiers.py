"""How long the suite takes: `python -m benchmarks.tiers` checks the mock server, and a copy slowed by 100 ms a call.

Each tier runs once against each, from the command's start to its end, with the report written.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import click

from benchmarks.figures import Figure, below
from benchmarks.served import Served, served
from conformance.checks import TIERS

_GOALS_S: Final = {"smoke": 5.0, "standard": 45.0, "full": 120.0}
_NO_GOAL: Final = float("inf")
_EXEC_TIMEOUT_S: Final = 10


def measure(server: Served, tier: str, name: str, goal_s: float) -> Figure:
    """Check the server once; its verdict is shown, for a tier that fails early is quick."""
    with tempfile.TemporaryDirectory(prefix="batchproof-bench-") as report:
        command = (sys.executable, "-m", "conformance", "check", server.url, "--tier", tier, "--report", report)
        started = time.perf_counter()
        subprocess.run(
            (*command, "--exec-timeout", str(_EXEC_TIMEOUT_S)),
            env={**os.environ, "XDG_STATE_HOME": report},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        took_s = time.perf_counter() - started
        told = json.loads((Path(report) / "report.json").read_text("utf-8"))
    run, summary = told["run"], told["summary"]
    click.echo(
        f"{name}: {run['duration_s']:.1f} s of checks, {took_s:.1f} s in all, {run['requests']:,} requests; "
        f"{summary['headline']}"
    )
    return below(name, run["duration_s"], "s", goal_s)


@click.command()
@click.option("--tier", "tiers", type=click.Choice(TIERS), multiple=True, default=TIERS, help="Repeatable; else all.")
@click.option("--delay-ms", type=click.IntRange(0, 10_000), default=100, show_default=True, help="Of the slowed copy.")
def main(tiers: tuple[str, ...], delay_ms: int) -> None:
    """Measure; exit code 1 where a goal is missed, which on a busy machine says little."""
    figures = []
    for delay_s, name, goals in ((0.0, "the mock server", _GOALS_S), (delay_ms / 1000, f"{delay_ms} ms slower", {})):
        with served("--exec-timeout", str(_EXEC_TIMEOUT_S), delay_s=delay_s) as server:
            figures += [measure(server, tier, f"{tier}, {name}", goals.get(tier, _NO_GOAL)) for tier in tiers]
    for missed in (figure for figure in figures if not figure.holds):
        click.echo(f"missed: {missed.name}: {missed.ours:.1f} s, goal {missed.goal}")
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()
