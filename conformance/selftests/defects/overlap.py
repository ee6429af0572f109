"""Servers that keep neither turns nor time (EX-22, EX-23)."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour, sandbox
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import CutOffError, Run

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Process
    from conformance.selftests.reference.sessions import Session

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


@defect("EX-22", also=("EX-10", "EX-11", "SE-07"))
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
            run.cut.wait(0.01)


# -- EX-23: the time limit

knob("no-time-limit", "EX-23", "The time limit is not kept.", exec_timeout_s=None)


@defect("EX-23")
class TimeoutKillsNothing(Behaviour):
    """exec-timeout is reported, and the processes go on."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.strays: list[Process] = []

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

    def perform(self, session: Session, run: Run) -> None:
        super().perform(session, run)
        if run.process is not None and run.process.popen.returncode is None:
            self.strays.append(run.process)
            sandbox.reap(run.process)  # the sandbox would die with this thread

    def close(self) -> None:
        for process in self.strays:
            sandbox.kill(process)
        super().close()


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
