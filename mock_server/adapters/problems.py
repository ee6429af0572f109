"""Gives every refusal its HTTP face: one table, and the documents made from it (CO-02, CO-03)."""

import json
import sys
import traceback
import uuid
from http import HTTPStatus
from typing import Final

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mock_server.domain import access_errors, errors, folders, runs
from mock_server.domain.errors import Refusal
from mock_server.domain.problem import MEDIA_TYPE, Problem

# Refusal: status, last part of the `type` URN, title. A test keeps it complete.
FACES: Final[dict[type[Refusal], tuple[int, str, str]]] = {
    errors.MalformedBody: (400, "malformed-body", "The request body cannot be read"),
    errors.InvalidParameter: (400, "invalid-parameter", "A parameter is invalid"),
    errors.UnsupportedBody: (415, "unsupported-body", "The request body is of another kind"),
    errors.BodyTooLarge: (413, "body-too-large", "The request body is too large"),
    errors.BodyTimedOut: (408, "body-timed-out", "The request body did not arrive in time"),
    errors.ForeignHost: (421, "foreign-host", "The Host header names another server"),
    errors.CrossSite: (403, "cross-site", "The request comes from another site's page"),
    access_errors.NotSigned: (401, "not-signed", "The request is not signed"),
    access_errors.MalformedAuthorization: (400, "malformed-authorization", "The Authorization header cannot be read"),
    access_errors.WrongSignature: (401, "wrong-signature", "The access key or the signature is wrong"),
    access_errors.BadDate: (401, "bad-date", "The request's date cannot be read"),
    access_errors.StaleDate: (401, "stale-date", "The request's date is too far off"),
    access_errors.TooManySessions: (412, "too-many-sessions", "Too many sessions"),
    access_errors.RateLimitExceeded: (429, "rate-limit-exceeded", "Too many requests"),
    errors.NotAWebSocket: (426, "not-a-websocket", "A WebSocket is needed"),
    errors.UnknownSession: (404, "unknown-session", "No such session"),
    errors.NameInUse: (409, "name-in-use", "The session name is in use"),
    errors.LimitExceeded: (406, "limit-exceeded", "More than the server gives"),
    folders.UnknownFolder: (400, "unknown-folder", "No such virtual folder"),
    folders.FolderNotFound: (404, "folder-not-found", "No such virtual folder"),
    folders.FolderExists: (400, "folder-exists", "The folder's name is taken"),
    folders.FolderInUse: (409, "folder-in-use", "The folder is mounted"),
    folders.MountedFolder: (400, "mounted-folder", "Uploads do not write mounted folders"),
    errors.TooManyFiles: (400, "too-many-files", "Too many files"),
    errors.FileTooLarge: (400, "file-too-large", "A file is too large"),
    errors.NoFile: (400, "no-file", "No file in the upload"),
    errors.WorkspaceFull: (507, "workspace-full", "No room for files"),
    errors.OutsideWorkspace: (400, "outside-workspace", "The path leads outside /home/work"),
    errors.InvalidPath: (400, "invalid-path", "The path cannot be used"),
    errors.PathNotFound: (404, "path-not-found", "No such path"),
    runs.UnknownRun: (400, "unknown-run", "No such run"),
    runs.NotWaitingForInput: (400, "not-waiting-for-input", "The run is not waiting for input"),
    runs.TooManyRuns: (400, "too-many-runs", "Too many unfinished runs"),
    runs.SessionEnded: (404, "session-ended", "The session has ended"),
}


def problem_of(refusal: Refusal) -> Problem:
    """Look the refusal up in the table."""
    status, kind, title = FACES[type(refusal)]
    return Problem(status, kind, title, refusal.detail)


def respond(problem: Problem) -> Response:
    """Make the HTTP answer."""
    # ASCII only: a detail may repeat what a client sent, whatever it was.
    body = json.dumps(problem.document())
    response = Response(body, problem.status, content_type=MEDIA_TYPE)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "BackendAI signMethod=HMAC-SHA256"
    return response


def answer_refusals(app: Flask) -> None:
    """Have the application answer refusals, HTTP errors and its own faults as problem documents, never otherwise."""
    app.register_error_handler(Refusal, lambda refusal: respond(problem_of(refusal)))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _fault)


def _http_error(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    detail = error.description or status.description or status.phrase
    response = respond(Problem(status, status.phrase.lower().replace(" ", "-"), status.phrase, detail))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def _fault(error: Exception) -> Response:
    """Log a fault of our own with an id that its client sees too, and tell the client nothing else."""
    fault_id = uuid.uuid4().hex[:12]
    print(f"batchproof-mock: fault {fault_id}", "".join(traceback.format_exception(error)), file=sys.stderr, sep="\n")  # noqa: T201  - the log
    detail = f"The server failed; its log has the reason under {fault_id}."
    return respond(Problem(500, "fault", "The server failed", detail))
