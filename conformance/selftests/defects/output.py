"""Servers that lose, move or change output (CN-04 to CN-07)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Run, Segment

from .odd import OddConsole, OddText
from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session


# -- CN-04, CN-05


@defect("CN-04", also=("CN-08",))
class StreamsAreSorted(OddConsole):
    """All of stdout comes before all of stderr."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        joined = [[name, "".join(text for stream, text in items if stream == name)] for name in ("stdout", "stderr")]
        return [item for item in joined if item[1]]


@defect("CN-04", also=("CN-08",))
class StderrComesFirst(OddConsole):
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
class StderrIsMerged(OddConsole):
    """stderr is delivered as stdout."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [["stdout", "".join(text for _, text in items)]] if items else []


@defect("CN-06", also=("EX-23",))
class StreamsAreSwapped(OddConsole):
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
class EveryLineIsAnItem(OddConsole):
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
class LastNewlineIsStrippedFromOutput(OddText):
    """A newline at the end of an item is stripped."""

    def odd_text(self, text: str) -> str:
        return text.removesuffix("\n")


@defect("CN-06")
class OutputIsTrimmed(OddText):
    """White space around an item is stripped."""

    def odd_text(self, text: str) -> str:
        return text.strip()


@defect("CN-06")
class CarriageReturnsAreDropped(OddText):
    """Carriage returns are dropped from output."""

    def odd_text(self, text: str) -> str:
        return text.replace("\r", "")


@defect("CN-06")
class NewlinesAreTranslated(OddText):
    """Newlines become CR LF, as a terminal has it."""

    def odd_text(self, text: str) -> str:
        return text.replace("\n", "\r\n")


@defect("CN-06")
class NulEndsTheOutput(OddText):
    """A NUL ends an item."""

    def odd_text(self, text: str) -> str:
        return text.partition("\0")[0]


@defect("CN-06")
class EscapeSequencesAreStripped(OddText):
    """Escape sequences of terminals are stripped."""

    def odd_text(self, text: str) -> str:
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


@defect("CN-06")
class TabsAreExpanded(OddText):
    """Tabs become spaces."""

    def odd_text(self, text: str) -> str:
        return text.replace("\t", "        ")


@defect("CN-06")
class EmptyLinesAreDropped(OddText):
    """Empty lines are dropped."""

    def odd_text(self, text: str) -> str:
        return re.sub(r"\n{2,}", "\n", text)


@defect("CN-06")
class RepeatedLinesAreDropped(OddText):
    """A line that repeats the one before is dropped."""

    def odd_text(self, text: str) -> str:
        return re.sub(r"^(.+\n)\1+", r"\1", text, flags=re.MULTILINE)


@defect("CN-06")
class PartialLinesAreLost(OddText):
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


class _WithItem(OddConsole):
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
