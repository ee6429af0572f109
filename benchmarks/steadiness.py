"""Whether the suite's word holds: `python -m benchmarks.steadiness [--times 30] [--killed 10] [--tier standard]`.

One server is checked again and again, each time with another seed, and must get the same verdicts every time. Then
checks are killed with SIGKILL at random moments, and the janitor must find and remove all that they left behind.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

import click

from benchmarks.served import Served, served

_EXEC_TIMEOUT_S: Final = 10
_LONGEST_S: Final = 1_800
_CHECK: Final = (sys.executable, "-m", "conformance", "check")
_JANITOR: Final = (sys.executable, "-m", "conformance", "janitor")


def repeat(server: Served, tier: str, times: int, state: Path) -> tuple[dict[str, list[str]], list[float]]:
    """Check the server so many times; return the requirements with more than one verdict, and how long each took."""
    seen: defaultdict[str, list[str]] = defaultdict(list)
    took_s = []
    for seed in range(1, times + 1):
        report = state / f"report-{seed}"
        started = time.perf_counter()
        _run((*_asking(server, tier), "--seed", str(seed), "--report", str(report)), state, _LONGEST_S)
        took_s.append(time.perf_counter() - started)
        told = json.loads((report / "report.json").read_text("utf-8"))
        for requirement in told["requirements"]:
            seen[requirement["id"]].append(requirement["verdict"])
        click.echo(f"{seed} of {times}: {took_s[-1]:.1f} s, {told['summary']['headline']}", err=True)
    return {clause: verdicts for clause, verdicts in seen.items() if len(set(verdicts)) > 1}, took_s


def kill(server: Served, tier: str, times: int, state: Path, chance: random.Random) -> int:
    """Kill so many checks at random moments of their first half minute; return how many sessions they left in all."""
    left = 0
    for number in range(1, times + 1):
        before = server.workspaces
        after_s = chance.uniform(1, 30)
        _run(_asking(server, tier), state, after_s)
        left += server.workspaces - before
        click.echo(f"{number} of {times}: killed after {after_s:.1f} s, {server.workspaces - before} left", err=True)
    return left


def _asking(server: Served, tier: str) -> tuple[str, ...]:
    return (*_CHECK, server.url, "--tier", tier, "--exec-timeout", str(_EXEC_TIMEOUT_S))


def _run(command: tuple[str, ...], state: Path, patience_s: float) -> int | None:
    """Run a command of the suite, whose journals go below `state`; past its time it is killed, and None returned."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "XDG_STATE_HOME": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


@click.command()
@click.option(
    "--times", type=click.IntRange(0, 1_000), default=30, show_default=True, help="Checks that run to the end."
)
@click.option("--killed", type=click.IntRange(0, 1_000), default=10, show_default=True, help="Checks that are killed.")
@click.option("--tier", type=click.Choice(["smoke", "standard", "full"]), default="standard", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the moments of the kills.")
def main(times: int, killed: int, tier: str, seed: int) -> None:
    """Repeat and kill; exit code 1 where a verdict changed or a session was left."""
    chance = random.Random(seed)  # noqa: S311  - to be repeatable
    with (
        tempfile.TemporaryDirectory(prefix="batchproof-bench-") as name,
        served("--exec-timeout", str(_EXEC_TIMEOUT_S)) as server,
    ):
        state = Path(name)
        _run((*_CHECK, server.url, "--only", "EX-01"), state, _LONGEST_S)  # after it the server has its own processes
        processes = server.processes
        changed, took_s = repeat(server, tier, times, state)
        after_checks = server.workspaces
        littered = kill(server, tier, killed, state, chance)
        swept = _run(_JANITOR, state, _LONGEST_S)
        left = server.workspaces
        left_running = server.processes - processes
    if took_s:
        click.echo(f"{times} checks of {min(took_s):.1f} to {max(took_s):.1f} s left {after_checks} sessions")
    for clause, verdicts in changed.items():
        click.echo(
            f"WRONG: {clause} got {', '.join(f'{each} {verdicts.count(each)}x' for each in sorted(set(verdicts)))}"
        )
    click.echo(f"{len(changed)} verdicts changed")
    click.echo(f"{killed} killed checks left {littered} sessions, the janitor (exit code {swept}) left {left}")
    click.echo(f"{left_running} more processes than before")
    sys.exit(1 if changed or after_checks or left or swept or left_running > 0 else 0)


if __name__ == "__main__":
    main()
