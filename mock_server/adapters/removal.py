"""Deletes a tree that a hostile program made: any depth, any modes, links never followed.

`shutil.rmtree` recurses and holds a descriptor for each level, so a few thousand nested directories stop it. Here
directories are moved up beside the root before they are emptied: the depth is always one.
"""

import contextlib
import os
from pathlib import Path

from mock_server.adapters.walk import DIRECTORY


def remove_tree(root: Path) -> None:
    """Delete the directory and everything in it; missing is fine."""
    with contextlib.suppress(FileNotFoundError):
        parent_fd = os.open(root.parent, DIRECTORY)
        try:
            _remove(parent_fd, root.name)
        finally:
            os.close(parent_fd)


def _remove(parent_fd: int, name: str) -> None:
    pending = [name]
    made = 0
    while pending:
        current = pending.pop()
        with contextlib.suppress(PermissionError):  # ours, but closed by its modes; root needs no help
            os.chmod(current, 0o700, dir_fd=parent_fd)
        fd = os.open(current, DIRECTORY, dir_fd=parent_fd)
        try:
            for child in os.listdir(fd):  # noqa: PTH208  - of a descriptor
                if not _unlink(fd, child):
                    made += 1
                    lifted = f"{name}.{made}"
                    with contextlib.suppress(OSError):
                        os.chmod(child, 0o700, dir_fd=fd)
                    os.rename(child, lifted, src_dir_fd=fd, dst_dir_fd=parent_fd)
                    pending.append(lifted)
        finally:
            os.close(fd)
        os.rmdir(current, dir_fd=parent_fd)


def _unlink(fd: int, name: str) -> bool:
    """Delete a file; False when it is a directory."""
    try:
        os.unlink(name, dir_fd=fd)
    except IsADirectoryError:
        return False
    except FileNotFoundError:
        pass
    return True
