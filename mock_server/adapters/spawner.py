"""The one thread that starts processes, and lives as long as the server does.

A sandbox dies with the *thread* that started it (`--die-with-parent`, PR_SET_PDEATHSIG), so threads that come and go
must not start any. What this thread gave up (`sandbox_thread`) no process that it starts can have.
"""

import fcntl
import os
import queue
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Final

from mock_server.adapters.ordering import PIPE_BYTES, Ordering
from mock_server.adapters.sandbox import Sandbox, SessionPlace
from mock_server.adapters.terminal import Terminal

_STOP_TIMEOUT_S: Final = 5
_ENVIRON: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin"}  # the sandbox's own; commands never see it


@dataclass(frozen=True)
class Spawned:
    """A started command: its process, the reading ends of its pipes, not blocking, and its terminal if it has one.

    `info` becomes readable as soon as the sandbox can be killed from outside.
    """

    process: subprocess.Popen[bytes]
    pidfd: int
    stdout: int
    stderr: int
    info: int
    terminal: Terminal | None


class Spawner:
    """Starts commands in sandboxes, one after the other."""

    def __init__(self, sandbox: Sandbox, ordering: Ordering, *, takes_input: bool) -> None:
        self._sandbox = sandbox
        self._ordering = ordering
        self._takes_input = takes_input
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="batchproof-spawner", daemon=True)
        self._ready = threading.Event()
        self._error: OSError | None = None

    def start(self) -> None:
        """Start the thread and wait until it gave up its privileges. Raises OSError when it could not."""
        self._thread.start()
        self._ready.wait()
        if self._error:
            raise self._error

    def close(self) -> None:
        """End the thread, and with it whatever it started that still runs."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def spawn(self, place: SessionPlace, command: str, then: Callable[[Spawned | OSError], None]) -> None:
        """Start bash with `command`; `then` is called in the spawner's thread with the process or the failure."""
        self._jobs.put(lambda: then(self._spawn(place, command)))

    def _work(self) -> None:
        try:
            self._sandbox.restrict_spawner()
            self._ordering.hold_children()
        except OSError as error:
            self._error = error
            return
        finally:
            self._ready.set()
        while job := self._jobs.get():
            job()

    def _spawn(self, place: SessionPlace, command: str) -> Spawned | OSError:
        """Start it; return the failure instead of raising, for whom it concerns is in another thread."""
        with ExitStack() as given:  # closed here in any case, for only the child has a use for it
            try:
                with ExitStack() as kept:  # closed here only if something fails
                    terminal = kept.enter_context(self._terminal()) if self._takes_input else None
                    stdout, out_write = self._pipe(kept, given)
                    stderr, err_write = self._pipe(kept, given)
                    info, info_write = self._pipe(kept, given)
                    process = subprocess.Popen(
                        self._sandbox.argv(place, command, info_write),
                        stdin=terminal.slave if terminal else subprocess.DEVNULL,
                        stdout=out_write,
                        stderr=err_write,
                        pass_fds=(info_write,),
                        env=_ENVIRON,
                        cwd="/",
                        start_new_session=True,
                    )
                    kept.pop_all()
            except OSError as error:
                return error
            except ValueError as error:  # a NUL where no program can have one: this thread has to go on for all others
                return OSError(str(error))
        return Spawned(process, os.pidfd_open(process.pid), stdout, stderr, info, terminal)

    def _terminal(self) -> AbstractContextManager[Terminal]:
        return closing(Terminal.open(self._sandbox.owner))

    def _pipe(self, kept: ExitStack, given: ExitStack) -> tuple[int, int]:
        """Return the end that stays here, not blocking, and the child's.

        Made by this thread, a pipe belongs to the commands' uid: `> /dev/stdout` opens it anew.
        """
        read_end, write_end = os.pipe()
        kept.callback(os.close, read_end)
        os.set_blocking(read_end, False)
        with suppress(OSError):  # a user may have only so much in all pipes together: then it stays as Linux makes it
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        write_end = self._ordering.for_child(write_end)
        given.callback(os.close, write_end)
        os.fchown(write_end, *self._sandbox.owner)
        return read_end, write_end
