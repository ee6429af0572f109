"""The console: every character once, in order, within its limit."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mock_server.domain.console import Console, Stream

_LIMIT = 524_288
_STREAMS: st.SearchStrategy[Stream] = st.sampled_from(("stdout", "stderr"))
_WRITES = st.lists(st.tuples(_STREAMS, st.binary(max_size=12)), max_size=30)


def _joined(items: tuple[tuple[Stream, str], ...], stream: Stream) -> str:
    return "".join(text for kind, text in items if kind == stream)


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
    parts: list[tuple[Stream, str]] = []
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
