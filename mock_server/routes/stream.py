"""The execute call over a WebSocket, as the command lines since 18.12 use it: one connection carries one run.

The client's first text message is an execute request of mode `batch`; the server then sends each result as a text
message, without the `runId`, until the run has ended. At `waiting-input` the client's next text message is the line.
A client that goes away takes its run with it: nobody else knows the run's ID, and the session stays usable (EX-31).
"""

import contextlib
import json
from collections.abc import Callable
from typing import Final

from flask import Response

from mock_server.adapters.json_body import read_object
from mock_server.adapters.sessions import Session
from mock_server.adapters.websockets import WebSocket, WebSocketClosed, accepted
from mock_server.domain.errors import InvalidParameter, MalformedBody, Refusal
from mock_server.domain.lifecycle import Status
from mock_server.domain.runs import RunResult
from mock_server.routes.dispatch import Call, Handler
from mock_server.routes.execution import answer, document

FIRST_MESSAGE_S: Final = 30.0
_ENDINGS: Final = frozenset({Status.FINISHED, Status.EXEC_TIMEOUT})


def stream_handlers(check: Callable[[object], None] | None) -> dict[str, Handler]:
    """Return the handler; `check` raises `InvalidParameter` for what is no execute request."""

    def stream_execute(call: Call) -> Response:
        with accepted(call.environ) as client:
            _Stream(call.session, client).serve(check)
        return Response(status=101)  # the upgrade said so long ago; this never goes out

    return {"streamExecute": stream_execute}


class _Stream:
    """One run over one connection."""

    def __init__(self, session: Session, client: WebSocket) -> None:
        self._session = session
        self._client = client

    def serve(self, check: Callable[[object], None] | None) -> None:
        """Carry the run to its end, or as long as the client stays."""
        run_id = None
        try:
            result = self._execute(self._first(check))
            run_id = result.run_id
            self._push(result)
            while result.status not in _ENDINGS:
                result = self._execute(self._next(result))
                self._push(result)
        except WebSocketClosed:
            pass
        except Refusal as refusal:
            self._refuse(refusal)
        finally:
            if run_id is not None:
                self._session.runs.abandon(run_id)

    def _first(self, check: Callable[[object], None] | None) -> dict[str, object]:
        message = self._client.receive(FIRST_MESSAGE_S)
        if message is None:
            raise MalformedBody(f"No request came within {FIRST_MESSAGE_S:.0f} seconds.")
        request = read_object(message.encode(errors="surrogatepass"), "application/json")
        if check is not None:
            check(request)
        if request["mode"] not in ("batch", "query"):
            raise InvalidParameter("mode", "a stream begins with 'batch'; its messages after that are input")
        return {**request, "runId": None}

    def _next(self, result: RunResult) -> dict[str, object]:
        if result.status is not Status.WAITING_INPUT:
            return {"mode": "continue", "runId": result.run_id}
        line = self._client.receive()
        return {"mode": "input", "runId": result.run_id, "code": line}

    def _execute(self, request: dict[str, object]) -> RunResult:
        gone = {"batchproof.client_gone": lambda: self._client.closed}
        return answer(Call(request, self._session, gone))

    def _push(self, result: RunResult) -> None:
        message = document(self._session, result)
        del message["runId"]
        self._client.send(json.dumps(message, separators=(",", ":")))

    def _refuse(self, refusal: Refusal) -> None:
        """Say why in the form of a result, which is all that clients read here; they print its console."""
        message = {
            "status": "server-error",
            "console": [["stderr", f"{refusal.detail}\n"]],
            "exitCode": None,
            "options": {"error": refusal.detail},
            "files": [],
        }
        with contextlib.suppress(WebSocketClosed):
            self._client.send(json.dumps(message))
