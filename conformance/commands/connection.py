"""What every command that talks to a target is told of it: keys, version, certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from conformance.options import UsageError
from conformance.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

SECRETS = ("secret_key", "second_secret_key")


def connection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; parameters are named as the fields of `Options`."""
    declared = (
        click.option(
            "--access-key", envvar="BACKEND_ACCESS_KEY", show_envvar=True, help="Sign requests with this key."
        ),
        click.option(
            "--secret-key",
            envvar="BACKEND_SECRET_KEY",
            show_envvar=True,
            help="Its secret: rather tell it by the environment.",
        ),
        click.option("--api-version", help="Version to name in requests, such as v4.20190315."),
        click.option(
            "--ca-bundle",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Certificates (PEM) of the authorities that the target's own is signed by.",
        ),
        click.option("--insecure", is_flag=True, help="Take any certificate."),
    )
    for one in reversed(declared):
        command = one(command)
    return command


def warn_of_secrets() -> None:
    """Warn where a secret stands on the command line: the process list and the shell's history show it to others."""
    context = click.get_current_context()
    for name in SECRETS:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            parameter = next(one for one in context.command.params if one.name == name)
            variable = getattr(parameter, "envvar", None)
            click.echo(
                f"Warning: {parameter.opts[0]} on the command line can be seen by others; set {variable}", err=True
            )


def signer_of(told: dict[str, Any], api_version: str) -> Signer | None:
    """Return what signs requests; None where no keys were told."""
    access_key, secret_key = told["access_key"], told["secret_key"]
    if bool(access_key) != bool(secret_key):
        raise UsageError("--access-key and --secret-key go together: give both or neither")
    return Signer(access_key, secret_key, api_version) if access_key else None


def trust_of(told: dict[str, Any]) -> bool | str:
    """Return whether certificates are verified, or the file of the authorities that are trusted."""
    return str(told["ca_bundle"]) if told["ca_bundle"] else not told["insecure"]
