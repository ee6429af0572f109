"""`batchproof list` and `batchproof explain CLAUSE`: the catalogue, for reading."""

from __future__ import annotations

import ast
from importlib.resources import files
from typing import TYPE_CHECKING

import click

from conformance.catalogue import CatalogueError, Requirement, load
from conformance.verdicts import Level

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command("list")
@click.option("--family", help="Only the clauses of a family, such as UP.")
@click.option("--level", type=click.Choice([level.value for level in Level]), help="Only the clauses of a level.")
def list_clauses(family: str | None, level: str | None) -> None:
    """List the clauses that the suite judges by."""
    try:
        wanted = load().matching([family]) if family else None
    except CatalogueError as error:
        raise click.UsageError(str(error)) from None
    for one in load():
        if (wanted is None or one.id in wanted) and level in (None, one.level):
            click.echo(f"{one.id:<7}{one.level:<8}{one.text}")


@click.command()
@click.argument("clause")
def explain(clause: str) -> None:
    """Show a clause in full: text, level, sources, open readings, and the checks that cite it."""
    try:
        one = load()[clause.strip().upper()]
    except CatalogueError as error:
        raise click.UsageError(str(error)) from None
    click.echo("\n".join(_explanation(one)))


def _explanation(one: Requirement) -> Iterator[str]:
    yield str(one)
    yield f"  source   {', '.join(one.source)}"
    if one.feature:
        yield f"  feature  {one.feature}: judged only where the target offers it"
    if one.excluded:
        yield f"  excluded {one.excluded}"
    for question in one.questions.values():
        yield f"  open     {question.name}: {question.text}"
        for name, meaning in question.readings.items():
            yield f"             {name}: {meaning}"
    for name, title in checks_citing(one.id):
        yield f"  check    {name}: {title}"


def checks_citing(clause: str) -> list[tuple[str, str]]:
    """Return name and first sentence of every check of the suite that cites a clause, without importing any."""
    found = []
    for file in sorted(files("conformance.suite").iterdir(), key=lambda one: one.name):
        if file.name.startswith("test_") and file.name.endswith(".py"):
            tree = ast.parse(file.read_text("utf-8"))
            functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            found += [(f"{file.name}::{one.name}", _sentence(one)) for one in functions if clause in _cited(one)]
    return found


def _cited(function: ast.FunctionDef) -> set[object]:
    calls = (node for node in function.decorator_list if isinstance(node, ast.Call))
    named = (node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "requirement")
    return {argument.value for node in named for argument in node.args if isinstance(argument, ast.Constant)}


def _sentence(function: ast.FunctionDef) -> str:
    return " ".join((ast.get_docstring(function) or "").split())
