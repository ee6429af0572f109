"""A run as the engine holds it: its phase, and what its client was not told yet."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mock_server.domain.console import Console, Piece, Stream
from mock_server.domain.lifecycle import ENDINGS, STEPS, Phase, Signal, Status, Step, advance, final_code, report
from mock_server.domain.rich_items import ConsoleItem, Dropped, RichReader
from mock_server.domain.runs import Commands, RunResult


@dataclass
class _Segment:
    """Output up to a boundary, and the boundary once it was reached: never mixed with what follows it (EX-10)."""

    console: Console
    status: Status | None = None
    exit_code: int | None = None


@dataclass
class Run:
    """One run. Not safe by itself: its session's lock guards it."""

    run_id: str
    commands: Commands
    limit_chars: int
    phase: Phase = Phase.QUEUED
    output_bytes: int = 0
    files_before: frozenset[tuple[str, int, int]] = frozenset()
    files: tuple[str, ...] = ()
    fetched: bool = False  # whether the last result was handed over
    calls: int = 0  # that wait for news of it right now
    last_call_s: float = field(default_factory=time.monotonic)  # when the latest of them ended
    _ask_told: bool = False
    _is_password: bool = False
    _segments: deque[_Segment] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._segments.append(_Segment(Console(self.limit_chars)))
        self._rich = RichReader(self.commands.marker.encode()) if self.commands.marker else None

    @property
    def ended(self) -> bool:
        """Whether the run is in its last phase, though its client may not know yet."""
        return self.phase in ENDINGS

    @property
    def has_news(self) -> bool:
        """Whether a call about the run can be answered before its time is up (EX-17, EX-18)."""
        return self._segments[0].status is not None or (self.asks and not self._ask_told)

    @property
    def asks(self) -> bool:
        """Whether the run waits for input (EX-18)."""
        return self.phase in {Phase.CLEANING_ASKS, Phase.BUILDING_ASKS, Phase.EXECUTING_ASKS}

    @property
    def step(self) -> Step | None:
        """The step that is due, None in the queue and after the end."""
        return STEPS.get(self.phase)

    @property
    def alone_s(self) -> float:
        """For how long nobody has asked about the run."""
        return 0.0 if self.calls else time.monotonic() - self.last_call_s

    def wrote(self, stream: Stream, data: Piece) -> None:
        """Keep what the current step wrote."""
        self.output_bytes += len(data)
        if self._rich and stream == "stdout":
            self._print(self._rich.feed(bytes(data)))
        else:
            self._segments[-1].console.feed(stream, data)

    def _print(self, pieces: Iterable[bytes | ConsoleItem | Dropped]) -> None:
        """Keep what a query printed, and what it showed in between (CN-07)."""
        console = self._segments[-1].console
        for piece in pieces:
            if isinstance(piece, bytes):
                console.feed("stdout", piece)
            elif isinstance(piece, Dropped):
                console.say(f"batchproof-mock: dropped: {piece.reason}")
            elif not console.put(piece):
                console.say("batchproof-mock: dropped: more pictures and log records than one call hands over")

    def say(self, line: str) -> None:
        """Keep a line of the server's own, on stderr."""
        self._segments[-1].console.say(line)

    def ask(self, *, is_password: bool) -> None:
        """Wait for input; a client is told at once, and then whenever its poll is over (EX-18)."""
        self._ask_told, self._is_password = False, is_password
        self.signal(Signal.ASKED)

    def signal(self, signal: Signal, *, step_code: int = 0, skipped: bool = False) -> None:
        """Advance; where that is a boundary or the end, close the segment with what the client is to be told."""
        left, self.phase = self.phase, advance(self.phase, signal)
        status = None if self.commands.is_query else report(left, self.phase, skipped=skipped)
        if status:
            self._close(status, step_code)
        if self.phase is Phase.FINISHED:
            self.close_ended(left, step_code)

    def close_ended(self, left: Phase, step_code: int = 0) -> None:
        """Close the last segment; for a run that was cut off, once its processes are dead."""
        self._close(ENDINGS[self.phase], final_code(left, self.phase, step_code))

    def take(self) -> RunResult:
        """Hand over the oldest boundary with the output before it, else the output so far; each only once."""
        head = self._segments[0]
        if head.status is None:
            self._ask_told = self.asks
            options = {"is_password": self._is_password} if self.asks else None
            return RunResult(self.run_id, self._status_between(), console=head.console.drain(), options=options)
        result = RunResult(self.run_id, head.status, head.exit_code, head.console.drain())
        if head.status in ENDINGS.values():
            # The last segment stays, drained: another call that waited for this run learns its end as well.
            self.fetched = True
            return replace(result, files=self.files)
        self._segments.popleft()
        return result

    def _status_between(self) -> Status:
        return Status.WAITING_INPUT if self.asks else Status.CONTINUED

    def _close(self, status: Status, exit_code: int | None) -> None:
        segment = self._segments[-1]
        if self._rich:
            segment.console.feed("stdout", self._rich.finish())
        segment.console.finish()
        segment.status, segment.exit_code = status, exit_code
        if status not in ENDINGS.values():
            self._segments.append(_Segment(Console(self.limit_chars)))
