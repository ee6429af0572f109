"""What families of clauses and sources are called: read from the catalogue, where these names stand once."""

import functools
import importlib.resources
import tomllib
from collections.abc import Mapping
from typing import Any, Final, cast

CATALOGUE: Final = "requirements.toml"


def label(family: str) -> str:
    """Return `UP Uploading files`; a family that the catalogue does not name keeps its code."""
    return f"{family} {title(family)}".rstrip()


def title(family: str) -> str:
    """Return `Uploading files`; empty for a family that the catalogue does not name."""
    return _names("families").get(family, "")


def source_title(source: str) -> str:
    """Spell out a source's short name; another clause's id, or an unknown source, stands for itself."""
    return _names("sources").get(source, source)


def _names(table: str) -> Mapping[str, str]:
    return cast("Mapping[str, str]", _catalogue().get(table, {}))


@functools.cache
def _catalogue() -> dict[str, Any]:
    return tomllib.loads(importlib.resources.files("spec").joinpath(CATALOGUE).read_text(encoding="utf-8"))
