"""EX: how a run goes: its steps, its turn, its time, its end."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

from . import sandbox
from .console import Console
from .runs import CutOffError, Run, Segment
from .sandbox import Jail

if TYPE_CHECKING:
    from .sandbox import Process
    from .sessions import Session

ENVIRON: Final = {
    "TERM": "xterm",
    "LANG": "C.UTF-8",
    "SHELL": "/bin/bash",
    "USER": "work",
    "HOME": "/home/work",
}
# A bash says on its own stderr when a child was killed: so 137 by `exit 137` and by SIGKILL can be told apart.
SIGNALLED: Final = "[ -s /tmp/.killed ] && echo $code > /tmp/.signal; rm -f /tmp/.killed; exit $code"
AWAITED: Final = "while set -- /proc/[0-9]*; [ $# -gt 2 ]; do read -rt 0.02 < <(:); done; exit $code"
SAMPLE_S: Final = 0.1
DEFAULT_BUILD: Final = """
if [ -f Makefile ] || [ -f makefile ] || [ -f GNUmakefile ]; then exec make; fi
mapfile -d '' sources < <(find . -name '*.c' -print0)
[ ${#sources[@]} -gt 0 ] || { echo 'no C source and no Makefile' >&2; exit 1; }
exec gcc "${sources[@]}" -o ./main -pthread -lm -lrt -ldl
"""


class Engine(Console):
    """One thread a run; hooks take the session and the run."""

    exec_timeout_s: float | None = 3600.0
    limit_per_step = False  # EX-23 (open)
    timeout_status = "exec-timeout"  # EX-23: or "finished" with the reason on stderr
    fifo = True  # EX-22: or in parallel
    skipped_clean = "silent"  # EX-11 (open): whether a skipped step reports: "silent" or "reported"
    skipped_build = "reported"
    waits_for_poll = False  # EX-12 (open): a step waits until the end of the one before was fetched
    failed_clean_stops = False  # EX-12 (open)
    failed_build_only = "127"  # EX-15 (open): or "build": the code to finish with where there is no exec
    cut_ending: tuple[str, int | None] = ("finished", 137)  # SE-07 (open): what a restart makes of a run
    background = "killed"  # CN-06 (open): or "awaited", and its output delivered
    skipped_exec_code = "zero"  # EX-07 (open): "zero", or the "last" step's
    signal_codes = "128+N"  # EX-16 (open): or "-N"
    more_environ: ClassVar[dict[str, str]] = {}
    read_bytes = 65_536

    # -- the run

    def start(self, session: Session, run: Run) -> None:
        """Queue a run behind the session's earlier ones."""
        with session.lock:
            run.previous, session.last_run = session.last_run, run
            session.runs[run.id] = run
        threading.Thread(target=self.perform, args=(session, run), daemon=True).start()

    def perform(self, session: Session, run: Run) -> None:
        """The thread of a run: whatever happens, it ends with a final segment."""
        try:
            self.await_turn(session, run)
            run.before = self.output_files(session)
            self.start_clock(run)
            code = self.steps(session, run)
            self.end(run, "finished", code)
        except CutOffError as cut:
            self.end(run, cut.status, cut.code)
        except Exception as fault:  # noqa: BLE001  - the session is gone, or the machine is full: EX-16
            self.heard(run, "stderr", f"{fault}\n")
            self.end(run, "finished", -1)
        finally:
            run.done.set()

    def await_turn(self, session: Session, run: Run) -> None:
        """EX-22: wait for the run before, unless runs go in parallel."""
        previous, run.previous = run.previous, None
        if self.fifo and previous is not None:
            previous.done.wait()
        self.check_cut(run)

    def start_clock(self, run: Run) -> None:
        """EX-23: the limit counts from here."""
        run.deadline_s = time.monotonic() + (self.exec_timeout_s or 3600.0)

    def steps(self, session: Session, run: Run) -> int:
        """EX-06, EX-07, EX-11, EX-15: clean, build, exec; the exit code to finish with."""
        clean = self.clean_step(session, run)
        if clean and self.failed_clean_stops:
            self.end(run, "build-finished", clean)
            return 127
        build = self.build_step(session, run)
        if self.is_failure(build):
            return build if self.failed_build_only == "build" and not run.commands.exec else 127
        last = build if run.commands.build else clean
        if not run.commands.exec:
            return last if self.skipped_exec_code == "last" else 0
        return self.step(session, run, self.exec_command(session, run.commands.exec))

    def is_failure(self, code: int) -> bool:
        """EX-15: whether a build with this exit code failed."""
        return code != 0

    def clean_step(self, session: Session, run: Run) -> int:
        """EX-09, EX-11."""
        code = 0
        if run.commands.clean:
            code = self.step(session, run, self.clean_command(run.commands.clean))
        if run.commands.clean or self.skipped_clean == "reported":
            self.end(run, "clean-finished", code)
        return code

    def build_step(self, session: Session, run: Run) -> int:
        """EX-08, EX-11."""
        code = 0
        if run.commands.build:
            code = self.step(session, run, self.build_command(session, run.commands.build))
        if run.commands.build or self.skipped_build == "reported" or self.reports_clean(run):
            self.end(run, "build-finished", code)
        return code

    def reports_clean(self, run: Run) -> bool:
        """EX-11: after clean-finished there is a build-finished."""
        return bool(run.commands.clean) or self.skipped_clean == "reported"

    def clean_command(self, command: str) -> str:
        """EX-09: `*` does nothing."""
        return "true" if command == "*" else command

    def build_command(self, session: Session, command: str) -> str:
        """EX-08: `*` is the kernel's own build."""
        return DEFAULT_BUILD if command == "*" else command

    def exec_command(self, session: Session, command: str) -> str:
        """`*` runs what the default build made."""
        return "./main" if command == "*" else command

    def end(self, run: Run, status: str, code: int | None) -> None:
        """Close the run's open segment; after a step's end comes the next one's segment."""
        with run.changed:
            run.segments[-1].ending = (status, code)
            if status.endswith("-finished"):
                run.fetched.clear()
                run.segments.append(Segment())
            run.changed.notify_all()
        if self.waits_for_poll and status.endswith("-finished"):
            self.await_poll(run)

    def await_poll(self, run: Run) -> None:
        """EX-12 (open): wait for the client, at most as long as the run may take."""
        while not run.fetched.wait(0.05):
            self.check_cut(run)
            if time.monotonic() > run.deadline_s:
                raise CutOffError("exec-timeout", None)

    def check_cut(self, run: Run) -> None:
        """SE-06, SE-07: a restart or a delete ends the run."""
        if run.cut.is_set():
            raise CutOffError(*self.cut_ending)

    # -- one step

    def step(self, session: Session, run: Run, command: str) -> int:
        """Run a command to its end; its exit code (EX-14, EX-16)."""
        if self.limit_per_step:
            self.start_clock(run)
        process = run.process = sandbox.spawn(self.jail(session), self.shell_text(command))
        try:
            self.pump(run, process)
        except CutOffError:
            sandbox.kill(process)
            raise
        finally:
            code = sandbox.reap(process)
            with session.lock:
                session.cpu_ms += process.cpu_ms
        self.check_cut(run)
        return self.exit_code(self.signal_code(session, code))

    def signal_code(self, session: Session, code: int) -> int:
        """EX-16 (open): 128+N, or -N where the shell that looks after the command saw a signal."""
        note = session.place / "tmp" / ".signal"
        if self.signal_codes == "-N" and note.exists():
            note.unlink()
            return 128 - code
        return code

    def jail(self, session: Session) -> Jail:
        """EX-19, EX-20, EX-21, EX-30, SE-09, SE-10."""
        return Jail(session.place, session.mounts, self.environ(session))

    def environ(self, session: Session) -> dict[str, str]:
        """EX-20, SE-09."""
        own = {**ENVIRON, **self.more_environ}
        return {**session.environ, **own} if self.reserved_environ == "kept" else {**own, **session.environ}

    def shell_text(self, command: str) -> str:
        """What the shell is given to read: the command, or one that looks after it."""
        if self.signal_codes == "-N":
            return f"exec 9>&2 2>/tmp/.killed; {self.inner(command)} 2>&9 9>&-; code=$?\n{SIGNALLED}"
        if self.background == "awaited":
            return f"{self.inner(command)}; code=$?\n{AWAITED}"
        return command

    def inner(self, command: str) -> str:
        """A command as a bash of its own."""
        return f"bash -c {shlex.quote(command)}"

    def exit_code(self, code: int) -> int:
        """EX-14."""
        return code

    def pump(self, run: Run, process: Process) -> None:
        """CN: read both streams as they become ready, until the first process has ended and nothing is left."""
        ended = os.pidfd_open(process.popen.pid)
        streams = {process.stdout: "stdout", process.stderr: "stderr"}
        decoders = {fd: self.decoder() for fd in streams}
        if run.cut.is_set():  # it came while the process was being made
            sandbox.kill(process)
        try:
            with select.epoll() as poll:
                for fd in (*streams, ended):
                    poll.register(fd, select.EPOLLIN)
                over = False
                while not over:
                    ready = self.wait(run, process, poll)
                    over = ended in ready
                    for fd in [*ready, *streams] if over else ready:
                        if fd in streams and self.read(run, fd, streams[fd], decoders[fd], all_of_it=over):
                            with contextlib.suppress(FileNotFoundError):
                                poll.unregister(fd)
        finally:
            os.close(ended)
        for fd, stream in streams.items():
            self.heard(run, stream, decoders[fd].decode(b"", final=True))
        self.heard_all(run)

    def heard_all(self, run: Run) -> None:
        """A hook: all output of a step is in."""

    def wait(self, run: Run, process: Process, poll: select.epoll) -> list[int]:
        """What is ready, first ready first; past the limit the step is cut off."""
        left_s = run.deadline_s - time.monotonic()
        ready = [fd for fd, _ in poll.poll(min(max(0.0, left_s), SAMPLE_S))]
        if not ready:
            sandbox.sample_cpu(process)
        if run.cut.is_set():
            sandbox.kill(process)
        elif left_s <= 0:
            self.time_up(run, process)
        return ready

    def time_up(self, run: Run, process: Process) -> None:
        """EX-23: the reason, the end."""
        sandbox.kill(process)
        if self.timeout_status == "exec-timeout":
            raise CutOffError("exec-timeout", None)
        self.heard(run, "stderr", f"time limit of {self.exec_timeout_s} s exceeded\n")
        raise CutOffError("finished", 137)

    def read(self, run: Run, fd: int, stream: str, decoder: object, *, all_of_it: bool) -> bool:
        """Read what a stream has; whether it is at its end."""
        while True:
            try:
                piece = os.read(fd, self.read_bytes)
            except BlockingIOError:
                return False
            self.heard(run, stream, self.decode(decoder, piece))
            if not piece or not all_of_it:
                return not piece

    def decode(self, decoder: object, piece: bytes) -> str:
        """CN-02."""
        text: str = decoder.decode(piece)  # type: ignore[attr-defined]  # codecs names no common base
        return text

    def output_files(self, session: Session) -> dict[str, int]:
        """EX-26: what is under /home/work/.output, with its modification time in ns."""
        base = session.home / ".output"
        found: dict[str, int] = {}
        for directory, _, names in os.walk(base):
            for name in names:
                path = f"{directory}/{name}"
                found[os.path.relpath(path, base)] = os.lstat(path).st_mtime_ns
        return found
