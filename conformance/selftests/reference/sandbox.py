"""Real bash with a real /home/work, never as root, in namespaces of its own: by bubblewrap, else by unshare.

Both ways give the command its own processes (killing the first kills all), the session's directory at
/home/work, its own /tmp, no capabilities, no new privileges, and no ptrace where a filter can be handed over.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOBODY: Final = 54_321  # what root becomes: an id that no account uses
PTRACE_CALL: Final = {"x86_64": (0xC000003E, 101), "aarch64": (0xC00000B7, 117)}
BARE: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

# As root of a namespace of its own: mounts, then down to an ordinary uid. The first process must not be the
# command: the kernel protects it from signals.
UNSHARED: Final = """
place=$1 uid=$2 directory=$3; shift 3
mount -t tmpfs -o mode=755 none /home && mkdir /home/work && mount --bind "$place/home" /home/work || exit 125
while [ "$1" != -- ]; do
  mkdir -p "/home/work/$1" && mount --bind "$2" "/home/work/$1" || exit 125
  shift 2
done
shift
mount --bind "$place/tmp" /tmp && cd "$directory" || exit 125
exec 9>&2 2>/dev/null  # this shell's own word on a killed child is not the command's
unshare --user --map-user="$uid" --map-group="$uid" setpriv --no-new-privs --bounding-set=-all "$@" 2>&9 9>&-
exit $?
"""
# bubblewrap installs a filter itself; behind unshare a Python does, where the commands' user may run it.
GUARD: Final = """
import ctypes, os, sys
program = bytes.fromhex(sys.argv[1])
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
prctl = ctypes.CDLL(None).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.byref(Program(len(program) // 8, program)), 0, 0):
    sys.exit(125)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Jail:
    """Where and how a command runs: the session's directory, its mounts (name to directory), what it sees."""

    place: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/home/work"
    shell: tuple[str, ...] = ("bash", "-c")
    uid: int = 1000
    ptrace: bool = False


@dataclass(eq=False)
class Process:
    """A sandboxed bash: ``init_pid`` is its namespace's first process, None until known."""

    popen: subprocess.Popen[bytes]
    stdout: int
    stderr: int
    init_pid: int | None = None
    cpu_ms: int = 0


def _user() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def give(path: Path) -> None:
    """Make the commands' user the owner of a path (UP-16)."""
    if os.getuid() == 0:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def _no_ptrace() -> bytes:
    """A seccomp program (EX-21): EPERM for ptrace, anything else goes."""
    arch, call = PTRACE_CALL.get(platform.machine(), (0, 0))
    instructions = (
        (0x20, 0, 0, 4),  # the architecture
        (0x15, 0, 3, arch),
        (0x20, 0, 0, 0),  # the call
        (0x15, 0, 1, call),
        (0x06, 0, 0, 0x00050001),  # EPERM
        (0x06, 0, 0, 0x7FFF0000),  # allow
    )
    return b"".join(struct.pack("=HBBI", *one) for one in instructions)


def _bwrap(jail: Jail, command: str, info: int, program: int) -> list[str]:
    user = ["--uid", str(jail.uid), "--gid", str(jail.uid)]
    argv = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net", *user, "--cap-drop", "ALL"]
    argv += ["--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/home"]
    argv += ["--bind", f"{jail.place}/tmp", "/tmp", "--bind", f"{jail.place}/home", "/home/work"]
    for name, directory in jail.mounts.items():
        argv += ["--bind", str(directory), f"/home/work/{name}"]
    if not jail.ptrace:
        argv += ["--seccomp", str(program)]
    return [*argv, "--info-fd", str(info), "--chdir", jail.directory, *jail.shell, command]


def _unshare(jail: Jail, command: str, info: int, program: int, *, python: str) -> list[str]:
    guard = () if jail.ptrace else (python, "-I", "-S", "-c", GUARD, _no_ptrace().hex())
    return _unguarded(replace(jail, shell=(*guard, *jail.shell)), command, info, program)


def _unguarded(jail: Jail, command: str, info: int, program: int) -> list[str]:
    spaces = ["--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc"]
    argv = ["unshare", *spaces, "--fork", "--kill-child", "--mount-proc"]
    mounts = [part for name, directory in jail.mounts.items() for part in (name, str(directory))]
    values = [str(jail.place), str(jail.uid), jail.directory, *mounts, "--", *jail.shell, command]
    return [*argv, "bash", "-c", UNSHARED, "reference", *values]


WAYS: Final[Mapping[str, Callable[[Jail, str, int, int], list[str]]]] = {
    "bwrap": _bwrap,
    "unshare": functools.partial(_unshare, python=sys.executable),
    "unshare, the system's Python": functools.partial(_unshare, python="python3"),
    "unshare without a filter": _unguarded,
}


@functools.cache
def way() -> str:
    """The way that works here, found by running it: a key of WAYS, or "" where none does."""
    with tempfile.TemporaryDirectory(prefix="reference-probe-") as name:
        place = Path(name)
        place.chmod(0o711)
        for directory in (place / "home", place / "tmp"):
            directory.mkdir()
            give(directory)
        return next((how for how in WAYS if works(how, place)), "")


def works(how: str, place: Path) -> bool:
    """Whether this way runs a command in /home/work, seen from outside as the session's home."""
    try:
        process = spawn(Jail(place), "pwd && touch seen", how)
    except OSError:
        return False
    os.set_blocking(process.stdout, True)
    output = b"".join(iter(lambda: os.read(process.stdout, 4096), b""))
    return (reap(process), output) == (0, b"/home/work\n") and (place / "home" / "seen").exists()


def spawn(jail: Jail, command: str, how: str = "") -> Process:
    """Start a command; its outputs do not block. OSError when it can not be started."""
    how = how or way()
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    info, info_end = os.pipe()
    program, program_end = os.pipe()
    os.write(program_end, _no_ptrace())
    os.close(program_end)
    if os.getuid() == 0:
        for end in (out_end, err_end):  # or `> /dev/stdout` is refused
            os.fchown(end, NOBODY, NOBODY)
    try:
        popen = subprocess.Popen(
            WAYS[how](jail, command, info_end, program),
            stdin=subprocess.DEVNULL,
            stdout=out_end,
            stderr=err_end,
            env={**BARE, **jail.environ},
            pass_fds=(info_end, program),
            start_new_session=True,
            **_user(),
        )
    finally:
        for fd in (out_end, err_end, info_end, program):
            os.close(fd)
    process = Process(popen, out, err, _first_process(info, popen, how))
    os.set_blocking(out, False)
    os.set_blocking(err, False)
    return process


def _first_process(info: int, popen: subprocess.Popen[bytes], how: str) -> int | None:
    """The pid of the namespace's init, which bubblewrap tells; killing it kills all."""
    with os.fdopen(info, "rb") as told:
        if how != "bwrap":
            return popen.pid
        try:
            return int(json.loads(told.read())["child-pid"])
        except (ValueError, KeyError):
            return None


def kill(process: Process | None) -> None:
    """SIGKILL the whole namespace; a process that has ended is left alone."""
    if process is None or process.popen.returncode is not None:
        return
    for pid in (process.init_pid, process.popen.pid):
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def interrupt(process: Process) -> None:
    """SIGINT to every process of the namespace but its first."""
    for pid in descendants(process.init_pid or process.popen.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            children += map(int, listing.read_text().split())
    return children + [below for child in children for below in descendants(child)]


def sample_cpu(process: Process) -> None:
    """Note the CPU time of the namespace so far: bubblewrap's init takes its children's with it."""
    ticks = 0
    for pid in descendants(process.popen.pid):
        with contextlib.suppress(OSError):
            facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += sum(map(int, facts[11:15]))  # its own, and that of children it has waited for
    process.cpu_ms = max(process.cpu_ms, ticks * 1000 // os.sysconf("SC_CLK_TCK"))


def reap(process: Process) -> int:
    """Wait for the end; the exit code (negative: the sandbox itself was killed), CPU time put into the process."""
    _, status, usage = os.wait4(process.popen.pid, 0)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    process.cpu_ms = max(process.cpu_ms, int((usage.ru_utime + usage.ru_stime) * 1000))
    for fd in (process.stdout, process.stderr):
        os.close(fd)
    return process.popen.returncode
