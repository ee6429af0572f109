"""What deployed clients ask besides the documented calls: the log, completions, an interrupt, the announcement."""

from flask import Response

from mock_server.routes.dispatch import Call, Handler, json_answer, no_content


def console_handlers() -> dict[str, Handler]:
    """Return the handlers."""
    return {
        "getLogs": get_logs,
        "complete": complete,
        "interruptSession": interrupt_session,
        "getAnnouncement": get_announcement,
    }


def get_logs(call: Call) -> Response:
    """Give the tail of what the session's runs printed, as far as it was handed over."""
    return json_answer({"result": {"logs": call.session.log_text}})


def complete(_call: Call) -> Response:
    """Offer no completions: batch mode has no interpreter whose names could be completed."""
    return json_answer({"result": {"completions": []}})


def interrupt_session(call: Call) -> Response:
    """Send SIGINT to the running command (SE-11)."""
    call.session.runs.interrupt()
    return no_content()


def get_announcement(_call: Call) -> Response:
    """Say that the operators have nothing to announce; command lines of 19.09 to 22.03 ask before each run."""
    return json_answer({"enabled": False, "message": ""})
