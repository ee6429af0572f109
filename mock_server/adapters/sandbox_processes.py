"""Which processes stand below another one, as the kernel lists them at this moment."""

from collections.abc import Iterator
from pathlib import Path


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
