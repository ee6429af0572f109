"""What a run wrote, as one call's result shows it (CN-01 to CN-06): pure, and bounded in memory."""

import codecs
from array import array
from io import StringIO
from typing import Final, Literal

from mock_server.domain.rich_items import ConsoleItem

Stream = Literal["stdout", "stderr"]
STREAMS: Final[tuple[Stream, Stream]] = ("stdout", "stderr")
Piece = bytes | memoryview  # of output; a view is of a buffer that is used again, so nobody keeps it
RICH_ITEMS_MAX: Final = 1000  # ours: pictures and log records that one call hands over (CN-07),
RICH_CHARS_MAX: Final = 8 * 1024 * 1024  # and their characters
_PARTIAL_BYTES: Final = 3  # the most bytes of an unfinished UTF-8 character


class _Channel:
    """One stream: its decoder, what it kept since the last call, and how much room is left."""

    def __init__(self, limit_chars: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")  # CN-02
        self._kept = StringIO()
        self._limit_chars = limit_chars
        self._room_chars = limit_chars

    def feed(self, data: Piece, *, final: bool = False) -> int:
        """Take bytes; return how many characters of them were kept (CN-03: the excess is dropped)."""
        if not self._room_chars and len(data) > _PARTIAL_BYTES:
            # All of it is dropped; only a character that begins here may still count for the next call.
            self._decoder.reset()
            data = data[-_PARTIAL_BYTES:]
        text = self._decoder.decode(data, final)[: self._room_chars]
        self._room_chars -= len(text)
        self._kept.write(text)
        return len(text)

    def take(self) -> StringIO:
        """Return what was kept, from its beginning, and start afresh; an unfinished character stays for later."""
        kept, self._kept = self._kept, StringIO()
        self._room_chars = self._limit_chars
        kept.seek(0)
        return kept


class Console:
    """Collects two streams, and what is put between them, in the order given; `drain` hands everything over once.

    At most `limit_chars` Unicode characters of either stream are kept between two drains (CN-03). Memory is bounded by
    that too: the texts, and four bytes for each change of stream. Pictures and log records have a bound of their own.
    """

    def __init__(self, limit_chars: int) -> None:
        self._channels = {stream: _Channel(limit_chars) for stream in STREAMS}
        self._lengths = array("I")  # characters of each block, streams alternating, beginning with _first
        self._first: Stream = "stdout"
        self._last: Stream = "stdout"
        self._rich: list[tuple[int, ConsoleItem]] = []  # and how many blocks come before it
        self._rich_room_chars = RICH_CHARS_MAX

    def feed(self, stream: Stream, data: Piece) -> None:
        """Add what was read from a stream; bytes that are not UTF-8 become U+FFFD (CN-02)."""
        self._count(stream, self._channels[stream].feed(data))

    def put(self, item: ConsoleItem) -> bool:
        """Add a picture or a log record (CN-07); return whether this call can still hold it."""
        chars = sum(map(len, item[1])) if isinstance(item[1], tuple) else len(item[1])
        if len(self._rich) == RICH_ITEMS_MAX or chars > self._rich_room_chars:
            return False
        self._rich_room_chars -= chars
        self._rich.append((len(self._lengths), item))
        return True

    def say(self, line: str) -> None:
        """Add a line of the server's own to stderr, such as the reason of a limit's ending (EX-23)."""
        self.feed("stderr", line.encode() + b"\n")

    def finish(self) -> None:
        """End the step: a character that never became whole becomes U+FFFD (CN-02)."""
        for stream in STREAMS:
            self._count(stream, self._channels[stream].feed(b"", final=True))

    def drain(self) -> tuple[ConsoleItem, ...]:
        """Hand over what was kept since the last drain; neighbours are never of one stream (CN-05)."""
        texts = {stream: channel.take() for stream, channel in self._channels.items()}
        lengths, self._lengths = self._lengths, array("I")
        rich, self._rich, self._rich_room_chars = self._rich, [], RICH_CHARS_MAX
        start = STREAMS.index(self._first)
        items: list[ConsoleItem] = []
        begin = 0
        for end, item in [*rich, (len(lengths), None)]:
            for at in range(begin, end):
                stream = STREAMS[(start + at) % 2]
                if lengths[at]:
                    items.append((stream, texts[stream].read(lengths[at])))
            items += [item] if item else []
            begin = end
        return tuple(items)

    def _count(self, stream: Stream, length: int) -> None:
        if not length:
            return
        if not self._lengths:
            self._first = stream
        elif stream == self._last:
            if not self._rich or self._rich[-1][0] < len(self._lengths):
                self._lengths[-1] += length
                return
            self._lengths.append(0)  # of the other stream, for they alternate: an item is between the two
        self._lengths.append(length)
        self._last = stream
