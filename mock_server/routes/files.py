"""Uploading, listing and downloading a session's files (UP, LS, DL)."""

from collections.abc import Sequence

from flask import Response

from mock_server.adapters.downloads import Download
from mock_server.adapters.listings import list_path
from mock_server.adapters.uploads import receive
from mock_server.adapters.workspaces import Workspace
from mock_server.domain import paths
from mock_server.domain.limits import Limits
from mock_server.routes.dispatch import Call, Handler, json_answer, no_content


def file_handlers(limits: Limits) -> dict[str, Handler]:
    """Return the handlers of everything below a session that is about files."""

    def upload_files(call: Call) -> Response:
        workspace = call.session.workspace
        with workspace.staging() as staging:
            targets = receive(call.environ["wsgi.input"], call.environ.get("CONTENT_TYPE", ""), staging, limits)
            call.session.account.take(staging.size_bytes)
            workspace.store(staging, targets)
        return no_content()

    return {
        "uploadFiles": upload_files,
        "listFiles": list_files,
        "downloadFiles": download_files,
        "downloadFilesByPost": download_files,
    }


def list_files(call: Call) -> Response:
    """List one directory (LS)."""
    path = call.parameters.get("path") or paths.HOME
    return json_answer(list_path(call.session.workspace, path).document())


def download_files(call: Call) -> Response:
    """Stream one tar for each path (DL)."""
    return archives_of(call.session.workspace, call.parameters["files"])


def archives_of(workspace: Workspace, requested: Sequence[str]) -> Response:
    """Answer with one tar for each path of a workspace. Raises PathNotFound, OutsideWorkspace, InvalidPath."""
    download = Download(workspace, requested)
    response = Response(download, content_type=download.content_type)
    response.call_on_close(download.close)
    if download.length_bytes is not None:
        response.content_length = download.length_bytes
    return response
