"""Checks the files of spec/ against their standards and against each other: `python -m tools.lint_contract [FOLDER]`.

Prints one line per finding and exits with 1 where there is any, with 2 where a file cannot be read.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

from tools import catalogue_rules, openapi_rules
from tools.findings import Contract, Finding, UnreadableError

SPEC: Final = Path(__file__).resolve().parent.parent / "spec"
Rules = tuple[Callable[[Contract], Iterator[Finding]], ...]
STRUCTURE: Final[Rules] = (*openapi_rules.STRUCTURE, *catalogue_rules.STRUCTURE)
RULES: Final[Rules] = (*openapi_rules.RULES, *catalogue_rules.RULES)


def lint(contract: Contract) -> list[Finding]:
    """Return what the rules find; those on meaning have their say once the structure that they rely on is right."""
    findings = [finding for rule in STRUCTURE for finding in rule(contract)]
    return findings or [finding for rule in RULES for finding in rule(contract)]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=SPEC)
def main(folder: Path) -> None:
    """Check the contract in FOLDER, by default the project's own."""
    try:
        findings = lint(Contract.read(folder))
    except UnreadableError as error:
        click.echo(error, err=True)
        sys.exit(2)
    for finding in findings:
        click.echo(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
