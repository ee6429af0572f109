"""The runs of one session: first in, first out, each followed from its first call to its last (EX-22, EX-31)."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from mock_server.adapters import runner_outputs
from mock_server.adapters.runner_run import Run
from mock_server.adapters.runner_step import Engine, RunningStep, StepEnd
from mock_server.adapters.runner_time_limit import INPUT_WAIT_S, TimeLimit
from mock_server.adapters.sandbox import SessionPlace
from mock_server.domain.console import Piece, Stream
from mock_server.domain.lifecycle import Phase, Signal, Status
from mock_server.domain.runs import (
    RUN_QUEUE_MAX,
    Commands,
    NotWaitingForInput,
    RunResult,
    SessionEnded,
    TooManyRuns,
    UnknownRun,
    Usage,
)

_KILL_TIMEOUT_S: Final = 10  # killing takes milliseconds; past this the machine is in trouble, and callers go on
ABANDONED_S: Final = 10.0  # EX-31: how long a question may go unasked about while other runs queue behind it

ClientGone = Callable[[], bool]


class RunSession:
    """The runs of one session. Every method may be called from any thread.

    `client_gone`, where a call takes it, is asked before output is handed over: when it says True, nothing is taken,
    so that the run's next call gets it (EX-17: each piece exactly once).
    """

    def __init__(self, engine: Engine, place: SessionPlace, *, poll_s: float, limit_chars: int) -> None:
        self._engine = engine
        self._place = place
        self._poll_s = poll_s
        self._limit_chars = limit_chars
        self._changed = threading.Condition()  # one for each session: news of a run, and of the engine's state
        self._runs: dict[str, Run] = {}  # those whose last result was not fetched, oldest first
        self._queue: deque[Run] = deque()
        self._current: Run | None = None
        self._step: RunningStep | None = None
        self._left = Phase.QUEUED  # the phase that the current run was cut off in
        self._limit: TimeLimit | None = None  # the current run's
        self._closed = False
        self._used = Usage()

    def batch(self, commands: Commands, run_id: str | None, client_gone: ClientGone | None = None) -> RunResult:
        """Start a run, or go on with the unfinished run of that id (EX-29), and wait at most `poll_s` for news.

        Raises TooManyRuns, SessionEnded.
        """
        with self._changed:
            self._require_open()
            run = self._runs.get(run_id or "") or self._add(commands, run_id or secrets.token_hex(8))
            return self._wait(run, client_gone)

    def newest_unfinished(self) -> str | None:
        """Return the id of the newest run whose last result was not fetched yet, None when there is none (EX-29)."""
        with self._changed:
            return next(reversed(self._runs), None)

    def resume(self, run_id: str, client_gone: ClientGone | None = None) -> RunResult:
        """Wait at most `poll_s` for news of a run (mode `continue`). Raises UnknownRun, SessionEnded."""
        with self._changed:
            return self._wait(self._known(run_id), client_gone)

    def give_input(self, run_id: str, text: str, client_gone: ClientGone | None = None) -> RunResult:
        """Answer a `waiting-input` and go on (EX-18). Raises UnknownRun, NotWaitingForInput, SessionEnded."""
        with self._changed:
            run = self._known(run_id)
            if not run.asks:
                raise NotWaitingForInput(run_id)
            run.signal(Signal.ANSWERED)
            if self._step:
                self._step.type(text)
            return self._wait(run, client_gone)

    def interrupt(self) -> None:
        """Send SIGINT to the running command, with no guarantee of effect (SE-11)."""
        with self._changed:
            if self._step:
                self._step.interrupt()

    def abandon(self, run_id: str) -> None:
        """Forget a run that nobody will ask about again, and kill what is left of it (EX-31). Any id will do."""
        with self._changed:
            run = self._runs.pop(run_id, None)
            if run is None or run.ended:
                return
            if run is self._current:
                self._cut(run, Signal.KILLED)
            else:
                self._queue.remove(run)
            self._changed.notify_all()

    def restart(self) -> None:
        """End every run as `finished` with 137 and kill all processes (SE-07); returns when they are dead.

        Raises SessionEnded.
        """
        with self._changed:
            self._require_open()
            self._cut_all()

    def close(self) -> None:
        """Kill everything and return when it is dead (SE-06); calls that wait raise SessionEnded. Idempotent."""
        with self._changed:
            self._closed = True
            self._cut_all()
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a run is at work, or waits for its turn."""
        with self._changed:
            return self._current is not None or bool(self._queue)

    def stop_step(self, reason: str) -> None:
        """Kill the step that is running, if one is, and say why on its stderr."""
        with self._changed:
            if self._current and self._step:
                self._current.say(reason)
                self._step.kill()

    def usage(self) -> Usage:
        """Return what the session's runs used so far, the one that is going on included (SE-05)."""
        with self._changed:
            return self._used.after(Usage(cpu_ms=self._step.cpu_ms_so_far())) if self._step else self._used

    # Told by the reader's thread

    def step_wrote(self, stream: Stream, data: Piece) -> None:
        """Keep what the current step wrote; a flood past the limit ends the step."""
        with self._changed:
            run, limit_bytes = self._current, self._engine.sandbox.limits.output_bytes
            if run is None or run.output_bytes > limit_bytes:
                return
            run.wrote(stream, data)
            if run.output_bytes > limit_bytes:
                run.say(f"batchproof-mock: killed: more than {limit_bytes} bytes of output")
                if self._step:
                    self._step.kill()

    def step_asks(self, *, is_password: bool) -> None:
        """Have the client told that the current step waits for input; meanwhile its time stands still."""
        with self._changed:
            if self._current and self._current.step and not self._current.asks:
                self._current.ask(is_password=is_password)
                if self._limit:
                    self._limit.pause()
                self._give_up_abandoned()
                self._changed.notify_all()

    def step_goes_on(self) -> None:
        """Go on after input, or after the step's program gave up waiting for it."""
        with self._changed:
            if self._current and self._current.asks:
                self._current.signal(Signal.ANSWERED)
            if self._limit:
                self._limit.go_on()

    def step_ended(self, end: StepEnd) -> None:
        """Go on with the run whose step ended, or with the next run."""
        with self._changed:
            self._step = None
            self._used = self._used.after(end.used)
            run = self._current
            if run is None:
                return
            if run.ended:
                run.close_ended(self._left)
            else:
                if reason := end.failure or self._limit_reached(end):
                    run.say(reason)
                run.signal(Signal.FAILED if end.exit_code else Signal.SUCCEEDED, step_code=end.exit_code)
            self._go_on()

    def _limit_reached(self, end: StepEnd) -> str:
        folders = (self._place.home, self._place.tmp, *self._place.mounts.values())
        return self._engine.sandbox.limits.reason(end.exit_code, end.used.cpu_ms / 1000, folders)

    def _give_up_abandoned(self) -> None:
        """End a run that waits for an input which its client forgot about, once others wait for the run (EX-31)."""
        with self._changed:
            run = self._current
            if run is None or not run.asks or not self._queue:
                return  # looked at again when it asks, and with the next run of the queue
            if run.alone_s >= ABANDONED_S:
                run.say(
                    f"batchproof-mock: killed: it waited for input, and nobody asked about it for {ABANDONED_S:g} s"
                )
                self._cut(run, Signal.KILLED)
                return
            delay_s = ABANDONED_S - run.alone_s
            self._engine.reader.call_later(delay_s, self._give_up_abandoned)

    # With the lock held

    def _require_open(self) -> None:
        if self._closed:
            raise SessionEnded

    def _known(self, run_id: str) -> Run:
        self._require_open()
        try:
            return self._runs[run_id]
        except KeyError:
            raise UnknownRun(run_id) from None

    def _add(self, commands: Commands, run_id: str) -> Run:
        self._forget_abandoned()
        run = Run(run_id, commands, self._limit_chars)
        self._runs[run_id] = run
        self._queue.append(run)
        self._go_on()
        self._engine.reader.call(self._give_up_abandoned)
        return run

    def _forget_abandoned(self) -> None:
        """Make room for a run by dropping the oldest ended one that nobody fetched (EX-31)."""
        if len(self._runs) >= RUN_QUEUE_MAX:
            oldest = next((run for run in self._runs.values() if run.ended and run is not self._current), None)
            if oldest is None:
                raise TooManyRuns(RUN_QUEUE_MAX)
            del self._runs[oldest.run_id]

    def _wait(self, run: Run, client_gone: ClientGone | None) -> RunResult:
        """Wait for news of the run, hand over what there is, and forget the run with its last result."""
        deadline = time.monotonic() + self._poll_s
        run.calls += 1
        while not run.has_news and not self._closed and (left_s := deadline - time.monotonic()) > 0:
            self._changed.wait(left_s)
        run.calls -= 1
        run.last_call_s = time.monotonic()
        self._require_open()
        if client_gone and client_gone():
            return RunResult(run.run_id, Status.CONTINUED)
        result = run.take()
        if run.fetched and self._runs.get(run.run_id) is run:
            del self._runs[run.run_id]
            self._changed.notify_all()
        return result

    def _go_on(self) -> None:
        """Do what is due: the current run's next step, else the next run. Leaves with a step running, or all done."""
        while self._step is None and (self._current or self._queue):
            if self._current is None:
                self._begin(self._queue.popleft())
            elif self._current.ended:
                self._finish(self._current)
            else:
                self._take_step(self._current)
        self._changed.notify_all()

    def _begin(self, run: Run) -> None:
        self._current = run
        self._used = self._used.after(Usage(runs_started=1))
        run.files_before = runner_outputs.look(self._place.home)
        run.signal(Signal.STARTED)
        wall_s = self._engine.sandbox.limits.wall_s
        limit = self._limit = TimeLimit(self._engine.reader, wall_s, lambda: self._time_up(run))
        self._engine.reader.call(lambda: self._start(limit))

    def _finish(self, run: Run) -> None:
        if self._limit:
            self._limit.stop()
            self._limit = None
        run.files = runner_outputs.made(run.files_before, runner_outputs.look(self._place.home))
        self._current = None

    def _take_step(self, run: Run) -> None:
        command = run.commands.of(run.step) if run.step else ""
        if not command:
            run.signal(Signal.SUCCEEDED, skipped=True)
            return
        self._step = RunningStep(self._engine, self)
        self._step.start(self._place, command)

    def _start(self, limit: TimeLimit) -> None:
        with self._changed:
            limit.start()

    def _time_up(self, run: Run) -> None:
        with self._changed:
            if self._current is run and not run.ended:
                wall_s = self._engine.sandbox.limits.wall_s
                run.say(
                    f"batchproof-mock: killed: no input came for {INPUT_WAIT_S} s"
                    if run.asks
                    else f"batchproof-mock: killed: the run took more than {wall_s:g} s"
                )
                self._cut(run, Signal.TIME_UP)

    def _cut(self, run: Run, signal: Signal) -> None:
        """End the current run; its last result comes when its processes are dead."""
        self._left = run.phase
        run.signal(signal)
        if self._step:
            self._step.kill()

    def _cut_all(self) -> None:
        queued, self._queue = self._queue, deque()
        for run in queued:
            run.signal(Signal.KILLED)
            run.close_ended(Phase.QUEUED)
        if self._current and not self._current.ended:
            self._cut(self._current, Signal.KILLED)
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._step is None, _KILL_TIMEOUT_S)
