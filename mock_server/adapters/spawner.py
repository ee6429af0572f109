"""The one thread that starts processes, and lives as long as the server does.

A sandbox dies with the *thread* that started it (`--die-with-parent`, PR_SET_PDEATHSIG), so threads that come and go
must not start any. What this thread gave up (`sandbox_thread`) no process that it starts can have.
"""

import os
import queue
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mock_server.adapters.sandbox import Sandbox, SessionPlace

_STOP_TIMEOUT_S: Final = 5
_ENVIRON: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin"}  # the sandbox's own; commands never see it


@dataclass(frozen=True)
class Spawned:
    """A started command: its process, and the reading ends of its pipes, not blocking.

    `info` becomes readable as soon as the sandbox can be killed from outside.
    """

    process: subprocess.Popen[bytes]
    pidfd: int
    stdout: int
    stderr: int
    info: int


class Spawner:
    """Starts commands in sandboxes, one after the other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
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
        except OSError as error:
            self._error = error
            return
        finally:
            self._ready.set()
        while job := self._jobs.get():
            job()

    def _spawn(self, place: SessionPlace, command: str) -> Spawned | OSError:
        """Start it; return the failure instead of raising, for whom it concerns is in another thread."""
        ends: list[int] = []
        try:
            for _ in range(3):
                # Made by this thread, pipes belong to the commands' uid: `> /dev/stdout` opens them anew.
                ends += os.pipe()
            out_read, out_write, err_read, err_write, info_read, info_write = ends
            for end in (out_write, err_write):
                os.fchown(end, *self._sandbox.owner)
            process = subprocess.Popen(  # noqa: S603  - the argument vector is the sandbox's own
                self._sandbox.argv(place, command, info_write),
                stdin=subprocess.DEVNULL,
                stdout=out_write,
                stderr=err_write,
                pass_fds=(info_write,),
                env=_ENVIRON,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            for end in ends:
                os.close(end)
            return error
        for end in (out_write, err_write, info_write):
            os.close(end)
        for end in (out_read, err_read, info_read):
            os.set_blocking(end, False)
        return Spawned(process, os.pidfd_open(process.pid), out_read, err_read, info_read)
