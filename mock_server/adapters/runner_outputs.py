"""Which files a run left in `.output` (EX-26). The folder belongs to hostile programs: bounded, and no links."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = ".output"
_FILES_MAX: Final = 1000
_DEPTH_MAX: Final = 8

Seen = frozenset[tuple[str, int, int]]  # path relative to the home, size in bytes, mtime in ns


def look(home: Path) -> Seen:
    """Return the regular files below the home's `.output`; at most 1,000, eight folders deep."""
    found: set[tuple[str, int, int]] = set()
    for item in _walk(home):
        found.add(item)
        if len(found) == _FILES_MAX:
            break
    return frozenset(found)


def made(before: Seen, after: Seen) -> tuple[str, ...]:
    """Return the paths of files that are new or changed, sorted."""
    return tuple(sorted(path for path, _, _ in after - before))


def _walk(home: Path) -> Iterator[tuple[str, int, int]]:
    try:
        top = os.open(home / FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # most runs have no such folder
        return
    try:
        for folder, folders, names, folder_fd in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            if folder.count("/") >= _DEPTH_MAX:
                folders.clear()
            for name in names:
                yield from _entry(os.path.normpath(f"{FOLDER}/{folder}/{name}"), name, folder_fd)
    finally:
        os.close(top)


def _entry(path: str, name: str, folder_fd: int) -> Iterator[tuple[str, int, int]]:
    try:
        status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except OSError:  # it went away meanwhile
        return
    if stat.S_ISREG(status.st_mode) and _has_url(path):
        yield path, status.st_size, status.st_mtime_ns


def _has_url(path: str) -> bool:
    """Whether the path is UTF-8: a URL, and the JSON of a result, cannot hold another."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
