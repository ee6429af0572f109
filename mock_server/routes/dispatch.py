"""Binds the contract's operations to handlers: in every dialect and under every prefix, one way in for all requests.

The session is looked up before the body is read, so an unknown id is a 404 whatever came with it (CO-11).
"""

import contextlib
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from flask import Flask, Response, request

from mock_server.adapters.json_body import read_limited, read_object
from mock_server.adapters.sessions import Session
from mock_server.routes.first_version import speaks_first_version, translated

USER: Final = "batchproof.user"  # in the environ: whose request it is, once the gate has let it pass
_NO_CONTENT_TYPE: Final = "application/octet-stream"


class Operation(Protocol):
    """What is needed of one operation of the contract."""

    @property
    def operation_id(self) -> str: ...  # noqa: D102  - a field
    @property
    def method(self) -> str: ...  # noqa: D102  - a field
    @property
    def rules(self) -> tuple[str, ...]: ...  # noqa: D102  - a field
    @property
    def path_names(self) -> frozenset[str]: ...  # noqa: D102  - a field
    @property
    def reads_json(self) -> bool: ...  # noqa: D102  - a field
    @property
    def query_lists(self) -> Mapping[str, bool]: ...  # noqa: D102  - a field
    @property
    def check(self) -> Callable[[object], None] | None: ...  # noqa: D102  - a field
    @property
    def needs_session(self) -> bool: ...  # noqa: D102  - a field
    @property
    def upgrades(self) -> bool: ...  # noqa: D102  - a field


@dataclass(frozen=True)
class Call:
    """One request to an operation: its parameters, validated, and the session it is about."""

    parameters: Mapping[str, Any]
    found: Session | None
    environ: Mapping[str, Any]

    @property
    def user(self) -> str:
        """The access key that signed the request; empty where the server asks for no signatures."""
        user: str = self.environ[USER]
        return user

    @property
    def session(self) -> Session:
        """The session that the path names."""
        if self.found is None:
            raise LookupError("this operation's path names no session")
        return self.found


Handler = Callable[[Call], Response]
Find = Callable[[str, str], Session]  # by name or UUID, among the sessions of a user


def add_routes(app: Flask, operations: Mapping[str, Operation], handlers: Mapping[str, Handler], find: Find) -> None:
    """Serve every operation at all its URLs."""
    app.url_map.merge_slashes = False  # or a doubled slash would be answered by a redirect
    for operation_id, operation in operations.items():
        view = _view(operation, handlers[operation_id], find)
        # The router tells WebSocket handshakes from plain requests; where one is served, the view judges both.
        for rule, handshake in itertools.product(operation.rules, (False, True) if operation.upgrades else (False,)):
            app.add_url_rule(
                rule,
                endpoint=operation_id,
                view_func=view,
                methods=[operation.method],
                provide_automatic_options=False,
                websocket=handshake,
            )


def json_answer(document: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with a JSON object (CO-01)."""
    return Response(json.dumps(document, separators=(",", ":")), status, content_type="application/json")


def no_content() -> Response:
    """Answer 204, with the type that deployed servers give and old clients look for."""
    return Response(status=204, content_type=_NO_CONTENT_TYPE)


def _view(operation: Operation, handler: Handler, find: Find) -> Callable[..., Response]:
    def view(**path: Any) -> Response:
        found = find(path.pop("id"), request.environ[USER]) if operation.needs_session else None
        with found.activity.call() if found else contextlib.nullcontext():
            parameters = _parameters(operation)
            named = {key: value for key, value in path.items() if key in operation.path_names}
            return handler(Call({**parameters, **named}, found, request.environ))

    return view


def _parameters(operation: Operation) -> dict[str, Any]:
    """Join body and query; where both name a parameter the query wins (CO-06)."""
    if not operation.reads_json:
        return {}
    body = read_limited(request.environ["wsgi.input"])
    parameters = read_object(body, request.headers.get("Content-Type", ""))
    if speaks_first_version(request.environ):
        parameters = translated(parameters)
    for name, is_list in operation.query_lists.items():
        if name in request.args:
            parameters[name] = request.args.getlist(name) if is_list else request.args[name]
        if parameters.get(name) == "":  # nothing was named
            del parameters[name]
    if operation.check is not None:
        operation.check(parameters)
    return parameters
