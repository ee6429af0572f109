"""The `batchproof` command."""

from __future__ import annotations

import click

from conformance import __version__
from conformance.commands.check import check
from conformance.commands.janitor import janitor
from conformance.commands.listing import explain, list_clauses
from conformance.commands.replay import replay
from conformance.commands.reporting import baseline, compare


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="batchproof")
def main() -> None:
    """Check any implementation of Backend.AI's batch-mode API over HTTP."""


for command in (check, list_clauses, explain, replay, compare, baseline, janitor):
    main.add_command(command)
