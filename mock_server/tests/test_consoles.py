"""What deployed clients ask besides the documented calls."""

import signal

from hypothesis import given
from hypothesis import strategies as st

from mock_server.domain.session_log import SessionLog
from mock_server.tests.support import Client


def test_the_log_holds_what_the_runs_printed(client: Client, session: str) -> None:
    """Both streams, in print order, over several runs."""
    client.run(session, "echo one; sleep 0.1; echo two >&2")
    client.run(session, "echo three")
    assert client.send("GET", f"{session}/logs").json() == {"result": {"logs": "one\ntwo\nthree\n"}}


@given(st.lists(st.text(max_size=30)), st.integers(1, 40))
def test_the_log_keeps_the_newest_characters(pieces: list[str], limit_chars: int) -> None:
    """Whatever is added, the log is the tail of it, within its bound."""
    log = SessionLog(limit_chars)
    for piece in pieces:
        log.add(piece)
    assert log.text == "".join(pieces)[-limit_chars:]


def test_an_idle_session_may_be_interrupted(client: Client, session: str) -> None:
    """An interrupt without a command to interrupt is a 204 all the same (SE-11)."""
    assert client.send("POST", f"{session}/interrupt").status_code == 204


def test_an_interrupt_reaches_the_running_command(client: Client, session: str) -> None:
    """The command gets SIGINT, and the run ends as it would by a signal (SE-11, EX-16)."""
    command = "echo ready; exec sleep 1000"
    result = client.execute(session, {"mode": "batch", "runId": "int", "options": {"exec": command}})
    seen = ""
    while "ready" not in seen:
        result = client.execute(session, {"mode": "continue", "runId": "int"})
        seen += "".join(text for _, text in result["console"])
    client.send("POST", f"{session}/interrupt")
    while result["status"] != "finished":
        result = client.execute(session, {"mode": "continue", "runId": "int"})
    assert result["exitCode"] == 128 + signal.SIGINT


def test_completions_are_none(client: Client, session: str) -> None:
    """Old notebooks ask on every key; an empty answer keeps them quiet."""
    body = {"code": "pri", "options": {"row": 0, "col": 3, "line": "pri", "post": ""}}
    assert client.send("POST", f"{session}/complete", json=body).json() == {"result": {"completions": []}}


def test_there_is_nothing_to_announce(client: Client) -> None:
    """Command lines of 19.09 to 22.03 ask before each run."""
    assert client.send("GET", "/manager/announcement").json() == {"enabled": False, "message": ""}
