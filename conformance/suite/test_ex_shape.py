"""EX: what an execution result looks like (EX-01 to EX-05, EX-13)."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.checks import requirement
from conformance.run_reader import GOING_ON, STATUSES, Result
from conformance.suite.programs import HOME, begin_each, by_hand, gate, hold_rules, open_gate, read_together, read_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.open_run import OpenRun
    from conformance.session import Session
    from conformance.target import Target

MARGIN_S: Final = 5.0  # how long a program goes on past the time limit
ODD_FILES: Final = ("ln -s none dangling", "ln -s loop loop", ": > \"$(printf 'm\\377m')\" || true", "mkfifo pipe || :")
RUN_IDS: Final = (
    "af9185c5fb0eacb2",
    "0012345678",
    "Mixed-Case_Run",
    str(uuid.UUID(int=7)),
    "f" * 64,
)
ODD_RUN_IDS: Final = (" between blanks ", "a/b%2Fc#d?e", "gr\u00fc\u00df-\U0001f600")


def batch(run_id: str | None, **options: str | None) -> dict[str, Any]:
    """Return the body of a batch call."""
    return {"mode": "batch", "code": "", "runId": run_id, "options": options}


def every_kind(session: Session) -> Iterator[Result]:
    """Yield the results of runs of every kind: with and without each step, good and bad, silent and not."""
    kinds: tuple[dict[str, str | None], ...] = (
        {"clean": "echo c", "build": "echo b", "exec": "echo e; echo f >&2"},
        {"clean": "true", "exec": "true"},
        {"exec": "exit 3"},
        {"build": "echo b >&2; exit 4", "exec": "echo e"},
        {"clean": "exit 5", "build": "true"},
        {},
    )
    for number, options in enumerate(kinds):
        yield from by_hand(session, batch(f"kind{number}", **options))


@requirement("EX-01", tier="smoke")
def test_every_result_has_all_fields(session: Session, judge: Judge, limits: Limits) -> None:
    """Each execute call is answered with 200 and a result that has every field, of its type."""
    results = list(every_kind(session))
    hold_rules(judge, "EX-01", results, limits)
    unknown = [result for result in results if result.exchange.ok and set(result.exchange.json_object()) == set()]
    judge.require("EX-01", not unknown, expected="a JSON object", actual="none", exchange=results[-1].exchange)
    record_files(judge, results[-1])


@requirement("EX-01")
def test_odd_files_spoil_no_result(session: Session, judge: Judge, limits: Limits) -> None:
    """Whatever a run leaves under /home/work/.output, each of its results has every field."""
    for number, odd in enumerate(ODD_FILES):
        results = by_hand(session, batch(f"odd{number}", exec=f"mkdir -p {HOME}/.output; cd {HOME}/.output; {odd}"))
        hold_rules(judge, "EX-01", results, limits)


def record_files(judge: Judge, result: Result) -> None:
    """Record what `files` is where the run made none."""
    raw = result.raw if isinstance(result.raw, dict) else {}
    reading = "absent" if "files" not in raw else "null" if raw["files"] is None else "list"
    judge.reading("EX-01", "result-files", reading, result.exchange)


def hold_statuses(judge: Judge, results: Iterable[Result]) -> None:
    """Judge that each result has a status that the documents name; none at all is another clause's business."""
    for result in results:
        if not result.exchange.ok or result.status is None:
            raise judge.unmet(
                "EX-01", expected="a result with a status", actual=result.exchange.got, exchange=result.exchange
            )
        judge.expect(
            "EX-02",
            result.status in STATUSES,
            expected=f"one of {', '.join(sorted(STATUSES))}",
            actual=f"status {result.status!r}",
            exchange=result.exchange,
        )


@requirement("EX-02")
def test_every_status_is_one_of_six(session: Session, judge: Judge) -> None:
    """No result has a status that the documents do not name."""
    hold_statuses(judge, every_kind(session))


@requirement("EX-02")
def test_a_run_that_goes_on_has_one_of_six_statuses(session: Session, judge: Judge, target: Target) -> None:
    """A step that takes its time is answered with a status that the documents name."""
    again = {"mode": "continue", "code": "", "runId": "going-on"}
    results = [Result.of(session.try_execute(batch("going-on", exec=gate("go", target))))]
    while results[-1].status in {"clean-finished", "build-finished"}:
        results.append(Result.of(session.try_execute(again)))
    open_gate(session, "go")
    if results[-1].status in GOING_ON:
        results += by_hand(session, again)
    hold_statuses(judge, results)


@requirement("EX-02", "EX-13", needs="exec-timeout", slow=True)
def test_results_of_a_run_past_the_limit_are_as_others(
    session: Session, judge: Judge, limits: Limits, target: Target
) -> None:
    """A run that is cut off has documented statuses to its end, and an exit code at the ends of steps alone."""
    results = by_hand(session, batch("too-long", exec=f"sleep {(target.exec_timeout_s or 0) + MARGIN_S:.1f}"))
    hold_statuses(judge, results)
    hold_rules(judge, "EX-13", results, limits)


@requirement("EX-13")
def test_exit_codes_come_with_ends_of_steps_only(session: Session, judge: Judge, limits: Limits) -> None:
    """`exitCode` is an int with `finished`, `clean-finished` and `build-finished`, and null otherwise."""
    hold_rules(judge, "EX-13", every_kind(session), limits)


@requirement("EX-13", slow=True)
@pytest.mark.parametrize(
    "commands", [{"build": "GATE"}, {"exec": "GATE"}, {"build": "true", "exec": "GATE"}], ids="+".join
)
def test_no_exit_code_comes_with_continued(
    session: Session, judge: Judge, limits: Limits, target: Target, commands: dict[str, str]
) -> None:
    """`exitCode` is null with `continued`, in the build as in the exec step, also after a step that ended with 0."""
    step = list(commands)[-1]
    run = session.begin(options={**commands, step: gate("gate", target)})
    read_until(run, lambda run: run.last.status == "continued")
    if not run.last.ended:
        run.step()
    open_gate(session, "gate")
    hold_rules(judge, "EX-13", run.finish().results, limits)


@requirement("EX-03")
def test_code_may_be_empty_or_absent(session: Session, judge: Judge) -> None:
    """A batch call is accepted with `code` as the empty string, and without `code`."""
    with_code = batch("with-code", exec="true")
    without = {key: value for key, value in batch("without", exec="true").items() if key != "code"}
    for body in (with_code, without):
        results = by_hand(session, body)
        judge.expect(
            "EX-03",
            (results[-1].status, results[-1].exit_code) == ("finished", 0),
            expected="the run to finish with 0",
            actual=results[-1].exchange.got,
            exchange=[result.exchange for result in results],
        )


@requirement("EX-03")
def test_code_that_is_not_empty_is_refused_or_ignored(session: Session, judge: Judge) -> None:
    """A batch call with a non-empty `code` is refused, or runs the commands of its options."""
    session.run("true")  # what is asked next works without `code`
    results = by_hand(session, {**batch("coded", exec="echo by-options"), "code": "echo by-code"})
    exchanges = [result.exchange for result in results]
    output = "".join(result.stdout for result in results)
    ignored = results[-1].status == "finished" and output.split() == ["by-options"]
    judge.require(
        "EX-03",
        results[0].exchange.refused or ignored,
        expected="a refusal (4xx), or the commands of `options` to run",
        actual=f"{results[0].exchange.got}, stdout {output!r}",
        exchange=exchanges,
    )
    judge.reading("EX-03", "non-empty-code", "ignored" if ignored else "refused", exchanges)


@requirement("EX-04", tier="smoke")
def test_a_given_run_id_comes_back(session: Session, judge: Judge) -> None:
    """Every result of a run holds the `runId` that the client gave, whatever its form."""
    for run_id in RUN_IDS:
        run = session.run("echo e", clean="true", build="echo b", run_id=run_id)
        ids = [result.run_id for result in run.results]
        judge.expect(
            "EX-04", set(ids) == {run_id}, expected=f"{run_id!r} each time", actual=ids, exchange=run.exchanges
        )
    for run_id in ODD_RUN_IDS:  # such as a server may not take, but if it does
        results = [one for one in by_hand(session, batch(run_id)) if one.exchange.ok]
        ids, exchanges = [one.run_id for one in results], [one.exchange for one in results]
        judge.expect("EX-04", set(ids) <= {run_id}, expected=f"{run_id!r}", actual=ids, exchange=exchanges)


@requirement("EX-01", "EX-04", "CN-01", "CN-05", slow=True)
def test_every_result_is_whole_while_the_run_goes_on(
    session: Session, judge: Judge, target: Target, limits: Limits
) -> None:
    """`continued` results have every field, right items and the client's `runId` too, call after call."""
    run = session.begin(gate("go", target), run_id="still-going")
    for _ in range(3):
        if not run.last.ended:
            run.step()
    open_gate(session, "go")
    ids = [result.run_id for result in run.finish().results]
    exchanges = [result.exchange for result in run.results]
    for clause in ("EX-01", "CN-01", "CN-05"):
        hold_rules(judge, clause, run.results, limits)
    judge.require("EX-04", set(ids) == {"still-going"}, expected="'still-going'", actual=ids, exchange=exchanges)


@requirement("EX-05", tier="smoke")
def test_the_server_assigns_a_run_id(session: Session, judge: Judge) -> None:
    """Without a `runId`, null or absent, the first result holds one, and every later result the same."""
    session.run("true", build="true")  # the same works with the client's own id
    null = batch(None, build="true", exec="echo e")
    absent = {key: value for key, value in null.items() if key != "runId"}
    assigned = []
    for body in (null, absent, null):
        results = by_hand(session, body)
        exchanges = [result.exchange for result in results]
        ids = {result.run_id for result in results}
        judge.expect(
            "EX-05",
            results[-1].status == "finished" and len(ids) == 1 and None not in ids,
            expected="one assigned `runId`, by which the run goes on until it is finished",
            actual=f"runIds {[result.run_id for result in results]}, at last {results[-1].exchange.got}",
            exchange=exchanges,
        )
        assigned.append(results[0].run_id)
    distinct = len(set(assigned)) == len(assigned)
    judge.expect("EX-05", distinct, expected="another `runId` for each run", actual=assigned, exchange=exchanges)


@requirement("EX-05", slow=True)
def test_an_assigned_run_id_names_its_run(session: Session, judge: Judge, target: Target) -> None:
    """The assigned `runId` is another one for each unfinished run, and goes on with that run."""

    def another() -> OpenRun:
        with judge.under_test("EX-05"):
            return session.begin("echo other", run_id=None)

    one = partial(session.begin, f"echo one; {gate('go', target)}; echo two", run_id=None)
    first, second = begin_each(target, session.bench.client.transport.budget, one, another)
    exchanges = (first.results[0].exchange, second.results[0].exchange)
    expected = f"a new `runId`, other than {first.run_id!r}"
    judge.require(
        "EX-05", second.run_id not in {None, first.run_id}, expected=expected, actual=second.run_id, exchange=exchanges
    )
    open_gate(session, "go")
    with judge.under_test("EX-05"):
        got, other = read_together(first, second)
    judge.require("EX-05", got.stdout == "one\ntwo\n", expected="one, two", actual=got.stdout, exchange=got.exchanges)
    judge.require("EX-05", other.stdout == "other\n", expected="other", actual=other.stdout, exchange=other.exchanges)
