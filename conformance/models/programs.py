"""Programs made of blocks whose effects are known exactly: what they print, what files they leave, how they end.

A block is shell text that any bash runs, and a rule for what it does to a `World`. Nothing depends on timing: where
order matters, a pause stands between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Stream = Literal["stdout", "stderr"]
HOME: Final = "/home/work"
NAMES: Final = ("m-one.txt", "m-two.txt", "m-three.txt")  # of the files that programs write
REPLACED: Final = "\ufffd+"  # CN-02: how many characters replace bytes that are not UTF-8 is left to the server
FIRST_SIGNAL: Final = 128
_PAUSE: Final = "sleep 0.05"
_TEXTS: Final = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FFFF, exclude_categories=("Cs", "Cn")), min_size=1, max_size=12
)
_LINES: Final = _TEXTS.flatmap(
    lambda text: st.sampled_from((text, f"{text}\n", f"\n{text}\r\n\t", f"{text}\x1b[1m\x07"))
)


@dataclass
class World:
    """What programs have done so far: files by name, and what the step at hand has printed, as regular expressions."""

    files: dict[str, str] = field(default_factory=dict)
    printed: list[tuple[Stream, str]] = field(default_factory=list)
    folder: str = HOME

    def prints(self, stream: Stream, text: str) -> None:
        """Note output that is known to the letter."""
        self.printed.append((stream, re.escape(text)))


class Block(Protocol):
    """One piece of a program."""

    @property
    def text(self) -> str:
        """The shell text."""

    def happen(self, world: World) -> None:
        """Do to the world what the text does."""


@dataclass(frozen=True)
class Print:
    """Prints a text, by octal escapes; `split` pauses in the midst of its bytes (CN-02: characters arrive whole)."""

    stream: Stream
    said: str
    split: bool = False

    @property
    def text(self) -> str:
        """The shell text."""
        data = self.said.encode()
        cuts = (data[: len(data) // 2 + 1], data[len(data) // 2 + 1 :]) if self.split else (data,)
        to = " >&2" if self.stream == "stderr" else ""
        return f"; {_PAUSE}; ".join(f"printf '{octal(cut)}'{to}" for cut in cuts)

    def happen(self, world: World) -> None:
        """Print."""
        world.prints(self.stream, self.said)


@dataclass(frozen=True)
class PrintBytes:
    """Prints bytes that are not UTF-8, between two that are (CN-02)."""

    data: bytes

    @property
    def text(self) -> str:
        """The shell text."""
        return f"printf '<{octal(self.data)}>'"

    def happen(self, world: World) -> None:
        """Print replacement characters."""
        world.printed.append(("stdout", f"<{REPLACED}>"))


@dataclass(frozen=True)
class Flood:
    """Prints many numbered lines at once; far below the limit of a call (CN-03)."""

    stream: Stream
    lines: int

    @property
    def text(self) -> str:
        """The shell text."""
        to = " >&2" if self.stream == "stderr" else ""
        return f"seq 1 {self.lines} | sed 's/.*/line & of {self.lines}/'{to}"  # not every seq has formats

    def happen(self, world: World) -> None:
        """Print."""
        world.prints(self.stream, "".join(f"line {number} of {self.lines}\n" for number in range(1, self.lines + 1)))


@dataclass(frozen=True)
class Late:
    """A background child prints after a while, and the program waits for it."""

    said: str

    @property
    def text(self) -> str:
        """The shell text."""
        return f"{{ sleep 0.2; printf '{octal(self.said.encode())}'; }} & wait"

    def happen(self, world: World) -> None:
        """Print."""
        world.prints("stdout", self.said)


@dataclass(frozen=True)
class Pause:
    """Waits; the client's poll may come and go meanwhile."""

    seconds: float

    @property
    def text(self) -> str:
        """The shell text."""
        return f"sleep {self.seconds:g}"

    def happen(self, world: World) -> None:
        """Change nothing."""


@dataclass(frozen=True)
class Write:
    """Writes or appends to a file of home (EX-24)."""

    name: str
    said: str
    append: bool = False

    @property
    def text(self) -> str:
        """The shell text."""
        return f"printf '{octal(self.said.encode())}' {'>>' if self.append else '>'} {HOME}/{self.name}"

    def happen(self, world: World) -> None:
        """Write."""
        before = world.files.get(self.name, "") if self.append else ""
        world.files[self.name] = before + self.said


@dataclass(frozen=True)
class Remove:
    """Removes a file of home."""

    name: str

    @property
    def text(self) -> str:
        """The shell text."""
        return f"rm -f {HOME}/{self.name}"

    def happen(self, world: World) -> None:
        """Remove."""
        world.files.pop(self.name, None)


@dataclass(frozen=True)
class Show:
    """Prints a file of home, as earlier steps and runs left it (EX-24); nothing where it is not there."""

    name: str

    @property
    def text(self) -> str:
        """The shell text."""
        return f"cat {HOME}/{self.name} 2>/dev/null"

    def happen(self, world: World) -> None:
        """Print."""
        world.prints("stdout", world.files.get(self.name, ""))


@dataclass(frozen=True)
class Where:
    """Prints the working folder (EX-19), and whether a shell variable of another step is known, then changes both."""

    @property
    def text(self) -> str:
        """The shell text."""
        return 'printf "%s %s\\n" "$PWD" "${mark-unset}"; mark=set; cd /'

    def happen(self, world: World) -> None:
        """Print."""
        world.prints("stdout", f"{world.folder} {'unset' if world.folder == HOME else 'set'}\n")
        world.folder = "/"


@dataclass(frozen=True)
class End:
    """How a program ends: shell text, and the exit codes that it may have (EX-14; two for signals, EX-16)."""

    text: str
    codes: tuple[int, ...]
    complains: bool = False  # somebody may say something on stderr, in words of their own


@dataclass(frozen=True)
class Program:
    """Blocks one after the other, and an end."""

    blocks: tuple[Block, ...]
    end: End

    @property
    def text(self) -> str:
        """The shell text of the whole."""
        return "; ".join((*(block.text for block in self.blocks), self.end.text))

    def happen(self, world: World) -> list[tuple[Stream, str]]:
        """Do what the program does; return what it prints, stream by stream, as regular expressions in order."""
        world.printed, world.folder = [], HOME
        for block in self.blocks:
            block.happen(world)
        if self.end.complains:
            world.printed.append(("stderr", "(?s:.*)"))
        return world.printed


def octal(data: bytes) -> str:
    """Return bytes as `printf` takes them in its format."""
    return "".join(f"\\{byte:03o}" for byte in data)


def _signalled(name: str, number: int) -> End:
    return End(f"kill -{name} $$; sleep 5", (128 + number, -number), complains=True)


_STREAMS: Final[SearchStrategy[Stream]] = st.sampled_from(("stdout", "stderr"))
_FILES: Final = st.sampled_from(NAMES)
_PRINTS: Final[SearchStrategy[Block]] = st.one_of(
    st.builds(Print, _STREAMS, _LINES, st.booleans()),
    st.builds(PrintBytes, st.sampled_from((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98"))),
    st.builds(Flood, _STREAMS, st.integers(200, 1500)),
    st.builds(Late, _LINES),
    st.builds(Pause, st.sampled_from((0.01, 0.3))),
    st.builds(Where),
)
_EFFECTS: Final[SearchStrategy[Block]] = st.one_of(
    st.builds(Write, _FILES, _LINES, st.booleans()), st.builds(Remove, _FILES), st.builds(Show, _FILES)
)
SUCCESS: Final = st.just(End("true", (0,)))
ENDS: Final = st.one_of(
    SUCCESS,
    # From 128 on, codes say that a signal ended the program: a server may add the limit that it thinks was behind it.
    st.integers(0, 255).map(lambda code: End(f"exit {code}", (code,), complains=code >= FIRST_SIGNAL)),
    st.integers(1, 126).map(lambda code: End(f"exit 3 | (exit {code})", (code,))),
    st.just(End("no-such-program-at-all", (127,), complains=True)),
    st.just(_signalled("KILL", 9)),
    st.just(_signalled("TERM", 15)),
)


def programs(ends: SearchStrategy[End] = ENDS, *, files: bool = True) -> SearchStrategy[Program]:
    """Return programs of up to five blocks; without `files` they neither write nor read any, so runs may overlap."""
    blocks = st.one_of(_PRINTS, _EFFECTS) if files else _PRINTS
    return st.builds(Program, st.lists(blocks, min_size=1, max_size=5).map(tuple), ends)
