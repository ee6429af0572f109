"""Where the clauses of the catalogue are cited: in the server's modules, its tests, the contract and the suite."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import getmembers, isfunction
from pathlib import Path
from typing import Final, Self

from conformance.checks import terms_of
from tools.findings import Contract, walk

_CLAUSE: Final = re.compile(r"\b[A-Z]{2}-\d{2}[a-z]?\b")
_SERVER: Final = "mock_server"
_SUITE: Final = "conformance/suite"
Index = Mapping[str, frozenset[str]]  # clause id -> what cites it


@dataclass(frozen=True)
class Citations:
    """What cites each clause: paths and test ids from the repository's root, and names of the contract's operations."""

    modules: Index
    operations: Index
    tests: Index
    checks: Index
    handlers: Mapping[str, str]  # operation -> the module that holds its handler

    @classmethod
    def gather(cls, root: Path, contract: Contract) -> Self:
        """Read the tree; raises SyntaxError for a module that is none."""
        sources = [path for path in sorted((root / _SERVER).rglob("*.py")) if "tests" not in path.parts]
        tests = sorted((root / _SERVER / "tests").rglob("test_*.py"))
        return cls(
            modules=_index(_in_text(root, sources)),
            operations=_index(_in_contract(contract)),
            tests=_index(_in_tests(root, tests)),
            checks=_index(_in_checks(sorted((root / _SUITE).glob("test_*.py")))),
            handlers=dict(_handlers(root)),
        )

    def unknown(self, known: frozenset[str]) -> Iterator[tuple[str, str]]:
        """Name every cited id that is none, with a place that cites it."""
        for index in (self.modules, self.operations, self.tests, self.checks):
            for clause in sorted(index.keys() - known):
                yield clause, min(index[clause])


def _index(found: Iterable[tuple[str, str]]) -> Index:
    by_clause: dict[str, set[str]] = defaultdict(set)
    for clause, place in found:
        by_clause[clause].add(place)
    return {clause: frozenset(places) for clause, places in by_clause.items()}


def _in_text(root: Path, paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for clause in _CLAUSE.findall(path.read_text(encoding="utf-8")):
            yield clause, str(path.relative_to(root))


def _in_tests(root: Path, paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Name each test function that cites a clause, in docstring, body or decorators; a file whose docstring does."""
    for path in paths:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        for clause in _CLAUSE.findall(ast.get_docstring(tree) or ""):
            yield clause, str(path.relative_to(root))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min((node.lineno, *(decorator.lineno for decorator in node.decorator_list)))
                lines = source.splitlines()[first - 1 : node.end_lineno]
                for clause in _CLAUSE.findall("\n".join(lines)):
                    yield clause, f"{path.relative_to(root)}::{node.name}"


def _in_contract(contract: Contract) -> Iterator[tuple[str, str]]:
    """Name the operation, or the component, that states a requirement; the document's own hold for every operation."""
    for steps, node in walk(contract.openapi):
        for clause in node.get("x-requirements", ()):
            match steps:
                case ("paths", path, method, *_):
                    place = contract.openapi["paths"][path][method].get("operationId", f"{method} {path}")
                case ("components", _, name, *_):
                    place = str(name)
                case _:
                    place = "every operation"
            yield clause, place


def _in_checks(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for name, function in getmembers(import_module(f"{_SUITE.replace('/', '.')}.{path.stem}"), isfunction):
            terms = terms_of(function)
            for clause in terms.clauses if terms else ():
                yield clause, f"{_SUITE}/{path.name}::{name}"


def _handlers(root: Path) -> Iterator[tuple[str, str]]:
    """Name each operation with the module that offers it: the one whose table of handlers holds its name."""
    for path in sorted((root / _SERVER / "routes").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for key in node.keys if isinstance(node, ast.Dict) else ():
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, str(path.relative_to(root))
