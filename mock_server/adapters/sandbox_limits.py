"""The limits of commands, each explicit and separate, and the bash that sets them inside the sandbox."""

import contextlib
import resource
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_GIB: Final = 1024**3
_BY_CPU: Final = frozenset({128 + signal.SIGXCPU, 128 + signal.SIGKILL})
_BY_FILE_SIZE: Final = 128 + signal.SIGXFSZ
_NEARLY: Final = 0.5  # the kernel limits by ticks and accounts exactly: on a busy machine 0.72 s of 1 s were seen
_LOOK_TIMEOUT_S: Final = 0.3  # other sessions' output waits meanwhile
_GRACE_S: Final = 2  # between the soft and the hard CPU limit: a shell can trap SIGXCPU, not SIGKILL


@dataclass(frozen=True)
class Limits:
    """What the commands of a run may use. Each limit ends a run, or makes a call of a program fail, in its own way.

    - `wall_s`: the whole run, waiting in the queue not counted: `exec-timeout` (EX-23).
    - `cpu_s`: one process: SIGXCPU, exit code 152, with a line on stderr.
    - `memory_bytes`: address space of one process: its allocations fail.
    - `data_bytes`: memory of its own that one process may have, where a session has a limit (SE-05): the same.
    - `processes`: of one sandbox (of all sandboxes together at the plain level): forks fail.
    - `file_size_bytes`: one file: SIGXFSZ, exit code 153, with a line on stderr.
    - `open_files`: of one process: opening fails.
    - `output_bytes`: both streams of a run: killed, exit code 137, with a line on stderr.
    """

    wall_s: float = 300
    cpu_s: int = 300
    memory_bytes: int = 4 * _GIB
    processes: int = 512
    file_size_bytes: int = _GIB
    open_files: int = 1024
    output_bytes: int = 64 * _GIB
    data_bytes: int | None = None

    def shell(self) -> str:
        """Return bash code that sets them, soft and hard, for all that follows."""
        data = "" if self.data_bytes is None else f"-d {self.data_bytes // 1024} "
        return (
            f"ulimit -c 0 -n {self.open_files} -u {self.processes} -f {self.file_size_bytes // 1024} "
            f"{data}-v {self.memory_bytes // 1024} -t {self.cpu_s + _GRACE_S}; ulimit -S -t {self.cpu_s}"
        )

    def rlimits(self) -> list[tuple[int, int, int]]:
        """Return the same as (resource, soft, hard)."""
        data = [] if self.data_bytes is None else [(resource.RLIMIT_DATA, self.data_bytes, self.data_bytes)]
        return [
            *data,
            (resource.RLIMIT_CORE, 0, 0),
            (resource.RLIMIT_NOFILE, self.open_files, self.open_files),
            (resource.RLIMIT_NPROC, self.processes, self.processes),
            (resource.RLIMIT_FSIZE, self.file_size_bytes, self.file_size_bytes),
            (resource.RLIMIT_AS, self.memory_bytes, self.memory_bytes),
            (resource.RLIMIT_CPU, self.cpu_s, self.cpu_s + _GRACE_S),
        ]

    def reason(self, exit_code: int, cpu_s: float, folders: Iterable[Path]) -> str:
        """Return the line that explains how a step ended, "" when no limit ended it as far as can be seen.

        A program may choose any exit code for itself, so there has to be a trace as well: the time that was used, or a
        file in one of the `folders` that is as large as a file may be.
        """
        if exit_code in _BY_CPU and cpu_s >= self.cpu_s * _NEARLY:
            return f"batchproof-mock: killed: more than {self.cpu_s} s of CPU time"
        if exit_code == _BY_FILE_SIZE and holds_file_of(self.file_size_bytes // 1024 * 1024, folders):
            return f"batchproof-mock: killed: a file of more than {self.file_size_bytes} bytes"
        return ""


def holds_file_of(size_bytes: int, folders: Iterable[Path]) -> bool:
    """Look, for a moment only, for a file of at least this size below the folders."""
    command = ["find", *map(str, folders), "-xdev", "-type", "f", "-size", f"+{size_bytes - 1}c", "-print0", "-quit"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return bool(subprocess.run(command, check=False, capture_output=True, timeout=_LOOK_TIMEOUT_S).stdout)
    return False
