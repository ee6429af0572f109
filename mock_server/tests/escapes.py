"""Attempts to get out of the sandbox: each prints ESCAPED if it came to anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mock_server.adapters.runner import RunSession
from mock_server.tests.engine import run, text

ESCAPED: Final = "ESCAPED"
_PYTHON: Final = "python3 -S - 2>/dev/null <<'END'\n{}\nEND"


@dataclass(frozen=True)
class Attempt:
    """A command, what it is after, and the levels that promise to hold it."""

    kind: str
    name: str
    command: str
    levels: frozenset[int] = frozenset(range(1, 7))


def _writes(path: str) -> str:
    return f"(: > {path}) 2>/dev/null && echo {ESCAPED}"


def _python(code: str) -> str:
    return _PYTHON.format(f"import ctypes, os, signal, socket\ntry:\n    {code}\nexcept OSError: pass")


_MOUNTS: Final = frozenset(range(1, 6))
_NO_NETWORK: Final = frozenset({1, 3, 5})
_CALL: Final = "libc = ctypes.CDLL(None, use_errno=True)\n    "


def attempts(server_pid: int, secret_file: str, port: int) -> tuple[Attempt, ...]:
    """Return them all: against a server's process, a file next to its workspaces, and a port of the host."""
    return (
        *(
            Attempt("write files", f"of {path}", _writes(f"{path}/batchproof-escape"))
            for path in ("/", "/etc", "/usr/bin", "/sys", "/proc/1/root")
        ),
        Attempt("write files", "of /proc/sys", _writes("/proc/sys/kernel/core_pattern")),
        Attempt("write files", "by a link", f"ln -s /etc/batchproof-escape l; {_writes('l')}"),
        Attempt("write files", "in home of others", _writes("~root/batchproof-escape")),
        Attempt("read files", "of the system's passwords", f"[ -r /etc/shadow ] && echo {ESCAPED}"),
        Attempt(
            "read files", "beside the workspace", f"grep -q . {secret_file} 2>/dev/null && echo {ESCAPED}", _MOUNTS
        ),
        Attempt("read files", "of /root", f'[ -n "$(ls -A /root 2>/dev/null)" ] && echo {ESCAPED}', _MOUNTS),
        Attempt(
            "read files",
            "the server's environment",
            f"grep -q . /proc/{server_pid}/environ 2>/dev/null && echo {ESCAPED}",
            _MOUNTS,
        ),
        Attempt("devices", "a node", f"mknod d b 8 0 2>/dev/null && echo {ESCAPED}"),
        Attempt("devices", "memory", f"head -c 1 /dev/mem >/dev/null 2>&1 && echo {ESCAPED}"),
        Attempt("mounts", "a file system", f"mount -t tmpfs none /tmp 2>/dev/null && echo {ESCAPED}"),
        Attempt("mounts", "made writable", f"mount -o remount,rw / 2>/dev/null && echo {ESCAPED}"),
        Attempt("mounts", "taken away", f"umount /home/work 2>/dev/null && echo {ESCAPED}"),
        Attempt("mounts", "another root", f"chroot / true 2>/dev/null && echo {ESCAPED}"),
        Attempt("privileges", "sudo", f'[ "$(sudo -n id -u 2>/dev/null)" = 0 ] && echo {ESCAPED}'),
        Attempt("privileges", "su", f"[ \"$(su -c 'id -u' </dev/null 2>/dev/null)\" = 0 ] && echo {ESCAPED}"),
        Attempt("privileges", "setuid", _python(f"os.setuid(0); print('{ESCAPED}')")),
        Attempt(
            "privileges",
            "a set-user-id copy",
            f'cp /usr/bin/id . && chmod 4755 id && [ "$(./id -u)" = 0 ] && echo {ESCAPED}',
        ),
        Attempt("privileges", "higher limits", f"ulimit -H -v unlimited 2>/dev/null && echo {ESCAPED}"),
        Attempt("privileges", "a host name", f"hostname batchproof-escape 2>/dev/null && echo {ESCAPED}"),
        Attempt("privileges", "the clock", _python(f"import time; time.clock_settime(0, 0); print('{ESCAPED}')")),
        Attempt("processes", "a signal to the server", f"kill -0 {server_pid} 2>/dev/null && echo {ESCAPED}", _MOUNTS),
        Attempt("processes", "ptrace", _python(f"{_CALL}0 == libc.ptrace(0, 0, 0, 0) and print('{ESCAPED}')")),
        Attempt(
            "processes",
            "memory of another",
            _python(f"{_CALL}libc.process_vm_readv(1, 0, 0, 0, 0, 0) == 0 and print('{ESCAPED}')"),
        ),
        Attempt(
            "processes", "higher priority", _python(f"os.setpriority(os.PRIO_PROCESS, 0, -10); print('{ESCAPED}')")
        ),
        Attempt(
            "network",
            "a port of the host",
            _python(f"socket.create_connection(('127.0.0.1', {port}), 2); print('{ESCAPED}')"),
            _NO_NETWORK,
        ),
        Attempt(
            "network", "a raw socket", _python(f"socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('{ESCAPED}')")
        ),
        Attempt("kernel", "modules", _python(f"{_CALL}libc.syscall(175, 0, 0, 0) == 0 and print('{ESCAPED}')")),
        Attempt("kernel", "another kernel", _python(f"{_CALL}libc.reboot(0) == 0 and print('{ESCAPED}')")),
        Attempt(
            "descriptors",
            "of the server",
            "for f in /proc/self/fd/*; do case ${f##*/} in [012]) ;; *) [ -p $f -o -S $f ] && "
            f"echo {ESCAPED};; esac; done",
        ),
    )


def held(session: RunSession, level: int, tries: tuple[Attempt, ...]) -> Iterator[tuple[Attempt, bool]]:
    """Make every attempt that the level promises to hold; tell of each whether it was held."""
    for attempt in tries:
        if level in attempt.levels:
            yield attempt, ESCAPED not in text(run(session, attempt.command))
