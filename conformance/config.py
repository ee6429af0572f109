"""Options from a file: `batchproof.toml`, or `[tool.batchproof]` in `pyproject.toml`, named as on the command line.

    url = "http://127.0.0.1:8090"
    only = ["UP", "EX-10"]
    exec-timeout = 5

The command line wins over the environment, and both over the file. Paths are relative to the file.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from conformance.options import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE_NAME: Final = "batchproof.toml"
PROJECT_FILE: Final = "pyproject.toml"
SECRETS: Final = frozenset({"secret-key", "second-secret-key"})
_NOT_HERE: Final = frozenset({"config", "help", "plan"})


def read(named: Path | None, folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the file that options come from, if any, and its table; raise UsageError where it is wrong."""
    if named is not None:
        return named, _table(named)
    for path in (folder / FILE_NAME, folder / PROJECT_FILE):
        if path.is_file() and (table := _table(path)):
            return path, table
    return None, {}


def defaults(path: Path, table: Mapping[str, Any], parameters: Iterable[click.Parameter]) -> dict[str, Any]:
    """Return the table by parameter, as click takes defaults; raise UsageError for what no option is called."""
    known = {_name(one): one for one in parameters if _name(one) not in _NOT_HERE}
    return {str(_known(path, key, known).name): _value(path, key, value, known[key]) for key, value in table.items()}


def _table(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    table = document.get("tool", {}).get("batchproof", {}) if path.name == PROJECT_FILE else document
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [tool.batchproof] is a table of options")
    return table


def _name(parameter: click.Parameter) -> str:
    return parameter.opts[0].removeprefix("--")


def _known(path: Path, key: str, known: Mapping[str, click.Parameter]) -> click.Parameter:
    if key in SECRETS:
        variable = getattr(known.get(key), "envvar", None)
        raise UsageError(f"{path}: {key} is a secret and belongs into the environment: {variable}")
    if key not in known:
        close = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(set(known) - SECRETS))}"
        raise UsageError(f"{path}: no option is called {key!r}; {hint}")
    return known[key]


def _value(path: Path, key: str, value: Any, parameter: click.Parameter) -> Any:
    flag = isinstance(parameter, click.Option) and parameter.is_flag
    several = isinstance(parameter, click.Option) and parameter.multiple
    wanted = "true or false" if flag else ("a list" if several else "a text or a number")
    fits = isinstance(value, bool) if flag else isinstance(value, list if several else str | int | float)
    if not fits or (isinstance(value, bool) and not flag):
        raise UsageError(f"{path}: {key} is {value!r}; it takes {wanted}")
    if isinstance(parameter.type, click.Path):
        return str(path.parent / str(value))
    return value
