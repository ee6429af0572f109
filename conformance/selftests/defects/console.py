"""Servers that break console items, text and limits (CN-01 to CN-03)."""

from __future__ import annotations

import codecs
import html
import re
from typing import Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.runs import CutOffError, Run, Segment

from .odd import OddConsole, OddText
from .table import defect, knob

# -- CN-01


@defect("CN-01")
class ItemsAreObjects(OddConsole):
    """Console items are objects with `type` and `data`."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [{"type": stream, "data": text} for stream, text in items]


@defect("CN-01")
class StderrIsCalledError(OddConsole):
    """stderr is called `error`."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [["error" if stream == "stderr" else stream, text] for stream, text in items]


@defect("CN-01")
class ItemsAreTriples(OddConsole):
    """Console items have a third member."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[*item, 0] for item in items]


@defect("CN-02", also=("CN-01",))
class TextsAreLists(OddConsole):
    """The data of an item is a list of lines."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[stream, text.splitlines(keepends=True)] for stream, text in items]


# -- CN-02


@defect("CN-02")
class OutputIsLatin1(Behaviour):
    """Output is decoded as Latin-1."""

    def decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder("latin-1")()


@defect("CN-02")
class CharactersAreSplit(Behaviour):
    """A character split over two reads becomes replacement characters."""

    def decode(self, decoder: object, piece: bytes) -> str:
        return piece.decode(errors="replace")


@defect("CN-02")
class SmallReadsSplitCharacters(Behaviour):
    """Each kilobyte of output is decoded alone."""

    read_bytes = 1024

    def decode(self, decoder: object, piece: bytes) -> str:
        return piece.decode(errors="replace")


@defect("CN-02", also=("EX-10",))
class InvalidBytesKillTheRun(Behaviour):
    """Output that is not UTF-8 ends the run."""

    def decode(self, decoder: object, piece: bytes) -> str:
        text = super().decode(decoder, piece)
        if "\ufffd" in text:
            raise CutOffError("finished", -1)
        return text


@defect("CN-02")
class InvalidBytesCrash(Behaviour):
    """Output that is not UTF-8 answers 500."""

    def console(self, segment: Segment) -> list[Any]:
        items = super().console(segment)
        if any("\ufffd" in text for _, text in items):
            raise UnicodeError("'utf-8' codec can't decode byte 0xff")
        return items


@defect("CN-02")
class InvalidBytesEndTheOutput(OddText):
    """What follows a byte that is not UTF-8 is lost."""

    def odd_text(self, text: str) -> str:
        return text.partition("\ufffd")[0]


@defect("CN-02")
class TextIsHtml(OddText):
    """Output is escaped for HTML."""

    def odd_text(self, text: str) -> str:
        return html.escape(text)


@defect("CN-02")
class TextIsEscaped(OddText):
    """Characters outside ASCII come as backslash escapes."""

    def odd_text(self, text: str) -> str:
        return text.encode("ascii", "backslashreplace").decode()


@defect("CN-02")
class AstralCharactersAreLost(OddText):
    """Characters outside the basic plane become question marks."""

    def odd_text(self, text: str) -> str:
        return re.sub("[\U00010000-\U0010ffff]", "?", text)


# -- CN-03

LIMIT = 524_288
knob("one-character-less", "CN-03", "524,287 characters are kept.", max_console_chars=LIMIT - 1)
knob("one-character-more", "CN-03", "524,289 characters are kept.", max_console_chars=LIMIT + 1)
knob("a-mebicharacter", "CN-03", "Twice as many characters are kept.", max_console_chars=2 * LIMIT)
knob("no-output-limit", "CN-03", "Any number of characters is kept.", max_console_chars=1 << 40)
knob("decimal-output-limit", "CN-03", "500,000 characters are kept.", max_console_chars=500_000)
knob("a-quarter-of-the-output", "CN-03", "131,072 characters are kept.", max_console_chars=LIMIT // 4)


@defect("CN-03")
class LimitCountsBytes(Behaviour):
    """The output limit counts bytes of UTF-8."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        used = sum(len(block.encode()) for name, block in segment.blocks if name == stream)
        super().keep(segment, stream, text.encode()[: max(0, LIMIT - used)].decode(errors="ignore"))


@defect("CN-03")
class LimitCountsUtf16(Behaviour):
    """The output limit counts a character outside the basic plane as two."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        used = sum(len(block.encode("utf-16-le")) for name, block in segment.blocks if name == stream)
        super().keep(
            segment, stream, text.encode("utf-16-le")[: max(0, 2 * LIMIT - used)].decode("utf-16-le", "ignore")
        )


@defect("CN-03")
class LimitIsPerRun(Behaviour):
    """The output limit counts a run's calls together."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        with self.lock:
            used = self.counts.get(run.id + stream, 0)
            text = text[: max(0, LIMIT - used)]
            self.counts[run.id + stream] = used + len(text)
        super().heard(run, stream, text)


@defect("CN-03")
class LimitIsShared(Behaviour):
    """Both streams share one output limit."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        super().keep(segment, stream, text[: max(0, LIMIT - sum(segment.chars.values()))])


@defect("CN-03")
class ExcessKillsTheRun(Behaviour):
    """A run that writes too much is ended."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, text)
        if run.segments[-1].chars[stream] >= self.max_console_chars:
            raise CutOffError("finished", 137)


@defect("CN-03", also=("CN-06",))
class ExcessEmptiesTheStream(Behaviour):
    """A stream that is too long is dropped whole."""

    keeps = "nothing"

    def console(self, segment: Segment) -> list[Any]:
        long = {stream for stream, chars in segment.chars.items() if chars > LIMIT}
        return [item for item in super().console(segment) if item[0] not in long]


@defect("CN-03")
class OnlyStdoutIsLimited(Behaviour):
    """stderr has no output limit."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        if stream == "stderr":
            segment.chars[stream] = 0
        super().keep(segment, stream, text)
        if stream == "stderr":
            segment.chars[stream] = 0
