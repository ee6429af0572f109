"""Finds out whether a process sleeps in a read of its terminal (EX-18), from what the kernel tells in /proc.

`/proc/PID/task/TID/syscall` names the call that a thread sleeps in and its arguments. A thread that sleeps in `read`
of the terminal waits for input, for certain; one that sleeps in `poll`, `select` or `epoll_wait` with the terminal
among its descriptors does so if it stays there. All of this belongs to hostile programs and changes while it is read.
"""

import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from mock_server.adapters.sandbox_thread import set_effective_ids

_TTY_DEVICE: Final = os.makedev(5, 0)  # /dev/tty: whichever terminal the process has
_TASKS_MAX: Final = 512  # looked at per look: a fork bomb must not keep us
_FDS_MAX: Final = 64  # of one poll or select
_CAP_SYS_PTRACE: Final = 19
_POLLIN: Final = 1
_EPOLL_IN: Final = 1
_POLLFD: Final = struct.Struct("=ihh")
_NUMBERS: Final = {
    "x86_64": {
        "read": {0, 19},  # read, readv
        "poll": {7, 271},  # poll, ppoll
        "select": {23, 270},  # select, pselect6
        "epoll": {232, 281, 441},  # epoll_wait, epoll_pwait, epoll_pwait2
    },
    "aarch64": {"read": {63, 65}, "poll": {73}, "select": {72}, "epoll": {22, 441}},
}
_KIND_OF: Final = {number: kind for kind, numbers in _NUMBERS.get(platform.machine(), {}).items() for number in numbers}


@dataclass(frozen=True)
class Block:
    """A thread that sleeps until input comes.

    `sleeps` counts how often it went to sleep so far, which tells one block from the next. `certain` is False where
    it may be about to do something else: it waits for several things, or only for a time.
    """

    thread: int
    sleeps: int
    certain: bool


def known_here() -> bool:
    """Say whether this machine's system call numbers are known, and the kernel tells them of the commands.

    To root it tells them only with CAP_SYS_PTRACE, which containers often lack, or as the commands' own user.
    """
    return bool(_KIND_OF) and Path("/proc/self/syscall").exists()


@contextmanager
def _looking_as(owner: tuple[int, int]) -> Iterator[None]:
    """Have this thread look at processes as their owner (uid, gid), where root may not look at those of others."""
    if os.geteuid() != 0 or _may_look_at_others():
        yield
        return
    set_effective_ids(*owner)
    try:
        yield
    finally:
        set_effective_ids(0, 0)


@cache
def _may_look_at_others() -> bool:
    told = Path("/proc/self/status").read_text().splitlines()
    capabilities = next(int(line.split()[1], 16) for line in told if line.startswith("CapEff:"))
    return bool(capabilities >> _CAP_SYS_PTRACE & 1)


def find_block(root: int, device: int, owner: tuple[int, int]) -> Block | None:
    """Return a thread of process `root` or of its descendants that waits for input from terminal `device`.

    `owner` is the (uid, gid) that the processes have.
    """
    with _looking_as(owner):
        return _find_block(root, device)


def _find_block(root: int, device: int) -> Block | None:
    found = None
    for count, thread in enumerate(_threads(root)):
        if count == _TASKS_MAX:
            break
        try:
            block = _block_of(thread, device)
        except (OSError, ValueError, IndexError, StopIteration):  # it ended meanwhile, or is not ours to look at
            continue
        if block and block.certain:
            return block
        found = found or block
    return found


def _threads(root: int) -> Iterator[Path]:
    processes = [root]
    while processes:
        try:
            threads = list(Path(f"/proc/{processes.pop()}/task").iterdir())
            for thread in threads:
                processes += map(int, (thread / "children").read_text().split())
        except (OSError, ValueError):
            continue
        yield from threads


def _block_of(thread: Path, device: int) -> Block | None:
    number, *arguments = (thread / "syscall").read_text().split()
    kind = _KIND_OF.get(int(number)) if number.lstrip("-").isdecimal() else None  # else it is "running"
    if kind is None:
        return None
    first, second = (int(argument, 16) for argument in arguments[:2])
    fds = {"read": _read_fds, "poll": _poll_fds, "select": _select_fds, "epoll": _epoll_fds}[kind]
    if any(_is_terminal(thread, fd, device) for fd in fds(thread, first, second)):
        return Block(int(thread.name), _sleeps(thread), kind == "read")
    return None


def _read_fds(_thread: Path, fd: int, _buffer: int) -> list[int]:
    return [fd]


def _poll_fds(thread: Path, address: int, count: int) -> list[int]:
    raw = _memory(thread, address, min(count, _FDS_MAX) * _POLLFD.size)
    return [fd for fd, events, _ in _POLLFD.iter_unpack(raw) if fd >= 0 and events & _POLLIN]


def _select_fds(thread: Path, count: int, address: int) -> list[int]:
    if not address:
        return []
    bits = int.from_bytes(_memory(thread, address, (min(count, _FDS_MAX) + 7) // 8), "little")
    return [fd for fd in range(min(count, _FDS_MAX)) if bits >> fd & 1]


def _epoll_fds(thread: Path, fd: int, _events: int) -> list[int]:
    told = (thread / "fdinfo" / str(fd)).read_text().splitlines()
    watched = [line.split() for line in told if line.startswith("tfd:")]
    return [int(words[1]) for words in watched[:_FDS_MAX] if int(words[3], 16) & _EPOLL_IN]


def _memory(thread: Path, address: int, size_bytes: int) -> bytes:
    memory = os.open(thread / "mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(memory, size_bytes, address)
    finally:
        os.close(memory)


def _is_terminal(thread: Path, fd: int, device: int) -> bool:
    opened = (thread / "fd" / str(fd)).stat().st_rdev
    return opened == device or (opened == _TTY_DEVICE and _controlling_terminal(thread) == device)


def _controlling_terminal(thread: Path) -> int:
    # After the name, which may hold anything: state, ppid, pgrp, session, tty_nr.
    number = int((thread / "stat").read_bytes().rpartition(b")")[2].split()[4])
    return os.makedev(number >> 8 & 0xFFF, (number & 0xFF) | (number >> 12 & 0xFFF00))


def _sleeps(thread: Path) -> int:
    told = (thread / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in told if line.startswith("voluntary_ctxt_switches:"))
