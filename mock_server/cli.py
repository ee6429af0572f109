"""`batchproof-mock`: the command line of the mock server."""

import math
import re
import signal
import socket
import sys
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import click

from mock_server.adapters.runner import POLL_S, NoSandboxError
from mock_server.app import Settings, start
from mock_server.cli_access import access_options, access_settings
from mock_server.cli_doctor import doctor
from mock_server.cli_limits import limit_options, limit_settings


def _host(_context: click.Context, _parameter: click.Parameter, host: str) -> str:
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise click.BadParameter(f"{host!r} is no address of this machine: {error}") from error
    return host


def _is_loopback(host: str) -> bool:
    """Whether nobody else can reach the address: whoever reaches this server runs commands as its user."""
    addresses = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return all(ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def _finite(_context: click.Context, _parameter: click.Parameter, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise click.BadParameter(f"{seconds} is no number of seconds")
    return seconds


def _existing_root(_context: click.Context, _parameter: click.Parameter, root: Path | None) -> Path | None:
    return root.resolve() if root else None


def _api_version(_context: click.Context, _parameter: click.Parameter, version: str | None) -> str | None:
    if version is not None and not re.fullmatch(r"v[1-9]\d?\.\d{8}", version):
        raise click.BadParameter(f"{version!r} is no API version; write it like v4.20181215")
    return version


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    callback=_host,
    help="Address to listen on; one that others can reach needs a key.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8090,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--exec-timeout",
    type=click.FloatRange(min=0, min_open=True, max=86400),
    callback=_finite,
    default=300.0,
    show_default=True,
    metavar="S",
    help="Seconds a run may take before it ends as exec-timeout.",
)
@click.option(
    "--poll",
    type=click.FloatRange(min=0.01, max=60),
    callback=_finite,
    default=POLL_S,
    show_default=True,
    metavar="S",
    help="Seconds an execute call waits for news.",
)
@click.option(
    "--workspace-root",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    callback=_existing_root,
    metavar="DIR",
    help="Where workspaces are made, in a directory of their own [default: the temporary directory].",
)
@click.option(
    "--sandbox",
    default="auto",
    show_default=True,
    metavar="LEVEL",
    help="A level's name or number; auto takes the best that works here.",
)
@click.option(
    "--threads",
    type=click.IntRange(2, 4096),
    default=256,
    show_default=True,
    metavar="N",
    help="Requests served at once; every waiting execute call holds one.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A further name that clients may use in their Host header, such as host.docker.internal. Repeatable.",
)
@click.option(
    "--api-version",
    callback=_api_version,
    metavar="V",
    help="The API version to report, such as v6.20210815 [default: the contract's]; from v5 on clients use /session.",
)
@access_options
@limit_options
@click.version_option(package_name="batchproof", prog_name="batchproof-mock")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Serve the batch-mode API of Backend.AI's manager, running real commands in a sandbox.

    Prints its URL on one line once it listens, and logs to stderr. SIGTERM or Ctrl-C ends it; nothing is left.
    """
    if context.invoked_subcommand:
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with start(_settings(options)) as mock:
            for reason in mock.why_not_better:
                click.echo(f"batchproof-mock: sandbox: {reason}", err=True)
            click.echo(f"batchproof-mock listening on {mock.url} (sandbox: {mock.sandbox})")
            sys.stdout.flush()
            stop.wait()
    except NoSandboxError as error:
        hint = "; commands run as a user of their own, who must be able to pass every folder above --workspace-root"
        _fail(f"{error}{hint if options['workspace_root'] else ''}")
    except OSError as error:
        _fail(f"cannot listen on {options['host']} port {options['port']}: {error}; --port 0 takes a free port")


main.add_command(doctor)


def _settings(options: dict[str, Any]) -> Settings:
    return Settings(
        host=options["host"],
        port=options["port"],
        poll_s=options["poll"],
        exec_timeout_s=options["exec_timeout"],
        workspace_root=options["workspace_root"],
        sandbox=None if options["sandbox"] == "auto" else options["sandbox"],
        max_threads=options["threads"],
        api_version=options["api_version"],
        allowed_hosts=frozenset(name.lower() for name in options["allow_host"]),
        **limit_settings(options),
        **access_settings(options, loopback=_is_loopback(options["host"])),
    )


def _fail(reason: str) -> NoReturn:
    click.echo(f"batchproof-mock: {reason}", err=True)
    sys.exit(2)
