"""A server's own directory for workspaces, and the removal of what a killed predecessor left.

DIR/batchproof-mock-XXXX/.lock   held (flock) while its server lives; the kernel lets go of it however that ends

A directory is a leftover only when it has our name, belongs to us and holds a lock that nobody holds. The lock appears
under its name only once it is held, so a server that is just starting is never taken for a dead one.
"""

import contextlib
import fcntl
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mock_server.adapters.removal import remove_tree
from mock_server.adapters.walk import DIRECTORY

_PREFIX: Final = "batchproof-mock-"
_LOCK: Final = ".lock"
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextlib.contextmanager
def own_root(parent: Path | None) -> Iterator[Path]:
    """Make a directory in `parent`, by default the temporary one, that is gone after the block.

    Meanwhile leftovers beside it are removed. Raises OSError where none can be made.
    """
    folder = Path(parent or tempfile.gettempdir())
    sweeper = threading.Thread(target=sweep, args=(folder,), name="leftovers")
    sweeper.start()
    root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    root.chmod(0o711)  # the sessions' user has to pass through, and cannot look around
    lock_fd = _lock(root)
    try:
        yield root
    finally:
        _remove(root)
        os.close(lock_fd)
        sweeper.join()


def sweep(folder: Path) -> None:
    """Remove the leftovers in a directory; whatever cannot be removed stays."""
    for root in sorted(folder.glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError), _abandoned(root) as abandoned:
            if abandoned:
                _remove(root)
                print(f"batchproof-mock: removed {root}, left by a server that was killed", file=sys.stderr)  # noqa: T201  - the log


@contextlib.contextmanager
def _abandoned(root: Path) -> Iterator[bool]:
    """Tell whether the directory is a leftover; inside the block nobody else can take it for one. Raises OSError."""
    with contextlib.ExitStack() as stack:
        root_fd = os.open(root, DIRECTORY)
        stack.callback(os.close, root_fd)
        lock_fd = os.open(_LOCK, _READ, dir_fd=root_fd)
        stack.callback(os.close, lock_fd)
        ours = all(os.fstat(fd).st_uid == os.geteuid() for fd in (root_fd, lock_fd))
        if not ours or not stat.S_ISREG(os.fstat(lock_fd).st_mode):
            yield False
            return
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _lock(root: Path) -> int:
    """Hold the lock of a directory until the descriptor is closed."""
    fd = os.open(root / f"{_LOCK}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    (root / f"{_LOCK}.new").rename(root / _LOCK)
    return fd


def _remove(root: Path) -> None:
    """Remove everything, the lock at the very end, so that an interrupted removal can be taken up again."""
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
    remove_tree(root)
