"""Defects of runs that show in a moment seldom watched: a queued run, an unread one, a second poll, a closed stream."""

from __future__ import annotations

import shlex
import threading
import time
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour, sandbox
from conformance.selftests.reference.runs import Commands, CutOffError, Run, Segment

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sandbox import Process
    from conformance.selftests.reference.sessions import Session

MIB = 1024 * 1024
PILE = 128 * 1024
GOES_ON_S = 4.0


def _session_of(server: Behaviour, run: Run) -> Session | None:
    return next((one for one in list(server.sessions.values()) if one.runs.get(run.id) is run), None)


# -- EX-24: what stays


@defect("EX-24")
class LargeFilesOfRunsAreDropped(Behaviour):
    """A file of over 1 MiB that a run made is gone when it has ended."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        session = _session_of(self, run)
        for path in session.home.rglob("*") if session else ():
            if path.is_file() and not path.is_symlink() and path.stat().st_size > MIB:
                path.unlink()
        super().end(run, status, code)


@defect("EX-24")
class DotfilesAreGoneInTheNextRun(Behaviour):
    """Files at the top of home whose names begin with a dot are gone when the next run begins: `*` misses them."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        session = _session_of(self, run)
        for path in session.home.glob(".*") if session else ():
            if path.is_file():
                path.unlink()


@defect("EX-24", also=("UP-16",))
class RemovedUploadsComeBack(Behaviour):
    """An uploaded file that a run removed is there again in the next."""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        self.__dict__.setdefault("stored", {}).setdefault(session.uuid, {})[path] = content

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        session = _session_of(self, run)
        stored: dict[Path, bytes] = self.__dict__.get("stored", {}).get(session.uuid if session else "", {})
        for path, content in stored.items():
            if not path.exists() and path.parent.is_dir():
                path.write_bytes(content)
                sandbox.give(path)


# -- EX-29, EX-25, EX-12: which run a call is about


@defect("EX-29", also=("EX-12",))
class CleanedRunsStartAnew(Behaviour):
    """A batch call for a run whose last result was `clean-finished` starts it anew."""

    def go_on(self, session: Session, run_id: str) -> Run:
        run = super().go_on(session, run_id)
        if (session.finished.get(run_id) or {}).get("status") != "clean-finished":
            return run
        again = Run(run_id, run.commands)
        self.start(session, again)
        return again


@defect("EX-29")
class WaitingRunsAreQueuedAgain(Behaviour):
    """A batch call for a run that waits for its turn puts it into the queue once more."""

    def await_turn(self, session: Session, run: Run) -> None:
        super().await_turn(session, run)
        run.begun = True  # type: ignore[attr-defined]  # this defect's own note

    def go_on(self, session: Session, run_id: str) -> Run:
        run = super().go_on(session, run_id)
        if getattr(run, "begun", False):
            return run
        again = Run(run_id, run.commands)
        self.start(session, again)
        return again


@defect("EX-25")
class UnknownRunsAreTheOneThatGoesOn(Behaviour):
    """A `continue` for a run that does not exist goes on with the session's unfinished one."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if mode == "continue" and wanted.get("runId") not in session.runs and len(session.runs) == 1:
            return next(iter(session.runs.values()))
        return super().find_run(session, wanted, mode)


@defect("EX-12", also=("EX-22",))
class CommandsInAContinueStartAnew(Behaviour):
    """A `continue` that holds commands starts the run anew."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        run = super().find_run(session, wanted, mode)
        if mode == "continue" and run is not None and any((wanted.get("options") or {}).values()):
            run = Run(run.id, self.read_commands(wanted))
            self.start(session, run)
        return run


@defect("EX-06")
class StepsRunAsWritten(Behaviour):
    """The steps run in the order in which the options name them."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        commands = super().read_commands(wanted)
        names = [name for name in wanted.get("options") or {} if name in {"clean", "build"}]
        if names == ["build", "clean"] and commands.clean and commands.build:
            return Commands(commands.build, commands.clean, commands.exec)
        return commands


# -- EX-23


@defect("EX-23")
class OnlyPolledRunsAreCutOff(Behaviour):
    """The time limit is looked at when the run is polled: one that nobody asks for goes on."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        limit_s = self.exec_timeout_s or 3600.0
        begun_s = run.__dict__.setdefault("begun_s", time.monotonic())
        if time.monotonic() - begun_s > limit_s:
            run.deadline_s = 0.0
        return super().poll(session, run)

    def start_clock(self, run: Run) -> None:
        run.deadline_s = time.monotonic() + 3600.0


@defect("EX-23")
class CutBuildsLeaveTheirChildren(Behaviour):
    """A build past the limit is reported so, and what it started goes on for a while."""

    def build_step(self, session: Session, run: Run) -> int:
        run.building = True  # type: ignore[attr-defined]  # this defect's own note
        code = super().build_step(session, run)
        run.building = False  # type: ignore[attr-defined]
        return code

    def step(self, session: Session, run: Run, command: str) -> int:
        if not getattr(run, "building", False):
            return super().step(session, run, command)
        process = run.process = sandbox.spawn(self.jail(session), self.shell_text(command))
        try:
            self.pump(run, process)
        except CutOffError as cut:
            threading.Timer(GOES_ON_S, sandbox.kill, (process,)).start()
            self.end(run, cut.status, cut.code)
            run.done.set()
            sandbox.reap(process)
            run.segments.append(Segment())  # for the end that is told again, to nobody
            raise
        return self.exit_code(sandbox.reap(process))

    def time_up(self, run: Run, process: Process) -> None:
        if not getattr(run, "building", False):
            super().time_up(run, process)
        raise CutOffError("exec-timeout", None)


@defect("EX-23")
class TheLimitEndsWaitingRuns(Behaviour):
    """A run past the limit takes the runs that wait behind it with it."""

    def time_up(self, run: Run, process: Process) -> None:
        session = _session_of(self, run)
        for other in list(session.runs.values()) if session else ():
            if other is not run:
                other.cut.set()
        super().time_up(run, process)


# -- EX-14, EX-16, EX-17


@defect("EX-14", also=("EX-22",))
class ExitCodesAreTheSessions(Behaviour):
    """A result tells the exit code of the session's newest step, whichever run's that was."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        session.__dict__["newest"] = code
        return code

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        if segment.ending and segment.ending[0] == "finished" and segment.ending[1] != 127:  # noqa: PLR2004  - EX-15
            segment.ending = ("finished", session.__dict__.get("newest", 0))
        return super().result(session, run, segment)


@defect("EX-14")
class ClosedStreamsAreAnEnd(Behaviour):
    """A program that has closed both its streams, and goes on, is told as ended with 0."""

    def shell_text(self, command: str) -> str:
        if ">&-" not in command:
            return command
        relay = "mkfifo /tmp/.o /tmp/.e; cat /tmp/.o & o=$!; cat /tmp/.e >&2 & e=$!"
        closed = "wait $o $e; rm /tmp/.o /tmp/.e; sleep 0.05; kill -0 $p 2>/dev/null && exit 0"
        return f"{relay}; bash -c {shlex.quote(command)} >/tmp/.o 2>/tmp/.e & p=$!; {closed}; wait $p"


@defect("EX-17", also=("CN-06",))
class PollsAtTheSameTimeShareAPiece(Behaviour):
    """Two polls of a run at the same time are both answered with the same piece."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        with run.changed:
            shared = run.__dict__.setdefault("shared", {"polls": 0, "result": None})
            shared["polls"] += 1
            if shared["polls"] == 1:
                shared["result"], shared["ready"] = None, threading.Event()
            ready, leads = shared["ready"], shared["polls"] == 1
        if not leads:
            ready.wait(5)
            with run.changed:
                shared["polls"] -= 1
                return dict(shared["result"])
        result = super().poll(session, run)
        with run.changed:
            shared["result"] = result
            shared["polls"] -= 1
            ready.set()
        return result


@defect("EX-17")
class CleansAreSilentToTheirEnd(Behaviour):
    """What the clean step writes comes with `clean-finished`."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        cleaning = not getattr(run, "cleaned", not run.commands.clean)
        if segment is not None and segment.ending is None and cleaning:
            run.segments[0] = segment
            return Segment()
        return segment

    def clean_step(self, session: Session, run: Run) -> int:
        code = super().clean_step(session, run)
        run.cleaned = True  # type: ignore[attr-defined]  # this defect's own note
        return code


@defect("EX-17", also=("CN-06",))
class PilesAreCut(Behaviour):
    """Of what piles up while nobody polls, 128 KiB are kept."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        run.polled = getattr(run, "polled", 0) + 1  # type: ignore[attr-defined]  # this defect's own note
        try:
            return super().poll(session, run)
        finally:
            run.polled -= 1  # type: ignore[attr-defined]

    def heard(self, run: Run, stream: str, text: str) -> None:
        with run.changed:
            room = PILE - run.segments[-1].chars[stream]
        super().heard(run, stream, text if getattr(run, "polled", 0) else text[: max(0, room)])


# -- EX-08, EX-26, EX-01, CN-02, EX-16


@defect("EX-26")
class FilesMadeAgainAreNotListed(Behaviour):
    """A file that an earlier run made under .output is not listed when a later one makes it anew."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        return [one for one in super().made_files(session, run) if one["name"] not in run.before]


class ReadingOutput(Behaviour):
    """A server that looks at what is under .output with no thought of odd things there."""

    def look(self, path: Path) -> None:
        """Look at a file."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        for path in (session.home / ".output").rglob("*"):
            self.look(path)
        return super().made_files(session, run)


@defect("EX-01", also=("EX-26",))
class DanglingLinksUnderOutputCrash(ReadingOutput):
    """A link that leads nowhere under .output makes the last call answer 500."""

    def look(self, path: Path) -> None:
        path.stat()


@defect("EX-01", also=("EX-26",))
class OddNamesUnderOutputCrash(ReadingOutput):
    """A name under .output that is not UTF-8 makes the last call answer 500."""

    def look(self, path: Path) -> None:
        str(path).encode("utf-8")


@defect("EX-16")
class KilledBuildsEndWithOne(Behaviour):
    """A build that a signal killed is told with 1."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        return 1 if code == 137 and command == run.commands.build else code  # noqa: PLR2004  - killed
