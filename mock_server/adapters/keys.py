"""The key pairs that may sign requests: from arguments, and from a file that others should not be able to read."""

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

_PAIR: Final = re.compile(r"([^:\s]{1,128}):(\S{1,256})", re.ASCII)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFormatError(ValueError):
    """A key pair that cannot be read. Says where and what would be right, never what was there: it is a secret."""


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return secrets by access key; each pair is (where it stands, `ACCESS:SECRET`). Raises KeyFormatError."""
    secrets: dict[str, str] = {}
    for where, pair in pairs:
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise KeyFormatError(f"{where} is no key pair; write ACCESS-KEY:SECRET-KEY in ASCII, without spaces")
        if match[1] in secrets:
            raise KeyFormatError(f"{where} names an access key a second time; each has one secret")
        secrets[match[1]] = match[2]
    return MappingProxyType(secrets)


def lines_of(path: Path) -> list[tuple[str, str]]:
    """Read a keys file: a pair on each line; empty lines, and those that begin with #, say nothing.

    Raises OSError, KeyFormatError.
    """
    try:
        lines = path.read_text("ascii").splitlines()
    except UnicodeDecodeError:
        raise KeyFormatError(f"{path} is no keys file; write ACCESS-KEY:SECRET-KEY in ASCII, one a line") from None
    stripped = ((f"{path}, line {number},", line.strip()) for number, line in enumerate(lines, 1))
    return [(where, line) for where, line in stripped if line and not line.startswith("#")]


def exposed(path: Path) -> bool:
    """Whether others than its owner can use the file."""
    return bool(path.stat().st_mode & _OTHERS)
