"""The keyboard of a step (EX-18): a pseudo-terminal that is its programs' stdin and controlling terminal.

What programs print goes through pipes as ever; only what they write to /dev/tty comes here. The terminal edits
nothing: with EXTPROC the kernel leaves line editing, echo and control characters to us, and we want none, so a
program reads just the bytes that were typed. Flags that programs set themselves are kept; whether they turned echo
off is how a password is told from other input.
"""

import array
import fcntl
import os
import termios
from collections import deque
from collections.abc import Iterator
from typing import Final, Self

_EXTPROC: Final = 0o200000  # not in the termios module
_INPUT_FLAGS, _OUTPUT_FLAGS, _LOCAL_FLAGS, _CHARACTERS = 0, 1, 3, 6  # places in tcgetattr's list
_PIECE_BYTES: Final = 64 * 1024


class Terminal:
    """One step's terminal. The server types; `slave` goes to the step as its stdin."""

    def __init__(self, master: int, slave: int, owner: tuple[int, int]) -> None:
        self._master = master
        self.owner = owner
        self.slave = slave
        self.device = os.fstat(slave).st_rdev
        self._typed: deque[bytes] = deque()  # lines that no program asked for yet
        self._rest = b""  # of the line being sent, what the kernel has no room for yet

    @classmethod
    def open(cls, owner: tuple[int, int]) -> Self:
        """Make a terminal that belongs to `owner` (uid, gid), who can open it anew as /dev/stdin. Raises OSError."""
        master, slave = os.openpty()
        try:
            os.fchown(slave, *owner)
            _leave_all_to_us(slave)
            os.set_blocking(master, False)
        except (OSError, termios.error) as error:
            os.close(master)
            os.close(slave)
            raise OSError(f"cannot set up a terminal: {error}") from error
        return cls(master, slave, owner)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a program wrote to /dev/tty."""
        return self._master

    @property
    def echo_is_off(self) -> bool:
        """Whether a program asked for a password or the like."""
        return not termios.tcgetattr(self._master)[_LOCAL_FLAGS] & termios.ECHO

    @property
    def has_lines(self) -> bool:
        """Whether lines were typed that `send_line` did not send yet."""
        return bool(self._typed)

    @property
    def has_unread(self) -> bool:
        """Whether a program can read something right now."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self.slave, termios.FIONREAD, waiting)
        return bool(self._rest or waiting[0])

    def type(self, text: str) -> None:
        """Type a text; a newline is added if it has none at its end (EX-18).

        Its lines are sent one at a time, as a person would: who reads one must not swallow the next program's.
        """
        self._typed.extend(lines(text))

    def send_line(self) -> None:
        """Send the next typed line to whoever reads."""
        self._rest = self._typed.popleft()
        self.push()

    def push(self) -> None:
        """Send more of a long line, as far as there is room."""
        while self._rest:
            try:
                self._rest = self._rest[os.write(self._master, self._rest) :]
            except BlockingIOError:
                return

    def said(self) -> bytes:
        """Return what programs wrote to the terminal itself since the last call, such as getpass's prompt."""
        try:
            return os.read(self._master, _PIECE_BYTES)
        except OSError:  # nothing there, or nobody has it open any more
            return b""

    def close(self) -> None:
        """Hang up; programs that still have the terminal get SIGHUP."""
        os.close(self._master)
        os.close(self.slave)


def lines(text: str) -> Iterator[bytes]:
    """Yield the lines of a text in UTF-8, each with its newline, the last one too; lone surrogates as `?`."""
    whole = text if text.endswith("\n") else text + "\n"
    for line in whole[:-1].split("\n"):
        yield line.encode(errors="replace") + b"\n"


def _leave_all_to_us(slave: int) -> None:
    attributes = termios.tcgetattr(slave)
    attributes[_INPUT_FLAGS] = 0  # CR stays CR, XOFF stops nothing
    attributes[_OUTPUT_FLAGS] &= ~termios.OPOST  # LF stays LF
    # Not ICANON: when EXTPROC does the editing, the kernel would drop what exceeds its buffer of 4096 bytes.
    attributes[_LOCAL_FLAGS] = attributes[_LOCAL_FLAGS] & ~termios.ICANON | _EXTPROC
    attributes[_CHARACTERS][termios.VMIN] = 1
    attributes[_CHARACTERS][termios.VTIME] = 0
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
