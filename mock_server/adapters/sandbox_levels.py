"""The six levels of the sandbox, best first: for each, the argument vector that runs a bash command in it.

| level | name | own mounts | own processes | network off | uid inside |
|---|---|---|---|---|---|
| 1 | bwrap-full | yes | yes | yes | 1000 |
| 2 | bwrap-net | yes | yes | no | 1000 |
| 3 | bwrap-proc | yes | yes, though /proc lists the host's | yes | 1000 |
| 4 | bwrap-net-proc | yes | as 3 | no | 1000 |
| 5 | unshare | yes | yes | yes, loopback included where `ip` is missing | 1000 |
| 6 | plain | no | no, though a supervisor kills them | no | the owner's |

Level 6 is without a real /home/work; Landlock, where there is, keeps writes to the workspace and /tmp. Mounted folders
are links there, which commands may remove; at the other levels they are bind mounts, which they cannot.
At every level: never uid 0, no_new_privs, no ptrace (`sandbox_thread`), the limits of `Limits`, an environment of
exactly what was asked, and no process that outlives its step.
"""

import json
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mock_server.adapters import sandbox_supervisor
from mock_server.adapters.sandbox_limits import Limits
from mock_server.adapters.sandbox_processes import children

HOME: Final = "/home/work"
INNER_ID: Final = 1000  # the uid and gid that commands see for themselves at levels 1 to 5
# Folders of others' files and of sockets that lead out; they are empty inside, and nothing can be written there: what
# is not in the workspace is counted by nobody.
_HIDDEN: Final = ("/home", "/root", "/run", "/mnt", "/media")
# All are the session's one folder for temporary files, which counts as workspace; memory file systems would not.
_TEMPORARY: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  - the sandbox's own
# Bash is process 1 and starts the command as its child, so that a command can kill itself, and everything ends with
# process 1. `-p` keeps it from reading start-up files; its own remarks on killed children go nowhere. Setting the
# environment itself spares it 1 ms for `env`, which is needed for names that mean something to it, or nothing.
# It leads a session of processes, so that its stdin, opened anew, becomes their controlling terminal, if it is a
# terminal (EX-18).
_INIT: Final = 'exec 3>&2 2>/dev/null <>/proc/self/fd/0; {run} "$BASH" -c "$1" 2>&3 3>&-; {sweep}'
# What process 1 still waits for counts as used (SE-05); what the kernel kills after it does not. Elsewhere than in a
# namespace of its own this would kill all that the user has.
_SWEEP: Final = "set -- $?; (($$ > 1)) || while kill -KILL -1; do :; done; exit $1"
_BY_EXPORT: Final = 'export -- "${@:2}";'
_BY_ENV: Final = 'env -i -- "${@:2}"'
_EXPORTABLE: Final = re.compile(r"(?!BASH|COMP_|EPOCH|HIST|DIRSTACK|FUNCNAME|GROUPS|LINENO|OPT)[A-Za-z][A-Za-z0-9_]*")
_SPECIAL: Final = frozenset(
    {"UID", "EUID", "PPID", "SHELLOPTS", "RANDOM", "SRANDOM", "SECONDS", "TMOUT", "POSIXLY_CORRECT"}
)
_CHILD_PID: Final = re.compile(rb'"child-pid": *([0-9]+)[^0-9]')
_NETWORK_LOOPBACK: Final = "ip link set lo up 2>/dev/null"


@dataclass(frozen=True)
class Job:
    """One command and all that its sandbox has to know.

    `hidden` folders are empty inside; `become` is the (uid, gid) to take where the spawner is root and stays it;
    `info_fd` is where a level tells that its processes can be killed from outside now.
    """

    command: str
    home: Path
    tmp: Path
    environ: Mapping[str, str]
    limits: Limits
    bash: str
    info_fd: int
    hidden: tuple[Path, ...] = ()
    become: tuple[int, int] | None = None
    mounts: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """One way to isolate: its number in the chain, its name, the program it needs, and how it is called."""

    number: int
    name: str
    program: str
    argv: Callable[[Job], list[str]]
    victim: Callable[[int, bytes], int | None]  # (started process, info so far) -> the process to kill, once known
    was_set_up: Callable[[bytes], bool]  # by all its info, once ended: whether the command ever began
    kill_signal: signal.Signals = signal.SIGKILL
    real_home: bool = True  # whether /home/work is really there inside
    spawner_keeps_root: bool = False


def _init(job: Job) -> list[str]:
    by_export = all(_EXPORTABLE.fullmatch(key) and key not in _SPECIAL for key in job.environ)
    script = f"{job.limits.shell()}; {_INIT.format(run=_BY_EXPORT if by_export else _BY_ENV, sweep=_SWEEP)}"
    variables = (f"{key}={value}" for key, value in job.environ.items())
    return [job.bash, "-p", "-c", script, "bash", job.command, *variables]


def _hidden(job: Job) -> list[str]:
    return [str(path) for path in (*map(Path, _HIDDEN), *job.hidden) if path.is_dir() and not path.is_symlink()]


def _temporary() -> list[str]:
    return [path for path in _TEMPORARY if Path(path).is_dir() and not Path(path).is_symlink()]


def _bwrap(*, network: bool, host_proc: bool) -> Callable[[Job], list[str]]:
    def argv(job: Job) -> list[str]:
        return [
            *("bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
            *(() if network else ("--unshare-net",)),
            *("--uid", str(INNER_ID), "--gid", str(INNER_ID), "--cap-drop", "ALL"),
            *("--ro-bind", "/", "/", "--dev", "/dev"),
            *(("--ro-bind", "/proc", "/proc") if host_proc else ("--proc", "/proc")),
            *(word for path in _hidden(job) for word in ("--tmpfs", path)),
            *("--bind", str(job.home), HOME),
            *(word for path in ("/dev", *_hidden(job)) for word in ("--remount-ro", path)),
            *(word for path in _temporary() for word in ("--bind", str(job.tmp), path)),
            *(word for name, path in job.mounts.items() for word in ("--bind", str(path), f"{HOME}/{name}")),
            *("--chdir", HOME, "--clearenv", "--setenv", "PATH", job.environ["PATH"]),
            *("--die-with-parent", "--as-pid-1", "--new-session", "--json-status-fd", str(job.info_fd), "--"),
            *_init(job),
        ]

    return argv


def _unshare(job: Job) -> list[str]:
    """Mount as root of one user namespace, then become INNER_ID in a second one, without rights over the mounts."""
    setup = [
        "set -e",
        'exec {home}<"$1" {tmp}<"$2"',
        *(f"exec {{mount_{at}}}<{shlex.quote(str(path))}" for at, path in enumerate(job.mounts.values())),
        *(f'mount -t tmpfs none "{path}"' for path in _hidden(job)),
        f"mkdir -p {HOME}",
        _mount_over("home", HOME),
        *(f'mount -o remount,bind,ro "{path}"' for path in _hidden(job)),
        *(f'mount --no-canonicalize --bind "/proc/self/fd/$tmp" {path}' for path in reversed(_temporary())),
        "exec {tmp}<&-",
        *(_mount_over(f"mount_{at}", f"{HOME}/{name}") for at, name in enumerate(job.mounts)),
        "mount -t proc proc /proc; mount -o remount,bind,ro /",
        f'{_NETWORK_LOOPBACK} || true; cd {HOME}; echo ready >&"$3"; eval "exec $3>&-"; shift 3',
        f'exec unshare --user --map-user={INNER_ID} --map-group={INNER_ID} -- setsid "$@"',
    ]
    return [
        *("setpriv", "--pdeathsig", "KILL"),  # --kill-child follows unshare, which itself has to follow the server
        *("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"),
        *("--ipc", "--uts", "--net", "--", job.bash, "-p", "-c", "\n".join(setup)),
        *("bash", str(job.home), str(job.tmp), str(job.info_fd), *_init(job)),
    ]


def _mount_over(variable: str, target: str) -> str:
    """Return bash code that mounts an open directory as it is: by its path, which is covered, `mount` fails."""
    return f'mount --no-canonicalize --bind "/proc/self/fd/${variable}" {target}; exec {{{variable}}}<&-'


def _reported_child(_outer: int, info: bytes) -> int | None:
    """Return process 1 of bwrap's namespace: when it dies, all in there do, and then bwrap ends.

    bwrap writes its JSON in several pieces, and may not close it.
    """
    told = _CHILD_PID.search(info)
    return int(told[1]) if told else None


def _only_child(outer: int, info: bytes) -> int | None:
    """Return process 1 of unshare's namespace, likewise."""
    return next(iter(children(outer)), outer) if info else None


def _told_exit_code(info: bytes) -> bool:
    """Whether bwrap told how the command ended: it does so only where it came to start it."""
    return b'"exit-code"' in info


def _always(_info: bytes) -> bool:
    return True


def _supervisor(outer: int, _info: bytes) -> int | None:
    """Return the supervisor, which is asked by SIGTERM, for it has children to kill first."""
    return outer


def _plain(job: Job) -> list[str]:
    spec = {
        "home": str(job.home),
        "writable": [*map(str, (job.home, job.tmp, *job.mounts.values())), "/tmp", "/dev"],  # noqa: S108  - the only /tmp
        "links": {name: str(path) for name, path in job.mounts.items()},
        "become": job.become,
        "rlimits": job.limits.rlimits(),
        "environ": {**job.environ, "TMPDIR": str(job.tmp)},
        "bash": job.bash,
    }
    return [sys.executable, "-I", "-S", str(sandbox_supervisor.__file__), json.dumps(spec), job.command]


LEVELS: Final = (
    Level(1, "bwrap-full", "bwrap", _bwrap(network=False, host_proc=False), _reported_child, _told_exit_code),
    Level(2, "bwrap-net", "bwrap", _bwrap(network=True, host_proc=False), _reported_child, _told_exit_code),
    Level(3, "bwrap-proc", "bwrap", _bwrap(network=False, host_proc=True), _reported_child, _told_exit_code),
    Level(4, "bwrap-net-proc", "bwrap", _bwrap(network=True, host_proc=True), _reported_child, _told_exit_code),
    Level(5, "unshare", "unshare", _unshare, _only_child, bool),
    Level(
        6,
        "plain",
        sys.executable,
        _plain,
        _supervisor,
        _always,
        signal.SIGTERM,
        real_home=False,
        spawner_keeps_root=True,
    ),
)


def find_bash() -> str:
    """Return bash's path. Raises FileNotFoundError: without it no command can run (EX-30)."""
    bash = shutil.which("bash")
    if bash is None:
        raise FileNotFoundError("bash is not installed; the server runs every command with it")
    return bash
