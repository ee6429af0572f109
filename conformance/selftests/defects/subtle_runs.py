"""Servers whose runs go wrong only under some condition: when they overlap, repeat, wait, fail (EX, SE)."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Commands, Run, Segment

from .odd import OddCommands
from .results import OddResults
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session


# -- EX-04, EX-05: ids


@defect("EX-04")
class NumericRunIdsLoseTheirZeros(OddResults):
    """A runId that looks like a number comes back as that number."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "runId": str(int(run.id)) if run.id.isdigit() else run.id}


@defect("EX-05")
class AnUnfinishedRunsIdIsAssignedAgain(Behaviour):
    """While a run goes on, one whose runId is null gets that run's id."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if mode == "batch" and wanted.get("runId", "") is None and session.runs:
            wanted = {**wanted, "runId": next(iter(session.runs))}
        return super().find_run(session, wanted, mode)


# -- EX-06, EX-07: commands


@defect("EX-06")
class LongCommandsAreCut(Behaviour):
    """A command ends after 16 KiB."""

    def shell_text(self, command: str) -> str:
        return command[: 16 * 1024]


@defect("EX-06")
class HereDocumentsLoseTheirEnds(Behaviour):
    """The lines of a command lose their leading and trailing blanks, empty ones vanish, all become one with `;`."""

    def shell_text(self, command: str) -> str:
        if "sources" in command:
            return command
        return "; ".join(line.strip() for line in command.split("\n") if line.strip())


class _Remembering(Behaviour):
    """Knows each session's exec command of the run before."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.last_exec: dict[str, str] = {}


@defect("EX-07")
class AnAbsentExecIsTheOneBefore(_Remembering):
    """A run without exec runs the exec command of the session's run before."""

    def steps(self, session: Session, run: Run) -> int:
        if run.commands.exec:
            self.last_exec[session.uuid] = run.commands.exec
        elif run.commands.build:
            run.commands = replace(run.commands, exec=self.last_exec.get(session.uuid))
        return super().steps(session, run)


# -- EX-12 to EX-15: endings


@defect("EX-12", also=("EX-04", "EX-17"))
class TheFourthPollFindsNoRun(Behaviour):
    """A run that answered `continued` three times is forgotten."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.polls: dict[str, int] = {}

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        run = super().find_run(session, wanted, mode)
        if run is not None and mode == "continue":
            self.polls[run.id] = self.polls.get(run.id, 0) + 1
            if self.polls[run.id] > 3:  # noqa: PLR2004  - the defect
                raise Problem(404, "No such run", run.id)
        return run


@defect("EX-13")
class ContinuedHasTheBuildsCode(OddResults):
    """`continued` has exitCode 0 once the build has ended well."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        if result["status"] == "build-finished":
            run.built = True  # type: ignore[attr-defined]  # the defect's own note
        late = result["status"] == "continued" and getattr(run, "built", False)
        return {**result, "exitCode": 0} if late else result


@defect("EX-14")
class NotExecutableIsNotFound(Behaviour):
    """A program that may not be executed gives 127."""

    def exit_code(self, code: int) -> int:
        return 127 if code == 126 else code  # noqa: PLR2004  - bash's own


@defect("EX-14", also=("EX-16",))
class CodesAbove128AreSignals(Behaviour):
    """A program's own exit code of more than 128 becomes negative."""

    def exit_code(self, code: int) -> int:
        return 128 - code if code > 192 else code  # noqa: PLR2004  - no signal has such a code


@defect("EX-14")
class TheBuildTellsTheCleansCode(Behaviour):
    """build-finished holds the exit code of a failed clean."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "clean-finished":
            run.cleaned = code  # type: ignore[attr-defined]  # the defect's own note
        told = getattr(run, "cleaned", 0) or code
        super().end(run, status, told if status == "build-finished" else code)


@defect("EX-15")
class WarningsFailABuild(Behaviour):
    """A build that wrote to stderr counts as failed."""

    def build_step(self, session: Session, run: Run) -> int:
        code = super().build_step(session, run)
        wrote = any(name == "stderr" for segment in run.segments for name, _ in segment.blocks)
        return code or int(wrote)


# -- EX-17: polling


@defect("EX-17", also=("CN-02",))
class OnlyWholeLinesAreDelivered(Behaviour):
    """What follows the last newline is held back until the step ends."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is None or segment.ending is not None or not segment.blocks:
            return segment
        stream, text = segment.blocks[-1]
        kept, newline, rest = text.rpartition("\n")
        if rest:
            segment.blocks[-1] = (stream, kept + newline)
            run.segments[0].blocks.append((stream, rest))
        return segment


@defect("EX-17", also=("EX-04", "EX-12", "EX-13"))
class SilentStepsBlock(Behaviour):
    """A call is held until the step has written something or has ended."""

    def is_ready(self, run: Run) -> bool:
        return any(segment.ending or segment.blocks for segment in run.segments)

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        with run.changed:
            while not run.changed.wait_for(lambda: self.is_ready(run), 0.05):
                pass
        return super().poll(session, run)


# -- EX-19, EX-20, EX-30: surroundings


class _ByStep(Behaviour):
    """Knows which step it is about to run."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.here = threading.local()

    def build_step(self, session: Session, run: Run) -> int:
        self.here.building = True
        try:
            return super().build_step(session, run)
        finally:
            self.here.building = False

    @property
    def building(self) -> bool:
        """Whether this thread is in a build."""
        return getattr(self.here, "building", False)


@defect("EX-19")
class BuildsRunInTmp(_ByStep):
    """The build starts in /tmp."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, directory="/tmp") if self.building else jail  # noqa: S108  - the defect


@defect("EX-20")
class BuildsLackHome(_ByStep):
    """The build has no HOME."""

    def environ(self, session: Session) -> dict[str, str]:
        found = super().environ(session)
        return {name: text for name, text in found.items() if name != "HOME" or not self.building}


@defect("EX-30")
class BuildsUseSh(_ByStep):
    """The build is interpreted by sh."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, shell=("sh", "-c")) if self.building else jail  # noqa: S604  - no call of a shell


@defect("SE-09")
class EnvironIsNotForBuilds(_ByStep):
    """`config.environ` is missing in builds."""

    def environ(self, session: Session) -> dict[str, str]:
        found = super().environ(session)
        return {name: text for name, text in found.items() if not self.building or name not in session.environ}


# -- EX-22, EX-24, EX-25, EX-29: several runs


@defect("EX-22")
class AThirdRunIsRefused(Behaviour):
    """While two runs are unfinished, a third is refused."""

    def start(self, session: Session, run: Run) -> None:
        if len(session.runs) > 1:
            raise Problem(429, "Too many runs", "wait for one to finish")
        super().start(session, run)


@defect("EX-25")
class AnEmptyListIsAnObject(OddCommands):
    """Options that are an empty list are taken for none."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        return super().read_commands({**wanted, "options": {}} if wanted.get("options") == [] else wanted)


@defect("EX-25")
class RunsAreFoundInAnySession(Behaviour):
    """A `continue` finds the runs of other sessions."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        found = session
        if mode == "continue" and wanted.get("runId") not in session.runs:
            holders = (one for one in self.sessions.values() if wanted.get("runId") in one.runs)
            found = next(holders, session)
        return super().find_run(found, wanted, mode)


@defect("EX-29")
class OtherCommandsStartAnew(Behaviour):
    """A batch call with an unfinished run's id and other commands starts those."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        run = session.runs.get(str(wanted.get("runId")))
        if mode == "batch" and run is not None and self.read_commands(wanted) != run.commands:
            del session.runs[run.id]
        return super().find_run(session, wanted, mode)


@defect("EX-23")
class TheSessionsAgeIsLimited(Behaviour):
    """The time limit counts from the session's creation."""

    def await_turn(self, session: Session, run: Run) -> None:
        super().await_turn(session, run)
        run.deadline_s = session.born_s + (self.exec_timeout_s or 3600.0)

    def start_clock(self, run: Run) -> None:
        """Leave the clock alone: it runs already."""


@defect("EX-26")
class EarlierFilesAreListedAgain(Behaviour):
    """A run lists what earlier runs made, too."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        run.before = {}
        return super().made_files(session, run)


@defect("EX-31")
class AbandonedRunsBlockWithMuchOutput(Behaviour):
    """A run that ended with over 100,000 characters unread holds up the runs behind it."""

    def await_turn(self, session: Session, run: Run) -> None:
        previous = run.previous
        super().await_turn(session, run)
        while previous is not None and previous.id in session.runs and not run.cut.wait(0.05):
            if sum(segment.chars["stdout"] for segment in previous.segments) < 100_000:  # noqa: PLR2004  - the defect
                break
