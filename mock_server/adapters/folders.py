"""The virtual folders of one server: they outlive sessions (VF-05), and end with the server.

ROOT/folders/UUID   one folder: a workspace of its own, whose `home` is what sessions have mounted
"""

import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mock_server.adapters.storage import Account, Storage
from mock_server.adapters.walk import Owner
from mock_server.adapters.workspaces import Workspace
from mock_server.domain.errors import LimitExceeded
from mock_server.domain.folders import (
    FOLDERS_MAX,
    FolderExists,
    FolderInUse,
    FolderNotFound,
    Mount,
    UnknownFolder,
    folder_name,
)

_COUNTED_FILES: Final = 10_000
_COUNTED_DEPTH: Final = 50


@dataclass(frozen=True)
class Folder:
    """One folder of a user's."""

    folder_id: str
    name: str
    workspace: Workspace
    account: Account
    created_s: float = field(default_factory=time.time)  # since the epoch

    def count_files(self) -> int:
        """Return how many entries that are no directories there are: at most 10,000, 50 folders deep."""
        files = 0
        with self.workspace.home_fd() as home_fd:
            for folder, folders, names, _ in os.fwalk(".", dir_fd=home_fd, follow_symlinks=False):
                if folder.count("/") >= _COUNTED_DEPTH:
                    folders.clear()
                files += len(names)
                if files >= _COUNTED_FILES:
                    return _COUNTED_FILES
        return files


@dataclass(frozen=True)
class Mounted:
    """The folders that one session has: their directories on the host, by the name below /home/work."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    folder_ids: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()


class FolderStore:
    """All folders, each its user's. Every method may be called from any thread."""

    def __init__(self, root: Path, owner: Owner, storage: Storage) -> None:
        self._root = root
        self._owner = owner
        self._storage = storage
        self._lock = threading.Lock()
        self._folders: dict[tuple[str, str], Folder] = {}  # by user and name
        self._sessions: dict[str, int] = {}  # how many have a folder mounted, by its id
        root.mkdir(0o711)
        root.chmod(0o711)  # sessions' user has to pass through, and cannot look around

    def create(self, user: str, name: str) -> Folder:
        """Make an empty folder (VF-01). Raises InvalidParameter, FolderExists, LimitExceeded, WorkspaceFull."""
        folder_name(name)
        with self._lock:
            if (user, name) in self._folders:
                raise FolderExists(name)
            if sum(owner == user for owner, _ in self._folders) >= FOLDERS_MAX:
                raise LimitExceeded("virtual folders", "one more", str(FOLDERS_MAX))
            folder_id = uuid.uuid4().hex
            account = self._storage.open(self._root / folder_id)
            folder = Folder(folder_id, name, Workspace(self._root / folder_id, self._owner), account)
            self._folders[user, name] = folder
            return folder

    def find(self, user: str, name: str) -> Folder:
        """Return the user's folder (VF-02). Raises FolderNotFound."""
        folder = self._folders.get((user, name))
        if folder is None:
            raise FolderNotFound(name)
        return folder

    def of(self, user: str) -> tuple[Folder, ...]:
        """Return the user's folders, sorted by name (VF-02)."""
        with self._lock:
            folders = [folder for (owner, _), folder in self._folders.items() if owner == user]
        return tuple(sorted(folders, key=lambda folder: folder.name))

    def delete(self, user: str, name: str) -> None:
        """Delete a folder with all its files (VF-04). Raises FolderNotFound, FolderInUse."""
        with self._lock:
            folder = self.find(user, name)
            if sessions := self._sessions.get(folder.folder_id, 0):
                raise FolderInUse(name, sessions)
            del self._folders[user, name]
        folder.workspace.remove()
        folder.account.close()

    @contextmanager
    def mounting(self, user: str, mounts: Sequence[Mount]) -> Iterator[Mounted]:
        """Hold folders for a session that is being made (SE-10); given back where that fails. Raises UnknownFolder."""
        mounted = self._mount(user, mounts)
        try:
            yield mounted
        except BaseException:
            self.release(mounted)
            raise

    def release(self, mounted: Mounted) -> None:
        """Give back what a session had that has ended."""
        with self._lock:
            for folder_id in mounted.folder_ids:
                self._sessions[folder_id] -= 1

    def _mount(self, user: str, mounts: Sequence[Mount]) -> Mounted:
        with self._lock:
            for mount in mounts:
                if (user, mount.name) not in self._folders:
                    raise UnknownFolder(mount.name)
            folders = {mount.alias: self._folders[user, mount.name] for mount in mounts}
            ids = tuple(folder.folder_id for folder in folders.values())
            for folder_id in ids:
                self._sessions[folder_id] = self._sessions.get(folder_id, 0) + 1
        homes = {alias: folder.workspace.home for alias, folder in folders.items()}
        return Mounted(homes, ids, tuple(folder.account for folder in folders.values()))
