"""One command of a run: from its start in the sandbox to the moment when nothing of it is left."""

import os
import resource
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from mock_server.adapters.input_watch import InputWatch
from mock_server.adapters.ordering import Ordering, Output
from mock_server.adapters.reader import Reader
from mock_server.adapters.sandbox import Sandbox, SessionPlace
from mock_server.adapters.sandbox_processes import cpu_ms, descendants
from mock_server.adapters.spawner import Spawned, Spawner
from mock_server.domain.console import Piece, Stream
from mock_server.domain.runs import NOTHING_USED, Usage

_NOT_STARTED: Final = -1  # EX-16: a fault of the server's, which no program can end with
_INFO_BYTES: Final = 64 * 1024
_BLOCK_BYTES: Final = 512  # Linux: of ru_inblock and ru_oublock


@dataclass(frozen=True)
class StepEnd:
    """How a step ended: exit code, 128+N for signal N (EX-16), what all it started used, why it never started."""

    exit_code: int
    used: Usage = NOTHING_USED
    failure: str = ""


class Follower(Protocol):
    """Who is told about a step; all are called in the reader's thread."""

    def step_wrote(self, stream: Stream, data: Piece) -> None:
        """Take what the step wrote."""

    def step_asks(self, *, is_password: bool) -> None:
        """Learn that a program of the step waits for input (EX-18); all that it wrote before was delivered."""

    def step_goes_on(self) -> None:
        """Learn that it does so no more."""

    def step_ended(self, end: StepEnd) -> None:
        """Learn that the step's processes are all dead and everything they wrote was delivered."""


@dataclass(frozen=True)
class Engine:
    """What every step needs: the sandbox and the two threads."""

    sandbox: Sandbox
    spawner: Spawner
    reader: Reader
    ordering: Ordering


class RunningStep:
    """A command, its processes and pipes. Background children live as long as the step's shell, no longer."""

    def __init__(self, engine: Engine, follower: Follower) -> None:
        self._engine = engine
        self._follower = follower
        self._lock = threading.Lock()  # between `kill`, from any thread, and the reader's thread
        self._victim: int | None = None  # a pidfd, once the sandbox can be killed
        self._victim_pid = 0
        self._info = b""
        self._killed = False
        self._seen_cpu_ms = 0
        self._output: Output | None = None
        self._input: InputWatch | None = None

    def start(self, place: SessionPlace, command: str) -> None:
        """Start the command; returns at once."""
        self._engine.spawner.spawn(place, command, self._started)

    def kill(self) -> None:
        """Kill every process of the step; `step_ended` tells when they are dead. From any thread, idempotent."""
        with self._lock:
            self._killed = True
            self._kill_victim()

    def interrupt(self) -> None:
        """Send SIGINT to all that the command started, where it has begun (SE-11). From any thread."""
        with self._lock:
            for pid in descendants(self._victim_pid) if self._victim is not None else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)

    def cpu_ms_so_far(self) -> int:
        """Return what the step's processes used by now (SE-05); it never goes back. From any thread."""
        with self._lock:
            return self._look_at_cpu()

    def type(self, text: str) -> None:
        """Give the step a text to read (EX-18). From any thread."""
        self._engine.reader.call(lambda: self._input.type(text) if self._input else None)

    def said(self, data: bytes) -> None:
        """Take what a program told its terminal: with the prompts that go to stderr."""
        self._wrote("stderr", data)

    def asks(self, *, is_password: bool) -> None:
        """Deliver the prompt, and say that somebody waits for input."""
        if self._output:
            self._output.take()
        self._follower.step_asks(is_password=is_password)

    def goes_on(self) -> None:
        """Say that nobody waits any more."""
        self._follower.step_goes_on()

    def _started(self, spawned: Spawned | OSError) -> None:
        self._engine.reader.call(lambda: self._attach(spawned))

    def _attach(self, spawned: Spawned | OSError) -> None:
        if isinstance(spawned, OSError):
            self._follower.step_ended(StepEnd(_NOT_STARTED, failure=f"batchproof-mock: cannot start: {spawned}"))
            return
        reader = self._engine.reader
        pipes: dict[Stream, int] = {"stdout": spawned.stdout, "stderr": spawned.stderr}
        self._output = Output(reader, self._engine.ordering, pipes, self._wrote)
        self._output.start()
        if spawned.terminal:
            self._input = InputWatch(reader, spawned.terminal, spawned.process.pid, self)
            self._input.start()
        reader.watch(spawned.info, lambda: self._learn_victim(spawned))
        reader.watch(spawned.pidfd, lambda: self._end(spawned))

    def _wrote(self, stream: Stream, data: Piece) -> None:
        self._follower.step_wrote(stream, data)
        if self._input:
            self._input.disturb()

    def _learn_victim(self, spawned: Spawned) -> None:
        piece = os.read(spawned.info, _INFO_BYTES)
        self._info += piece
        pid = self._engine.sandbox.chosen.victim(spawned.process.pid, self._info)
        if pid is None and piece:
            return
        self._engine.reader.unwatch(spawned.info)
        pid = pid or spawned.process.pid  # it ended its report without naming one: it failed before it had any
        # Where the process is gone already, the step is about to end by itself.
        with self._lock, suppress(ProcessLookupError):
            self._victim, self._victim_pid = os.pidfd_open(pid), pid
            if self._killed:
                self._kill_victim()

    def _kill_victim(self) -> None:
        if self._victim is not None:
            self._look_at_cpu()  # nobody will wait for the children: what they used, nobody is told afterwards
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._victim, self._engine.sandbox.chosen.kill_signal)

    def _look_at_cpu(self) -> int:
        if self._victim is not None:
            now_ms = cpu_ms((self._victim_pid, *descendants(self._victim_pid)))
            self._seen_cpu_ms = max(self._seen_cpu_ms, now_ms)
        return self._seen_cpu_ms

    def _end(self, spawned: Spawned) -> None:
        """Take what is left in the pipes: the sandbox is gone, and with it every process."""
        _, status, usage = os.wait4(spawned.process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        spawned.process.returncode = code
        with suppress(BlockingIOError):  # somebody outside still has the other end: what it told will do
            while piece := os.read(spawned.info, _INFO_BYTES):
                self._info += piece
        for fd in (spawned.info, spawned.pidfd):
            self._engine.reader.unwatch(fd)
            os.close(fd)
        if self._input:
            self._input.close()
        if self._output:
            self._output.finish()
        with self._lock:
            victim, self._victim = self._victim, None
        if victim is not None:
            os.close(victim)
        self._follower.step_ended(self._ending(code, self._used(usage)))

    def _ending(self, code: int, used: Usage) -> StepEnd:
        """Tell a program's own end from that of a sandbox which never came to start it."""
        if code and not self._killed and not self._engine.sandbox.chosen.was_set_up(self._info):
            why = f"batchproof-mock: the sandbox could not be set up (it ended with {code}): a fault of this server"
            return StepEnd(_NOT_STARTED, used, why)
        return StepEnd(code if code >= 0 else 128 - code, used)

    def _used(self, told: resource.struct_rusage) -> Usage:
        """Read what Linux tells of an ended process and all that it waited for."""
        # A program inherits the peak of whoever started it, and that is this server.
        own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return Usage(
            cpu_ms=max(int((told.ru_utime + told.ru_stime) * 1000), self._seen_cpu_ms),
            memory_bytes=told.ru_maxrss * 1024 if told.ru_maxrss > own_kib else None,
            read_bytes=told.ru_inblock * _BLOCK_BYTES,
            written_bytes=told.ru_oublock * _BLOCK_BYTES,
        )
