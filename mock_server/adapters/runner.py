"""The run engine: real bash commands of many sessions, each in its sandbox, followed by one reader thread.

A server has one `Runner`, made with what `sandbox.choose_level` found, and opens one `RunSession` for each session.
"""

import threading
import weakref
from types import TracebackType
from typing import Final, Self

from mock_server.adapters import input_blocks
from mock_server.adapters.ordering import Ordering, PrintOrder
from mock_server.adapters.reader import Reader
from mock_server.adapters.runner_session import RunSession
from mock_server.adapters.runner_step import Engine
from mock_server.adapters.sandbox import NoSandboxError, Sandbox, SessionPlace, choose_level
from mock_server.adapters.sandbox_limits import Limits
from mock_server.adapters.spawner import Spawner

__all__ = ["Limits", "NoSandboxError", "PrintOrder", "RunSession", "Runner", "Sandbox", "SessionPlace", "choose_level"]

POLL_S: Final = 2.0  # EX-17: as deployed servers do; the most impatient client gives up after 5 s
CONSOLE_LIMIT_CHARS: Final = 524_288  # CN-03: of either stream, per call


class Runner:
    """The engine of one server: owns the reader thread and the spawner thread. `with Runner(sandbox): ...`.

    Each call about a run waits at most `poll_s` and hands over at most `limit_chars` characters of either stream.
    `print_order` asks for exact order between the streams (CN-08), see `print_order_kept`; without `takes_input`
    programs read from /dev/null, and no run ever is `waiting-input` (EX-18); so it is, too, where nobody can tell who
    reads. The attribute of that name says which it is.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        poll_s: float = POLL_S,
        limit_chars: int = CONSOLE_LIMIT_CHARS,
        print_order: PrintOrder = PrintOrder.EXACT,
        takes_input: bool = True,
    ) -> None:
        self.sandbox = sandbox
        self._ordering = Ordering(print_order)
        self.takes_input = takes_input and input_blocks.known_here()
        spawner = Spawner(sandbox, self._ordering, takes_input=self.takes_input)
        self._engine = Engine(sandbox, spawner, Reader(), self._ordering)
        self._poll_s = poll_s
        self._limit_chars = limit_chars
        self._sessions: weakref.WeakSet[RunSession] = weakref.WeakSet()  # closed ones are forgotten by their owners
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the threads. Raises OSError when the spawner could not give up its privileges."""
        self._engine.reader.start()
        self._engine.spawner.start()
        self._engine.reader.call(lambda: self._ordering.attach(self._engine.reader))

    def close(self) -> None:
        """Close every session, and stop the threads once no process is left. Idempotent."""
        with self._lock:
            sessions = tuple(self._sessions)
            self._sessions.clear()
        for session in sessions:
            session.close()
        self._engine.spawner.close()
        self._engine.reader.close()
        self._ordering.close()

    @property
    def print_order_kept(self) -> tuple[PrintOrder, str]:
        """The order that is kept, once started, and why it is not exact, "" where it is."""
        return self._ordering.kept, self._ordering.why_not_exact

    def open_session(self, place: SessionPlace) -> RunSession:
        """Return the runs of a new session; starts no process."""
        session = RunSession(self._engine, place, poll_s=self._poll_s, limit_chars=self._limit_chars)
        with self._lock:
            self._sessions.add(session)
        return session

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
