"""The run engine: real bash commands of many sessions, each in its sandbox, followed by one reader thread.

with Runner(choose_level()) as runner:
    session = runner.open_session(SessionPlace(home, tmp))
    result = session.batch(Commands(exec="echo hello"), run_id=None)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mock_server.domain.runs import Commands, RunResult, Usage


@dataclass(frozen=True)
class SessionPlace:
    """Where a session lives on the host: `home` is /home/work inside, `tmp` is /tmp; both owned by `Sandbox.owner`.

    `environ` is the session's own environment (SE-09), over what every command has (EX-20).
    """

    home: Path
    tmp: Path
    environ: Mapping[str, str] = field(default_factory=dict)


class RunSession:
    """The runs of one session (EX-22: first in, first out). Every method may be called from any thread."""

    def batch(self, commands: Commands, run_id: str | None, client_gone: Callable[[], bool] | None = None) -> RunResult:
        """Start a run, or go on with the unfinished run of that id (EX-29), and wait at most `poll_s` for news.

        Raises TooManyRuns, SessionEnded. `client_gone`, where given, is asked before output is handed over: when it
        says True nothing is taken, so that the next call gets it.
        """
        raise NotImplementedError

    def newest_unfinished(self) -> str | None:
        """Return the id of the newest run whose last result was not fetched yet, None when there is none (EX-29)."""
        raise NotImplementedError

    def resume(self, run_id: str, client_gone: Callable[[], bool] | None = None) -> RunResult:
        """Wait at most `poll_s` for news of a run (mode `continue`). Raises UnknownRun, SessionEnded."""
        raise NotImplementedError

    def give_input(self, run_id: str, text: str, client_gone: Callable[[], bool] | None = None) -> RunResult:
        """Answer a `waiting-input` and go on (EX-18). Raises UnknownRun, NotWaitingForInput, SessionEnded."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Send SIGINT to the running command, with no guarantee of effect (SE-11)."""
        raise NotImplementedError

    def restart(self) -> None:
        """End every run as `finished` with 137 and kill all processes (SE-07); returns when they are dead."""
        raise NotImplementedError

    def close(self) -> None:
        """Kill everything and return when it is dead (SE-06); calls that wait raise SessionEnded. Idempotent."""
        raise NotImplementedError

    def usage(self) -> Usage:
        """Return what the session's runs used so far (SE-05)."""
        raise NotImplementedError


class Runner:
    """The engine of one server: owns the reader thread and the spawner thread. `with Runner(sandbox): ...`."""

    def __init__(self, sandbox: Any, *, poll_s: float = 2.0) -> None:
        self._sandbox = sandbox
        self._poll_s = poll_s

    def start(self) -> None:
        """Start the threads."""
        raise NotImplementedError

    def close(self) -> None:
        """Close every session and stop the threads. Idempotent."""
        raise NotImplementedError

    def open_session(self, place: SessionPlace) -> RunSession:
        """Return the runs of a new session; starts no process."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
