"""SE: a token that is used again: nothing of the terminated session comes back, or hits the new one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.suite.creations import ask_for_session, ids, settled
from conformance.suite.programs import HOME, read_until, seen
from conformance.suite.test_se_lifecycle import AGE_SLACK_MS, LEAST_CREDIT_MS, TICK_MS, number_of

if TYPE_CHECKING:
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.sessions import Sessions
    from conformance.target import Target

RUN_ID: Final = "used-again"
LATER_S: Final = 1  # what a termination may still do of itself, at its leisure
OLD_S: Final = 2.0 + AGE_SLACK_MS / 1000  # old enough to be told from a session that was made just now
WORK: Final = "n=0; while [ $n -lt 100000 ]; do n=$((n+1)); done"


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


@requirement("SE-04", "SE-06")
def test_a_session_that_ended_by_its_other_id_leaves_its_token(sessions: Sessions, judge: Judge) -> None:
    """A session may be ended by whatever names it; its token then makes a new one."""
    first = sessions.create()
    client, target = first.bench.client, first.bench.target
    for name in dict.fromkeys(ids(first.creation)):
        path = target.path(name)
        if name == first.token or not client.get(path, operation="getSession").ok:
            continue
        ending = client.call("DELETE", path, operation="destroySession")
        judge.accepted("SE-06", ending, expected=f"the session to end by {name!r} as it is found by it")
        again = ask_for_session(sessions, target.creation(first.token))
        made = again.ok and again.json_object().get("created") is True
        judge.require("SE-04", made, expected="a new session", actual=again.got, exchange=(ending, again))
        first = settled(sessions, again, str(first.token))


@requirement("SE-05", slow=True)
def test_a_later_session_of_a_token_begins_anew(sessions: Sessions, judge: Judge) -> None:
    """The age and the CPU time of a session are its own, not those of the terminated one of its token."""
    first = sessions.create()
    rested = first.try_info()
    first.sh(WORK)
    since_s = (datetime.now(UTC) - first.creation.started).total_seconds()
    first.bench.client.transport.budget.pause(max(0.0, OLD_S - since_s))
    other = sessions.create()  # which makes nobody else young
    before = first.try_info()
    hold_growth(judge, rested, before, other.creation)
    other.delete()
    first.delete()
    second = sessions.create(token=first.token)
    after = second.try_info()
    evidence = (first.creation, rested, before, second.creation, after)
    asked_ms = (after.started - second.creation.started).total_seconds() * 1100 + after.duration_ms
    age, most_ms = after.json_object().get("age"), asked_ms + AGE_SLACK_MS
    young = isinstance(age, int) and age <= most_ms
    judge.expect("SE-05", young, expected=f"an age of at most {most_ms:.0f} ms", actual=age, exchange=evidence)
    spent, begun = number_of(before), number_of(rested)
    if spent >= max(LEAST_CREDIT_MS, 3 * begun):  # more than what every session needs at its beginning
        own = number_of(after) < spent
        expected = f"a CPU credit below {spent} ms"
        judge.expect("SE-05", own, expected=expected, actual=number_of(after), exchange=evidence)


def hold_growth(judge: Judge, earlier: Exchange, later: Exchange, between: Exchange) -> None:
    """Judge that a session's age grew by what passed between two looks, on a clock that may tick in seconds."""
    ages: list[Any] = [look.json_object().get("age") for look in (earlier, later)]
    passed_ms = (later.started - earlier.started).total_seconds() * 1000 - earlier.duration_ms
    least_ms = passed_ms * 0.9 - TICK_MS
    grown = all(isinstance(age, int) for age in ages) and ages[1] - ages[0] >= least_ms
    expected = f"an age that grew by {least_ms:.0f} ms at least"
    judge.expect("SE-05", grown, expected=expected, actual=ages, exchange=(earlier, between, later))
