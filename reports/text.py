"""Makes hostile text harmless to look at: whatever the target sent can be shown, none of it can act."""

import re
from typing import Final

NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e\n\t]")
ELLIPSIS: Final = "…"


def visible(text: str) -> str:
    r"""Spell out every character that cannot be seen: `\x1b`, `\u202e`, `\ud800`; newline and tab stay.

    The result holds printable characters only, so no escape sequence, bidirectional override, zero-width joker or lone
    surrogate survives, and it can always be encoded as UTF-8 and is always legal in XML.
    """
    return NOT_PLAIN.sub(lambda found: found[0] if found[0].isprintable() else _spelled(found[0]), text)


def one_line(text: str, max_chars: int = 300) -> str:
    """Fold text into one visible line of at most `max_chars` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + ELLIPSIS


def plural(count: int, noun: str) -> str:
    """`1 exchange`, `2 exchanges`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _spelled(char: str) -> str:
    code = ord(char)
    if char == "\r":
        return r"\r"
    if code <= 0xFF:  # noqa: PLR2004  - the widths of Python's own escapes
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  - same
