"""The options of the command line that say who may use the server, how often, and how much."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mock_server.adapters.keys import KeyFormatError, exposed, lines_of, parse_pairs
from mock_server.adapters.storage import StorageLimits
from mock_server.domain.limits import Allowance

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option(
        "--key",
        "key_pairs",
        multiple=True,
        metavar="ACCESS:SECRET",
        envvar="BATCHPROOF_MOCK_KEYS",
        show_envvar=True,
        help="A user's key pair; requests must be signed. Repeatable. Others can see it in the list of processes: "
        "rather use --keys-file, or the variable, with spaces between pairs.",
    ),
    click.option(
        "--keys-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Key pairs, ACCESS:SECRET on each line; # begins a comment. Only you should be able to read it.",
    ),
    click.option("--no-auth", is_flag=True, help="Ask for no signatures: the default without a key, on loopback only."),
    click.option(
        "--relaxed-signatures",
        is_flag=True,
        help="Accept signatures for the host without its port, for api.backend.ai and for each --allow-host too, as "
        "the Java and PHP clients need. What was signed for such a host can then be replayed here.",
    ),
    click.option(
        "--rate-limit",
        type=click.IntRange(1, 10**9),
        default=1_000_000,
        show_default=True,
        metavar="N",
        help="Requests of one key, or of one address without a key, in each window; real servers give 30000.",
    ),
    click.option(
        "--rate-window",
        type=click.IntRange(1, 86400),
        metavar="S",
        help="The window's length in seconds [default: 900].",
    ),
    click.option(
        "--idle-timeout",
        type=click.FloatRange(0, 10**7),
        default=3600.0,
        show_default=True,
        metavar="S",
        help="Seconds a session may go unused before it is ended; 0 keeps them all.",
    ),
    click.option(
        "--max-sessions",
        type=click.IntRange(1, 10**6),
        default=Allowance.max_sessions,
        show_default=True,
        metavar="N",
        help="Living sessions that one user may have.",
    ),
    click.option(
        "--max-workspace-mb",
        type=click.IntRange(1, 10**9),
        default=StorageLimits.session_mib,
        show_default=True,
        metavar="N",
        help="MiB of files in one session: beyond it uploads are refused, and a program that writes on is killed.",
    ),
    click.option(
        "--max-total-mb",
        type=click.IntRange(1, 10**9),
        default=StorageLimits.total_mib,
        show_default=True,
        metavar="N",
        help="The same for all sessions together.",
    ),
)


def access_options(command: Command) -> Command:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def access_settings(options: Mapping[str, Any], *, loopback: bool) -> dict[str, Any]:
    """Return the settings they make. Raises click.UsageError, which names no secret."""
    keys = _keys(options["key_pairs"], options["keys_file"])
    if options["no_auth"] and keys:
        raise click.UsageError("--no-auth and key pairs exclude each other; leave one out")
    if options["relaxed_signatures"] and not keys:
        raise click.UsageError("--relaxed-signatures says how signatures are read; give --key or --keys-file too")
    if not loopback and not keys:
        raise click.BadParameter(
            f"{options['host']!r} can be reached from other machines, and whoever reaches this server can run commands "
            "on it; give --keys-file, or use 127.0.0.1, ::1 or localhost",
            param_hint="--host",
        )
    return {
        "keys": keys,
        "relaxed_signatures": options["relaxed_signatures"],
        "rate_limit": options["rate_limit"],
        "rate_window_s": options["rate_window"],
        "idle_timeout_s": options["idle_timeout"],
        "allowance": Allowance(max_sessions=options["max_sessions"]),
        "storage": StorageLimits(options["max_workspace_mb"], options["max_total_mb"]),
    }


def _keys(pairs: tuple[str, ...], path: Path | None) -> Mapping[str, str]:
    try:
        lines = lines_of(path) if path else []
        keys = parse_pairs([*((f"--key number {number}", pair) for number, pair in enumerate(pairs, 1)), *lines])
    except (KeyFormatError, OSError) as error:
        raise click.UsageError(str(error)) from error
    if path and not lines:
        raise click.UsageError(f"{path} holds no key pair; write ACCESS-KEY:SECRET-KEY, one a line")
    if path and exposed(path):
        click.echo(f"batchproof-mock: {path} can be used by others than its owner; chmod 600 it", err=True)
    return keys
