"""Servers that break the console (CN)."""

from __future__ import annotations

import codecs
import html
import re
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import CutOffError, Run, Segment

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session


class _OddConsole(Behaviour):
    """A server that changes finished console items."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return items

    def console(self, segment: Segment) -> list[Any]:
        return self.odd(super().console(segment))


class _OddText(_OddConsole):
    """A server that changes the text of console items."""

    def odd_text(self, text: str) -> str:
        return text

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[stream, self.odd_text(text)] for stream, text in items]


# -- CN-01


@defect("CN-01")
class ItemsAreObjects(_OddConsole):
    """Console items are objects with `type` and `data`."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [{"type": stream, "data": text} for stream, text in items]


@defect("CN-01")
class StderrIsCalledError(_OddConsole):
    """stderr is called `error`."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [["error" if stream == "stderr" else stream, text] for stream, text in items]


@defect("CN-01")
class ItemsAreTriples(_OddConsole):
    """Console items have a third member."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[*item, 0] for item in items]


@defect("CN-01", also=("CN-02",))
class TextsAreLists(_OddConsole):
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


@defect("CN-02")
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
class InvalidBytesEndTheOutput(_OddText):
    """What follows a byte that is not UTF-8 is lost."""

    def odd_text(self, text: str) -> str:
        return text.partition("\ufffd")[0]


@defect("CN-02")
class TextIsHtml(_OddText):
    """Output is escaped for HTML."""

    def odd_text(self, text: str) -> str:
        return html.escape(text)


@defect("CN-02")
class TextIsEscaped(_OddText):
    """Characters outside ASCII come as backslash escapes."""

    def odd_text(self, text: str) -> str:
        return text.encode("ascii", "backslashreplace").decode()


@defect("CN-02")
class AstralCharactersAreLost(_OddText):
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


# -- CN-04, CN-05


@defect("CN-04", also=("CN-08",))
class StreamsAreSorted(_OddConsole):
    """All of stdout comes before all of stderr."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        joined = [[name, "".join(text for stream, text in items if stream == name)] for name in ("stdout", "stderr")]
        return [item for item in joined if item[1]]


@defect("CN-04", also=("CN-08",))
class StderrComesFirst(_OddConsole):
    """All of stderr comes before all of stdout."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        joined = [[name, "".join(text for stream, text in items if stream == name)] for name in ("stderr", "stdout")]
        return [item for item in joined if item[1]]


@defect("CN-04")
class StderrIsLate(Behaviour):
    """stderr is held back until stdout has come four times."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        super().keep(segment, stream, text)
        blocks = segment.blocks
        if len(blocks) > 1 and blocks[-1][0] == "stdout" and blocks[-2][0] == "stderr":
            blocks[-1], blocks[-2] = blocks[-2], blocks[-1]


@defect("CN-06", also=("CN-04", "CN-08"))
class StderrIsMerged(_OddConsole):
    """stderr is delivered as stdout."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [["stdout", "".join(text for _, text in items)]] if items else []


@defect("CN-06", also=("EX-23",))
class StreamsAreSwapped(_OddConsole):
    """stdout is called stderr, and the other way round."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [["stderr" if stream == "stdout" else "stdout", text] for stream, text in items]


@defect("CN-05")
class NeighboursAreNotMerged(Behaviour):
    """Every piece that was read is an item of its own."""

    read_bytes = 4096

    def console(self, segment: Segment) -> list[Any]:
        return [[stream, text] for stream, text in segment.blocks]


@defect("CN-05")
class EveryLineIsAnItem(_OddConsole):
    """Every line is an item of its own."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[stream, line] for stream, text in items for line in text.splitlines(keepends=True)]


# -- CN-06


@defect("CN-06")
class LastPieceIsLost(Behaviour):
    """What is read after a step's shell has ended is lost."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is not None and len(segment.blocks) > 1:
            segment.blocks.pop()
        return segment


@defect("CN-06")
class BetweenPollsIsLost(Behaviour):
    """What a program writes while nobody polls is lost."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        with run.changed:
            if run.segments and run.segments[0].ending is None and self.counts.get(run.id):
                run.segments[0].blocks.clear()
        self.counts[run.id] = 1
        return super().poll(session, run)


@defect("CN-06")
class ContinuedOutputIsLost(Behaviour):
    """Output that came with `continued` is not delivered."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        if segment.ending is None:
            segment.blocks.clear()
        return super().result(session, run, segment)


@defect("CN-06")
class FinalOutputIsRepeated(Behaviour):
    """The last result repeats the output that `continued` delivered."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        told = getattr(run, "told", [])
        run.told = [*told, *segment.blocks]  # type: ignore[attr-defined]  # this defect's own note
        if segment.ending is not None and segment.ending[0] == "finished":
            segment.blocks[:0] = told
        return super().result(session, run, segment)


@defect("CN-06")
class LastNewlineIsStrippedFromOutput(_OddText):
    """A newline at the end of an item is stripped."""

    def odd_text(self, text: str) -> str:
        return text.removesuffix("\n")


@defect("CN-06")
class OutputIsTrimmed(_OddText):
    """White space around an item is stripped."""

    def odd_text(self, text: str) -> str:
        return text.strip()


@defect("CN-06")
class CarriageReturnsAreDropped(_OddText):
    """Carriage returns are dropped from output."""

    def odd_text(self, text: str) -> str:
        return text.replace("\r", "")


@defect("CN-06")
class NewlinesAreTranslated(_OddText):
    """Newlines become CR LF, as a terminal has it."""

    def odd_text(self, text: str) -> str:
        return text.replace("\n", "\r\n")


@defect("CN-06")
class NulEndsTheOutput(_OddText):
    """A NUL ends an item."""

    def odd_text(self, text: str) -> str:
        return text.partition("\0")[0]


@defect("CN-06")
class EscapeSequencesAreStripped(_OddText):
    """Escape sequences of terminals are stripped."""

    def odd_text(self, text: str) -> str:
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


@defect("CN-06")
class TabsAreExpanded(_OddText):
    """Tabs become spaces."""

    def odd_text(self, text: str) -> str:
        return text.replace("\t", "        ")


@defect("CN-06")
class EmptyLinesAreDropped(_OddText):
    """Empty lines are dropped."""

    def odd_text(self, text: str) -> str:
        return re.sub(r"\n{2,}", "\n", text)


@defect("CN-06")
class RepeatedLinesAreDropped(_OddText):
    """A line that repeats the one before is dropped."""

    def odd_text(self, text: str) -> str:
        return re.sub(r"^(.+\n)\1+", r"\1", text, flags=re.MULTILINE)


@defect("CN-06")
class PartialLinesAreLost(_OddText):
    """What follows the last newline is lost."""

    def odd_text(self, text: str) -> str:
        return text[: text.rfind("\n") + 1]


@defect("CN-06", intermittent=True)
class EveryThirdRunLosesItsOutput(Behaviour):
    """One run in three delivers no output."""

    def start(self, session: Session, run: Run) -> None:
        run.mute = self.turn("run")  # type: ignore[attr-defined]  # this defect's own note
        super().start(session, run)

    def heard(self, run: Run, stream: str, text: str) -> None:
        if not getattr(run, "mute", False):
            super().heard(run, stream, text)


@defect("CN-06", intermittent=True)
class EveryThirdRunLosesItsLastByte(Behaviour):
    """One result in three loses its last character."""

    def console(self, segment: Segment) -> list[Any]:
        items = super().console(segment)
        if items and self.turn("console"):
            items[-1][1] = items[-1][1][:-1] or "?"
        return items


# -- CN-07


class _WithItem(_OddConsole):
    """A server that adds an item of its own to every result that ends a run."""

    item: tuple[Any, ...] = ()

    def console(self, segment: Segment) -> list[Any]:
        items = super().console(segment)
        return [*items, list(self.item)] if segment.ending and segment.ending[0] == "finished" else items


_TIME = "2026-11-23T06:30:37+00:00"
for _name, _summary, _item in (
    ("log-is-text", "A log item is a text.", ("log", "run finished")),
    ("log-lacks-its-time", "A log item has no time.", ("log", ["info", "kernel", "run finished"])),
    ("log-level-is-a-number", "A log item's level is a number.", ("log", [20, _TIME, "kernel", "run finished"])),
    ("log-level-is-unknown", "A log item's level is `notice`.", ("log", ["notice", _TIME, "kernel", "finished"])),
    ("log-time-is-a-number", "A log item's time is a number.", ("log", ["info", 1795415437.0, "kernel", "finished"])),
    ("media-is-text", "A media item is a text.", ("media", "<svg/>")),
    ("media-is-raw", "A media item's picture is no data URI.", ("media", ["image/png", "iVBORw0KGgo="])),
):
    knob(_name, "CN-07", _summary, base=_WithItem, item=_item)


@defect("CN-06")
class LargeOutputIsRefused(Behaviour):
    """A result with more than 64 KiB of output answers 500."""

    def console(self, segment: Segment) -> list[Any]:
        if sum(segment.chars.values()) > 65_536:  # noqa: PLR2004  - the defect's own number
            raise Problem(500, "Message too large")
        return super().console(segment)
