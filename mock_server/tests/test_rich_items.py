"""Items among the bytes of a stream: found wherever they are, and nothing else taken for one (CN-07)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.domain import rich_items
from mock_server.domain.rich_items import ConsoleItem, Dropped, RichReader, read_item

_MARK = b"\x1b]m:7 "
_ITEM: ConsoleItem = ("media", ("image/svg+xml", "<svg/>"))
_LINE = _MARK + json.dumps(_ITEM).encode() + b"\n"


def read(*pieces: bytes) -> list[bytes | ConsoleItem | Dropped]:
    """Read pieces to the end; neighbouring bytes joined."""
    reader = RichReader(_MARK)
    found: list[bytes | ConsoleItem | Dropped] = []
    for each in (*(each for piece in pieces for each in reader.feed(piece)), reader.finish()):
        if isinstance(each, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += each
        elif each:
            found.append(each)
    return found


@given(st.lists(st.sampled_from([b"a", b"\n", b"\x1b", b"\x1b]m", b"m:7 ", _LINE])), st.integers(1, 9))
def test_items_are_found_however_the_bytes_are_cut(parts: list[bytes], size: int) -> None:
    """Reads of any size give the same text and the same items, in their order."""
    whole = b"".join(parts)
    assert read(*(whole[at : at + size] for at in range(0, len(whole), size))) == read(whole)
    text, *behind = whole.split(_LINE)
    joined = [each for part in behind for each in (_ITEM, part)]
    assert [each for each in read(whole) if each] == [each for each in (text, *joined) if each]


@pytest.mark.parametrize(
    "item",
    [
        ["stdout", "x"],
        ["html", 1],
        ["html"],
        ["media", ["image/png", "raw"]],
        ["media", ["image/png", "data:text/html;base64,x"]],
        ["media", ["no type", "x"]],
        ["media", ["text/plain", None]],
        ["log", ["loud", "2018-12-15T09:30:00Z", "a", "b"]],
        ["log", ["info", "yesterday", "a", "b"]],
        ["log", ["info", "2018-12-15T09:30:00Z", "a"]],
        [["media"], ["text/plain", "x"]],
        {"html": "x"},
        7,
    ],
)
def test_what_is_no_item_is_dropped(item: object) -> None:
    """An item of another type, shape or content is none, and the text around it stays."""
    assert read_item(json.dumps(item).encode()) is None
    before, dropped, after = read(b"a" + _MARK + json.dumps(item).encode() + b"\nb")
    assert (before, after) == (b"a", b"b")
    assert isinstance(dropped, Dropped)


@pytest.mark.parametrize("line", [b"", b"\xff", b"[" * 100_000, b"9" * 5000, b'["html", "x"'])
def test_what_is_no_json_is_dropped(line: bytes) -> None:
    """Broken, deep and overlong JSON is no item, and no fault."""
    assert read_item(line) is None


def test_an_item_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that is too long is dropped as it comes, and what follows it is read."""
    monkeypatch.setattr(rich_items, "MAX_ITEM_BYTES", 20)
    dropped, after = read(_MARK, b"x" * 15, b"x" * 15, b"x", b"\nrest")
    assert isinstance(dropped, Dropped)
    assert "20 bytes" in dropped.reason
    assert after == b"rest"


def test_half_characters_become_replacements() -> None:
    """Halves of surrogate pairs, which JSON can write and UTF-8 cannot, are replaced (CN-02)."""
    assert read_item(b'["html", "a\\ud800b"]') == ("html", "a?b")
