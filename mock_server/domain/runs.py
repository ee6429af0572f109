"""What a run is asked to do and what each call about it answers (EX-01 to EX-31): plain frozen values."""

from dataclasses import dataclass
from typing import Final

from mock_server.domain.errors import Refusal
from mock_server.domain.lifecycle import Status, Step
from mock_server.domain.rich_items import ConsoleItem

RUN_QUEUE_MAX: Final = 64  # ours: unfinished runs of one session; the document names no bound


@dataclass(frozen=True)
class Commands:
    """The bash command of each step, as it is to be run; None or "" skips the step (EX-06, EX-07).

    The HTTP side resolves `*` (EX-08, EX-09) before it makes one of these.
    """

    clean: str | None = None
    build: str | None = None
    exec: str | None = None
    marker: str = ""  # of a query (EX-28): what announces pictures and log records within its stdout (CN-07)

    @property
    def is_query(self) -> bool:
        """Whether nothing is built, and nothing said about it (EX-28)."""
        return bool(self.marker)

    def of(self, step: Step) -> str:
        """Return the step's command, "" when the step is skipped (EX-07)."""
        return {Step.CLEAN: self.clean, Step.BUILD: self.build, Step.EXEC: self.exec}[step] or ""


@dataclass(frozen=True)
class RunResult:
    """One call's answer (EX-01).

    `console` holds (type, data) pairs, neighbours never of one stream (CN-01, CN-05); `files` the paths relative to
    /home/work of what the run left in `.output` (EX-26), only with the last result.
    """

    run_id: str
    status: Status
    exit_code: int | None = None
    console: tuple[ConsoleItem, ...] = ()
    options: dict[str, bool] | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What a session's runs used so far, restarts included (SE-05, SE-07).

    `memory_bytes` is the most that one process held; None where all of them held less than the server itself, because
    Linux tells the size of a process and of the one that started it as one number.
    """

    runs_started: int = 0
    cpu_ms: int = 0
    memory_bytes: int | None = None
    read_bytes: int = 0
    written_bytes: int = 0

    def after(self, used: "Usage") -> "Usage":
        """Return the sum; of the memory, the larger."""
        return Usage(
            self.runs_started + used.runs_started,
            self.cpu_ms + used.cpu_ms,
            max(self.memory_bytes or 0, used.memory_bytes or 0) or None,
            self.read_bytes + used.read_bytes,
            self.written_bytes + used.written_bytes,
        )


NOTHING_USED: Final = Usage()


@dataclass(eq=False)
class UnknownRun(Refusal):
    """No unfinished run of this session has that id (EX-25): HTTP 400."""

    run_id: str

    @property
    def detail(self) -> str:
        """One sentence: what was wrong, and what would be right."""
        return f"No unfinished run of this session has the id {self.run_id!r}; start one with mode 'batch'."


@dataclass(eq=False)
class NotWaitingForInput(Refusal):
    """Input was given to a run that did not ask for any (EX-18): HTTP 400."""

    run_id: str

    @property
    def detail(self) -> str:
        """One sentence: what was wrong, and what would be right."""
        return f"Run {self.run_id!r} is not waiting for input; go on with mode 'continue'."


@dataclass(eq=False)
class TooManyRuns(Refusal):
    """More unfinished runs than a session may hold (EX-22): HTTP 400."""

    limit: int = RUN_QUEUE_MAX

    @property
    def detail(self) -> str:
        """One sentence: what was wrong, and what would be right."""
        return f"The session already has {self.limit} unfinished runs; fetch one to its end first."


@dataclass(eq=False)
class SessionEnded(Refusal):
    """The session was deleted while the call waited (SE-06): HTTP 404."""

    @property
    def detail(self) -> str:
        """One sentence: what was wrong, and what would be right."""
        return "The session was deleted while the call waited; create another one."
