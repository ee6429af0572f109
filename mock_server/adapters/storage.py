"""How much disk the workspaces take, and how much they may take.

Uploads are added up as they come. What programs write is measured from time to time while they run, and whenever an
upload would not fit by what is known: no request pays for a walk over files unless the workspace seems to be full.
"""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mock_server.domain.errors import WorkspaceFull

MIB: Final = 1024 * 1024
_FRESH_S: Final = 2.0  # how long a measurement is good enough for a refusal
_MEASURE_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class StorageLimits:
    """What may be on disk, in MiB, inclusive."""

    session_mib: int = 2048  # one session, or one virtual folder
    total_mib: int = 16384


class Storage:
    """The disk space of one server's sessions and virtual folders. Every method may be called from any thread."""

    def __init__(self, limits: StorageLimits, now_s: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.now_s = now_s
        self._lock = threading.Lock()
        self._used_bytes: dict[Account, int] = {}

    def open(self, folder: Path) -> "Account":
        """Keep an account of a directory. Raises WorkspaceFull where all accounts together have no room left."""
        account = Account(self, folder)
        with self._lock:
            if sum(self._used_bytes.values()) >= self.limits.total_mib * MIB:
                raise WorkspaceFull
            self._used_bytes[account] = 0
        return account

    def used_bytes(self, account: "Account") -> tuple[int, int]:
        """Return what is known of one account, and of all together."""
        with self._lock:
            return self._used_bytes.get(account, 0), sum(self._used_bytes.values())

    def note(self, account: "Account", *, is_bytes: int | None = None, more_bytes: int = 0) -> None:
        """Set an account to what was measured, or add to it; a closed one stays closed."""
        with self._lock:
            if account in self._used_bytes:
                known_bytes = self._used_bytes[account] if is_bytes is None else is_bytes
                self._used_bytes[account] = known_bytes + more_bytes

    def close(self, account: "Account") -> None:
        """Forget an account."""
        with self._lock:
            self._used_bytes.pop(account, None)


class Account:
    """The disk space of one session or virtual folder."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder
        self._measured_s = storage.now_s()

    def take(self, size_bytes: int) -> None:
        """Add an upload. Raises WorkspaceFull, and adds nothing, where it does not fit."""
        if self._overflow(size_bytes) and self._storage.now_s() - self._measured_s > _FRESH_S:
            self.measure()
        if self._overflow(size_bytes):
            raise WorkspaceFull
        self._storage.note(self, more_bytes=size_bytes)

    def measure(self) -> str:
        """Find out how much there is; return what is too much, in words, "" where all fits or nothing was added."""
        started_s = self._storage.now_s()
        before_bytes, _ = self._storage.used_bytes(self)
        try:
            now_bytes = disk_usage_bytes(self._folder)
        except OSError:  # `du` cannot be started just now: what is known stays
            return ""
        if now_bytes is None:  # too many files to count in time
            now_bytes = self._storage.limits.session_mib * MIB + 1
        self._storage.note(self, is_bytes=now_bytes)
        self._measured_s = started_s
        return self._overflow(0) if now_bytes > before_bytes else ""

    def close(self) -> None:
        """Forget it."""
        self._storage.close(self)

    def _overflow(self, more_bytes: int) -> str:
        limits = self._storage.limits
        own_bytes, all_bytes = self._storage.used_bytes(self)
        if own_bytes + more_bytes > limits.session_mib * MIB:
            return f"more than {limits.session_mib} MiB of files"
        if all_bytes + more_bytes > limits.total_mib * MIB:
            return f"more than {limits.total_mib} MiB of files in all sessions and folders"
        return ""


def disk_usage_bytes(folder: Path) -> int | None:
    """Return the disk space of a tree, None where it takes too long to find out; 0 where it is gone. Raises OSError.

    `du` follows no links, crosses no mounts, and reaches any depth with few descriptors.
    """
    try:
        done = subprocess.run(
            ["du", "-skx", "--", str(folder)],  # noqa: S607  - wherever the system has it
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # files come and go meanwhile
            timeout=_MEASURE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    size_kib = done.stdout.partition(b"\t")[0]
    return int(size_kib) * 1024 if size_kib else 0
