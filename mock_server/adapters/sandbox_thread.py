"""What the spawner thread gives up for itself, and so for every process it starts.

User ids, no_new_privs and seccomp filters belong to a thread in Linux, and children have those of the thread that
forked them. Giving them up once, there, costs nothing per command, works alike at every level of the sandbox, and
leaves the rest of the server as it was. Raw system calls, because libc's wrappers would change every thread.
"""

import ctypes
import os
import platform
from dataclasses import dataclass
from typing import Final

from mock_server.adapters.seccomp import (
    ARCHITECTURE_AT,
    INSTRUCTION,
    JUMP_IF_EQUAL,
    LOAD_WORD,
    NUMBER_AT,
    PR_SET_NO_NEW_PRIVS,
    RETURN,
    SECCOMP_RET_ALLOW,
    Program,
)

_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_ERRNO: Final = 0x00050000
_EPERM: Final = 1


@dataclass(frozen=True)
class _Machine:
    """System call numbers of one architecture, those of ptrace by each audit architecture that it can run."""

    setgroups: int
    setresgid: int
    setresuid: int
    forbidden: dict[int, tuple[int, ...]]


_X32: Final = 0x40000000
_PIDFD_GETFD: Final = 438
# EX-21: ptrace, process_vm_readv, process_vm_writev and pidfd_getfd, for 64-bit, 32-bit and x32 programs
_MACHINES: Final = {
    "x86_64": _Machine(
        setgroups=116,
        setresgid=119,
        setresuid=117,
        forbidden={
            0xC000003E: (101, 310, 311, _PIDFD_GETFD, _X32 | 521, _X32 | 539, _X32 | 540, _X32 | _PIDFD_GETFD),
            0x40000003: (26, 347, 348, _PIDFD_GETFD),
        },
    ),
    "aarch64": _Machine(
        setgroups=159,
        setresgid=149,
        setresuid=147,
        forbidden={0xC00000B7: (117, 270, 271, _PIDFD_GETFD), 0x40000028: (26, 376, 377, _PIDFD_GETFD)},
    ),
}


def can_block_ptrace() -> bool:
    """Say whether the filter knows this machine's system call numbers (EX-21)."""
    return platform.machine() in _MACHINES


def restrict_this_thread(become: tuple[int, int] | None) -> None:
    """Give up root for `become` (uid, gid), new privileges, and ptrace; for good, in this thread only.

    Raises OSError when the kernel refuses any of it.
    """
    machine = _MACHINES.get(platform.machine())
    if become:
        _become(*become, machine)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if machine:
        program = Program.of(_filter(machine.forbidden))
        _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))


def set_effective_ids(uid: int, gid: int) -> None:
    """Act as another user in the calling thread only, or, with 0 and 0, as root again. Raises OSError.

    To look at processes in a user namespace takes the effective uid of its owner; that of file accesses will not do.
    """
    machine = _MACHINES[platform.machine()]
    if uid:
        _call("syscall", machine.setresgid, -1, gid, -1)
    _call("syscall", machine.setresuid, -1, uid, -1)
    if not uid:
        _call("syscall", machine.setresgid, -1, gid, -1)


def _become(uid: int, gid: int, machine: _Machine | None) -> None:
    if machine is None:
        raise OSError(f"cannot give up root on {platform.machine()}: run the server as an ordinary user")
    _call("syscall", machine.setgroups, 0, None)
    _call("syscall", machine.setresgid, gid, gid, gid)
    _call("syscall", machine.setresuid, uid, uid, uid)


def _filter(forbidden: dict[int, tuple[int, ...]]) -> bytes:
    """Return a BPF program that answers EPERM to the forbidden calls and lets all others pass."""
    instructions = []
    for architecture, numbers in forbidden.items():
        block = [(LOAD_WORD, 0, 0, NUMBER_AT)]
        block += [(JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
        block += [(RETURN, 0, 0, SECCOMP_RET_ALLOW), (RETURN, 0, 0, _ERRNO | _EPERM)]
        instructions += [(LOAD_WORD, 0, 0, ARCHITECTURE_AT), (JUMP_IF_EQUAL, 0, len(block), architecture), *block]
    instructions.append((RETURN, 0, 0, _ERRNO | _EPERM))  # an architecture this machine should not have
    return b"".join(INSTRUCTION.pack(*instruction) for instruction in instructions)


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    if getattr(libc, function)(*converted) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}{arguments[:2]}: {os.strerror(number)}")
