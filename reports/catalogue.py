"""What families, sources and open questions are called: read from the catalogue, where these names stand once."""

import functools
import importlib.resources
import tomllib
from collections.abc import Mapping
from typing import Any, Final, cast

FILE_NAME: Final = "requirements.toml"


def family_label(family: str) -> str:
    """Return `UP Uploading files`; a family that the catalogue does not name keeps its code."""
    return f"{family} {family_title(family)}".rstrip()


def family_title(family: str) -> str:
    """Return `Uploading files`; empty for a family that the catalogue does not name."""
    return _names("families").get(family, "")


def source_title(source: str) -> str:
    """Spell out a source's short name; another clause's id, or an unknown source, stands for itself."""
    return _names("sources").get(source, source)


def question_text(requirement_id: str, question: str) -> str:
    """Return the sentence behind a question's key; a question that the catalogue does not have keeps its key."""
    return _questions().get((requirement_id, question), question)


@functools.cache
def _questions() -> dict[tuple[str, str], str]:
    return {
        (entry["id"], key): reading["question"]
        for entry in _catalogue().get("requirement", ())
        for key, reading in entry.get("readings", {}).items()
    }


def _names(table: str) -> Mapping[str, str]:
    return cast("Mapping[str, str]", _catalogue().get(table, {}))


@functools.cache
def _catalogue() -> dict[str, Any]:
    return tomllib.loads(importlib.resources.files("spec").joinpath(FILE_NAME).read_text(encoding="utf-8"))
