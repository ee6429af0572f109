"""What a lint rule says, and how the contract's files are read and walked."""

import json
import tomllib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

OPENAPI: Final = "openapi.yaml"
REQUIREMENTS: Final = "requirements.toml"
REPORT_SCHEMA: Final = "report.schema.json"

Node = Any  # a value of a JSON, YAML or TOML document
Steps = tuple[str | int, ...]


class UnreadableError(Exception):
    """A file of the contract that cannot be parsed; the message names the file and the place."""


@dataclass(frozen=True)
class Finding:
    """One flaw: the file, the place in it as steps from its root, what is wrong and what would be right."""

    file: str
    steps: Steps
    wrong: str
    right: str

    def __str__(self) -> str:
        """Read as `spec/openapi.yaml: #/paths/~1kernel/post: what is wrong; what would be right`."""
        return f"spec/{self.file}: {pointer(self.steps)}: {self.wrong}; {self.right}"


@dataclass(frozen=True)
class Contract:
    """The parsed files of `spec/`."""

    openapi: Node
    requirements: Node
    report_schema: Node

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Parse the three files; raises UnreadableError for the first that cannot be."""
        return cls(
            openapi=_parsed(folder / OPENAPI),
            requirements=_parsed(folder / REQUIREMENTS),
            report_schema=_parsed(folder / REPORT_SCHEMA),
        )

    def requirement_ids(self) -> frozenset[str]:
        """Return the ids that may be cited."""
        entries = self.requirements.get("requirement", [])
        return frozenset(str(entry["id"]) for entry in entries if "id" in entry)


def pointer(steps: Steps) -> str:
    """Write steps as a JSON Pointer fragment (RFC 6901)."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def resolved(document: Node, node: Node) -> Node:
    """Follow a local `$ref`, as often as one leads to another; None where it leads nowhere."""
    for _ in range(20):  # more would be a circle
        if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
            return node
        node = _target(document, node["$ref"])
    return None


def walk(node: Node, steps: Steps = ()) -> Iterator[tuple[Steps, dict[str, Node]]]:
    """Name every object of a document with the way to it, parents first."""
    if isinstance(node, dict):
        yield steps, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, (*steps, key))


def dead_references(document: Node) -> Iterator[tuple[Steps, str]]:
    """Name every `$ref` that leads nowhere, with the way to it."""
    for steps, node in walk(document):
        reference = node.get("$ref", "#")
        if not isinstance(reference, str) or resolved(document, node) is None:
            yield (*steps, "$ref"), reference


def _target(document: Node, reference: str) -> Node:
    found = document
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML as the standard has it: a mapping that names a key twice is an error, where PyYAML takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Node]:  # noqa: FBT001, FBT002  - PyYAML's signature
        """Build the mapping; raises ConstructorError at the second key of one name."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parsed(path: Path) -> Node:
    try:
        text = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".yaml":
                found = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  - a SafeLoader underneath
            case ".toml":
                found = tomllib.loads(text)
            case _:
                found = json.loads(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise UnreadableError(f"{path}: is not a mapping at its root")
    return found
