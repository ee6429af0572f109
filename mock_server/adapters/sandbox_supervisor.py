"""Runs one command at the plain level and lets nothing of it survive: a small program of its own, stdlib only.

`python -I -S sandbox_supervisor.py SPEC COMMAND`, SPEC being JSON: `home`, `writable` (paths), `links` (paths by
names in the home), `become` ([uid, gid] or null), `rlimits` ([resource, soft, hard] each), `environ`, `bash`.

It is the reaper of all its descendants (PR_SET_CHILD_SUBREAPER), so that even a daemon that forked twice becomes its
child; when the command's shell ends, on SIGTERM, and when the server dies, it kills children until it has none.
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import termios
from types import FrameType
from typing import Any, Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_ADD: Final = 445
_LANDLOCK_RESTRICT: Final = 446
_READ: Final = 0b1101  # execute, read file, read directory
_RULE_PATH_BENEATH: Final = 1
_SCOPE_SIGNAL: Final = 2
_ABI_REFER: Final = 2
_ABI_TRUNCATE: Final = 3
_ABI_SCOPES: Final = 6
_FDS_MAX: Final = 1024


class _Rules(ctypes.Structure):
    """`struct landlock_ruleset_attr`."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def confine(writable: list[str]) -> None:
    """Forbid this process to write outside `writable` and to signal others, as far as the kernel has Landlock."""
    abi = _LIBC.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return
    files = (1 << (15 if abi >= _ABI_TRUNCATE else 14 if abi >= _ABI_REFER else 13)) - 1
    rules = _Rules(files, 0, _SCOPE_SIGNAL if abi >= _ABI_SCOPES else 0)
    size = ctypes.sizeof(rules) if abi >= _ABI_SCOPES else 8
    ruleset = _LIBC.syscall(_LANDLOCK_CREATE, ctypes.byref(rules), size, 0)
    for path, allowed in [("/", _READ), *((each, files) for each in writable)]:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        _LIBC.syscall(_LANDLOCK_ADD, ruleset, _RULE_PATH_BENEATH, ctypes.byref(_Beneath(allowed, folder)), 0)
        os.close(folder)
    _LIBC.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def link(links: dict[str, str]) -> None:
    """Put a link where each mounted folder is to be seen, unless a command put something else there."""
    for name, path in links.items():
        if not os.path.islink(name):  # noqa: PTH114  - as above
            try:
                os.rmdir(name)  # noqa: PTH106  - as above
            except FileNotFoundError:
                pass
            except OSError:
                continue
            os.symlink(path, name)  # noqa: PTH211  - as above


def start(spec: dict[str, Any], command: str) -> NoReturn:
    """Become the command: in its session of processes, without privileges, within the limits."""
    try:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # what opening /dev/tty gives (EX-18)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(signum, signal.SIG_DFL)
        os.chdir(spec["home"])
        if spec["become"]:
            uid, gid = spec["become"]
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        link(spec["links"])
        confine(spec["writable"])
        for kind, soft, hard in spec["rlimits"]:
            most = resource.getrlimit(kind)[1]
            capped = hard if most == resource.RLIM_INFINITY else min(hard, most)
            resource.setrlimit(kind, (min(soft, capped), capped))
        os.execve(spec["bash"], ["bash", "-c", command], spec["environ"])  # noqa: S606  - its purpose
    except OSError as error:
        os.write(2, f"batchproof-mock: {error}\n".encode())
    os._exit(126)


def children() -> list[int]:
    """Return the ids of this process's own children, adopted ones too."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  - as above
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123  - pathlib alone costs 5 ms to import
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found


def sweep() -> None:
    """Kill children, and those that they leave behind, until there are none."""
    while True:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def follow(shell: int) -> int:
    """Wait for the shell, reaping all else meanwhile; return its exit code, 128+N for signal N (EX-16)."""
    while True:
        pid, status = os.wait()
        if pid == shell:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def stop(_signum: int, _frame: FrameType | None) -> NoReturn:
    """Kill everything and end as killed."""
    sweep()
    os._exit(128 + signal.SIGKILL)


def main() -> NoReturn:
    """Run the command, kill what it left, end with its code."""
    spec = json.loads(sys.argv[1])
    server = os.getppid()
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != server:
        os._exit(128 + signal.SIGKILL)
    os.closerange(3, _FDS_MAX)  # the end of the server's info pipe says: SIGTERM is heard now
    shell = os.fork() or start(spec, sys.argv[2])
    os.close(1)
    os.close(2)
    code = follow(shell)
    sweep()
    os._exit(code)


if __name__ == "__main__":
    main()
