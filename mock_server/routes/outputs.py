"""The files that runs leave under /home/work/.output: how a result names them, and where they are served (EX-26)."""

import os
from typing import Final
from urllib.parse import urlencode

from flask import Response

from mock_server.adapters import archives
from mock_server.domain import paths
from mock_server.domain.errors import PathNotFound
from mock_server.routes.dispatch import Call, Handler

FOLDER: Final = ".output"


def output_handlers() -> dict[str, Handler]:
    """Return the handler that serves them."""
    return {"getOutput": get_output}


def output_file(session_id: str, path: str) -> dict[str, str]:
    """Name a file, given relative to /home/work, as a result does: the URL is relative to the endpoint."""
    name = path.removeprefix(f"{FOLDER}/")
    return {"name": name, "url": f"/session/{session_id}/output?{urlencode({'path': name})}"}


def get_output(call: Call) -> Response:
    """Serve one file. Raises PathNotFound, OutsideWorkspace, InvalidPath."""
    name = call.parameters["path"]
    wanted = "/".join((FOLDER, *paths.file_components(name)))
    with call.session.workspace.locate(wanted) as spot:
        if not spot.is_file:
            raise PathNotFound(name)
        try:
            fd = archives.open_file(spot.parent_fd, spot.name)
        except OSError as error:
            raise PathNotFound(name) from error
    size_bytes = os.fstat(fd).st_size
    response = Response(archives.file_bytes(fd, size_bytes), content_type="application/octet-stream")
    response.call_on_close(lambda: os.close(fd))
    response.content_length = size_bytes
    # The content is a program's: a browser must not take it for a page of this server.
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
