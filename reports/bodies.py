"""Prepares message bodies for showing: text as it is, bytes as a hex dump, both up to a size."""

from dataclasses import dataclass
from typing import Final

from reports.results import Body
from reports.text import plural, visible

HEX_PREVIEW_BYTES: Final = 256
BYTES_PER_ROW: Final = 16
FOLD_CHARS: Final = 1200
FOLD_LINES: Final = 16


@dataclass(frozen=True)
class BodyView:
    """`kind` is `none`, `text` or `hex`; `note` tells the size and what is left out; `folded` ones open on demand."""

    kind: str
    shown: str
    note: str
    folded: bool


def view(body: Body, max_chars: int) -> BodyView:
    """Show at most `max_chars` characters of a text body, or the first 256 bytes of any other."""
    if not body.size_bytes and not body.content:
        return BodyView("none", "", "no body", folded=False)
    size = plural(body.size_bytes, "byte")
    if body.text is None:
        shown = hex_dump(body.content[:HEX_PREVIEW_BYTES])
        whole = len(body.content) <= HEX_PREVIEW_BYTES and not body.truncated
        note = f"{size}, not UTF-8" + ("" if whole else f"; the first {min(len(body.content), HEX_PREVIEW_BYTES)}")
        return BodyView("hex", shown, note, folded=shown.count("\n") >= FOLD_LINES)
    shown = visible(body.text[:max_chars])[:max_chars]
    note = size if len(body.text) <= max_chars else f"{size}; the first {max_chars:,} characters, more in report.json"
    if body.truncated and len(body.text) <= max_chars:
        note = f"{size}; only its beginning was kept"
    return BodyView("text", shown, note, folded=len(shown) > FOLD_CHARS or shown.count("\n") > FOLD_LINES)


def hex_dump(content: bytes) -> str:
    """Return rows of offset, sixteen bytes in hexadecimal, and their ASCII."""
    rows = [content[start : start + BYTES_PER_ROW] for start in range(0, len(content), BYTES_PER_ROW)]
    return "\n".join(
        f"{index * BYTES_PER_ROW:06x}  {row.hex(' '):<{BYTES_PER_ROW * 3 - 1}}  {_ascii(row)}"
        for index, row in enumerate(rows)
    )


def _ascii(row: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004  - printable ASCII
