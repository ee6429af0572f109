"""Shows for every clause where the mock server keeps it and what tests that: `python -m tools.clauses`.

Writes `docs/clauses.md`, from what is cited in the tree and from the catalogue. With `--check` it writes nothing, and
exits with 1 where the page is not what would be written, or where a clause is kept or tested nowhere and no reason
stands in `tools/clauses.toml`.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import click

from tools.citations import Citations
from tools.findings import Contract, Node
from tools.lint_contract import SPEC

ROOT: Final = SPEC.parent
PAGE: Final = "docs/clauses.md"
REASONS: Final = "tools/clauses.toml"
_INTRODUCTION: Final = """\
# Every clause: where the mock server keeps it, and what tests that

Written by `make docs` from what the tree cites; nothing here is written by hand. A module or a test counts where it
names the clause, an operation where the [contract](../spec/openapi.yaml) gives the clause to it. Checks of the suite
run against the mock server in [`examples/test_end_to_end.py`](../examples/test_end_to_end.py). *Takes*: which reading
of an open question the server has chosen. `batchproof explain CLAUSE` tells more of a clause.
"""


@dataclass(frozen=True)
class Reasons:
    """Why a clause is kept, or tested, nowhere: by id."""

    kept: Mapping[str, str]
    tested: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read `tools/clauses.toml`."""
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(tables.get("not-kept", {}), tables.get("not-tested", {}))


def findings(contract: Contract, citations: Citations, reasons: Reasons) -> Iterator[str]:
    """Say which clause is kept or tested nowhere without a reason, and which reason or citation stands for nothing."""
    known = contract.requirement_ids()
    for clause, place in citations.unknown(known):
        yield f"{place} cites {clause}, which the catalogue does not have"
    columns = (
        ("kept", reasons.kept, citations.modules.keys() | citations.operations.keys()),
        ("tested", reasons.tested, citations.tests.keys() | citations.checks.keys()),
    )
    for what, excused, found in columns:
        for clause in sorted(known - found - excused.keys()):
            yield f"{clause} is {what} nowhere: cite it where it is, or say why in [not-{what}] of {REASONS}"
        for clause in sorted(excused.keys() & found | excused.keys() - known):
            yield f"{REASONS}, [not-{what}]: {clause} needs no reason; delete it"


def page(contract: Contract, citations: Citations, reasons: Reasons) -> str:
    """Write the page: a table for each family of clauses."""
    families: Mapping[str, str] = contract.requirements["families"]
    parts = [_INTRODUCTION, _totals(contract, citations)]
    for family, title in families.items():
        rows = [_row(each, citations, reasons) for each in _requirements(contract) if each["id"].startswith(family)]
        head = "| clause | kept in | tests of the server | checks of the suite |\n|---|---|---|---|\n"
        parts.append(f"## {title} ({family})\n\n{head}{''.join(rows)}")
    return "\n".join(parts)


def _requirements(contract: Contract) -> list[Node]:
    return list(contract.requirements["requirement"])


def _totals(contract: Contract, citations: Citations) -> str:
    ids = contract.requirement_ids()
    own, checked = len(ids & citations.tests.keys()), len(ids & citations.checks.keys())
    cited = len(ids & citations.modules.keys())
    return (
        f"{len(ids)} clauses: {cited} are named in the server's modules, {own} in its own tests, "
        f"{checked} by checks of the suite.\n"
    )


def _row(requirement: Node, citations: Citations, reasons: Reasons) -> str:
    clause = requirement["id"]
    text = requirement["text"].replace("|", "\\|")
    taken = [f"*Takes* `{each['mock']}`: {each['question']}" for each in requirement.get("readings", {}).values()]
    operations = [_linked(name, citations.handlers) for name in sorted(citations.operations.get(clause, ()))]
    contracted = [f"contract: {', '.join(operations)}"] if operations else []
    kept = [*_files(citations.modules.get(clause, ())), *contracted] or [reasons.kept.get(clause, "")]
    tested = _ids(citations.tests.get(clause, ()))
    checks = _ids(citations.checks.get(clause, ())) or [reasons.tested.get(clause, "")]
    cells = ([f"**{clause}** {requirement['level']}", text, *taken], kept, tested, checks)
    return f"| {' | '.join('<br>'.join(cell) for cell in cells)} |\n"


def _linked(operation: str, handlers: Mapping[str, str]) -> str:
    return f"[{operation}](../{handlers[operation]})" if operation in handlers else operation


def _files(paths: Iterable[str]) -> list[str]:
    return [f"[{path.partition('/')[2]}](../{path})" for path in sorted(paths)]


def _ids(tests: Iterable[str]) -> list[str]:
    """Show tests by file, each name once under it; a file that is about the clause as a whole comes without names."""
    by_file: dict[str, list[str]] = {}
    for test in sorted(tests):
        path, _, name = test.partition("::")
        by_file.setdefault(path, []).extend([f"`{name}`"] if name else ["(all)"])
    return [f"[{Path(path).name}](../{path}) {' '.join(names)}" for path, names in by_file.items()]


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; tell whether the page is as it would be written.")
def main(*, check: bool) -> None:
    """Write the page of all clauses."""
    contract = Contract.read(SPEC)
    citations, reasons = Citations.gather(ROOT, contract), Reasons.read(ROOT / REASONS)
    flaws = list(findings(contract, citations, reasons))
    written, path = page(contract, citations, reasons), ROOT / PAGE
    if not check:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != written:
        flaws.append(f"{PAGE} is not what the tree says: run `make docs`")
    for flaw in flaws:
        click.echo(flaw, err=True)
    sys.exit(1 if flaws else 0)


if __name__ == "__main__":
    main()
