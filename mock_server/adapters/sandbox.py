"""Chooses, by trying, the best sandbox that works on this machine, and prepares commands for it."""

import os
import pwd
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mock_server.adapters.sandbox_levels import HOME, LEVELS, Job, Level, find_bash
from mock_server.adapters.sandbox_limits import Limits
from mock_server.adapters.sandbox_thread import can_block_ptrace, restrict_this_thread

_PROBE_TIMEOUT_S: Final = 10
_MARK: Final = "seen-outside"
_SPARE_IDS: Final = range(61184, 65520)  # as systemd uses for its dynamic users
_ENVIRON: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "USER": "work",
        "HOME": HOME,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
)


@dataclass(frozen=True)
class SessionPlace:
    """Where a session lives on the host: `home` is /home/work inside, `tmp` is /tmp.

    Both are owned by `Sandbox.owner`, who must be able to search every folder above them. `environ` is the session's
    own environment (SE-09), over what every command has (EX-20); its keys are not empty and hold no "=", and nothing
    in it holds a NUL. `mounts` are further folders of the owner's, seen directly below /home/work under these names,
    which a shell takes as they are; `home` has a directory for each (SE-10). `memory_bytes` is what each process may
    have for itself (SE-05).
    """

    home: Path
    tmp: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, Path] = field(default_factory=dict)
    memory_bytes: int | None = None


class NoSandboxError(Exception):
    """No level of the sandbox works on this machine; says why not, level by level."""


@dataclass(frozen=True)
class Sandbox:
    """The level that runs, and what it needs: see `sandbox_levels` for what each level promises.

    `owner` is the (uid, gid) that commands have on the host: every file of a workspace must belong to it (UP-16).
    `why_not_better` has a line for each better level that does not work here. `hidden` folders, such as the one that
    holds all workspaces, are empty inside.
    """

    chosen: Level
    owner: tuple[int, int]
    bash: str
    limits: Limits = field(default_factory=Limits)
    why_not_better: tuple[str, ...] = ()
    hidden: tuple[Path, ...] = ()

    @property
    def level(self) -> int:
        """The level's number, 1 the best."""
        return self.chosen.number

    @property
    def name(self) -> str:
        """The level's name, as logs and capability fields show it."""
        return self.chosen.name

    @property
    def ptrace_blocked(self) -> bool:
        """Whether a filter refuses ptrace (EX-21): on x86-64 and ARM64."""
        return can_block_ptrace()

    def argv(self, place: SessionPlace, command: str, info_fd: int) -> list[str]:
        """Return what the spawner has to start so that bash runs `command` in `place`."""
        environ = {**_ENVIRON, **({} if self.chosen.real_home else {"HOME": str(place.home)}), **place.environ}
        become = self.owner if self.chosen.spawner_keeps_root and os.geteuid() == 0 else None
        return self.chosen.argv(
            Job(
                command=command,
                home=place.home,
                tmp=place.tmp,
                environ=environ,
                limits=replace(self.limits, data_bytes=place.memory_bytes),
                bash=self.bash,
                info_fd=info_fd,
                hidden=self.hidden,
                become=become,
                mounts=place.mounts,
            )
        )

    def restrict_spawner(self) -> None:
        """Give up, in the calling thread, what no command may have. Raises OSError."""
        stays = self.chosen.spawner_keeps_root or os.geteuid() != 0
        restrict_this_thread(None if stays else self.owner)


def choose_level(
    candidates: Iterable[Level] = LEVELS,
    *,
    force: str | None = None,
    limits: Limits | None = None,
    hidden: Iterable[Path] = (),
    root: Path | None = None,
) -> Sandbox:
    """Return the first candidate that works here, found by running a command in it below `root`.

    `force` names one level (its name or its number) to use or to fail with. Raises NoSandboxError.
    """
    owner = find_owner()
    wanted = [level for level in candidates if force in {None, level.name, str(level.number)}]
    if not wanted:
        names = ", ".join(f"{level.number} {level.name}" for level in LEVELS)
        raise NoSandboxError(f"there is no sandbox level {force!r}; the levels are: {names}")
    refusals: list[str] = []
    for level in wanted:
        sandbox = Sandbox(level, owner, find_bash(), limits or Limits(), tuple(refusals), tuple(hidden))
        why_not = probe(sandbox, root)
        if not why_not:
            return sandbox
        refusals.append(f"{level.name}: {why_not}")
    raise NoSandboxError("no sandbox works here: " + "; ".join(refusals))


def find_owner() -> tuple[int, int]:
    """Return the (uid, gid) of commands on the host: the server's own, or, for root, one that nobody uses."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    taken = {entry.pw_uid for entry in pwd.getpwall()} | set(_running_uids())
    spare = next(uid for uid in _SPARE_IDS if uid not in taken)
    return spare, spare


def probe(sandbox: Sandbox, root: Path | None = None) -> str:
    """Run a command in the sandbox; return "" when all is as promised, else what was not."""
    outcome: list[str] = []

    def attempt(place: SessionPlace) -> None:
        try:
            sandbox.restrict_spawner()
            outcome.append(_try(sandbox, place))
        except (OSError, subprocess.SubprocessError) as error:
            outcome.append(str(error))

    with _probe_place(sandbox, root) as place:
        # In a thread of its own, because what it gives up it cannot take back.
        thread = threading.Thread(target=attempt, args=(place,), name="sandbox-probe")
        thread.start()
        thread.join()
        return outcome[0] or _judge_token(place)


def _try(sandbox: Sandbox, place: SessionPlace) -> str:
    info_read, info_write = os.pipe()
    try:
        done = subprocess.run(
            sandbox.argv(place, f"pwd && id -u && echo {_MARK} > token", info_write),
            pass_fds=(info_write,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": _ENVIRON["PATH"]},
            cwd="/",
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    finally:
        os.close(info_read)
        os.close(info_write)
    if done.returncode != 0:
        first = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        return first or f"exit code {done.returncode}"
    return _judge(sandbox, done.stdout.decode(errors="replace").split(), place)


def _judge(sandbox: Sandbox, words: list[str], place: SessionPlace) -> str:
    expected = HOME if sandbox.chosen.real_home else os.path.realpath(place.home)
    if words[:1] != [expected]:
        return f"the working directory was not {expected}"
    if words[1:] in ([], ["0"]):
        return "commands would run as root"
    return ""


def _judge_token(place: SessionPlace) -> str:
    written = place.home / "token"
    seen = written.is_file() and written.read_text().strip() == _MARK
    return "" if seen else "a file written inside was not seen outside"


@contextmanager
def _probe_place(sandbox: Sandbox, root: Path | None) -> Iterator[SessionPlace]:
    with tempfile.TemporaryDirectory(prefix="batchproof-probe-", dir=root) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the owner is not root and has to pass through
        place = SessionPlace(folder / "home", folder / "tmp")
        for path in (place.home, place.tmp):
            path.mkdir(mode=0o700)
            os.chown(path, *sandbox.owner)
        yield place


def _running_uids() -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                yield process.stat().st_uid
            except OSError:  # it ended meanwhile
                continue
