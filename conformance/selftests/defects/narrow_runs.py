"""Defects of runs on a narrow path: words in capitals, codes that are no numbers, the second stream, the last call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.runs import Commands, Segment

from .odd import OddCommands, OddText
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Run
    from conformance.selftests.reference.sessions import Session


@defect("EX-13", also=("EX-01",))
class ZeroIsFalse(Behaviour):
    """An exit code of 0 is `false`."""

    def result_body(self, run: Run, status: str, code: int | None, *rest: Any) -> dict[str, Any]:
        body = super().result_body(run, status, code, *rest)
        return {**body, "exitCode": False} if code == 0 else body


@defect("EX-25")
class ModesIgnoreCase(Behaviour):
    """A mode in capitals is that mode."""

    def read_mode(self, wanted: dict[str, Any]) -> str:
        mode = wanted.get("mode")
        return super().read_mode({**wanted, "mode": mode.lower()} if isinstance(mode, str) else wanted)


@defect("EX-06")
class EscapedBlanksAreBlanks(OddCommands):
    """A backslash before a blank in a command is dropped."""

    def odd(self, commands: Commands) -> Commands:
        return Commands(*(one and one.replace("\\ ", " ") for one in (commands.clean, commands.build, commands.exec)))


@defect("EX-06")
class PercentSignsAreDoubledAway(OddCommands):
    """Two percent signs in a command become one."""

    def odd(self, commands: Commands) -> Commands:
        return Commands(*(one and one.replace("%%", "%") for one in (commands.clean, commands.build, commands.exec)))


@defect("EX-14")
class HighCodesAreCutInTheThirdRun(Behaviour):
    """From the third run of a session on a code over 127 loses its highest bit."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        with session.lock:
            turns = self.counts[session.uuid] = self.counts.get(session.uuid, 0) + 1
        return code & 127 if turns > 2 and code > 127 else code  # noqa: PLR2004  - seven bits, the third


@defect("EX-15")
class SignalsInBuildsGoOn(Behaviour):
    """A build with a code over 128 did not fail."""

    def is_failure(self, code: int) -> bool:
        return code != 0 and code <= 128  # noqa: PLR2004  - of signals


@defect("EX-04")
class LongRunIdsAreCutInTheEnd(Behaviour):
    """A runId of more than 36 characters is cut in `finished`."""

    def result_body(self, run: Run, status: str, code: int | None, *rest: Any) -> dict[str, Any]:
        body = super().result_body(run, status, code, *rest)
        return {**body, "runId": body["runId"][:36]} if status == "finished" else body


@defect("CN-03")
class TheLimitIsOnlyTheFirstCalls(Behaviour):
    """The limit is kept in the first call of a run that brings output, and in no later one."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        limit = self.max_console_chars
        self.max_console_chars = limit if getattr(segment, "first", True) else 1 << 30
        try:
            super().keep(segment, stream, text)
        finally:
            self.max_console_chars = limit

    def end(self, run: Run, status: str, code: int | None) -> None:
        super().end(run, status, code)
        run.segments[-1].first = False  # type: ignore[attr-defined]  # this defect's own note


@defect("CN-06")
class ShortOutputIsLostOnStderr(OddText):
    """A line on stderr of one character is lost where stdout wrote nothing."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [] if len(items) == 1 and items[0][0] == "stderr" and len(items[0][1]) == 1 else super().odd(items)


@defect("CN-06")
class BackspacesErase(OddText):
    """A backspace erases the character before it."""

    def odd_text(self, text: str) -> str:
        kept: list[str] = []
        for char in text:
            if char == "\b" and kept:
                kept.pop()
            else:
                kept.append(char)
        return "".join(kept)


@defect("CN-02")
class BomsAreDroppedAnywhere(OddText):
    """U+FEFF is dropped, at the beginning and elsewhere."""

    def odd_text(self, text: str) -> str:
        return text.replace("\ufeff", "")


@defect("CN-02", also=("CN-06",))
class SoftHyphensAreDropped(OddText):
    """Characters that show nothing are dropped: soft hyphens, joiners, marks of direction."""

    def odd_text(self, text: str) -> str:
        return text.translate(dict.fromkeys((0xAD, 0x200B, 0x200D, 0x200F, 0x202E)))


@defect("EX-24")
class FilesOfCleansAreGone(Behaviour):
    """What the clean step made at the top of home is removed when the run has ended."""

    def clean_step(self, session: Session, run: Run) -> int:
        before = {one.name for one in session.home.iterdir()}
        code = super().clean_step(session, run)
        for one in session.home.iterdir():
            if one.name not in before and one.is_file():
                one.unlink()
        return code


@defect("EX-17")
class StderrComesAtTheEnd(Behaviour):
    """What a step writes to stderr is held back until it ends."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is None and run.segments:
            late = [one for one in segment.blocks if one[0] == "stderr"]
            segment.blocks = [one for one in segment.blocks if one[0] != "stderr"]
            run.segments[0].blocks[:0] = late
        return segment
