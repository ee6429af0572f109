"""The client matrix: `python -m mock_server.tests.clients.matrix` tries every published client, and publishes it.

Takes every generation that some Python of this machine runs (pyenv's are looked at too), installs what is missing, and
starts a mock server of its own for each API version, which checks every signature. What was seen is kept in
`docs/clients.json` at once, so that a run that was stopped goes on; `docs/clients.md` is written from it. By hand, not
in CI: it takes the better part of an hour.
"""

import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from mock_server.tests.clients import project, publishing
from mock_server.tests.clients.command_lines import run_commands
from mock_server.tests.clients.conftest import PROGRAM
from mock_server.tests.clients.environments import (
    JAVASCRIPT_CLIENT,
    Environment,
    InstallFailed,
    NotForThisMachine,
    provide,
    provide_javascript,
)
from mock_server.tests.clients.expectations import judge
from mock_server.tests.clients.generations import ASYNCIO_CLIENTS, CLIENTS, SDK_STEPS, Client
from mock_server.tests.clients.publishing import INTERFACES, Key, Row
from mock_server.tests.clients.running import (
    API_VERSIONS,
    JAVASCRIPT_STEPS,
    KEYS,
    mock_server,
    run_javascript,
    run_sdk,
)

Complaints = Mapping[str, str]  # step -> what was wrong, "" where nothing; steps that the client lacks are absent


@dataclass(frozen=True)
class Trial:
    """One client's interface, and how it is tried against a server's URL."""

    key: Key
    try_it: Callable[[str], Row]


def _in_folder(work: Callable[[Path, str], Complaints]) -> Complaints:
    with tempfile.TemporaryDirectory(prefix="batchproof-client-") as name:
        project.write(Path(name))
        return work(Path(name), f"matrix-{uuid.uuid4().hex[:8]}")


def _sdk_row(client: Client, url: str) -> Row:
    environment = provide(client, any_python=True)
    steps = [step for step in SDK_STEPS if step not in client.lacks]

    def work(folder: Path, session: str) -> Complaints:
        seen = run_sdk(environment, url, folder, session)
        return {step: judge(step, seen.get(step)) for step in steps}

    return Row(_runtime(environment), _in_folder(work))


def _command_row(client: Client, url: str) -> Row:
    environment = provide(client, any_python=True)
    complaints = _in_folder(lambda folder, session: run_commands(environment, url, folder, session))
    return Row(_runtime(environment), complaints)


def _javascript_row(url: str) -> Row:
    modules = provide_javascript()

    def work(folder: Path, session: str) -> Complaints:
        seen = run_javascript(modules, url, folder, session)
        return {step: judge(step, seen.get(step)) for step in JAVASCRIPT_STEPS}

    return Row("Node", _in_folder(work))


def _runtime(environment: Environment) -> str:
    major, minor = environment.python
    return f"Python {major}.{minor}"


def trials(version: str) -> Iterator[Trial]:
    """Name all that can be tried with a server that reports this version; old clients do not ask, so once is enough."""
    sdk, asyncio, javascript, commands = INTERFACES
    for interface, clients in ((sdk, CLIENTS), (asyncio, ASYNCIO_CLIENTS)):
        for client in _asking(clients, version):
            yield Trial(Key(version, interface, client.name), partial(_sdk_row, client))
    yield Trial(Key(version, javascript, JAVASCRIPT_CLIENT), _javascript_row)
    for client in _asking(CLIENTS, version):
        if client.command_line.program:
            yield Trial(Key(version, commands, client.name), partial(_command_row, client))


def _asking(clients: tuple[Client, ...], version: str) -> Iterator[Client]:
    return (client for client in clients if client.asks_version or version == API_VERSIONS[0])


def _tried(url: str, trial: Trial) -> Row | None:
    """Try it, and say on stderr what went wrong; None where the client cannot be had here."""
    try:
        row = trial.try_it(url)
    except (NotForThisMachine, InstallFailed) as reason:
        click.echo(f"left out: {reason}", err=True)
        return None
    for step, wrong in row.steps.items():
        if wrong:
            click.echo(f"{trial.key.client} ({trial.key.interface}): {step}: {wrong}", err=True)
    return row


@click.command()
@click.option("--api-version", "versions", multiple=True, default=API_VERSIONS, show_default=True)
@click.option("--interface", "interfaces", multiple=True, default=INTERFACES, type=click.Choice(INTERFACES))
@click.option("--again", is_flag=True, help="Also what was tried before and worked.")
@click.option("--jobs", default=2, show_default=True, help="Clients at work at once.")
@click.option("--folder", type=click.Path(path_type=Path), default=publishing.DOCS, help="Where it is published.")
@click.argument("only", nargs=-1)
def main(
    versions: tuple[str, ...],
    interfaces: tuple[str, ...],
    *,
    again: bool,
    jobs: int,
    folder: Path,
    only: tuple[str, ...],
) -> None:
    """Try every client that is not known to work, or of those only ONLY, such as `26.9.6`; then publish what is known.

    What failed goes to stderr in full, and the exit code is 1 where anything did.
    """
    rows = publishing.read(folder)
    for version in versions:
        wanted = [
            trial
            for trial in trials(version)
            if trial.key.interface in interfaces
            and (not only or any(trial.key.client.endswith(name) for name in only))
            and (again or trial.key not in rows or any(rows[trial.key].steps.values()))
        ]
        if not wanted:
            continue
        options = ("--api-version", version, "--key", ":".join(KEYS))
        with mock_server(PROGRAM, *options) as url, ThreadPoolExecutor(jobs) as pool:
            for trial, row in zip(wanted, pool.map(partial(_tried, url), wanted), strict=True):
                if row:
                    rows[trial.key] = row
                    publishing.write(folder, rows)
    publishing.write(folder, rows)
    sys.exit(1 if any(any(row.steps.values()) for row in rows.values()) else 0)


if __name__ == "__main__":
    main()
