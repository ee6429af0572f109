"""SE: a token that is used again: nothing of the terminated session comes back, or hits the new one (SE-06, EX-24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.checks import requirement
from conformance.suite.programs import HOME, read_until, seen
from conformance.suite.test_se_sessions import ids

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.sessions import Sessions
    from conformance.target import Target

RUN_ID: Final = "used-again"
LATER_S: Final = 1  # what a termination may still do of itself, at its leisure


@requirement("EX-24", "SE-06", slow=True)
def test_a_termination_hits_no_later_session_of_its_token(sessions: Sessions, judge: Judge) -> None:
    """A run in a new session begins and goes on whatever ran in the terminated one of its token; its files stay."""
    token = sessions.new_token()
    first = sessions.create(token=token)
    first.upload({"up.txt": b"old\n"})
    read_until(first.begin("echo old; sleep 600", run_id=RUN_ID), seen)
    first.delete()
    second = sessions.create(token=token)
    second.upload({"up.txt": b"new\n"})
    with judge.under_test("SE-06"):
        run = second.run(f"echo x > {HOME}/own; echo begun; sleep {LATER_S}; echo ended", run_id=RUN_ID)
    got, expected = (run.stdout, run.exit_code), ("begun\nended\n", 0)
    judge.require("SE-06", got == expected, expected=expected, actual=got, exchange=(second.creation, *run.exchanges))
    with judge.under_test("EX-24"):
        after = second.run(f"cat {HOME}/up.txt {HOME}/own")
    got_files, wanted = after.stdout, "new\nx\n"
    judge.require("EX-24", got_files == wanted, expected=wanted, actual=got_files, exchange=after.exchanges)


@requirement("SE-06")
def test_an_id_of_a_terminated_session_names_no_later_one(sessions: Sessions, target: Target, judge: Judge) -> None:
    """What named a terminated session, other than its token, is unknown when a new session has its token."""
    first = sessions.create()
    first.delete()
    second = sessions.create(token=first.token)
    for name in dict.fromkeys(ids(first.creation)):
        if name not in {second.token, second.id, *ids(second.creation)}:
            exchange = second.bench.client.get(target.path(name), operation="getSession")
            judge.status("SE-06", exchange, 404)
