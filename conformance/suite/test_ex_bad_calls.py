"""EX: execute calls that are wrong (EX-25), and what they leave alone (EX-06, EX-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.checks import requirement
from conformance.run_reader import Result
from conformance.suite.programs import HOME, await_file, gate, hold_text, open_gate, read_until, seen

if TYPE_CHECKING:
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

LEAVE_OUT: Final = "<leave out>"
MODES: Final[tuple[object, ...]] = ("bogus", "", "batch ", "BATCH", 5, True, ["batch"], {"batch": 1}, None, LEAVE_OUT)
NO_OBJECTS: Final[tuple[object, ...]] = ("echo text", 7, True, ["echo list"], [], "", 0, False)
NO_TEXTS: Final[tuple[object, ...]] = (7, True, 0, False, ["touch", "ran"], {"command": "touch ran"}, 1.5)

BAD: Final[tuple[dict[str, Any], ...]] = (
    {"options": {"exec": 7}},
    {"options": ["true"]},
    {"mode": "bogus"},
    {"code": 7},
)


def hold_refused(judge: Judge, session: Session, bodies: list[dict[str, Any]]) -> None:
    """Judge that each body is refused, and that none of them ran anything."""
    session.run("true")  # the same call works with a good body
    exchanges = [session.try_execute(body, observed=False) for body in bodies]
    for body, exchange in zip(bodies, exchanges, strict=True):
        judge.expect(
            "EX-25",
            exchange.refused,
            expected=f"a refusal (4xx) of mode {body.get('mode', 'left out')!r} with options {body.get('options')!r}",
            actual=exchange.got,
            exchange=exchange,
        )
    left = session.listing()
    ran = "ran" in left
    judge.expect(
        "EX-25", not ran, expected="nothing to run", actual="a command ran", exchange=(*exchanges, left.exchange)
    )


@requirement("EX-25", tier="smoke")
def test_an_unknown_mode_is_refused(session: Session, judge: Judge) -> None:
    """A mode that is unknown, missing or no string is refused, and nothing runs."""
    good = {"code": "", "runId": None, "options": {"exec": f"touch {HOME}/ran"}}
    hold_refused(judge, session, [good if mode == LEAVE_OUT else {"mode": mode, **good} for mode in MODES])


@requirement("EX-25")
def test_options_of_the_wrong_type_are_refused(session: Session, judge: Judge) -> None:
    """Options that are no object are refused."""
    hold_refused(judge, session, [{"mode": "batch", "code": "", "runId": None, "options": one} for one in NO_OBJECTS])


@requirement("EX-25")
@pytest.mark.parametrize("step", ["clean", "build", "exec"])
def test_commands_of_the_wrong_type_are_refused(session: Session, judge: Judge, step: str) -> None:
    """A command that is no string is refused, and nothing runs, not even the other steps."""
    good = {other: f"touch {HOME}/ran" for other in ("clean", "build", "exec") if other != step}
    bodies = [{"mode": "batch", "code": "", "runId": None, "options": {**good, step: one}} for one in NO_TEXTS]
    hold_refused(judge, session, bodies)


@requirement("EX-06")
def test_a_refused_call_takes_no_run_id(session: Session, judge: Judge) -> None:
    """The `runId` of a call that was refused names no run: a right call with it runs its commands."""
    for number, bad in enumerate(BAD):
        run_id = f"asked-wrongly-{number}"
        good = {"mode": "batch", "code": "", "runId": run_id, "options": {"exec": "true"}}
        refusal = session.try_execute({**good, **bad}, observed=False)
        if not refusal.refused:
            continue  # EX-25 and CO-10 ask about that
        with judge.under_test("EX-06"):
            run = session.run("echo ran", run_id=run_id)
        exchanges = (refusal, *run.exchanges)
        judge.expect("EX-06", run.stdout == "ran\n", expected="ran", actual=run.stdout, exchange=exchanges)


@requirement("EX-12", slow=True)
def test_a_refused_call_ends_no_run(session: Session, judge: Judge, target: Target) -> None:
    """A call of an unknown mode that names a run is refused, and the run goes on."""
    run = session.begin(f"echo begun; {gate('go', target)}; echo ended")
    read_until(run, seen)
    refusal = session.try_execute({"mode": "bogus", "code": "", "runId": run.run_id, "options": {}}, observed=False)
    if not refusal.refused:
        raise judge.unmet("EX-25", expected="a refusal (4xx)", actual=refusal.got, exchange=refusal)
    with judge.under_test("EX-12"):
        open_gate(session, "go")
        whole = run.finish()
    hold_text(judge, "EX-12", "begun\nended\n", whole.stdout, whole)


def hold_no_run(judge: Judge, question: str, exchange: Exchange) -> None:
    """Judge that a call on no run was refused, or answered by an empty `finished`; record which."""
    result = Result.of(exchange)
    empty = exchange.ok and result.status == "finished" and not result.console
    judge.require(
        "EX-25",
        exchange.refused or empty,
        expected="a refusal (4xx), or an empty `finished`",
        actual=exchange.got,
        exchange=exchange,
    )
    judge.reading("EX-25", question, "refused" if exchange.refused else "empty-finished", exchange)


@requirement("EX-25")
@pytest.mark.parametrize("mode", ["continue", "input"])
def test_a_call_for_no_run_starts_none(session: Session, judge: Judge, mode: str) -> None:
    """A `continue` or `input` without a `runId`, or for a run that does not exist, is refused or ends at once."""
    good = {"mode": mode, "code": "", "options": {"exec": f"touch {HOME}/ran"}}
    hold_no_run(judge, "unknown-run", session.try_execute({**good, "runId": "never-begun"}, observed=False))
    for keyless in (good, {**good, "runId": None}):
        hold_no_run(judge, "continue-without-run-id", session.try_execute(keyless, observed=False))
    run = session.run("echo once")
    after = session.try_execute({**good, "runId": run.run_id}, observed=False)
    result = Result.of(after)
    kept = after.refused or (after.ok and result.status == "finished" and not result.console)
    judge.require(
        "EX-25", kept, expected="a refusal, or an empty `finished`", actual=after.got, exchange=(*run.exchanges, after)
    )
    left = session.listing()
    judge.require("EX-25", "ran" not in left, expected="nothing to run", actual="it ran", exchange=left.exchange)


@requirement("EX-25", slow=True)
def test_the_run_of_an_ended_session_does_not_exist(sessions: Sessions, judge: Judge) -> None:
    """A `continue` in a new session for a run of the terminated one of the same token is one for no run."""
    token = sessions.new_token()
    ended = sessions.create(token=token)
    run = ended.begin(f"sleep 0.5; echo unread; touch {HOME}/written; sleep 60")
    await_file(ended, "written")
    ended.delete()
    session = sessions.create(token=token)
    call = {"mode": "continue", "code": "", "runId": run.run_id}
    hold_no_run(judge, "unknown-run", session.try_execute(call, observed=False))


@requirement("EX-06", "EX-25", slow=True)
def test_another_session_s_run_does_not_exist_here(
    session: Session, sessions: Sessions, judge: Judge, target: Target
) -> None:
    """A `continue` for a run of another session is one for a run that does not exist; that run loses nothing by it.

    A batch call with that run's id starts a run of the session that it is sent to.
    """
    other = sessions.create()
    run = session.begin(f"echo mine; {gate('go', target)}; echo end")
    call = {"mode": "continue", "code": "", "runId": run.run_id}
    hold_no_run(judge, "unknown-run", other.try_execute(call, observed=False))
    with judge.under_test("EX-06"):
        theirs = other.run("echo theirs", run_id=run.run_id)
    judge.expect(
        "EX-06", theirs.stdout == "theirs\n", expected="theirs", actual=theirs.stdout, exchange=theirs.exchanges
    )
    nobody_s = {**call, "runId": "never-begun"}  # nor is it the one that goes on here
    hold_no_run(judge, "unknown-run", session.try_execute(nobody_s, observed=False))
    read_until(run, seen)
    open_gate(session, "go")
    whole = run.finish()
    got = whole.stdout
    judge.require("EX-25", got == "mine\nend\n", expected="mine, end", actual=got, exchange=whole.exchanges)
