"""What a session's commands see of its files: existence, kind and content, without a download or a listing.

The text sent is plain ASCII and POSIX shell; odd names are written with `printf`'s octal escapes, and content comes
back as a POSIX checksum, so that neither the console nor the encoding of requests decides what is judged of a file.
"""

from __future__ import annotations

import re
import shlex
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conformance.judge import Finding, Unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session

HOME: Final = "/home/work"
_HEAD_BYTES: Final = 24  # of a file's content, shown in messages
_PER_COMMAND: Final = 40  # names probed by one run
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/-]+")
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# Prints one line for a path: `-` where nothing is, `d` for a directory, `f` with checksum and size for a regular file,
# `o` for anything else.
_LOOK: Final = (
    'look() { if [ -d "$1" ]; then echo d; elif [ -f "$1" ]; then printf "f "; cksum < "$1"; '
    'elif [ -e "$1" ] || [ -h "$1" ]; then echo o; else echo -; fi; }; '
)


@dataclass(frozen=True)
class Stored:
    """A path as commands see it: `f` a regular file, `d` a directory, `o` anything else, `-` nothing."""

    kind: str
    size_bytes: int = 0
    checksum: int = 0

    @classmethod
    def of(cls, content: bytes) -> Stored:
        """Return what a file with this content looks like."""
        return cls("f", len(content), cksum(content))

    def __str__(self) -> str:
        """Return words for a message."""
        words = {"d": "a directory", "o": "no regular file", "-": "nothing there"}
        return words.get(self.kind) or f"{self.size_bytes:,} bytes, cksum {self.checksum}"


NOTHING: Final = Stored("-")


def cksum(content: bytes) -> int:
    """Return what the POSIX utility `cksum` prints: a CRC-32 over content and length, most significant bit first."""
    length = len(content)
    tail = length.to_bytes((length.bit_length() + 7) // 8, "little")
    mirrored = zlib.crc32((content + tail).translate(_MIRRORED), 0xFFFF_FFFF)
    return int(f"{mirrored:032b}"[::-1], 2)


def word(name: str) -> str:
    """Return a name as one word of shell text; octal escapes carry what is not plain ASCII."""
    if _PLAIN.fullmatch(name):
        return shlex.quote(f"./{name}" if name.startswith("-") else name)
    octal = "".join(f"\\{byte:03o}" for byte in name.encode())
    return f"\"$(printf '{octal}')\""


def look(session: Session, names: Iterable[str]) -> dict[str, Stored]:
    """Return what commands see at each path; relative ones are below /home/work wherever commands start (EX-19)."""
    wanted = list(dict.fromkeys(names))
    found: dict[str, Stored] = {}
    for start in range(0, len(wanted), _PER_COMMAND):
        some = wanted[start : start + _PER_COMMAND]
        looks = "; ".join(f"look {word(name)}" for name in some)
        lines = in_home(session, f"{_LOOK}{looks}").splitlines()
        found |= zip(some, map(_parsed, _all_of(session, lines, len(some))), strict=True)
    return found


def in_home(session: Session, command: str) -> str:
    """Run shell text in /home/work, wherever commands start; return its stdout."""
    return session.sh(f"cd {HOME} 2>/dev/null; {command}")


def names_in(session: Session, folder: str = ".") -> set[str]:
    """Return the names in a folder as commands see them, hidden ones too; names must have no line ends."""
    return set(in_home(session, f"ls -A {word(folder)}").splitlines())


def expect_contents(
    judge: Judge, clause: str, session: Session, files: Mapping[str, bytes], exchange: Exchange, why: str = "stored"
) -> None:
    """Judge that commands see exactly these contents; every difference is noted, none ends the check."""
    found = look(session, files)
    for name, content in files.items():
        if found[name] == (wanted := Stored.of(content)):
            judge.expect(clause, condition=True, expected=wanted, actual=wanted, exchange=exchange)
        else:
            expected = f"{name!r} {why}: {wanted}, beginning {content[:_HEAD_BYTES]!r}"
            judge.expect(
                clause, condition=False, expected=expected, actual=_told(session, name, found[name]), exchange=exchange
            )


def expect_nothing(
    judge: Judge, clause: str, session: Session, names: Iterable[str], exchange: Exchange, why: str = "there"
) -> None:
    """Judge that commands see nothing at these paths."""
    for name, found in look(session, names).items():
        judge.expect(clause, found == NOTHING, expected=f"nothing {why} at {name!r}", actual=found, exchange=exchange)


def _told(session: Session, name: str, found: Stored) -> str:
    """Return words for what was found; a file's first bytes too."""
    if found.kind != "f":
        return str(found)
    octets = in_home(session, f"od -An -v -tx1 -N {_HEAD_BYTES} < {word(name)}")
    return f"{found}, beginning {bytes.fromhex(octets)!r}"


def _parsed(line: str) -> Stored:
    kind, *facts = line.split()
    if kind != "f":
        return Stored(kind)
    checksum, size_bytes = facts
    return Stored(kind, int(size_bytes), int(checksum))


def _all_of(session: Session, lines: list[str], count: int) -> list[str]:
    """Return the lines where each is one that the probe prints; raise Unmet where the console changed them."""
    if len(lines) != count or not all(re.fullmatch(r"[-do]|f \d+ \d+", line) for line in lines):
        exchange = session.bench.client.exchanges[-1]
        raise Unmet(Finding("CN-06", f"{count} lines, one for each file", repr(lines[:3]), (exchange,)))
    return lines
