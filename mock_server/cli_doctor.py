"""`batchproof-mock doctor`: which sandbox works on this machine, and what to do for a better one."""

import sys

import click

from mock_server.adapters.diagnosis import Finding, Trait, examine_levels, examine_traits
from mock_server.adapters.sandbox_levels import LEVELS

_CHOICES = [name for level in LEVELS for name in (level.name, str(level.number))]


@click.command()
@click.option(
    "--at-least",
    type=click.Choice(_CHOICES),
    default="plain",
    show_default=True,
    metavar="LEVEL",
    help="A level's name or number; fail where no level as good as this one works.",
)
def doctor(at_least: str) -> None:
    """Try every level of the sandbox here, and say what is missing for a better one.

    Exit code 0 where commands can be run as safely as asked for, 1 where not.
    """
    findings = list(examine_levels())
    best = next((finding.level for finding in findings if finding.works), None)
    traits = list(examine_traits(best)) if best else []
    _show(findings, traits)
    if best is None:
        click.echo("No sandbox works here: the server cannot run commands on this machine.")
        sys.exit(1)
    click.echo(f"The server uses level {best.number}, {best.name}.")
    wanted = next(level for level in LEVELS if at_least in {level.name, str(level.number)})
    if best.number > wanted.number:
        click.echo(f"Level {wanted.number}, {wanted.name}, was asked for.")
        sys.exit(1)


def _show(findings: list[Finding], traits: list[Trait]) -> None:
    from rich.console import Console  # noqa: PLC0415  - the server starts sooner without it
    from rich.table import Table  # noqa: PLC0415  - same
    from rich.text import Text  # noqa: PLC0415  - same

    console = Console(file=sys.stdout)
    levels = Table("", "level", "works", "why not, and what would help", title="Sandbox, best first")
    for finding in findings:
        remark = finding.why_not + (f"\n-> {finding.remedy}" if finding.remedy else "")
        works = Text("yes", "green") if finding.works else Text("no", "red")
        levels.add_row(str(finding.level.number), finding.level.name, works, Text(remark))
    console.print(levels)
    if traits:
        further = Table("", "holds", "remark", title="Besides")
        for trait in traits:
            further.add_row(
                trait.name, Text("yes", "green") if trait.holds else Text("no", "yellow"), Text(trait.remark)
            )
        console.print(further)
