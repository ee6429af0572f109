"""Virtual folders by name: what they may be called, and where a session wants them (VF-01, SE-10). Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mock_server.domain.errors import InvalidParameter, Refusal
from mock_server.domain.paths import HOME

FOLDERS_MAX: Final = 200  # ours: of one user; the documents name no bound
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NAME_RULE: Final = "1 to 64 ASCII letters, digits, '_', '-' and '.', no '.' or '-' at the beginning"


@dataclass(frozen=True)
class Mount:
    """A folder that a session wants, found at /home/work/ALIAS."""

    name: str
    alias: str


def folder_name(name: str) -> str:
    """Return the name of a folder to create. Raises InvalidParameter (VF-01)."""
    if not _NAME.fullmatch(name):
        raise InvalidParameter("name", f"{name[:80]!r} cannot be a folder's name, which has {_NAME_RULE}")
    return name


def read_mounts(given: Sequence[str]) -> tuple[Mount, ...]:
    """Read `config.mounts`, each `name` or `name:alias` (SE-10); an alias may be written as a path below /home/work.

    Raises InvalidParameter where an alias is no plain name, or two folders would be at one place.
    """
    mounts = tuple(_mount(text) for text in given)
    aliases = [mount.alias for mount in mounts]
    for alias in aliases:
        if aliases.count(alias) > 1:
            raise InvalidParameter("config.mounts", f"two folders would be at {HOME}/{alias}; give one an alias")
    return mounts


def _mount(text: str) -> Mount:
    name, separator, alias = text.partition(":")
    place = alias.removeprefix(f"{HOME}/") if separator else name
    if not _NAME.fullmatch(place):
        raise InvalidParameter(
            "config.mounts", f"{text[:80]!r} names no place directly below {HOME}; a place's name has {_NAME_RULE}"
        )
    return Mount(name, place)


@dataclass(eq=False)
class UnknownFolder(Refusal):
    """`config.mounts` names a virtual folder that does not exist (SE-10)."""

    name: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"No virtual folder is called {self.name!r}; create it first, or leave it out of config.mounts."


@dataclass(eq=False)
class FolderNotFound(Refusal):
    """No virtual folder of this user has that name (VF-02, VF-04)."""

    name: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"No virtual folder is called {self.name!r}; `GET /folders` lists those that there are."


@dataclass(eq=False)
class FolderExists(Refusal):
    """The user has a folder of that name already (VF-01)."""

    name: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"A virtual folder is called {self.name!r} already; choose another name, or delete it first."


@dataclass(eq=False)
class FolderInUse(Refusal):
    """A folder that living sessions have mounted cannot be deleted (VF-04)."""

    name: str
    sessions: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"The folder {self.name!r} is mounted in {self.sessions} living session(s); terminate them first."


@dataclass(eq=False)
class MountedFolder(Refusal):
    """An upload leads into a mounted folder (UP-13)."""

    path: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.path!r} is in a mounted folder, which uploads do not write; have a command copy the file there."
