"""The options of `batchproof check`, and how they become `Options`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from conformance import config
from conformance.checks import TIERS
from conformance.commands.connection import connection_options
from conformance.options import LOCAL_JOBS, REMOTE_JOBS, Options, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS: Final = click.FloatRange(min=0, min_open=True)


def check_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; each parameter's name is that of the field of `Options` it fills."""
    declared = (
        click.argument("url", envvar="BACKEND_ENDPOINT"),
        click.option("--second-access-key", help="Another user's key: are sessions hidden from others (AU-07)?"),
        click.option(
            "--second-secret-key", envvar="BATCHPROOF_SECOND_SECRET_KEY", show_envvar=True, help="Its secret."
        ),
        click.option("--lang", help="Image to create sessions with. [default: well-known names are tried]"),
        click.option("--c-lang", help="Image with a C compiler (EX-08)."),
        click.option("--dialect", type=click.Choice(["auto", "kernel", "session"]), default="auto", show_default=True),
        click.option(
            "--exec-timeout", "exec_timeout_s", type=_SECONDS, help="The target's time limit for runs (EX-23)."
        ),
        click.option("--rate-limit", type=click.IntRange(1), help="The target's limit of requests per window (RL-02)."),
        click.option(
            "--poll-allowance",
            "poll_allowance_s",
            type=_SECONDS,
            default=10.0,
            show_default=True,
            help="How long an execute call may take to answer (EX-17).",
        ),
        click.option("--restart/--no-restart", default=True, help="Whether sessions may be restarted (SE-07)."),
        click.option(
            "--only",
            multiple=True,
            metavar="CLAUSE",
            help="Only these clauses or families (UP-08, or UP,EX-10); may be repeated.",
        ),
        click.option(
            "--tier", type=click.Choice(TIERS), default="standard", show_default=True, help="How much to ask."
        ),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Repeat the generated inputs of another run."),
        click.option("--shrink", is_flag=True, help="Make generated inputs that break something smaller: many calls."),
        click.option(
            "--jobs",
            type=click.IntRange(1, 64),
            help=f"Checks at the same time. [default: {REMOTE_JOBS}, on loopback {LOCAL_JOBS}]",
        ),
        click.option(
            "--timeout", "timeout_s", type=_SECONDS, default=30.0, show_default=True, help="Seconds for one request."
        ),
        click.option(
            "--create-timeout",
            "create_timeout_s",
            type=_SECONDS,
            default=60.0,
            show_default=True,
            help="Seconds for a session to run.",
        ),
        click.option("--max-requests", type=click.IntRange(1), default=50_000, show_default=True),
        click.option("--max-seconds", type=_SECONDS, default=3_600.0, show_default=True),
        click.option(
            "--max-sessions", type=click.IntRange(1), default=5_000, show_default=True, help="Sessions in all."
        ),
        click.option("--max-per-second", type=_SECONDS, help="Requests per second. [default: 100, none on loopback]"),
        click.option(
            "--tolerate-intermittent", is_flag=True, help="What is broken only sometimes does not fail the run."
        ),
        click.option(
            "--report",
            "report_dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Write report.json, results.jsonl, HTML, JUnit, ... there.",
        ),
        click.option(
            "--read-only",
            is_flag=True,
            help="Send nothing that may change the target: what is left are versions, unknown ids and the like.",
        ),
        click.option("--session", metavar="ID", help="With --read-only: a session that may be looked at."),
        click.option("--plan", is_flag=True, help="Say what would be done, and send nothing."),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            is_eager=True,
            expose_value=False,
            callback=_read_config,
            help="Take options from this file. [default: batchproof.toml, or pyproject.toml's tool.batchproof]",
        ),
        click.option(
            "--baseline",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Violations that are known, each with its reason (TOML); stale where one is gone (exit code 4).",
        ),
    )
    for one in reversed(declared):
        command = one(command)
    return connection_options(command)


def options_from(told: dict[str, Any]) -> Options:
    """Return the options that the command line tells; what was left out keeps the field's own default."""
    known = {field.name for field in fields(Options)}
    values = {name: value for name, value in told.items() if name in known and value is not None}
    values["url"] = values["url"].rstrip("/")
    values["dialect"] = None if told["dialect"] == "auto" else told["dialect"]
    values["only"] = tuple(name for text in told["only"] for one in text.split(",") if (name := one.strip()))
    if told["only"] and not values["only"]:
        raise UsageError("--only names no clause; give some, such as UP-08 or UP,EX-10")
    return Options(**values)


def _read_config(context: click.Context, _parameter: click.Parameter, named: Path | None) -> None:
    """Take what the configuration file tells as defaults."""
    try:
        path, table = config.read(named, Path.cwd())
        context.default_map = config.defaults(path, table, context.command.params) if path else None
    except UsageError as error:
        raise click.UsageError(str(error)) from None
