"""Servers that run commands wrongly (EX-06 to EX-12, EX-14 to EX-24, EX-27 to EX-31)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference import sandbox
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Commands, CutOffError, Run, Segment

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Jail, Process
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


class _OddCommands(Behaviour):
    """A server that changes the commands that it was given."""

    def odd(self, commands: Commands) -> Commands:
        return commands

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        return self.odd(super().read_commands(wanted))


@defect("EX-07")
class EmptyMeansDefault(_OddCommands):
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
class EmptyCommandsAreRefused(_OddCommands):
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


class _OddBuild(Behaviour):
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
    knob(_name, "EX-08", _summary, base=_OddBuild, script=_script)


class _OddClean(Behaviour):
    """A server with another default clean."""

    script = "true"

    def clean_command(self, command: str) -> str:
        return self.script if command == "*" else command


knob("default-clean-runs-make", "EX-09", "The default clean runs `make clean`.", base=_OddClean, script="make clean")
knob("default-clean-removes-main", "EX-09", "The default clean removes ./main.", base=_OddClean, script="rm -f main")
knob("default-clean-removes-all", "EX-09", "The default clean removes everything.", base=_OddClean, script="rm -rf *")


@defect("EX-09")
class StarIsAGlob(Behaviour):
    """The clean command `*` is run as it stands."""

    def clean_command(self, command: str) -> str:
        return command


# -- EX-10 to EX-12: what separates and what ends


@defect("EX-10")
class ExecBeforeBuildFinished(Behaviour):
    """What exec writes first is delivered with build-finished."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status != "build-finished" or not run.commands.exec or code:
            super().end(run, status, code)
            return
        command, run.commands = run.commands.exec, replace(run.commands, exec="true")
        session = next(s for s in self.sessions.values() if run.id in s.runs)
        self.step(session, run, command)
        super().end(run, status, code)


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


@defect("EX-11")
class FailedBuildIsNotReported(Behaviour):
    """A build that failed ends the run without build-finished."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status != "build-finished" or not code:
            super().end(run, status, code)


@defect("EX-11")
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


@defect("EX-12")
class ContinuedEndsTheRun(Behaviour):
    """After three `continued` results a run is finished, whatever it does."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        with self.lock:
            polls = self.counts[run.id] = self.counts.get(run.id, 0) + (segment.ending is None)
        if segment.ending is None and polls > 3:  # noqa: PLR2004  - the defect's own number
            segment.ending = ("finished", 0)
            self.fetched(session, run, "finished")
        return super().result(session, run, segment)


@defect("EX-12")
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


# -- EX-14 to EX-16: exit codes


class _OddCodes(Behaviour):
    """A server that changes exit codes."""

    def odd(self, code: int) -> int:
        return code

    def exit_code(self, code: int) -> int:
        return self.odd(super().exit_code(code))


@defect("EX-14", also=("EX-15", "EX-16"))
class CodesAreZero(_OddCodes):
    """Every exit code is 0."""

    def odd(self, code: int) -> int:
        return 0


@defect("EX-14", also=("EX-16",))
class CodesAreZeroOrOne(_OddCodes):
    """An exit code is 0 or 1."""

    def odd(self, code: int) -> int:
        return int(code != 0)


@defect("EX-14", also=("EX-16",))
class CodesAreHalved(_OddCodes):
    """An exit code loses its highest bit."""

    def odd(self, code: int) -> int:
        return code % 128


@defect("EX-14", also=("EX-16",))
class CodesAreSigned(_OddCodes):
    """An exit code over 127 is told as a negative number."""

    def odd(self, code: int) -> int:
        return code - 256 if code > 127 else code  # noqa: PLR2004  - a signed byte


@defect("EX-14")
class NotFoundIsOne(_OddCodes):
    """A program that is not there gives 1."""

    def odd(self, code: int) -> int:
        return 1 if code == 127 else code  # noqa: PLR2004  - EX-14


@defect("EX-14")
class PipesFailEarly(Behaviour):
    """A pipe gives the exit code of its first failure, not of its last command."""

    def shell_text(self, command: str) -> str:
        return f"set -o pipefail\n{command}"


@defect("EX-14")
class FirstFailureEndsAStep(Behaviour):
    """A step ends at its first failing command."""

    def shell_text(self, command: str) -> str:
        return f"set -e\n{command}"


@defect("EX-14")
class BuildCodesAreZero(Behaviour):
    """build-finished always tells 0."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        super().end(run, status, 0 if status == "build-finished" else code)


@defect("EX-14", intermittent=True)
class EveryThirdCodeIsZero(_OddCodes):
    """One exit code in three is 0."""

    def odd(self, code: int) -> int:
        return 0 if self.turn("code") else code


@defect("EX-15", also=("EX-12",))
class ExecRunsAfterAFailedBuild(Behaviour):
    """A failed build does not stop exec."""

    def is_failure(self, code: int) -> bool:
        return False


@defect("EX-15")
class OnlyOneIsAFailure(Behaviour):
    """Only a build that gives 1 has failed; make gives 2."""

    def is_failure(self, code: int) -> bool:
        return code == 1


@defect("EX-15")
class FinishedWithTheBuildsCode(Behaviour):
    """After a failed build the run finishes with the build's exit code."""

    def steps(self, session: Session, run: Run) -> int:
        self.clean_step(session, run)
        build = self.build_step(session, run)
        if build or not run.commands.exec:
            return build
        return self.step(session, run, self.exec_command(session, run.commands.exec))


@defect("EX-15")
class FinishedWithOne(Behaviour):
    """After a failed build the run finishes with 1."""

    def steps(self, session: Session, run: Run) -> int:
        code = super().steps(session, run)
        return 1 if code == 127 and run.commands.build and run.process and run.process.popen.returncode != 127 else code  # noqa: PLR2004  - EX-15


@defect("EX-15")
class FinishedWithZero(Behaviour):
    """After a failed build the run finishes with 0."""

    def is_failure(self, code: int) -> bool:
        if super().is_failure(code):
            raise CutOffError("finished", 0)
        return False


@defect("EX-16")
class FaultsAreMinusOne(_OddCodes):
    """A program that exits with 255 is told as -1: a fault of the server."""

    def odd(self, code: int) -> int:
        return -1 if code == 255 else code  # noqa: PLR2004  - a signed byte's -1


@defect("EX-16")
class KilledIsOne(_OddCodes):
    """A program killed by a signal gives 1."""

    def odd(self, code: int) -> int:
        return 1 if code in {128 + number for number in (6, 9, 11, 15)} else code


# -- EX-17: long polling

knob("calls-block-to-the-end", "EX-17", "A call blocks until the step has ended.", poll_s=600.0)


@defect("EX-17")
class OutputComesAtTheEnd(Behaviour):
    """`continued` carries no output; all of it comes at the end."""

    def take(self, run: Run) -> Segment | None:
        if run.segments and run.segments[0].ending is None:
            return Segment()
        return super().take(run)


@defect("EX-17", also=("CN-06",))
class OutputAccumulates(Behaviour):
    """Every call delivers the step's output from its beginning."""

    def take(self, run: Run) -> Segment | None:
        if run.segments and run.segments[0].ending is None:
            open_one = run.segments[0]
            return Segment(list(open_one.blocks), dict(open_one.chars))
        return super().take(run)


# -- EX-19 to EX-21, EX-30: where and as whom


class _OddJail(Behaviour):
    """A server that runs commands elsewhere or otherwise."""

    odd: dict[str, Any] = {}  # noqa: RUF012  - a knob
    lacks = ""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        environ = {name: value for name, value in jail.environ.items() if name != self.lacks}
        return replace(jail, **{"environ": environ, **self.odd})


knob("runs-in-tmp", "EX-19", "Commands run in /tmp.", base=_OddJail, odd={"directory": "/tmp"})  # noqa: S108  - inside
knob("runs-in-home", "EX-19", "Commands run in /home.", base=_OddJail, odd={"directory": "/home"})
for _name in ("TERM", "LANG", "SHELL", "USER", "HOME"):
    knob(f"no-{_name.lower()}-in-environment", "EX-20", f"{_name} is not set.", base=_OddJail, lacks=_name)
knob("runs-as-root", "EX-21", "Commands run as uid 0.", base=_OddJail, odd={"uid": 0})
knob("ptrace-is-allowed", "EX-21", "ptrace is not blocked.", base=_OddJail, odd={"ptrace": True})
knob("plain-sh", "EX-30", "Commands are read by sh.", base=_OddJail, odd={"shell": ("sh", "-c")})


@defect("EX-19")
class ExecRunsElsewhere(Behaviour):
    """exec runs in a directory of its own below home."""

    def exec_command(self, session: Session, command: str) -> str:
        return f"mkdir -p run && cd run && {{ {super().exec_command(session, command)}\n}}"


class _OddEnvironment(Behaviour):
    """A server that sets a variable to something else."""

    odd: dict[str, str] = {}  # noqa: RUF012  - a knob

    def environ(self, session: Session) -> dict[str, str]:
        return {**super().environ(session), **self.odd, **session.environ}


for _name, _value in (("TERM", "dumb"), ("LANG", "C"), ("SHELL", "/bin/sh"), ("USER", "root"), ("HOME", "/root")):
    _odd = {_name: _value}
    knob(f"{_name.lower()}-is-wrong", "EX-20", f"{_name} is {_value}.", base=_OddEnvironment, odd=_odd)


# -- EX-22: overlapping runs


@defect("EX-22", also=("CN-06",))
class OutputGoesToTheNewestRun(Behaviour):
    """While two runs overlap, all output goes to the newest."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        session = next((s for s in self.sessions.values() if run.id in s.runs), None)
        newest = session.last_run if session is not None else None
        super().heard(newest if newest is not None and newest.segments else run, stream, text)


@defect("EX-22")
class OverlapIsRefused(Behaviour):
    """A run is refused while another one is going on."""

    def start(self, session: Session, run: Run) -> None:
        if any(not other.done.is_set() for other in session.runs.values()):
            raise Problem(409, "Session is busy")
        super().start(session, run)


@defect("EX-22", also=("SE-07",))
class OverlapKillsTheEarlier(Behaviour):
    """A new run ends the one that is going on."""

    def start(self, session: Session, run: Run) -> None:
        self.kill_runs(session)
        super().start(session, run)


@defect("EX-22")
class LastComeFirstServed(Behaviour):
    """Waiting runs are served newest first."""

    def await_turn(self, session: Session, run: Run) -> None:
        run.previous = None
        while True:
            self.check_cut(run)
            with session.lock:
                waiting = [other for other in session.runs.values() if not other.done.is_set()]
                going = next((other for other in waiting if getattr(other, "going", False)), None)
                if going is None and waiting[-1] is run:
                    run.going = True  # type: ignore[attr-defined]  # this defect's own note
                    return
            time.sleep(0.01)


# -- EX-23: the time limit

knob("no-time-limit", "EX-23", "The time limit is not kept.", exec_timeout_s=None)


@defect("EX-23")
class TimeoutKillsNothing(Behaviour):
    """exec-timeout is reported, and the processes go on."""

    def step(self, session: Session, run: Run, command: str) -> int:
        process = run.process = sandbox.spawn(self.jail(session), self.shell_text(command))
        timed_out = False
        try:
            self.pump(run, process)
        except CutOffError as cut:
            timed_out = cut.status == "exec-timeout"
            raise
        finally:
            code = 137 if timed_out else sandbox.reap(process)
        return self.exit_code(code)

    def time_up(self, run: Run, process: Process) -> None:
        raise CutOffError("exec-timeout", None)


@defect("EX-23")
class TimeoutKillsTheShellOnly(TimeoutKillsNothing):
    """exec-timeout kills the shell, and its children live on."""

    def shell_text(self, command: str) -> str:
        return f"bash -c {_quoted(command)} & wait $!; code=$?; [ $code -lt 128 ] || sleep 20; exit $code"

    def time_up(self, run: Run, process: Process) -> None:
        shells = sandbox.descendants(process.init_pid or process.popen.pid)
        for pid in shells[1:2]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().time_up(run, process)


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


@defect("EX-23")
class TimeoutHasNoReason(Behaviour):
    """A run past the limit is `finished`, and nothing says why."""

    def time_up(self, run: Run, process: Process) -> None:
        sandbox.kill(process)
        raise CutOffError("finished", 137)


@defect("EX-23")
class TimeoutIsSuccess(Behaviour):
    """A run past the limit is `finished` with 0 and nothing on stderr."""

    def time_up(self, run: Run, process: Process) -> None:
        sandbox.kill(process)
        raise CutOffError("finished", 0)


@defect("EX-23")
class BuildsHaveNoTimeLimit(Behaviour):
    """The time limit is kept for exec only."""

    def build_step(self, session: Session, run: Run) -> int:
        run.deadline_s += 3600
        code = super().build_step(session, run)
        self.start_clock(run)
        return code


# -- EX-24, EX-27, EX-28, EX-29, EX-31


@defect("EX-24")
class RunsStartEmpty(Behaviour):
    """Files that an earlier run made are gone in the next."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        session = next((s for s in self.sessions.values() if run.id in s.runs), None)
        if session is None:
            return
        known: set[Any] = getattr(session, "uploads", set())
        for path in session.home.rglob("*"):
            if path.is_file() and path not in known:
                path.unlink()

    def store(self, session: Session, path: Any, content: bytes) -> None:  # noqa: ANN401  - as the base class
        super().store(session, path, content)
        session.uploads = {*getattr(session, "uploads", set()), path}  # type: ignore[attr-defined]  # this defect's own note


@defect("EX-24")
class ExecLeavesNothing(Behaviour):
    """New files at the top of home are removed when exec has ended."""

    def steps(self, session: Session, run: Run) -> int:
        before: set[Any] = set()
        try:
            code = super().steps(session, run)
        finally:
            before = getattr(run, "built", before)
            for path in session.home.iterdir():
                if path not in before and path.is_file():
                    path.unlink()
        return code

    def exec_command(self, session: Session, command: str) -> str:
        for run in session.runs.values():
            if not run.done.is_set():
                run.built = set(session.home.iterdir())  # type: ignore[attr-defined]  # this defect's own note
                break
        return super().exec_command(session, command)


@defect("EX-27")
class BuildOnlyIsSilent(Behaviour):
    """Without exec the build's output is not returned."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "build-finished" and not run.commands.exec:
            run.segments[-1].blocks.clear()
        super().end(run, status, code)


@defect("EX-27")
class BuildOnlyRunsMain(_OddCommands):
    """Without exec a ./main that the build made is run."""

    def odd(self, commands: Commands) -> Commands:
        return commands if commands.exec or not commands.build else replace(commands, exec="[ ! -x main ] || ./main")


@defect("EX-27")
class SuccessfulBuildsAreSilent(Behaviour):
    """The output of a build that succeeded is not returned."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "build-finished" and code == 0:
            run.segments[-1].blocks.clear()
        super().end(run, status, code)


@defect("EX-28")
class QueriesRunNothing(Behaviour):
    """Query mode is accepted and runs nothing."""

    def query_command(self, session: Session, code: str) -> str:
        return "true"


@defect("EX-29")
class RepeatedBatchIsRefused(Behaviour):
    """A batch call with the id of an unfinished run is refused."""

    def go_on(self, session: Session, run_id: str) -> Run:
        raise Problem(409, "Run exists")


@defect("EX-29")
class RepeatedBatchStartsAgain(Behaviour):
    """A batch call with the id of an unfinished run starts it once more."""

    def go_on(self, session: Session, run_id: str) -> Run:
        run = Run(run_id, session.runs[run_id].commands)
        self.start(session, run)
        return run


@defect("EX-31")
class AbandonedRunsBlock(Behaviour):
    """A run that is not fetched to its end lets no other begin."""

    def await_turn(self, session: Session, run: Run) -> None:
        previous = run.previous
        while previous is not None and session.runs.get(previous.id) is previous:
            self.check_cut(run)
            time.sleep(0.02)
        super().await_turn(session, run)


@defect("EX-12", also=("EX-24",))
class OnlyTheFirstRunWorks(Behaviour):
    """The second run of a session finishes at once and runs nothing."""

    def await_turn(self, session: Session, run: Run) -> None:
        super().await_turn(session, run)
        if session.queries["calls"] > 1 and getattr(session, "ran", False):
            raise CutOffError("finished", 0)
        session.ran = True  # type: ignore[attr-defined]  # this defect's own note


@defect("EX-06", also=("EX-24",))
class SessionsAreMixedUp(Behaviour):
    """Commands run in the newest session, whichever was asked."""

    def jail(self, session: Session) -> Jail:
        newest = list(self.sessions.values() or [session])[-1]
        return replace(super().jail(session), place=newest.place)
