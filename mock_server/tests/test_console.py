"""The console: every character once, in order, within its limit."""

import json
from collections.abc import Iterable
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from mock_server.domain.console import RICH_ITEMS_MAX, Console, Stream
from mock_server.domain.rich_items import ConsoleItem

_LIMIT = 524_288
_STREAMS: st.SearchStrategy[Stream] = st.sampled_from(("stdout", "stderr"))
_WRITES = st.lists(st.tuples(_STREAMS, st.binary(max_size=12)), max_size=30)


def _joined(items: Iterable[ConsoleItem], stream: Stream) -> str:
    return "".join(str(text) for kind, text in items if kind == stream)


@given(_WRITES)
def test_what_was_written_comes_out_as_if_decoded_whole(writes: list[tuple[Stream, bytes]]) -> None:
    """However the bytes are cut into reads, each stream reads as its bytes decoded at once (CN-02, CN-06)."""
    console = Console(_LIMIT)
    for stream, data in writes:
        console.feed(stream, data)
    console.finish()
    items = console.drain()
    for stream in ("stdout", "stderr"):
        whole = b"".join(data for kind, data in writes if kind == stream)
        assert _joined(items, stream) == whole.decode("utf-8", "replace")
    assert json.loads(json.dumps(items)) == [list(item) for item in items]


@given(_WRITES, st.lists(st.booleans(), min_size=30, max_size=30))
def test_draining_between_reads_loses_and_repeats_nothing(
    writes: list[tuple[Stream, bytes]], pulls: list[bool]
) -> None:
    """Calls at any moment hand over the same text in all, each piece exactly once (EX-17)."""
    console = Console(_LIMIT)
    parts: list[ConsoleItem] = []
    for (stream, data), pull in zip(writes, pulls, strict=False):
        console.feed(stream, data)
        parts += console.drain() if pull else ()
    console.finish()
    parts += console.drain()
    for stream in ("stdout", "stderr"):
        whole = b"".join(data for kind, data in writes if kind == stream)
        assert _joined(tuple(parts), stream) == whole.decode("utf-8", "replace")


@given(_WRITES, st.integers(0, 20))
def test_no_call_gives_more_than_the_limit_of_either_stream(writes: list[tuple[Stream, bytes]], limit: int) -> None:
    """Each stream keeps its first `limit` characters, whatever the other does (CN-03)."""
    console = Console(limit)
    for stream, data in writes:
        console.feed(stream, data)
    console.finish()
    items = console.drain()
    for stream in ("stdout", "stderr"):
        whole = b"".join(data for kind, data in writes if kind == stream).decode("utf-8", "replace")
        assert _joined(items, stream) == whole[:limit]


@given(_WRITES, st.integers(1, 20))
def test_neighbours_are_never_of_one_stream(writes: list[tuple[Stream, bytes]], limit: int) -> None:
    """Each contiguous block is one item, never an empty one (CN-05)."""
    console = Console(limit)
    for stream, data in writes:
        console.feed(stream, data)
    items = console.drain()
    assert all(text for _, text in items)
    assert all(one[0] != next_[0] for one, next_ in pairwise(items))


def test_the_order_of_writes_is_kept() -> None:
    """Alternating writes come out alternating (CN-04)."""
    console = Console(_LIMIT)
    for stream, data in (("stderr", b"a"), ("stdout", b"b"), ("stdout", b"c"), ("stderr", b"d")):
        console.feed(stream, data)  # type: ignore[arg-type]
    assert console.drain() == (("stderr", "a"), ("stdout", "bc"), ("stderr", "d"))


def test_a_character_cut_by_a_call_arrives_whole_in_the_next() -> None:
    """A drain in the middle of a character keeps its first bytes for later (CN-02)."""
    console = Console(_LIMIT)
    console.feed("stdout", b"a\xe2\x82")
    assert console.drain() == (("stdout", "a"),)
    console.feed("stdout", b"\xac")
    assert console.drain() == (("stdout", "€"),)


def test_the_next_call_has_the_whole_limit_again() -> None:
    """The limit counts per call, and what was dropped stays dropped (CN-03)."""
    console = Console(4)
    console.feed("stdout", b"abcdefgh")
    console.feed("stdout", b"more that is dropped \xe2\x82")
    assert console.drain() == (("stdout", "abcd"),)
    console.feed("stdout", b"\xacxyzw")
    assert console.drain() == (("stdout", "€xyz"),)


@given(st.lists(st.one_of(st.tuples(_STREAMS, st.text("ab", min_size=1, max_size=3)), st.just(("html", "<b/>")))))
def test_items_stay_where_they_were_put(written: list[ConsoleItem]) -> None:
    """Pictures and log records keep their place among text, and part the text of one stream (CN-05, CN-07)."""
    console = Console(_LIMIT)
    for kind, data in written:
        if kind == "html":
            assert console.put((kind, data))
        else:
            console.feed("stdout" if kind == "stdout" else "stderr", str(data).encode())
    items = console.drain()
    merged = [(kind, "".join(str(data) for _, data in same)) for kind, same in groupby(written, lambda each: each[0])]
    assert [
        (kind, "".join(str(data) for _, data in same)) for kind, same in groupby(items, lambda each: each[0])
    ] == merged
    assert all(one[0] != next_[0] or one[0] == "html" for one, next_ in pairwise(items))


def test_a_call_holds_a_bounded_number_of_items() -> None:
    """Beyond its bound a console takes no more pictures, until it was drained."""
    console = Console(_LIMIT)
    taken = [console.put(("html", "x")) for _ in range(RICH_ITEMS_MAX + 1)]
    assert (taken.count(True), taken[-1]) == (RICH_ITEMS_MAX, False)
    assert not console.put(("html", "x" * 10**7))
    assert len(console.drain()) == RICH_ITEMS_MAX
    assert console.put(("html", "x"))
