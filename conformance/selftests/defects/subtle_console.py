"""Servers whose console goes wrong only with some output: large, split, blank, failed (CN)."""

from __future__ import annotations

import codecs
import threading
import unicodedata
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.runs import Run, Segment

from .odd import OddConsole, OddText
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

# -- CN-01, CN-02: text


@defect("CN-02")
class DigitsAreNumbers(OddConsole):
    """Output that is all digits is sent as a number."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[stream, int(text) if text.isascii() and text.isdigit() else text] for stream, text in items]


@defect("CN-02")
class ByteOrderMarksAreDropped(OddText):
    """A byte order mark at the beginning of an output is dropped."""

    def odd_text(self, text: str) -> str:
        return text.removeprefix("\ufeff")


@defect("CN-02")
class TextIsComposed(OddText):
    """Text is normalised (NFC)."""

    def odd_text(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


@defect("CN-02")
class InvalidBytesVanish(Behaviour):
    """Bytes that are not UTF-8 are dropped."""

    def decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder("utf-8")("ignore")


@defect("CN-02")
class InvalidBytesAreEscaped(Behaviour):
    r"""Bytes that are not UTF-8 become escapes such as \xff."""

    def decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder("utf-8")("backslashreplace")


@defect("CN-02")
class OneDecoderForBothStreams(Behaviour):
    """A character split around output of the other stream breaks."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.here = threading.local()

    def decoder(self) -> codecs.IncrementalDecoder:
        kept: codecs.IncrementalDecoder | None = getattr(self.here, "kept", None)
        self.here.kept = super().decoder() if kept is None else None
        return kept or self.here.kept


# -- CN-03: the limit


@defect("CN-03")
class TheLimitIsPerStep(Behaviour):
    """The limit of characters counts a whole step, not each call."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is None:
            run.segments[0].chars = dict(segment.chars)
        return segment


@defect("CN-03")
class AnExcessEndsTheStream(Behaviour):
    """After an excess nothing more of that step is delivered."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is None:
            full = {name: count for name, count in segment.chars.items() if count >= self.max_console_chars}
            run.segments[0].chars.update(full)
        return segment


@defect("CN-03")
class AnExcessSilencesTheOther(Behaviour):
    """Once stdout is full, stderr is dropped."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        if stream == "stdout" or segment.chars["stdout"] < self.max_console_chars:
            super().keep(segment, stream, text)


# -- CN-04, CN-05: order


@defect("CN-04", also=("CN-05", "CN-06", "CN-08"))
class LargeOutputComesLast(OddConsole):
    """Blocks of over 64 KiB are moved behind the small ones."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return sorted(items, key=lambda item: len(item[1]) > 64 * 1024)


@defect("CN-05")
class LargeBlocksAreSplit(OddConsole):
    """Blocks of over 100,000 characters come as several items."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        size = 100_000
        return [[name, text[at : at + size]] for name, text in items for at in range(0, len(text), size)]


# -- CN-06: exactness


@defect("CN-06")
class BlankOutputIsDropped(OddConsole):
    """Output of blanks only is dropped."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [item for item in items if item[1].strip()]


@defect("CN-06", also=("EX-17",))
class ALastByteIsLostOnFailure(Behaviour):
    """The output of a step that failed lacks its last character."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        blocks = run.segments[-1].blocks
        if code and blocks:
            blocks[-1] = (blocks[-1][0], blocks[-1][1][:-1])
        super().end(run, status, code)


@defect("CN-06")
class LongLinesAreFolded(OddText):
    """A newline is put into lines of more than 8 KiB."""

    def odd_text(self, text: str) -> str:
        size = 8192
        return "".join(
            "\n".join(line[at : at + size] for at in range(0, len(line), size)) or line
            for line in text.splitlines(keepends=True)
        )


@defect("CN-06", also=("EX-17", "EX-04"))
class RepeatedPiecesAreDropped(Behaviour):
    """A piece that equals the one delivered before is dropped."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.blocks:
            same = getattr(run, "told", None) == segment.blocks
            run.told = list(segment.blocks)  # type: ignore[attr-defined]  # the defect's own note
            if same:
                segment.blocks.clear()
        return segment


@defect("CN-06", also=("EX-25",))
class RunsOfOneIdShareTheirOutput(Behaviour):
    """Unfinished runs of one id deliver what the first of them wrote, whichever the session."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        holders = (one.runs[run.id] for one in list(self.sessions.values()) if run.id in one.runs)
        super().heard(next(holders, run), stream, text)


@defect("CN-06")
class ThePollThatEndsARunIsShort(Behaviour):
    """The last call of a run whose step took several calls delivers nothing."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is None:
            return None
        if segment.ending is None:
            run.polled = True  # type: ignore[attr-defined]  # the defect's own note
        elif getattr(run, "polled", False):
            segment.blocks.clear()
        return segment


@defect("EX-24")
class FailedRunsLeaveNothing(Behaviour):
    """What a run that failed wrote at the top level is removed."""

    def steps(self, session: Session, run: Run) -> int:
        before = {path.name for path in session.home.iterdir()}
        code = super().steps(session, run)
        for path in session.home.iterdir():
            if code and path.name not in before and path.is_file():
                path.unlink()
        return code
