"""Defects of runs and consoles that show seldom: at a cap, at a block's end, in the clean step, after a failure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Commands, Run, Segment

from .odd import OddCommands, OddConsole, OddText
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session

FULL = 524_288
BLOCK = 65_536
NONE = 0xFFFE

# -- CN


@defect("CN-02")
class SeparatorsAreNewlines(OddText):
    """U+2028, U+2029 and U+0085 become newlines."""

    def odd_text(self, text: str) -> str:
        return text.translate(dict.fromkeys((0x2028, 0x2029, 0x85), "\n"))


@defect("CN-02")
class NoncharactersAreReplaced(OddText):
    """U+FFFE, U+FFFF and their like in other planes become U+FFFD."""

    def odd_text(self, text: str) -> str:
        return "".join("\ufffd" if ord(char) & NONE == NONE else char for char in text)


@defect("CN-02")
class AstralCharactersAreTwoInLongText(OddText):
    """In more than 64 KiB of text a character outside the basic plane becomes two."""

    def odd_text(self, text: str) -> str:
        if len(text) <= BLOCK // 4:
            return text
        return "".join(char if ord(char) < 1 << 16 else "\ufffd\ufffd" for char in text)


@defect("CN-03")
class BothFullIsOneEmpty(OddConsole):
    """Where both streams are longer than the limit, stderr is dropped whole."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        over: dict[str, int] = segment.__dict__.setdefault("over", {"stdout": 0, "stderr": 0})
        over[stream] += len(text)
        super().keep(segment, stream, text)

    def console(self, segment: Segment) -> list[Any]:
        over = segment.__dict__.get("over", {})
        full = bool(over) and min(over.values()) > FULL
        return [item for item in super().console(segment) if not (full and item[0] == "stderr")]


@defect("CN-03", also=("CN-06",))
class FullIsShort(OddConsole):
    """A stream of exactly as many characters as the limit loses the last."""

    def odd(self, items: list[list[Any]]) -> list[Any]:
        return [[stream, text[:-1] if len(text) == FULL else text] for stream, text in items]


@defect("CN-06")
class WholeBlocksOfOutputAreShort(OddText):
    """Output of whole blocks of 4 KiB loses its last character."""

    def odd_text(self, text: str) -> str:
        return text[:-1] if text and len(text) % 4096 == 0 else text


@defect("CN-06")
class SplitLineEndsAreOne(Behaviour):
    """A carriage return at the end of a call's output is lost: it may be a part of a line end."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is None and segment.blocks:
            stream, text = segment.blocks[-1]
            segment.blocks[-1] = (stream, text.removesuffix("\r"))
        return segment


@defect("CN-06", also=("CN-02",))
class FormFeedsEndLines(OddText):
    """Vertical tabs and form feeds become newlines."""

    def odd_text(self, text: str) -> str:
        return text.replace("\x0b", "\n").replace("\x0c", "\n")


@defect("CN-06")
class StderrOfSuccessesIsDropped(Behaviour):
    """What a program that ends with 0 wrote to stderr only is dropped."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        with run.changed:
            blocks = run.segments[-1].blocks
            if status == "finished" and code == 0 and {stream for stream, _ in blocks} == {"stderr"}:
                blocks.clear()
            super().end(run, status, code)


@defect("CN-06")
class LastLineOfALargeOutputIsLost(OddText):
    """The last line of more than 100,000 characters is lost."""

    def odd_text(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(lines[:-1]) if len(text) > 100_000 and len(lines) > 1 else text  # noqa: PLR2004  - large


# -- EX


@defect("EX-01")
class ContinuedHasNoOptions(Behaviour):
    """`options` is missing in `continued`."""

    def result_body(self, run: Run, status: str, code: int | None, *rest: Any) -> dict[str, Any]:
        body = super().result_body(run, status, code, *rest)
        return {key: value for key, value in body.items() if key != "options" or status != "continued"}


@defect("EX-06")
class TrailingBackslashesAreEaten(OddCommands):
    """A backslash before a newline in a command is dropped, and the newline stays."""

    def odd(self, commands: Commands) -> Commands:
        return Commands(*(one and one.replace("\\\n", "\n") for one in (commands.clean, commands.build, commands.exec)))


@defect("EX-06")
class CarriageReturnsInCommandsAreDropped(OddCommands):
    """Carriage returns in a command are dropped."""

    def odd(self, commands: Commands) -> Commands:
        return Commands(*(one and one.replace("\r", "") for one in (commands.clean, commands.build, commands.exec)))


@defect("EX-14")
class CleansEndWithOne(Behaviour):
    """`clean-finished` tells 0 or 1."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        super().end(run, status, min(code or 0, 1) if status == "clean-finished" else code)


@defect("EX-14", also=("EX-15",))
class FailuresStick(Behaviour):
    """A program that ends with 0 after one of the session that failed is told with the code of that."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        failed: dict[str, int] = self.__dict__.setdefault("failed", {})
        earlier, failed[session.uuid] = failed.get(session.uuid, 0), code
        return earlier if code == 0 and earlier == 3 else code  # noqa: PLR2004  - one of many


@defect("EX-15")
class FailedBuildsStick(Behaviour):
    """After a failed build no exec of the session runs until a build succeeds."""

    def steps(self, session: Session, run: Run) -> int:
        stuck: set[str] = self.__dict__.setdefault("stuck", set())
        if session.uuid in stuck and not run.commands.build and run.commands.exec:
            return 127
        code = super().steps(session, run)
        if run.commands.build:
            (stuck.add if code == 127 else stuck.discard)(session.uuid)  # noqa: PLR2004  - EX-15
        return code


@defect("EX-19")
class CleansRunInTmp(Behaviour):
    """The clean step starts in /tmp."""

    def clean_command(self, command: str) -> str:
        return f"cd /tmp\n{super().clean_command(command)}"


@defect("EX-20")
class CleansHaveAnotherTerm(Behaviour):
    """TERM is dumb in the clean step."""

    def clean_command(self, command: str) -> str:
        return f"export TERM=dumb\n{super().clean_command(command)}"


@defect("EX-22", also=("EX-10", "EX-11"))
class CleansDoNotWait(Behaviour):
    """The clean of a run that overlaps another does not wait for its turn; build and exec do."""

    def await_turn(self, session: Session, run: Run) -> None:
        if not run.commands.clean:
            super().await_turn(session, run)

    def build_step(self, session: Session, run: Run) -> int:
        super().await_turn(session, run)
        return super().build_step(session, run)


@defect("EX-23")
class CleansHaveNoTimeLimit(Behaviour):
    """The time limit is not kept in the clean step."""

    def clean_step(self, session: Session, run: Run) -> int:
        run.deadline_s += 3600
        code = super().clean_step(session, run)
        self.start_clock(run)
        return code


@defect("EX-24")
class EmptyDirectoriesAreRemoved(Behaviour):
    """Directories that are empty when a run begins are removed."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        for session in list(self.sessions.values()):
            if run.id in session.runs:
                for path in session.home.iterdir():
                    if path.name not in session.mounts:
                        with contextlib.suppress(OSError):
                            path.rmdir()


@defect("EX-24")
class LinksAreGoneInTheNextRun(Behaviour):
    """Symbolic links are removed when a run begins."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        for session in list(self.sessions.values()):
            if run.id in session.runs:
                for path in session.home.iterdir():
                    if path.is_symlink():
                        path.unlink()


@defect("EX-25", also=("SE-06",))
class RunsOutliveTheirSession(Behaviour):
    """A `continue` in a new session finds the runs of the terminated one of its name."""

    def destroy(self, session: Session) -> None:
        self.__dict__.setdefault("old_runs", {})[session.name] = dict(session.runs)
        super().destroy(session)

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        old = self.__dict__.get("old_runs", {}).get(session.name, {}).get(wanted.get("runId"))
        return old if mode == "continue" and old is not None else super().find_run(session, wanted, mode)


@defect("EX-25")
class ContinuingAFinishedRunRepeatsIt(Behaviour):
    """A `continue` of a finished run brings its last result again."""

    unknown_run = "finished"

    def result_without_run(self, session: Session, run_id: str, mode: str) -> dict[str, Any]:
        return session.finished.get(run_id) or super().result_without_run(session, run_id, mode)


@defect("EX-26")
class FilesOfBuildsAreNotListed(Behaviour):
    """What the build made under .output is not listed."""

    def build_step(self, session: Session, run: Run) -> int:
        code = super().build_step(session, run)
        run.before = self.output_files(session)
        return code


@defect("EX-27")
class BuildsAfterACleanAreSilent(Behaviour):
    """Without exec the build's output is not returned where there was a clean."""

    def build_step(self, session: Session, run: Run) -> int:
        run.hushed = bool(run.commands.clean) and not run.commands.exec  # type: ignore[attr-defined]  # own note
        return super().build_step(session, run)

    def heard(self, run: Run, stream: str, text: str) -> None:
        if not getattr(run, "hushed", False):
            super().heard(run, stream, text)


@defect("EX-29")
class RepeatsWithoutOptionsAreRefused(Behaviour):
    """A batch call for an unfinished run is refused where it holds no options."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if mode == "batch" and wanted.get("runId") in session.runs and not wanted.get("options"):
            raise Problem(400, "Wrong type", "options are missing")
        return super().find_run(session, wanted, mode)


@defect("EX-30")
class CleansUseSh(Behaviour):
    """The clean step is interpreted by sh."""

    def clean_step(self, session: Session, run: Run) -> int:
        cleaning: set[str] = self.__dict__.setdefault("cleaning", set())
        cleaning.add(session.uuid)
        try:
            return super().clean_step(session, run)
        finally:
            cleaning.discard(session.uuid)

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        if session.uuid in self.__dict__.get("cleaning", ()):
            object.__setattr__(jail, "shell", ("sh", "-c"))
        return jail


@defect("EX-31")
class AbandonedRunsTakeTheOutputOfLaterOnes(Behaviour):
    """While a run that nobody fetched is there, the output of later runs goes to it."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        session = next((one for one in self.sessions.values() if one.runs.get(run.id) is run), None)
        unread = [one for one in (session.runs.values() if session else ()) if one.done.is_set() and one.segments]
        super().heard(unread[0] if unread and unread[0] is not run else run, stream, text)


@defect("EX-17", also=("CN-06",))
class SilentStreamsEndACall(Behaviour):
    """A call whose step has written to stderr alone delivers it at the end."""

    def take(self, run: Run) -> Segment | None:
        first = run.segments[0] if run.segments else Segment(ending=("finished", 0))
        if first.ending is None and {stream for stream, _ in first.blocks} == {"stderr"}:
            return Segment()
        return super().take(run)
