"""A mock server in a process of its own, as users run it, and what the kernel tells of that process."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A running server: its URL, its process, where its workspaces are, and how long it took to listen."""

    url: str
    pid: int
    root: Path
    started_s: float

    @property
    def memory_kib(self) -> int:
        """Resident memory."""
        return int(self._status()["VmRSS"].split()[0])

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return int(self._status()["Threads"])

    @property
    def open_files(self) -> int:
        """How many descriptors it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def workspaces(self) -> int:
        """How many sessions have files on disk."""
        return len(list(self.root.glob("*/????????-????-????-????-????????????")))

    @property
    def processes(self) -> int:
        """How many processes come from it, at any remove."""
        children: defaultdict[int, list[int]] = defaultdict(list)
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                parent = path.read_text("utf-8", "replace").rpartition(")")[2].split()[1]
                children[int(parent)].append(int(path.parent.name))
        found = [self.pid]
        for pid in found:
            found += children[pid]
        return len(found) - 1

    def _status(self) -> dict[str, str]:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@contextlib.contextmanager
def served(*options: str, delay_s: float = 0.0) -> Iterator[Served]:
    """Run a server on a free port while the block lasts; it waits `delay_s` before it sees to a call."""
    with tempfile.TemporaryDirectory(prefix="batchproof-bench-") as name:
        root = Path(name)
        root.chmod(0o711)  # commands run as a user of their own, who has to pass through
        started = time.perf_counter()
        module = ["benchmarks.slowed", str(delay_s)] if delay_s else ["mock_server"]
        command = [sys.executable, "-m", *module, "--port", "0", "--workspace-root", name, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None  # noqa: S101  - a pipe was asked for
            url = process.stdout.readline().split(" on ")[1].split()[0]
            yield Served(url, process.pid, root, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(30)
