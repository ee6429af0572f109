"""Console items beside text: a query's pictures, HTML and log records (CN-07, EX-28). Pure.

The interpreter of a snippet writes them among the bytes of its stdout, so that their place among all else it prints is
kept: a marker that the server made for this run, one line of JSON, a line feed. The interpreter is the user's own, and
can be made to write anything: what is no proper item is dropped.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ConsoleItem = tuple[str, str | tuple[str, ...]]  # CN-01

MAX_ITEM_BYTES: Final = 4 * 1024 * 1024  # ours: of one item, as JSON
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "fatal"})
_MIME: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MEDIA_PARTS: Final = 2
_LOG_PARTS: Final = 4


@dataclass(frozen=True)
class Dropped:
    """An item that was none, and why."""

    reason: str


class RichReader:
    """Parts one stream into what was printed (bytes), the items in it, and the reasons why items were dropped."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._held = b""  # outside of items: what may be the beginning of a marker
        self._item: bytearray | None = None  # inside of one: what came of it
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[bytes | ConsoleItem | Dropped]:
        """Take bytes; give, in their order, what they amount to."""
        data, self._held, at = self._held + data, b"", 0
        while at < len(data):
            inside, mark = self._item is not None, self._marker if self._item is None else b"\n"
            end = data.find(mark, at)
            piece = data[at:] if end < 0 else data[at:end]
            if inside:
                yield from self._extend(piece, ended=end >= 0)
            else:
                yield from self._print(piece, marked=end >= 0)
            at = len(data) if end < 0 else end + len(mark)

    def finish(self) -> bytes:
        """Give what was held back; of an item without its end, nothing."""
        held, self._held, self._item = self._held, b"", None
        return held

    def _print(self, piece: bytes, *, marked: bool) -> Iterator[bytes]:
        if marked:
            self._item = bytearray()
        else:
            kept = next(size for size in range(len(self._marker) - 1, -1, -1) if piece.endswith(self._marker[:size]))
            piece, self._held = piece[: len(piece) - kept], piece[len(piece) - kept :]
        if piece:
            yield piece

    def _extend(self, piece: bytes, *, ended: bool) -> Iterator[ConsoleItem | Dropped]:
        item = bytearray() if self._item is None else self._item
        item += piece
        if len(item) > MAX_ITEM_BYTES:
            item.clear()
            self._too_long = True
        if not ended:
            return
        if self._too_long:
            yield Dropped(f"a picture or log record of more than {MAX_ITEM_BYTES} bytes")
        else:
            yield read_item(bytes(item)) or Dropped("what was announced as a picture or a log record, and is none")
        self._item, self._too_long = None, False


def read_item(line: bytes) -> ConsoleItem | None:
    """Read an item as CN-07 has it; None where it is none."""
    try:
        kind, data = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    if kind == "html" and isinstance(data, str):
        return ("html", _clean(data))
    if not isinstance(data, list) or not all(isinstance(part, str) for part in data):
        return None
    parts = tuple(_clean(part) for part in data)
    is_item = (kind == "media" and _is_media(parts)) or (kind == "log" and _is_log(parts))
    return (str(kind), parts) if is_item else None


def _is_media(parts: tuple[str, ...]) -> bool:
    if len(parts) != _MEDIA_PARTS or not _MIME.fullmatch(parts[0]):
        return False
    as_is = parts[0].startswith("text/") or parts[0].endswith(("/xml", "+xml"))
    return as_is or parts[1].startswith(f"data:{parts[0]}")


def _is_log(parts: tuple[str, ...]) -> bool:
    return len(parts) == _LOG_PARTS and parts[0] in _LEVELS and _TIME.fullmatch(parts[1]) is not None


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can hold (CN-02)."""
    return text.encode("utf-8", "replace").decode("utf-8")
