"""seccomp in pure Python: a filter that stops a few system calls and hands each to whoever holds the listener.

The kernel calls it user notification. A thread installs the filter on itself, all processes it starts from then on
inherit it, and a call that matches a `Stop` sleeps until `Listener.release`. Nothing is denied: a released call goes
on as it was made, so this orders calls and is no protection. It needs no privilege, only `no_new_privs`, which the
installing thread and its children get for good.
"""

import contextlib
import ctypes
import fcntl
import os
import platform
import re
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 1 << 3
SECCOMP_RET_ALLOW: Final = 0x7FFF_0000
SECCOMP_RET_USER_NOTIF: Final = 0x7FC0_0000
SECCOMP_USER_NOTIF_FLAG_CONTINUE: Final = 1
SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: Final = 1
# _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp), _IOW('!', 4, u64)
IOCTL_RECEIVE: Final = 0xC050_2100
IOCTL_SEND: Final = 0xC018_2101
IOCTL_SET_FLAGS: Final = 0x4008_2104
CONTINUE_SINCE: Final = (5, 5)  # older kernels know listeners, but not SECCOMP_USER_NOTIF_FLAG_CONTINUE
NOTIFICATION_SIZE_BYTES: Final = 80
RESPONSE: Final = struct.Struct("=QqiI")  # id, value, error, flags

# Classic BPF over struct seccomp_data: number at 0, architecture at 4, the low half of argument N at 16 + 8 N.
LOAD_WORD: Final = 0x20
JUMP_IF_EQUAL: Final = 0x15
JUMP_IF_AT_LEAST: Final = 0x35
RETURN: Final = 0x06
NUMBER_AT: Final = 0
ARCHITECTURE_AT: Final = 4
ARGUMENTS_AT: Final = 16
INSTRUCTION: Final = struct.Struct("=HBBI")


@dataclass(frozen=True)
class Architecture:
    """What the kernel calls this machine, and the numbers it gives the calls that may be stopped."""

    audit_arch: int
    seccomp_number: int
    numbers: dict[str, int]


ARCHITECTURES: Final = {
    "x86_64": Architecture(
        0xC000_003E, 317, {"write": 1, "writev": 20, "dup2": 33, "dup3": 292, "sendfile": 40, "splice": 275}
    ),
    "aarch64": Architecture(0xC000_00B7, 277, {"write": 64, "writev": 66, "dup3": 24, "sendfile": 71, "splice": 76}),
}


class SeccompUnavailableError(Exception):
    """Raised where stopped system calls cannot be handed to a listener; the message says why."""


@dataclass(frozen=True)
class Stop:
    """Stop `call` when its argument number `argument` is `equals` and, where asked, argument 0 is less than `below`."""

    call: str
    argument: int
    equals: int
    below: int | None = None


def architecture() -> Architecture:
    """Return this machine's numbers. Raises SeccompUnavailableError where there are none, or the kernel is too old."""
    machine = platform.machine()
    version = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
    if version < CONTINUE_SINCE:
        raise SeccompUnavailableError(f"Linux {platform.release()} cannot let a stopped call go on; 5.5 and later can")
    if sys.platform != "linux" or machine not in ARCHITECTURES or sys.maxsize <= 1 << 32:
        raise SeccompUnavailableError(f"no system call numbers are known for {sys.platform} on {machine}")
    return ARCHITECTURES[machine]


def compile_filter(stops: Sequence[Stop], on: Architecture) -> bytes:
    """Return the BPF program that notifies of each of `stops` and allows everything else.

    A call that `on` does not have is left out, and calls of another architecture (32-bit programs) are allowed.
    """
    program = [_load(ARCHITECTURE_AT), _jump_if_equal(on.audit_arch, 1, 0), _return(SECCOMP_RET_ALLOW)]
    for stop in stops:
        if stop.call in on.numbers:
            program += _rule(stop, on.numbers[stop.call])
    program.append(_return(SECCOMP_RET_ALLOW))
    return b"".join(program)


def _rule(stop: Stop, number: int) -> list[bytes]:
    """Return the instructions of one rule: they fall through to the next rule when it does not match."""
    match = [_load(ARGUMENTS_AT + 8 * stop.argument), _jump_if_equal(stop.equals, 0, 1)]
    if stop.below is not None:
        match = [
            _load(ARGUMENTS_AT + 8 * stop.argument),
            _jump_if_equal(stop.equals, 0, 3),
            _load(ARGUMENTS_AT),
            INSTRUCTION.pack(JUMP_IF_AT_LEAST, 1, 0, stop.below),
        ]
    match.append(_return(SECCOMP_RET_USER_NOTIF))
    return [_load(NUMBER_AT), _jump_if_equal(number, 0, len(match)), *match]


def _load(offset: int) -> bytes:
    return INSTRUCTION.pack(LOAD_WORD, 0, 0, offset)


def _jump_if_equal(value: int, skip_if_true: int, skip_if_false: int) -> bytes:
    return INSTRUCTION.pack(JUMP_IF_EQUAL, skip_if_true, skip_if_false, value)


def _return(action: int) -> bytes:
    return INSTRUCTION.pack(RETURN, 0, 0, action)


class Program(ctypes.Structure):
    """struct sock_fprog: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    @classmethod
    def of(cls, instructions: bytes) -> Self:
        """Describe a compiled program, which the structure keeps alive."""
        return cls(len(instructions) // INSTRUCTION.size, instructions)


class Listener:
    """The server's end of an installed filter: says which calls are stopped, and releases them.

    `fileno()` is readable while a call waits. One thread uses it at a time.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        # Wakes the caller on our own processor when we answer: less than half the latency. Older kernels refuse it.
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, IOCTL_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)

    @classmethod
    def install(cls, stops: Sequence[Stop]) -> Self:
        """Stop these calls in whatever the calling thread starts from now on; cannot be undone.

        Raises SeccompUnavailableError; the thread then has nothing but `no_new_privs`.
        """
        on = architecture()
        program = Program.of(compile_filter(stops, on))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise SeccompUnavailableError(f"no_new_privs was refused: {os.strerror(ctypes.get_errno())}")
        fd = libc.syscall(
            on.seccomp_number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, ctypes.byref(program)
        )
        if fd < 0:
            raise SeccompUnavailableError(f"a seccomp listener was refused: {os.strerror(ctypes.get_errno())}")
        return cls(fd)

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._fd

    def receive(self) -> int | None:
        """Return the id of one stopped call, None when its caller died meanwhile. Call it only when readable."""
        notification = bytearray(NOTIFICATION_SIZE_BYTES)  # the kernel wants it zeroed
        try:
            fcntl.ioctl(self._fd, IOCTL_RECEIVE, notification)
        except (FileNotFoundError, InterruptedError):
            return None
        return int.from_bytes(notification[:8], sys.byteorder)

    def release(self, call_id: int) -> None:
        """Let a stopped call go on; one whose caller died meanwhile is no error."""
        with contextlib.suppress(FileNotFoundError):
            fcntl.ioctl(self._fd, IOCTL_SEND, RESPONSE.pack(call_id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE))

    def close(self) -> None:
        """Stop listening: calls that wait, and later ones, fail with ENOSYS, so end their programs first."""
        os.close(self._fd)
