"""The files of a session as a dictionary, and generated actions on them.

Names are chosen so that no file stands where another needs a directory: what such an upload gets is left to servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

HOME: Final = "/home/work"
FOLDERS: Final = ("", "m-sub", "m-sub/deeper", "m sp\u00e4ce", "m-empty")
NAMES: Final = (
    "m-plain.txt",
    "m-PLAIN.txt",  # another file: names have their case
    "m spaced  name.txt",
    "m-gr\u00f6\u00dfe.dat",
    "m-\u65e5\u672c\u8a9e",
    "m-quo'te;semi&$x.c",
    "m-.dotted..name",
    ".m-hidden",
    "m-sub/a.bin",
    "m-sub/m-plain.txt",
    "m-sub/deeper/a.bin",
    "m-sub/deeper/-dash",
    "m sp\u00e4ce/\u00fc.txt",
)
_CHUNKS: Final = (
    b"",
    b"\0",
    b"\r\n",
    b"\n",
    b"\xff\xfe",
    b"--bp\r\n",
    b"plain text",
    "\u00e9\u20ac".encode(),
    bytes(range(256)),
)


@dataclass
class FileSpace:
    """What a session must hold: contents by path, directories, and which clause says so."""

    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    promised: dict[str, str] = field(default_factory=dict)  # the clause that says what each file is
    gone: set[str] = field(default_factory=set)

    def put(self, name: str, content: bytes, clause: str) -> None:
        """Write a file; the directories above it are there from now on."""
        above = name.split("/")[:-1]
        self.folders |= {"/".join(above[: depth + 1]) for depth in range(len(above))}
        self.files[name] = content
        self.promised[name] = clause
        self.gone.discard(name)

    def drop(self, name: str) -> None:
        """Remove a file where it is there; its directory stays."""
        if self.files.pop(name, None) is not None:
            self.gone.add(name)

    def children(self, folder: str) -> dict[str, int | None]:
        """Return what is directly in a folder: sizes in bytes of files, None for directories."""
        below = f"{folder}/" if folder else ""
        sizes: dict[str, int | None] = {
            name.removeprefix(below): len(content)
            for name, content in self.files.items()
            if name.startswith(below) and "/" not in name.removeprefix(below)
        }
        directories = (one.removeprefix(below) for one in self.folders if one and one.startswith(below))
        return sizes | {name: None for name in directories if "/" not in name}


@dataclass(frozen=True)
class Upload:
    """One upload request; `absolute` names are those below /home/work (UP-05)."""

    files: Mapping[str, bytes]
    absolute: bool

    @property
    def named(self) -> dict[str, bytes]:
        """The files by the names that are sent."""
        return {f"{HOME}/{name}" if self.absolute else name: content for name, content in self.files.items()}


@dataclass(frozen=True)
class Written:
    """A program writes a file, or appends to it."""

    name: str
    content: bytes
    append: bool


@dataclass(frozen=True)
class Removed:
    """A program removes a file."""

    name: str


@dataclass(frozen=True)
class Moved:
    """A program moves a file over another."""

    source: str
    to: str


@dataclass(frozen=True)
class Listed:
    """A folder is listed, by a path in one of its spellings (LS-02)."""

    folder: str
    absolute: bool


@dataclass(frozen=True)
class Fetched:
    """One to five paths are downloaded at once."""

    names: tuple[str, ...]


Action = Upload | Written | Removed | Moved | Listed | Fetched
_NAMES: Final = st.sampled_from((*NAMES, *NAMES[:2] * 2, *NAMES[8:10] * 2))  # some often: they are overwritten
_CONTENTS: Final = st.one_of(
    st.lists(st.sampled_from(_CHUNKS), max_size=6).map(b"".join),
    st.binary(max_size=40),
    st.integers(1, 70_000).map(lambda size: (b"0123456789abcdef" * (size // 16 + 1))[:size]),
)
_SMALL: Final = st.lists(st.sampled_from(_CHUNKS[:-1]), max_size=3).map(b"".join)
_UPLOADS: Final = st.builds(Upload, st.dictionaries(_NAMES, _CONTENTS, min_size=1, max_size=6), st.booleans())
_ACTIONS: Final[SearchStrategy[Action]] = st.one_of(
    _UPLOADS,
    _UPLOADS,
    st.builds(Written, _NAMES, _SMALL, st.booleans()),
    st.builds(Removed, _NAMES),
    st.builds(Moved, _NAMES, _NAMES),
    st.builds(Listed, st.sampled_from(FOLDERS), st.booleans()),
    st.builds(Fetched, st.lists(_NAMES, min_size=1, max_size=5, unique=True).map(tuple)),
)


def is_plain(name: str) -> bool:
    """Tell whether nothing is special about a name but its directories (UP-14)."""
    return all(char.isascii() and (char.isalnum() or char in "-./") for char in name)


def histories(length: int) -> SearchStrategy[list[Action]]:
    """Return sequences of actions that begin with an upload."""
    return st.builds(
        lambda first, rest: [first, *rest], _UPLOADS, st.lists(_ACTIONS, min_size=length - 1, max_size=length - 1)
    )
