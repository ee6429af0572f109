"""Which processes stand below another one, and what they used, as the kernel tells it at this moment."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_TICK_MS: Final = 1000 / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Return the ids of a process's children; none where it is gone or the kernel keeps no such list."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> Iterator[int]:
    """Yield the ids of all processes below one, parents first."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def cpu_ms(pids: Iterable[int]) -> int:
    """Return the CPU time of living processes, and of the children that they waited for, in milliseconds."""
    ticks = 0
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        ticks += sum(map(int, stat.rpartition(b")")[2].split()[11:15]))  # utime, stime, cutime, cstime
    return int(ticks * _TICK_MS)
