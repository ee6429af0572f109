"""Lists one level of a workspace (LS): names as programs made them, links as links, nothing opened but directories."""

import json
import os
import stat
from dataclasses import dataclass
from typing import Any, Final

from mock_server.adapters.walk import DIRECTORY, Mounts, Spot
from mock_server.adapters.workspaces import Workspace
from mock_server.domain import paths
from mock_server.domain.errors import PathNotFound

MAX_LISTED: Final = 100_000  # ours: a program may fill a directory without end


@dataclass(frozen=True)
class Listing:
    """What a directory holds; `entries` as LS-04 has them, sorted by name."""

    folder_path: str
    entries: tuple[dict[str, Any], ...]
    errors: str = ""

    def document(self) -> dict[str, str]:
        """Give the answer of LS-01, with the folder also as `abspath`, where deployed clients look."""
        return {
            "files": json.dumps(self.entries, separators=(",", ":")),
            "folder_path": self.folder_path,
            "abspath": self.folder_path,
            "errors": self.errors,
        }


def list_path(workspace: Workspace, path: str) -> Listing:
    """List a directory, or a single file alone. Raises PathNotFound, OutsideWorkspace, InvalidPath."""
    folder_path = paths.absolute(paths.components(path))
    with workspace.locate(path) as spot:
        if spot.info is None:
            raise PathNotFound(path)
        if not spot.is_directory:
            return Listing(folder_path, (_entry(spot.name, spot.info),))
        entries, errors = _scan(spot, path)
        return Listing(folder_path, entries, errors)


def _scan(spot: Spot, path: str) -> tuple[tuple[dict[str, Any], ...], str]:
    found: list[dict[str, Any]] = []
    try:
        fd = os.open(spot.name, DIRECTORY, dir_fd=spot.parent_fd)
    except PermissionError:
        return (), f"{path}: its modes forbid reading it."
    except OSError:  # a program changed it just now
        raise PathNotFound(path) from None
    try:
        with os.scandir(fd) as scan:
            for entry in scan:
                if len(found) == MAX_LISTED:
                    return tuple(found), f"Only {MAX_LISTED} entries are listed; there are more."
                try:
                    found.append(_entry(entry.name, _info(entry, spot.mounts)))
                except OSError:
                    continue  # deleted since
    finally:
        os.close(fd)
    return tuple(sorted(found, key=lambda item: str(item["filename"]))), ""


def _info(entry: os.DirEntry[str], mounts: Mounts) -> os.stat_result:
    """Describe an entry as programs see it: where a folder is mounted, the folder."""
    return mounts[entry.name].stat() if entry.name in mounts else entry.stat(follow_symlinks=False)


def _entry(name: str, info: os.stat_result) -> dict[str, Any]:
    return {
        # Bytes that are no UTF-8 become replacement characters: a lone surrogate would break readers of the JSON.
        "filename": os.fsencode(name).decode(errors="replace"),
        "mode": stat.filemode(info.st_mode),
        "size": info.st_size,
        "ctime": info.st_ctime,
        "mtime": info.st_mtime,
        "atime": info.st_atime,
    }
