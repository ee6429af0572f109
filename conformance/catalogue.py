"""The requirement catalogue, `spec/requirements.toml`, as frozen values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

from conformance.verdicts import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class CatalogueError(ValueError):
    """The catalogue, or what cites it, is wrong: the message says what and what would be right."""


@dataclass(frozen=True)
class Question:
    """One open question within a clause: what is asked, and every legal reading with its meaning."""

    name: str
    text: str
    readings: Mapping[str, str]


@dataclass(frozen=True)
class Requirement:
    """One testable promise of the protocol."""

    id: str
    level: Level
    text: str
    source: tuple[str, ...]
    feature: str | None = None
    excluded: str | None = None
    questions: Mapping[str, Question] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The two letters before the number, such as `UP`."""
        return self.id.partition("-")[0]

    def __str__(self) -> str:
        return f"{self.id} {self.level}: {self.text}"


@dataclass(frozen=True)
class Catalogue:
    """All requirements by id, in the order of the file."""

    requirements: Mapping[str, Requirement]

    @classmethod
    def of(cls, requirements: Iterable[Requirement]) -> Self:
        """Build a catalogue; two requirements of one id are an error."""
        by_id: dict[str, Requirement] = {}
        for one in requirements:
            if one.id in by_id:
                raise CatalogueError(f"requirement {one.id} stands twice in the catalogue; each id stands once")
            by_id[one.id] = one
        return cls(by_id)

    def __getitem__(self, clause: str) -> Requirement:
        try:
            return self.requirements[clause]
        except KeyError:
            raise CatalogueError(
                f"no requirement {clause!r} in the catalogue; `batchproof list` names all {len(self.requirements)}"
            ) from None

    def __contains__(self, clause: object) -> bool:
        return clause in self.requirements

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self.requirements.values())

    def __len__(self) -> int:
        return len(self.requirements)

    def matching(self, patterns: Iterable[str]) -> frozenset[str]:
        """Return the ids that are named (`UP-08`) or whose family is named (`UP`); an unknown name is an error."""
        found: set[str] = set()
        for pattern in patterns:
            wanted = pattern.strip().upper()
            hits = {one.id for one in self if wanted in (one.id.upper(), one.family.upper())}
            if not hits:
                raise CatalogueError(f"{pattern!r} is neither a requirement (such as UP-08) nor a family (such as UP)")
            found |= hits
        return frozenset(found)


def parse(text: str) -> Catalogue:
    """Read a catalogue from TOML text; raise CatalogueError where an entry is not as `spec/README.md` has it."""
    try:
        entries = tomllib.loads(text)["requirement"]
        return Catalogue.of(_requirement(entry) for entry in entries)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"spec/requirements.toml cannot be read: {error!r}") from error


@cache
def load() -> Catalogue:
    """Return the catalogue that is installed with the suite."""
    return parse(files("spec").joinpath("requirements.toml").read_text("utf-8"))


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    try:
        level = Level(entry["level"])
    except ValueError:
        raise CatalogueError(f"{entry['id']}: level {entry['level']!r} is none of must, should, may, open") from None
    questions = {
        name: Question(name, asked["question"], dict(asked["values"]))
        for name, asked in entry.get("readings", {}).items()
    }
    return Requirement(
        id=entry["id"],
        level=level,
        text=entry["text"],
        source=tuple(entry["source"]),
        feature=entry.get("feature"),
        excluded=entry.get("excluded"),
        questions=questions,
    )
