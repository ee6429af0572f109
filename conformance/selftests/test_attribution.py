"""Attribution: what a check, its prerequisites and its second looks make of a clause's verdict. Over real HTTP."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from conformance.judge import Judge, Violation
from conformance.selftests.scripted import Reply, Seen, problem, result, serve_script
from conformance.selftests.support import catalogue, check, judged, reason, verdict
from conformance.verdicts import ExitCode, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.session import Session
    from conformance.sessions import Sessions


def refuse_big(session: Session, judge: Judge) -> None:
    """Judge UP-08 by a status."""
    judge.status("UP-08", session.try_upload({"big": b"x"}), 400)


def upload_then_judge(session: Session, judge: Judge) -> None:
    """Judge UP-08 after an upload as set-up."""
    session.upload({"small": b"x"})
    judge.require("UP-08", condition=True, expected="", actual="")


def answering(ending: str, replies: Iterator[Reply]) -> Callable[[Seen], Reply | None]:
    """Return a script that gives these replies in turn to POSTs whose path ends so."""
    return lambda seen: (
        next(replies) if seen.method == "POST" and seen.path.endswith(ending) and "probe" not in seen.path else None
    )


def test_a_kept_clause_passes() -> None:
    """A check that finds nothing makes a pass, by one attempt."""
    with serve_script(answering("/upload", itertools.repeat(problem(400)))) as (url, _):
        report = judged(url, check(refuse_big, "UP-08"))
    assert verdict(report, "UP-08") == "pass"
    assert report.exit_code is ExitCode.CONFORMS


def test_a_violation_is_looked_at_three_times_and_fails() -> None:
    """A must that is broken every time is a fail, with what was expected and got, after three fresh sessions."""
    with serve_script() as (url, target):
        report = judged(url, check(refuse_big, "UP-08"))
    entry = next(one for one in report.records if one.requirement.id == "UP-08").worst
    assert verdict(report, "UP-08") == "fail"
    assert entry is not None
    assert (entry.attempts, entry.outcome.expected) == (3, "status 400")
    assert entry.outcome.actual == "204, no body"
    assert len(entry.outcome.exchanges) == 1
    assert len({one.path for one in target.calls("POST", "/upload") if "probe" not in one.path}) == 3
    assert report.exit_code is ExitCode.VIOLATIONS


def test_a_generated_history_that_breaks_off_takes_nothing_from_other_checks() -> None:
    """A check of many clauses that ends at one of them leaves the others as their own checks found them."""
    clauses = ("UP-01", "UP-04", "UP-07", "UP-08", "UP-09", "LS-01", "DL-01", "EX-01", "EX-12")

    def history(session: Session, judge: Judge) -> None:
        exchange = session.try_upload({"big": b"x"})
        judge.require("UP-08", condition=False, expected="status 400", actual=exchange.got, exchange=exchange)

    def other(session: Session, judge: Judge) -> None:
        judge.accepted("UP-01", session.try_upload({"small": b"x"}))

    with serve_script() as (url, _):
        report = judged(url, check(history, *clauses), check(other, "UP-01"))
    assert [verdict(report, clause) for clause in ("UP-08", "UP-01", "UP-04")] == ["fail", "pass", "not-testable"]


def test_a_broken_should_warns() -> None:
    """The same violation of a should is a warning, and the run conforms."""
    with serve_script() as (url, _):
        report = judged(url, check(refuse_big, "UP-08"), known=catalogue(UP_08=Level.SHOULD))
    assert verdict(report, "UP-08") == "warn"
    assert report.exit_code is ExitCode.CONFORMS


def test_a_violation_that_comes_and_goes_is_intermittent() -> None:
    """A promise that is not always kept is intermittent; a broken and a kept exchange are both shown."""
    replies = itertools.cycle([Reply(204), problem(400)])
    with serve_script(answering("/upload", replies)) as (url, _):
        report = judged(url, check(refuse_big, "UP-08"))
    assert verdict(report, "UP-08") == "intermittent"
    entry = next(one for one in report.records if one.requirement.id == "UP-08").worst
    assert entry is not None
    assert {one.status for one in entry.outcome.exchanges} == {204, 400}
    assert report.exit_code is ExitCode.VIOLATIONS


def test_a_failed_prerequisite_is_not_the_clause_s_fault() -> None:
    """A set-up that is refused leaves the clause untested, names the clause that failed, and holds it to its word."""
    with serve_script(answering("/upload", itertools.repeat(problem(400)))) as (url, _):
        report = judged(url, check(upload_then_judge, "UP-08"))
    assert verdict(report, "UP-08") == "not-testable"
    assert "UP-01" in reason(report, "UP-08")
    assert verdict(report, "UP-01") == "fail"


def test_a_set_up_that_works_when_repeated_does_not_block() -> None:
    """A prerequisite that fails once leaves the clause a pass, and its own clause intermittent."""
    replies = itertools.chain([problem(400)], itertools.repeat(Reply(204)))
    with serve_script(answering("/upload", replies)) as (url, _):
        report = judged(url, check(upload_then_judge, "UP-08"))
    assert verdict(report, "UP-08") == "pass"
    assert verdict(report, "UP-01") == "intermittent"


def test_a_lost_connection_in_the_set_up_blames_nobody() -> None:
    """Transport errors in the set-up make clauses untested, never broken."""
    with serve_script(answering("/upload", itertools.repeat(Reply(hang_up=True)))) as (url, _):
        report = judged(url, check(upload_then_judge, "UP-08"))
    assert verdict(report, "UP-08") == "not-testable"
    assert verdict(report, "UP-01") == "not-testable"
    assert report.exit_code is ExitCode.INCOMPLETE


def test_a_prerequisite_that_the_check_itself_cites_is_its_violation() -> None:
    """Where the clause under test is the one that a helper finds broken, it fails."""
    with serve_script(answering("/upload", itertools.repeat(problem(400)))) as (url, _):
        report = judged(url, check(upload_then_judge, "UP-01", "UP-08"))
    assert verdict(report, "UP-01") == "fail"
    assert verdict(report, "UP-08") == "not-testable"


def test_calls_under_test_break_the_clause_they_stand_under() -> None:
    """Inside `under_test`, any failure of a helper is a violation of that clause."""

    def run_after_build(session: Session, judge: Judge) -> None:
        with judge.under_test("EX-15"):
            session.run("x", build="false")

    with serve_script(answering("bp-", iter(()))) as (url, target):
        target.script = lambda seen: Reply(500) if seen.method == "POST" and seen.path.count("/") == 2 else None
        report = judged(url, check(run_after_build, "EX-15"))
    assert verdict(report, "EX-15") == "fail"


def test_the_special_thing_about_an_upload_names_the_clause() -> None:
    """A refused upload with a directory part is UP-04's failure, not UP-01's."""

    def in_a_folder(session: Session) -> None:
        session.upload({"a/b.txt": b""})

    with serve_script(answering("/upload", itertools.repeat(problem(400)))) as (url, _):
        report = judged(url, check(in_a_folder, "UP-08"))
    assert verdict(report, "UP-04") == "fail"
    assert verdict(report, "UP-01") == "not-testable"


def test_a_run_that_never_ends_breaks_ex_12() -> None:
    """A run that is `continued` past its deadline is a failed prerequisite of clause EX-12."""

    def endless(session: Session) -> None:
        session.run("x", deadline_s=0.3)

    with serve_script() as (url, target):
        going = {"result": result(status="continued", code=None)}
        target.script = lambda seen: Reply(200, going) if seen.method == "POST" and seen.path.count("/") == 2 else None
        report = judged(url, check(endless, "EX-14"))
    assert verdict(report, "EX-14") == "not-testable"
    assert verdict(report, "EX-12") == "fail"


def test_an_open_clause_records_its_reading() -> None:
    """A clause of level open has the verdict `reading`, with what was seen."""

    def read(judge: Judge) -> None:
        judge.reading("CO-06", "get-parameters", "query")

    with serve_script() as (url, _):
        report = judged(url, check(read, "CO-06"))
    assert verdict(report, "CO-06") == "reading"
    assert "in the query string" in reason(report, "CO-06")


@pytest.mark.parametrize("mistake", ["unknown reading", "unknown question", "uncited", "open broken", "assert", "bug"])
def test_a_mistaken_check_is_an_error_of_the_harness(mistake: str) -> None:
    """A check that is wrong never blames the target: the verdict is `error`, and the run is incomplete."""

    def mistaken(judge: Judge) -> None:
        actions: dict[str, Callable[[], object]] = {
            "unknown reading": lambda: judge.reading("CO-06", "get-parameters", "header"),
            "unknown question": lambda: judge.reading("CO-06", "what", "body"),
            "uncited": lambda: judge.require("UP-08", condition=False, expected="", actual=""),
            "open broken": lambda: judge.require("CO-06", condition=False, expected="", actual=""),
            "assert": lambda: (_ for _ in ()).throw(AssertionError),
            "bug": lambda: dict[str, str]()["x"],
        }
        outcome = actions[mistake]()
        next(iter(outcome)) if mistake == "assert" else None  # type: ignore[call-overload]

    with serve_script() as (url, _):
        report = judged(url, check(mistaken, "CO-06"))
    assert verdict(report, "CO-06") == "error"
    assert report.exit_code is ExitCode.INCOMPLETE


def test_an_expectation_goes_on_and_judges_each_clause() -> None:
    """`expect` notes a violation and goes on, so the clauses after it are judged too."""

    def both(judge: Judge) -> None:
        judge.expect("UP-08", condition=False, expected="a", actual="b")
        judge.require("UP-01", condition=True, expected="", actual="")

    with serve_script() as (url, _):
        report = judged(url, check(both, "UP-08", "UP-01"))
    assert verdict(report, "UP-08") == "fail"
    assert verdict(report, "UP-01") == "pass"


def test_a_violation_inside_hypothesis_is_a_violation() -> None:
    """A violation that Hypothesis wraps or re-raises is recognised."""

    def generated(judge: Judge) -> None:
        @settings(max_examples=5, deadline=None, database=None, phases=[Phase.generate])
        @given(st.integers())
        def inner(number: int) -> None:
            judge.require("UP-08", number is None, expected="nothing", actual=number)

        inner()

    with serve_script() as (url, _):
        report = judged(url, check(generated, "UP-08"))
    assert verdict(report, "UP-08") == "fail"


def test_violations_in_a_group_are_all_found() -> None:
    """The leaves of an exception group count one by one."""

    def grouped(judge: Judge) -> None:
        found = []
        for clause in ("UP-08", "UP-01"):
            try:
                judge.require(clause, condition=False, expected="a", actual="b")
            except Violation as violation:
                found.append(violation)
        raise BaseExceptionGroup("several", found)

    with serve_script() as (url, _):
        report = judged(url, check(grouped, "UP-08", "UP-01"))
    assert (verdict(report, "UP-08"), verdict(report, "UP-01")) == ("fail", "fail")


def test_what_was_not_told_is_not_tested_and_leaves_the_run_complete() -> None:
    """A check that needs a limit which the user did not tell names the option, and costs no exit code."""

    def needy(judge: Judge) -> None:
        judge.require("UP-08", condition=False, expected="", actual="")

    def fine(judge: Judge) -> None:
        judge.require("UP-01", condition=True, expected="", actual="")

    with serve_script() as (url, _):
        report = judged(url, check(needy, "UP-08", needs=["exec-timeout"]), check(fine, "UP-01"))
    assert verdict(report, "UP-08") == "not-testable"
    assert "--exec-timeout" in reason(report, "UP-08")
    assert report.exit_code is ExitCode.CONFORMS


def test_observers_blame_their_own_clause_and_not_the_check() -> None:
    """A malformed refusal seen on the way breaks CO-02, while the check that saw it passes."""
    html = Reply(400, b"<html>", {"Content-Type": "text/html"})
    with serve_script(answering("/upload", itertools.repeat(html))) as (url, _):
        report = judged(url, check(refuse_big, "UP-08"))
    assert verdict(report, "UP-08") == "pass"
    assert verdict(report, "CO-02") == "fail"


def test_a_refused_creation_blocks_and_is_the_creation_s_clause() -> None:
    """Where sessions cannot be created, SE-01 is named."""

    def nothing(session: Session) -> None:
        session.path()

    creations = itertools.chain([None], itertools.repeat(problem(400)))
    with serve_script(lambda seen: next(creations) if seen.path == "/kernel" else None) as (url, _):
        report = judged(url, check(nothing, "UP-08"))
    assert verdict(report, "UP-08") == "not-testable"
    assert "SE-01" in reason(report, "UP-08")


def test_no_capacity_blames_nobody() -> None:
    """A creation that is answered 503 each time leaves clauses untested, SE-01 among them."""

    def nothing(sessions: Sessions) -> None:
        sessions.create()

    creations = itertools.chain([None], itertools.repeat(problem(503)))
    with serve_script(lambda seen: next(creations) if seen.path == "/kernel" else None) as (url, _):
        report = judged(url, check(nothing, "UP-08"))
    assert verdict(report, "UP-08") == "not-testable"
    assert verdict(report, "SE-01") == "not-testable"
