"""VF: virtual folders."""

from __future__ import annotations

import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import sandbox
from .files import Files
from .message import Problem, Request, Response

if TYPE_CHECKING:
    from .sessions import Session


@dataclass(frozen=True)
class Folder:
    """A virtual folder and its directory on the host."""

    id: str
    name: str
    directory: Path


class Folders(Files):
    """Folders by (owner, name); they outlive sessions (VF-05)."""

    folder_list_form = "array"  # VF-02 (open): or "object"

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.folders: dict[tuple[str, str], Folder] = {}

    def create_folder(self, request: Request, owner: str) -> Response:
        """VF-01."""
        name = self.typed(self.read_object(request), "name", str, "")
        if not re.fullmatch(r"\.?[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
            raise Problem(400, "Bad folder name", "letters, digits, hyphens, underscores")
        with self.lock:
            if (owner, name) in self.folders:
                raise Problem(400, "Folder exists", name)
            folder = Folder(uuid.uuid4().hex, name, self.root / f"folder-{uuid.uuid4()}")
            folder.directory.mkdir(mode=0o755)
            sandbox.give(folder.directory)
            self.folders[owner, name] = folder
        return self.json(201, {"id": folder.id, "name": name})

    def list_folders(self, request: Request, owner: str) -> Response:
        """VF-02."""
        items = [self.folder_item(folder) for (who, _), folder in self.folders.items() if who == owner]
        if self.folder_list_form == "object":
            return self.json(200, {"folders": items})
        return Response(200, self.dump(items), {"Content-Type": "application/json"})

    def folder_item(self, folder: Folder) -> dict[str, Any]:
        """VF-02."""
        return {"id": folder.id, "name": folder.name, "is_owner": True, "permission": "rw"}

    def find_folder(self, owner: str, name: str) -> Folder:
        """VF-02: 404 for an unknown one."""
        folder = self.folders.get((owner, name))
        if folder is None:
            raise Problem(404, "No such folder", name)
        return folder

    def folder_directory(self, owner: str, name: str) -> Path:
        """SE-10: an unknown folder can not be mounted."""
        return self.find_folder(owner, name).directory

    def show_folder(self, request: Request, owner: str, name: str) -> Response:
        """VF-02."""
        return self.json(200, {"item": self.folder_item(self.find_folder(owner, name))})

    def delete_folder(self, request: Request, owner: str, name: str) -> Response:
        """VF-04."""
        folder = self.find_folder(owner, name)
        del self.folders[owner, name]
        shutil.rmtree(folder.directory, ignore_errors=True)
        return Response(204)

    # -- files in a folder: a folder is read like a session's home

    def as_session(self, folder: Folder) -> Session:
        """A session whose only content is this folder."""
        view = self.open_session(f"view-{uuid.uuid4().hex}", "", "", {}, {"folder": folder.directory})
        shutil.rmtree(view.place, ignore_errors=True)
        return view

    def list_folder_files(self, request: Request, owner: str, name: str) -> Response:
        """VF-03."""
        view = self.as_session(self.find_folder(owner, name))
        path = self.typed(self.parameters(request), "path", str, "") or "."
        return self.json(
            200, self.listing_body(view, f"folder/{path}", self.entries(self.listed(view, f"folder/{path}")))
        )

    def upload_to_folder(self, request: Request, owner: str, name: str) -> Response:
        """VF-03."""
        folder = self.find_folder(owner, name)
        view = self.as_session(folder)
        for file_name, content in self.admit_files(self.read_files(request)):
            self.store(view, self.inside(view, f"folder/{file_name}"), content)
        return Response(201)

    def make_folder_directory(self, request: Request, owner: str, name: str) -> Response:
        """VF-03."""
        view = self.as_session(self.find_folder(owner, name))
        path = self.typed(self.read_object(request), "path", str, "")
        self.make_directories(view, self.inside(view, f"folder/{path}"))
        return Response(201)

    def download_from_folder(self, request: Request, owner: str, name: str) -> Response:
        """VF-03."""
        view = self.as_session(self.find_folder(owner, name))
        names = self.wanted_files(self.parameters(request))
        return self.multipart([self.archive(self.downloaded(view, f"folder/{one}")) for one in names])

    def delete_folder_files(self, request: Request, owner: str, name: str) -> Response:
        """VF-03."""
        view = self.as_session(self.find_folder(owner, name))
        for one in self.typed(self.parameters(request), "files", list, []):
            path = self.inside(view, f"folder/{one}")
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return self.json(200, {})
