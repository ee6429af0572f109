"""The execute call (EX): which run a request is about, and how its result is written down."""

from typing import Any

from flask import Response

from mock_server.adapters.queries import query
from mock_server.adapters.sessions import Session
from mock_server.domain.errors import InvalidParameter
from mock_server.domain.kernels import commands
from mock_server.domain.runs import Commands, RunResult
from mock_server.routes.dispatch import Call, Handler, json_answer
from mock_server.routes.outputs import output_file


def execution_handlers() -> dict[str, Handler]:
    """Return the handler of the execute call."""
    return {"execute": execute}


def execute(call: Call) -> Response:
    """Start a run, go on with it, or answer its question; waits for news as long as the run engine does."""
    return json_answer({"result": document(call.session, answer(call))})


def answer(call: Call) -> RunResult:
    """Do what an execute call asks for, whichever way it came."""
    call.session.count_query()
    result = _MODES[call.parameters["mode"]](call)
    call.session.log(result)
    return result


def _batch(call: Call) -> RunResult:
    """Start a run, or go on: by the id of an unfinished run, or where the key is left out altogether (EX-29)."""
    if call.parameters.get("code"):
        raise InvalidParameter("code", "it must be empty in mode 'batch'; give commands in options.build and .exec")
    return _start(call, commands(call.session.lang, call.parameters.get("options") or {}))


def _query(call: Call) -> RunResult:
    """Run a snippet, or go on with it, as `_batch` (EX-28)."""
    session = call.session
    return _start(call, query(session.lang, call.parameters.get("code") or "", session.query_context))


def _start(call: Call, asked: Commands) -> RunResult:
    runs = call.session.runs
    run_id = call.parameters["runId"] if "runId" in call.parameters else runs.newest_unfinished()
    return runs.batch(asked, run_id, call.environ.get("batchproof.client_gone"))


def _continue(call: Call) -> RunResult:
    return call.session.runs.resume(_run_id(call), call.environ.get("batchproof.client_gone"))


def _input(call: Call) -> RunResult:
    text = call.parameters.get("code") or ""
    return call.session.runs.give_input(_run_id(call), text, call.environ.get("batchproof.client_gone"))


_MODES = {"batch": _batch, "continue": _continue, "input": _input, "query": _query}


def _run_id(call: Call) -> str:
    run_id: str | None = call.parameters.get("runId")
    if run_id is None:
        raise InvalidParameter("runId", f"mode {call.parameters['mode']!r} needs the id of the run it is about")
    return run_id


def document(session: Session, result: RunResult) -> dict[str, Any]:
    """Write a result as EX-01 has it."""
    return {
        "runId": result.run_id,
        "status": result.status,
        "exitCode": result.exit_code,
        "console": result.console,
        "options": result.options,
        "files": [output_file(session.session_id, path) for path in result.files],
    }
