"""Virtual folders: creating, showing, filling and deleting them (VF-01 to VF-04)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from flask import Response

from mock_server.adapters.folders import Folder, FolderStore
from mock_server.adapters.listings import list_path
from mock_server.adapters.uploads import receive
from mock_server.domain import paths
from mock_server.domain.limits import Limits
from mock_server.routes.dispatch import Call, Handler, json_answer, no_content
from mock_server.routes.files import archives_of

_HOST: Final = "local"


def folder_handlers(folders: FolderStore, limits: Limits) -> dict[str, Handler]:
    """Return the handlers of the folder resource; each user has folders of its own."""

    def of_folder(handler: Callable[[Folder, Call], Response]) -> Handler:
        return lambda call: handler(folders.find(call.user, call.parameters["name"]), call)

    def create_folder(call: Call) -> Response:
        return json_answer(_described(folders.create(call.user, call.parameters["name"])), 201)

    def list_folders(call: Call) -> Response:
        return _json_array([_described(folder) for folder in folders.of(call.user)])

    def delete_folder(call: Call) -> Response:
        folders.delete(call.user, call.parameters["name"])
        return no_content()

    def upload_to_folder(folder: Folder, call: Call) -> Response:
        with folder.workspace.staging() as staging:
            targets = receive(call.environ["wsgi.input"], call.environ.get("CONTENT_TYPE", ""), staging, limits)
            folder.account.take(staging.size_bytes)
            folder.workspace.store(staging, [_inside(target) for target in targets])
        return json_answer({}, 201)

    return {
        "createFolder": create_folder,
        "createFolderLegacy": create_folder,
        "listFolders": list_folders,
        "getFolder": of_folder(get_folder),
        "deleteFolder": delete_folder,
        "listFolderFiles": of_folder(list_folder_files),
        "uploadToFolder": of_folder(upload_to_folder),
        "makeFolderDirectory": of_folder(make_directory),
        "downloadFromFolder": of_folder(download_from_folder),
        "deleteFolderFiles": of_folder(delete_files),
    }


def get_folder(folder: Folder, _call: Call) -> Response:
    """Describe a folder, with the number of its files, which command lines print under either name (VF-02)."""
    files = folder.count_files()
    return json_answer({"item": {**_described(folder), "numFiles": files, "num_files": files}})


def list_folder_files(folder: Folder, call: Call) -> Response:
    """List one directory of a folder, `/` unless told (VF-03): as a session's listing, the path from the folder on."""
    inside = _inside(call.parameters.get("path") or "/")
    listing = list_path(folder.workspace, inside)
    path = "/" + "/".join(paths.components(inside))
    return json_answer({**listing.document(), "folder_path": path, "abspath": path})


def make_directory(folder: Folder, call: Call) -> Response:
    """Make a directory, those above it too; one that is there already is fine (VF-03)."""
    folder.workspace.make_directory(_inside(call.parameters["path"]))
    return json_answer({}, 201)


def download_from_folder(folder: Folder, call: Call) -> Response:
    """Stream one tar for each path, as a session's download does (VF-03)."""
    return archives_of(folder.workspace, [_inside(path) for path in call.parameters["files"]])


def delete_files(folder: Folder, call: Call) -> Response:
    """Delete files, and with `recursive` directories too; all of them or none (VF-03)."""
    recursive = bool(call.parameters.get("recursive"))
    folder.workspace.delete([_inside(path) for path in call.parameters["files"]], recursive=recursive)
    return json_answer({})


def _described(folder: Folder) -> dict[str, Any]:
    """Give what the documents and clients of several generations read."""
    return {
        "id": folder.folder_id,
        "name": folder.name,
        "host": _HOST,
        "is_owner": True,
        "permission": "rw",
        "type": "user",
        "usage_mode": "general",
        "created_at": datetime.fromtimestamp(folder.created_s, UTC).isoformat(),
    }


def _inside(path: str) -> str:
    """Read a path from the folder on: there `/a` is the same as `a`."""
    return path.lstrip("/")


def _json_array(items: list[dict[str, Any]]) -> Response:
    """Answer with a bare array, which is what clients read here (VF-02)."""
    return Response(json.dumps(items, separators=(",", ":")), content_type="application/json")
