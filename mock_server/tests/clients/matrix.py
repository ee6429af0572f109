"""The client matrix: `python -m mock_server.tests.clients.matrix` prints client x step as Markdown.

Takes every published generation that some Python of this machine runs (pyenv's are looked at too), installs what is
missing, and starts a mock server of its own for each API version, which checks every signature. By hand, not in CI:
it takes minutes.
"""

import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import click

from mock_server.tests.clients import project
from mock_server.tests.clients.command_lines import COMMAND_STEPS, run_commands
from mock_server.tests.clients.conftest import PROGRAM
from mock_server.tests.clients.environments import (
    JAVASCRIPT_CLIENT,
    InstallFailed,
    NotForThisMachine,
    provide,
    provide_javascript,
)
from mock_server.tests.clients.expectations import judge
from mock_server.tests.clients.generations import CLIENTS, Client
from mock_server.tests.clients.running import (
    API_VERSIONS,
    JAVASCRIPT_STEPS,
    KEYS,
    SDK_STEPS,
    mock_server,
    run_javascript,
    run_sdk,
)

Row = Mapping[str, str]  # step -> what was wrong, "" where nothing; steps that the client lacks are absent


def _in_folder(work: Callable[[Path, str], Row]) -> Row:
    with tempfile.TemporaryDirectory(prefix="batchproof-client-") as name:
        project.write(Path(name))
        return work(Path(name), f"matrix-{uuid.uuid4().hex[:8]}")


def sdk_row(client: Client, url: str) -> Row:
    """Run one client's SDK scenario."""
    environment = provide(client, any_python=True)
    steps = [step for step in SDK_STEPS if step not in client.lacks]

    def work(folder: Path, session: str) -> Row:
        seen = run_sdk(environment, url, folder, session)
        return {step: judge(step, seen.get(step)) for step in steps}

    return _in_folder(work)


def command_row(client: Client, url: str) -> Row:
    """Type one client's commands."""
    environment = provide(client, any_python=True)
    return _in_folder(lambda folder, session: run_commands(environment, url, folder, session))


def javascript_row(url: str) -> Row:
    """Run the JavaScript client's scenario."""
    modules = provide_javascript()

    def work(folder: Path, session: str) -> Row:
        seen = run_javascript(modules, url, folder, session)
        return {step: judge(step, seen.get(step)) for step in JAVASCRIPT_STEPS}

    return _in_folder(work)


def table(steps: Iterable[str], rows: Mapping[str, Row]) -> str:
    """Write rows as a Markdown table: yes, NO, or a dash where the client has no such thing."""
    columns = [step for step in steps if any(step in row for row in rows.values())]
    lines = [["client", *columns], ["---"] * (len(columns) + 1)]
    for name, row in rows.items():
        lines.append([name, *(("NO" if row[step] else "yes") if step in row else "-" for step in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _gather(makers: Mapping[str, Callable[[], Row]]) -> dict[str, Row]:
    rows = {}
    for name, make in makers.items():
        try:
            rows[name] = make()
        except (NotForThisMachine, InstallFailed) as reason:
            click.echo(f"left out: {reason}", err=True)
        else:
            for step, wrong in rows[name].items():
                if wrong:
                    click.echo(f"{name}: {step}: {wrong}", err=True)
    return rows


@click.command()
@click.option("--api-version", "versions", multiple=True, default=API_VERSIONS, show_default=True)
@click.argument("only", nargs=-1)
def main(versions: tuple[str, ...], only: tuple[str, ...]) -> None:
    """Print the matrix of every client, or of ONLY these versions; what failed goes to stderr in full."""
    wanted = [client for client in CLIENTS if not only or client.version in only]
    failed = False
    for version in versions:
        clients = [client for client in wanted if client.asks_version or version == versions[0]]
        with mock_server(PROGRAM, "--api-version", version, "--key", ":".join(KEYS)) as url:
            makers: dict[str, Callable[[], Row]] = {client.name: partial(sdk_row, client, url) for client in clients}
            if not only:
                makers[f"{JAVASCRIPT_CLIENT} (JavaScript)"] = partial(javascript_row, url)
            sdks = _gather(makers)
            lines = _gather({client.name: partial(command_row, client, url) for client in clients})
        click.echo(f"\n### The server reports {version}: SDKs\n\n{table(('version', *SDK_STEPS), sdks)}")
        click.echo(f"\n### The server reports {version}: command lines\n\n{table(COMMAND_STEPS, lines)}")
        failed |= any(any(row.values()) for row in (*sdks.values(), *lines.values()))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
