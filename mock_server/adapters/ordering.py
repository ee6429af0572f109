"""The print order of a program's two streams, exact (CN-08), though each stream is a pipe of its own.

Two pipes tell what was written, not which of them first. In exact order the kernel stops a program (`seccomp`) at
the points where it may turn from stdout to stderr: each write to descriptor 2, and each `dup2(x, 1)`, with which a
shell makes stderr of its descriptor 1 (`>&2`). It goes on when both pipes were emptied, or at once where the one of
stdout is empty anyway. So whatever the pipes hold at any moment was written by each program to stderr first and then
to stdout, and is read that way round. Writes to stdout, by far the most, are never stopped.

Not covered, and in order only as far as the kernel wakes us in time: stderr under another descriptor
(`tee /dev/stderr`, a write to a `dup(2)`), 32-bit programs, programs that write at the same moment.
"""

import fcntl
import os
import resource
import select
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from mock_server.adapters.seccomp import Listener, SeccompUnavailableError, Stop
from mock_server.domain.console import STREAMS, Piece, Stream

# Between fork and exec, while its parent cannot run Python code, a child has to dup2 its own pipe to 1: to be stopped
# there would be for ever. Its pipe has a number of at least this one, which programs do not reach by themselves.
SERVER_FD_FLOOR: Final = 512
TURNING_POINTS: Final = (
    Stop("write", argument=0, equals=2),
    Stop("writev", argument=0, equals=2),
    Stop("sendfile", argument=0, equals=2),
    Stop("splice", argument=2, equals=2),
    Stop("dup2", argument=1, equals=1, below=SERVER_FD_FLOOR),
    Stop("dup3", argument=1, equals=1, below=SERVER_FD_FLOOR),
)
PIPE_BYTES: Final = 128 * 1024  # the capacity that is asked for: a third less work than with 64 or 256 KiB
_LEFT_BYTES: Final = 1024 * 1024  # the most that is still read from a pipe after its step's end


class PrintOrder(StrEnum):
    """Which order between stdout and stderr a server keeps: exact where the kernel lets it."""

    EXACT = "exact"
    BEST_EFFORT = "best-effort"


class Watcher(Protocol):
    """The reader's thread, as far as it is needed here."""

    def watch(self, fd: int, handler: Callable[[], None]) -> None:
        """Call `handler` whenever `fd` is readable or at its end."""

    def unwatch(self, fd: int) -> None:
        """Stop calling."""


class Ordering:
    """Stops programs where their stream may turn, until the reader's thread has emptied all pipes.

    The spawner's thread calls `hold_children` once; from then on all else happens in the reader's thread.
    """

    def __init__(self, wanted: PrintOrder = PrintOrder.EXACT) -> None:
        self._listener: Listener | None = None
        self._full = select.epoll()
        self._takers: dict[int, Callable[[], None]] = {}
        self.why_not_exact = "" if wanted is PrintOrder.EXACT else "best effort was asked for"

        self._buffers = {stream: memoryview(bytearray(PIPE_BYTES)) for stream in STREAMS}

    @property
    def kept(self) -> PrintOrder:
        """The order that is really kept."""
        return PrintOrder.EXACT if self._listener else PrintOrder.BEST_EFFORT

    def hold_children(self) -> None:
        """Have all that the calling thread starts from now on stopped at its turning points, if the kernel can."""
        if self.why_not_exact:
            return
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * SERVER_FD_FLOOR:
            self.why_not_exact = f"the server may not open {2 * SERVER_FD_FLOOR} files (see ulimit -n)"
            return
        try:
            self._listener = Listener.install(TURNING_POINTS)
        except SeccompUnavailableError as error:
            self.why_not_exact = str(error)

    def for_child(self, fd: int) -> int:
        """Move a descriptor that will be a child's stdout to where that stops nobody. Raises OSError."""
        if not self._listener:
            return fd
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, SERVER_FD_FLOOR)
        finally:
            os.close(fd)

    def attach(self, reader: Watcher) -> None:
        """Have stopped programs let go on by the reader's thread."""
        if self._listener:
            reader.watch(self._listener.fileno(), self._let_go_on)

    def close(self) -> None:
        """Stop holding; to be called once every program has ended and the reader's thread has stopped."""
        if self._listener:
            self._listener.close()
            self._listener = None
        self._full.close()

    def read(self, stream: Stream, fd: int) -> memoryview:
        """Empty a pipe that is a stream's; what is returned is good until the next call for that stream."""
        buffer = self._buffers[stream]
        return buffer[: os.readv(fd, [buffer])]

    def follow(self, fd: int, take: Callable[[], None]) -> None:
        """Have `take` called before a program goes on while there is something in `fd`, the pipe of a stdout."""
        self._takers[fd] = take
        self._full.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Leave the pipe out from now on; one that is not followed is no error."""
        if self._takers.pop(fd, None):
            self._full.unregister(fd)

    def _let_go_on(self) -> None:
        if self._listener is None:
            return
        call_id = self._listener.receive()
        if call_id is None:
            return
        try:
            for fd, _ in self._full.poll(0):
                if take := self._takers.get(fd):
                    take()
        finally:
            self._listener.release(call_id)


class Output:
    """What one step prints: its two pipes, read in the order in which they were written.

    Used in the reader's thread alone. `wrote` is given each piece.
    """

    def __init__(
        self, reader: Watcher, ordering: Ordering, pipes: dict[Stream, int], wrote: Callable[[Stream, Piece], None]
    ) -> None:
        self._reader = reader
        self._ordering = ordering
        self._pipes = pipes
        self._open = dict(pipes)
        self._wrote = wrote

    def start(self) -> None:
        """Read whenever something was written."""
        exact = self._ordering.kept is PrintOrder.EXACT
        for stream, fd in self._pipes.items():
            take = self.take if exact else self._taker(stream)
            self._reader.watch(fd, take)
        if exact:
            self._ordering.follow(self._pipes["stdout"], self.take)

    def take(self) -> None:
        """Take what is in the pipes right now."""
        self._take_both()

    def finish(self) -> None:
        """Take what is left, now that nobody writes any more, and close the pipes."""
        left_bytes = _LEFT_BYTES
        while left_bytes > 0 and (count := self._take_both()):
            left_bytes -= count
        for stream in tuple(self._open):
            self._end_of(stream)
        for fd in self._pipes.values():
            os.close(fd)

    def _taker(self, stream: Stream) -> Callable[[], None]:
        def take() -> None:
            if data := self._read(stream):
                self._wrote(stream, data)

        return take

    def _take_both(self) -> int:
        """Read both pipes; return how many bytes came.

        What stderr holds came before what stdout holds; but stdout is read first, so that stderr surely has all that
        came before it.
        """
        after = self._read("stdout")
        before = self._read("stderr")
        if before:
            self._wrote("stderr", before)
        if after:
            self._wrote("stdout", after)
        return len(before) + len(after)

    def _read(self, stream: Stream) -> Piece:
        fd = self._open.get(stream)
        if fd is None:
            return b""
        try:
            data = self._ordering.read(stream, fd)
        except BlockingIOError:
            return b""
        if not data:
            self._end_of(stream)
        return data

    def _end_of(self, stream: Stream) -> None:
        fd = self._open.pop(stream)
        self._ordering.forget(fd)
        self._reader.unwatch(fd)
