"""Creating, describing, restarting and ending sessions (SE)."""

from typing import Protocol

from flask import Response

from mock_server.adapters.sessions import Session
from mock_server.domain.limits import Capacity
from mock_server.domain.requests import SessionRequest
from mock_server.domain.runs import Usage
from mock_server.routes.dispatch import Call, Handler, json_answer, no_content
from mock_server.routes.first_version import speaks_first_version


class Sessions(Protocol):
    """What these calls need: a place where sessions are made and ended."""

    def create(self, request: SessionRequest, user: str) -> tuple[Session, bool]:
        """Return the session and whether it is new."""

    def end(self, session: Session) -> None:
        """End a session."""


def session_handlers(sessions: Sessions, capacity: Capacity) -> dict[str, Handler]:
    """Return the handlers of the session resource itself."""

    def create_session(call: Call) -> Response:
        session, created = sessions.create(SessionRequest.read(call.parameters, capacity), call.user)
        return json_answer(_created(session, created=created), 201 if created else 200)

    def destroy_session(call: Call) -> Response:
        sessions.end(call.session)
        if speaks_first_version(call.environ):
            return no_content()
        return json_answer({"stats": _stats(call.session.runs.usage())})

    return {
        "createSession": create_session,
        "createSessionLegacy": create_session,
        "getSession": get_session,
        "restartSession": restart_session,
        "destroySession": destroy_session,
    }


def get_session(call: Call) -> Response:
    """Describe a session (SE-05)."""
    session = call.session
    return json_answer(
        {
            "lang": session.lang,
            "age": session.age_ms,
            "memoryLimit": session.memory_limit_kib,
            "numQueriesExecuted": session.queries,
            "cpuCreditUsed": session.runs.usage().cpu_ms,
            "status": "RUNNING",
        }
    )


def restart_session(call: Call) -> Response:
    """Restart a session (SE-07): its runs end, its files, environment and age stay."""
    call.session.restart()
    return no_content()


def _stats(usage: Usage) -> dict[str, int]:
    """Give what a session used in all: milliseconds and bytes. What cannot be told is left out."""
    stats = {
        "cpu_used": usage.cpu_ms,
        "io_read_bytes": usage.read_bytes,
        "io_write_bytes": usage.written_bytes,
        "num_runs": usage.runs_started,
    }
    return stats if usage.memory_bytes is None else {**stats, "mem_max_bytes": usage.memory_bytes}


def _created(session: Session, *, created: bool) -> dict[str, object]:
    """Give what every generation of clients reads: v4 the `kernelId`, v5 the `sessId`, later ones a UUID."""
    return {
        "kernelId": session.name,
        "sessId": session.name,
        "sessionId": session.session_id,
        "sessionName": session.name,
        "created": created,
        "status": "RUNNING",
        "servicePorts": [],
    }
