"""Servers that run the steps of a run wrongly (EX-06 to EX-12)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Commands, CutOffError, Run, Segment

from .odd import OddCommands
from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

# -- EX-06, EX-07: the steps


@defect("EX-06", also=("EX-11",))
class BuildBeforeClean(Behaviour):
    """The build runs before the clean."""

    def steps(self, session: Session, run: Run) -> int:
        commands = run.commands
        run.commands = replace(commands, clean=commands.build, build=commands.clean)
        return (
            super().steps(session, run) if commands.clean and commands.build else self._as_given(session, run, commands)
        )

    def _as_given(self, session: Session, run: Run, commands: Commands) -> int:
        run.commands = commands
        return super().steps(session, run)


@defect("EX-06")
class OnlyTheFirstLineRuns(Behaviour):
    """A command ends at its first newline."""

    def shell_text(self, command: str) -> str:
        return command.partition("\n")[0] if "sources" not in command else command


@defect("EX-06")
class CleanIsIgnored(Behaviour):
    """The clean command is reported and not run."""

    def clean_command(self, command: str) -> str:
        return "true"


@defect("EX-06")
class QuotesAreEaten(Behaviour):
    """Double quotes vanish from commands."""

    def shell_text(self, command: str) -> str:
        return command.replace('"', "") if "sources" not in command else command


@defect("EX-06")
class DollarsAreExpandedEarly(Behaviour):
    """`$$` in a command becomes a single dollar sign."""

    def shell_text(self, command: str) -> str:
        return command.replace("$$", "$")


@defect("EX-07")
class EmptyMeansDefault(OddCommands):
    """An empty build command runs the default build."""

    def odd(self, commands: Commands) -> Commands:
        return replace(commands, build="*") if commands.build == "" else commands


@defect("EX-07")
class AbsentMeansDefault(Behaviour):
    """An absent build command runs the default build."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        options = wanted.get("options")
        commands = super().read_commands(wanted)
        return replace(commands, build="*") if isinstance(options, dict) and "build" not in options else commands


@defect("EX-07", also=("CO-13",))
class NullCommandsAreRefused(Behaviour):
    """A command that is null is refused."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        options = wanted.get("options")
        if isinstance(options, dict) and any(options.get(step, "") is None for step in ("clean", "build", "exec")):
            raise Problem(400, "Wrong type")
        return super().read_commands(wanted)


@defect("EX-07")
class EmptyCommandsAreRefused(OddCommands):
    """An empty command is refused."""

    def odd(self, commands: Commands) -> Commands:
        if "" in (commands.clean, commands.build, commands.exec):
            raise Problem(400, "Empty command")
        return commands


@defect("EX-07")
class SkippedExecFails(Behaviour):
    """A run without exec finishes with 1."""

    def steps(self, session: Session, run: Run) -> int:
        code = super().steps(session, run)
        return 1 if not run.commands.exec and code == 0 else code


# -- EX-08, EX-09: the defaults


class OddBuild(Behaviour):
    """A server with another default build."""

    script = "true"

    def build_command(self, session: Session, command: str) -> str:
        return self.script if command == "*" else command


_SOURCES = "mapfile -d '' s < <(find . -name '*.c' -print0)\n"
_MAKE = "if [ -f Makefile ]; then exec make; fi\n"
_FLAGS = "-pthread -lm -lrt -ldl"
for _name, _summary, _script in (
    ("default-build-does-nothing", "The default build does nothing.", "true"),
    ("makefile-is-ignored", "The default build ignores a Makefile.", f'{_SOURCES}gcc "${{s[@]}}" -o ./main {_FLAGS}'),
    ("top-level-only", "The default build misses sources in directories.", f"{_MAKE}gcc *.c -o ./main {_FLAGS}"),
    ("main-c-only", "The default build compiles main.c alone.", f"{_MAKE}gcc main.c -o ./main {_FLAGS}"),
    ("called-a-out", "The default build makes a.out.", f'{_MAKE}{_SOURCES}gcc "${{s[@]}}" {_FLAGS}'),
    ("no-link-flags", "The default build links no libraries.", f'{_MAKE}{_SOURCES}gcc "${{s[@]}}" -o ./main'),
    ("make-clean-first", "The default build runs the Makefile's clean only.", f"{_MAKE.replace('make', 'make clean')}"),
):
    knob(_name, "EX-08", _summary, base=OddBuild, script=_script)


class OddClean(Behaviour):
    """A server with another default clean."""

    script = "true"

    def clean_command(self, command: str) -> str:
        return self.script if command == "*" else command


knob("default-clean-runs-make", "EX-09", "The default clean runs `make clean`.", base=OddClean, script="make clean")
knob("default-clean-removes-main", "EX-09", "The default clean removes ./main.", base=OddClean, script="rm -f main")
knob("default-clean-removes-all", "EX-09", "The default clean removes everything.", base=OddClean, script="rm -rf *")


@defect("EX-09")
class StarIsAGlob(Behaviour):
    """The clean command `*` is run as it stands."""

    def clean_command(self, command: str) -> str:
        return command


# -- EX-10 to EX-12: what separates and what ends


@defect("EX-10")
class ExecBeforeBuildFinished(Behaviour):
    """What exec writes is delivered with build-finished."""

    def build_step(self, session: Session, run: Run) -> int:
        commands = run.commands
        code = self.step(session, run, self.build_command(session, commands.build)) if commands.build else 0
        if commands.exec and code == 0:
            early = self.step(session, run, self.exec_command(session, commands.exec))
            run.commands = replace(commands, exec=f"exit {early}")
        self.end(run, "build-finished", code)
        return code


@defect("EX-10")
class BuildOutputComesLate(Behaviour):
    """What the build wrote to stderr is delivered after build-finished."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        late: list[tuple[str, str]] = []
        if status == "build-finished":
            segment = run.segments[-1]
            late = [block for block in segment.blocks if block[0] == "stderr"]
            segment.blocks = [block for block in segment.blocks if block[0] != "stderr"]
        super().end(run, status, code)
        for stream, text in late:
            self.heard(run, stream, text)


@defect("EX-11")
class NoBuildFinishedAfterClean(Behaviour):
    """After clean-finished comes finished, when no build was asked for."""

    skipped_build = "silent"

    def reports_clean(self, run: Run) -> bool:
        return False


@defect("EX-11")
class NoBuildFinished(Behaviour):
    """build-finished is never reported."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status != "build-finished":
            super().end(run, status, code)


@defect("EX-11", also=("EX-10",))
class FailedBuildIsNotReported(Behaviour):
    """A build that failed ends the run without build-finished."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status != "build-finished" or not code:
            super().end(run, status, code)


@defect("EX-11", also=("EX-06", "EX-10"))
class CleanAfterBuild(Behaviour):
    """clean-finished is reported after build-finished."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "build-finished" and run.commands.clean:
            super().end(run, "build-finished", code)
            super().end(run, "clean-finished", 0)
        elif status != "clean-finished":
            super().end(run, status, code)


@defect("EX-12", also=("EX-15",))
class FailedBuildEndsTheRun(Behaviour):
    """After a failed build the run is unknown: there is no finished."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        status, code = segment.ending or ("", None)
        if status == "build-finished" and code:
            self.fetched(session, run, "finished")
        return super().result(session, run, segment)


@defect("EX-12", also=("EX-10",))
class ContinuedEndsTheRun(Behaviour):
    """After three `continued` results a run is finished, whatever it does."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        with self.lock:
            polls = self.counts[run.id] = self.counts.get(run.id, 0) + (segment.ending is None)
        if segment.ending is None and polls > 3:  # noqa: PLR2004  - the defect's own number
            segment.ending = ("finished", 0)
            self.fetched(session, run, "finished")
        return super().result(session, run, segment)


@defect("EX-11", also=("EX-12",))
class FailedCleanEndsTheRun(Behaviour):
    """A failed clean finishes the run at once, with neither build nor build-finished."""

    def clean_step(self, session: Session, run: Run) -> int:
        code = super().clean_step(session, run)
        if code:
            raise CutOffError("finished", code)
        return code


@defect("EX-12")
class BuildNeedsABatchCall(Behaviour):
    """After build-finished a `continue` is refused once."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        if getattr(run, "stuck", False):
            run.stuck = False  # type: ignore[attr-defined]  # this defect's own note
            raise Problem(400, "Run has ended")
        result = super().poll(session, run)
        run.stuck = result["status"] == "build-finished"  # type: ignore[attr-defined]  # same
        return result
