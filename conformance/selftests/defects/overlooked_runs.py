"""Defects of runs that a reader of the contract alone would plant: in one step, one option, one form of a name."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response
from conformance.selftests.reference.runs import CutOffError

from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Commands, Run, Segment
    from conformance.selftests.reference.sandbox import Jail, Process
    from conformance.selftests.reference.sessions import Session


class ReadsRunIds(Behaviour):
    """Reads run ids in a way of its own."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return run_id

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        run_id = wanted.get("runId")
        if isinstance(run_id, str):
            wanted = {**wanted, "runId": self.read_run_id(session, run_id)}
        return super().find_run(session, wanted, mode)


@defect("EX-22", also=("EX-04", "EX-29", "CN-06"))
class RunIdsIgnoreCase(ReadsRunIds):
    """Two unfinished runs whose ids differ by case are one."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return next((one for one in session.runs if one.lower() == run_id.lower()), run_id)


@defect("EX-04")
class RunIdsAreTrimmed(ReadsRunIds):
    """Blanks around a runId are lost."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return run_id.strip()


@defect("EX-06", also=("EX-30", "CN-06"))
class CommandLinesAreStripped(Behaviour):
    """The indentation of a command's lines is lost."""

    def shell_text(self, command: str) -> str:
        return super().shell_text("\n".join(line.strip() for line in command.split("\n")))


@defect("EX-30", also=("EX-24",))
class NoClobberShells(Behaviour):
    """The shells refuse to overwrite a file by `>`."""

    def jail(self, session: Session) -> Jail:
        return replace(super().jail(session), shell=("bash", "-C", "-c"))  # noqa: S604  - a jail's


@defect("EX-08")
class DefaultBuildsDespiseWarnings(Behaviour):
    """The default build fails where the compiler warns."""

    def build_command(self, session: Session, command: str) -> str:
        return super().build_command(session, command).replace("exec gcc", "exec gcc -Wall -Wextra -Werror")


@defect("EX-14", also=("EX-13", "EX-23"))
class CodeOfTheTimeoutCommand(Behaviour):
    """An exec that exits with 124 ends as `exec-timeout`."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        if code == 124 and command == run.commands.exec:  # noqa: PLR2004  - of coreutils' timeout
            raise CutOffError("exec-timeout", None)
        return code


@defect("EX-23")
class SecondTimeoutsAreForgotten(Behaviour):
    """The second run of a session that goes past the limit is not cut off."""

    def step(self, session: Session, run: Run, command: str) -> int:
        run.session = session  # type: ignore[attr-defined]  # this defect's own note
        return super().step(session, run, command)

    def time_up(self, run: Run, process: Process) -> None:
        session = run.session  # type: ignore[attr-defined]
        cut = session.__dict__.setdefault("cut_runs", [])
        if cut and run not in cut:
            run.deadline_s += 3600
            return
        cut.append(run)
        super().time_up(run, process)


@defect("EX-25")
class FalsyCommandsAreNone(Behaviour):
    """`false`, 0 and empty lists are taken for no command."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        options = wanted.get("options")
        if isinstance(options, dict):
            wanted = {**wanted, "options": {name: value or None for name, value in options.items()}}
        return super().read_commands(wanted)


@defect("CO-10", also=("EX-25",))
class RunIdsOfAnyType(Behaviour):
    """A runId that is a number is read as a text."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if isinstance(wanted.get("runId"), int):
            wanted = {**wanted, "runId": str(wanted["runId"])}
        return super().find_run(session, wanted, mode)


@defect("EX-26")
class OutputsAreServedAsFirstSeen(Behaviour):
    """An output file that a later run overwrites is served as it was."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        response = super().show_output(request, owner, identifier, name)
        seen: dict[tuple[str, str], Response] = self.__dict__.setdefault("seen", {})
        return seen.setdefault((self.find(owner, identifier).uuid, name), response)


HERE = threading.local()


class KnowsTheBuild(Behaviour):
    """Knows in a jail whether it is that of a build."""

    def build_step(self, session: Session, run: Run) -> int:
        HERE.build = run.commands.build
        try:
            return super().build_step(session, run)
        finally:
            HERE.build = None


@defect("EX-21")
class BuildsMayTrace(KnowsTheBuild):
    """A build may ptrace."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, ptrace=True) if getattr(HERE, "build", None) else jail


@defect("EX-14", also=("EX-06", "EX-12"))
class PipefailShells(Behaviour):
    """A step's code is that of any part of a pipeline that failed, in builds alone."""

    def build_command(self, session: Session, command: str) -> str:
        return (
            "set -o pipefail\n" + super().build_command(session, command)
            if command != "*"
            else super().build_command(session, command)
        )


@defect("EX-19")
class DirectoryIsKeptByTheRun(Behaviour):
    """A step begins where the step before ended."""

    def step(self, session: Session, run: Run, command: str) -> int:
        note = session.place / "tmp" / ".cwd"
        run.__dict__["note"] = note
        return super().step(
            session, run, f"cd \"$(cat /tmp/.cwd 2>/dev/null || echo .)\"; trap 'pwd > /tmp/.cwd' EXIT\n{command}"
        )

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "finished" and getattr(run, "note", None):
            run.__dict__["note"].unlink(missing_ok=True)
        super().end(run, status, code)


@defect("EX-20")
class ThirdRunsTerminalIsDumb(Behaviour):
    """From the third run on commands find TERM as dumb."""

    def environ(self, session: Session) -> dict[str, str]:
        return {**super().environ(session), **({"TERM": "dumb"} if session.queries["runs"] > 2 else {})}  # noqa: PLR2004  - runs


@defect("EX-20")
class OverlapLosesLang(Behaviour):
    """A run that waited for its turn finds no LANG."""

    def await_turn(self, session: Session, run: Run) -> None:
        session.__dict__["waited"] = run.previous is not None and not run.previous.done.is_set()
        waited = session.__dict__["waited"]
        super().await_turn(session, run)
        session.__dict__["waited"] = waited

    def environ(self, session: Session) -> dict[str, str]:
        environ = super().environ(session)
        if session.__dict__.get("waited"):
            environ.pop("LANG", None)
        return environ


@defect("EX-12", also=("EX-06",))
class FailedCleanIsAFailedBuild(Behaviour):
    """After a clean that failed exec does not run, though the build did and passed."""

    def clean_step(self, session: Session, run: Run) -> int:
        code = run.__dict__["cleaned"] = super().clean_step(session, run)
        return code

    def build_step(self, session: Session, run: Run) -> int:
        return super().build_step(session, run) or int(run.__dict__["cleaned"])


@defect("EX-10", also=("CN-04",))
class LastErrorLineComesLate(Behaviour):
    """What the build wrote to stderr behind the last newline comes with the program's output."""

    def step(self, session: Session, run: Run, command: str) -> int:
        return super().step(session, run, command)

    def heard(self, run: Run, stream: str, text: str) -> None:
        if stream == "stderr":
            whole, newline, run.__dict__["late"] = (run.__dict__.pop("late", "") + text).rpartition("\n")
            text = whole + newline
        super().heard(run, stream, text)

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "finished" and run.__dict__.get("late"):
            super().heard(run, "stderr", run.__dict__.pop("late"))
        super().end(run, status, code)


@defect("EX-12", also=("EX-17", "EX-31"))
class SlowPollersLoseTheEnd(Behaviour):
    """The end of a run is kept for a second: a client that polls later finds no run."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        for run_id, run in list(session.runs.items()):
            if time.monotonic() - getattr(run, "ended_s", time.monotonic()) > 1:
                del session.runs[run_id]
        return super().find_run(session, wanted, mode)

    def end(self, run: Run, status: str, code: int | None) -> None:
        super().end(run, status, code)
        if status == "finished":
            run.__dict__["ended_s"] = time.monotonic()


@defect("EX-24", also=("EX-23",), needs=("exec-timeout",))
class CutRunsLoseTheirFiles(Behaviour):
    """What a run wrote is taken back where the time limit cut it."""

    def step(self, session: Session, run: Run, command: str) -> int:
        before = set(session.home.rglob("*"))
        try:
            return super().step(session, run, command)
        except CutOffError:
            for p in session.home.rglob("*"):
                if p not in before and p.is_file():
                    p.unlink()
            raise


@defect("EX-26")
class OutputsOfCleansAreForgotten(Behaviour):
    """Output files that the clean made are not named."""

    def clean_step(self, session: Session, run: Run) -> int:
        code = super().clean_step(session, run)
        run.before = self.output_files(session)
        return code


@defect("EX-26")
class OutputsOfTheSameSizeAreOld(Behaviour):
    """An output file whose size did not change is taken for the earlier run's."""

    def output_files(self, session: Session) -> dict[str, int]:
        return {name: os.lstat(session.home / ".output" / name).st_size for name in super().output_files(session)}


@defect("CN-01", also=("CN-05",))
class SilenceIsAnItemWithoutType(Behaviour):
    """A continued result without output has an empty item of no type."""

    def console(self, segment: Segment) -> list[list[Any]]:
        return super().console(segment) or ([["", ""]] if segment.ending is None else [])


@defect("EX-17", also=("CN-06",))
class LastBlankOfACallIsLost(Behaviour):
    """A blank at the end of a continued result's output is lost."""

    def console(self, segment: Segment) -> list[list[Any]]:
        items = super().console(segment)
        if segment.ending is None and items and items[-1][1].endswith(" "):
            items[-1][1] = items[-1][1][:-1]
        return items


@defect("SE-07", also=("SE-05",))
class SecondRestartForgetsTheAge(Behaviour):
    """The second restart resets the age."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        session.__dict__["restarts"] = session.__dict__.get("restarts", 0) + 1
        if session.__dict__["restarts"] > 1:
            session.born_s = time.monotonic()


@defect("SE-09")
class EnvironHasSixteenNames(Behaviour):
    """Environ beyond the sixteenth name is dropped."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return dict(list(super().read_environ(config).items())[:16])


@defect("EX-06", also=("EX-29", "EX-05"))
class BatchOfAnotherSessionsRun(Behaviour):
    """A batch call with the runId of an unfinished run of another session is refused."""

    def earlier_run(self, session: Session, wanted: dict[str, Any], run_id: str) -> Run | None:
        if any(run_id in one.runs for one in self.sessions.values() if one is not session and run_id):
            raise Problem(409, "Run exists")
        return super().earlier_run(session, wanted, run_id)


@defect("EX-08")
class DefaultBuildKeepsOldMain(Behaviour):
    """A default build that fails passes where ./main is there already."""

    def build_command(self, session: Session, command: str) -> str:
        text = super().build_command(session, command)
        return text if command != "*" else text.replace("exec gcc", "gcc") + "\n[ -f main ]"


@defect("EX-13")
class NullCodeWithSkippedBuild(Behaviour):
    """build-finished of a build that was skipped has no exit code, after a clean."""

    def result_body(self, run: Run, status: str, code: int | None, *more: Any) -> dict[str, Any]:
        if status == "build-finished" and not run.commands.build and run.commands.clean:
            code = None
        return super().result_body(run, status, code, *more)
