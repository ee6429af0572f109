"""The options of `batchproof check`, and how they become `Options`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from conformance.checks import TIERS
from conformance.options import LOCAL_JOBS, REMOTE_JOBS, Options

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS: Final = click.FloatRange(min=0, min_open=True)


def check_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; each parameter's name is that of the field of `Options` it fills."""
    declared = (
        click.argument("url", envvar="BACKEND_ENDPOINT"),
        click.option(
            "--access-key", envvar="BACKEND_ACCESS_KEY", show_envvar=True, help="Sign requests with this key."
        ),
        click.option(
            "--secret-key",
            envvar="BACKEND_SECRET_KEY",
            show_envvar=True,
            help="Its secret: rather tell it by the environment.",
        ),
        click.option("--second-access-key", help="Another user's key: are sessions hidden from others (AU-07)?"),
        click.option(
            "--second-secret-key", envvar="BATCHPROOF_SECOND_SECRET_KEY", show_envvar=True, help="Its secret."
        ),
        click.option("--lang", help="Image to create sessions with. [default: well-known names are tried]"),
        click.option("--c-lang", help="Image with a C compiler (EX-08)."),
        click.option("--api-version", help="Version to name in requests, such as v4.20190315."),
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
            help="Only these clauses or families (UP-08, UP); may be repeated.",
        ),
        click.option(
            "--tier", type=click.Choice(TIERS), default="standard", show_default=True, help="How much to ask."
        ),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Repeat the generated inputs of another run."),
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
            "--baseline",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Violations that are known, each with its reason (TOML); stale where one is gone (exit code 4).",
        ),
    )
    for one in reversed(declared):
        command = one(command)
    return command


def options_from(told: dict[str, Any]) -> Options:
    """Return the options that the command line tells; what was left out keeps the field's own default."""
    known = {field.name for field in fields(Options)}
    values = {name: value for name, value in told.items() if name in known and value is not None}
    values["url"] = values["url"].rstrip("/")
    values["dialect"] = None if told["dialect"] == "auto" else told["dialect"]
    values["only"] = tuple(one for text in told["only"] for one in text.split(","))
    return Options(**values)
