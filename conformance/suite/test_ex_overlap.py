"""EX: several runs of one session at a time, repeated and abandoned calls (EX-22, EX-29, EX-31)."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.run_reader import GOING_ON, Result
from conformance.suite.programs import (
    HOME,
    await_file,
    begin_each,
    by_hand,
    continued,
    gate,
    need_uncut,
    open_gate,
    polls_within,
    read_together,
    read_until,
    seen,
)

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.open_run import OpenRun
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.target import Target

FEW_RUNS: Final = 3  # that overlap, at the least
TRIES: Final = 3
LOOKS: Final = 15  # for what a run leaves behind while nobody polls it
TOO_MANY: Final = 429
PROMISED: Final = ("TERM=xterm", "LANG=C.UTF-8", "SHELL=/bin/bash", "USER=work", f"HOME={HOME}")
TURN_S: Final = 10.0  # for a run to begin, where one that was asked for later has; for a short one to end


def hold_own_output(judge: Judge, runs: tuple[Run, ...], names: tuple[str, ...]) -> None:
    """Judge that each run delivered its own lines, and that no other run did."""
    for run, name in zip(runs, names, strict=True):
        need_uncut(judge, run)
        expected = (f"{name} begins\n{name} ends\n", f"{name} warns\n")
        got = (run.stdout, run.stderr)
        judge.expect("EX-22", got == expected, expected=expected, actual=got, exchange=run.exchanges)


def told_by(name: str, wait: str) -> str:
    """Return a program that says its name at its beginning and end, on both streams and in the file `order`."""
    return (
        f"echo '{name} <' >> {HOME}/order; echo {name} begins; echo {name} warns >&2; {wait}; "
        f"echo {name} ends; echo '{name} >' >> {HOME}/order"
    )


def hold_turns(judge: Judge, first: OpenRun, *waiting: OpenRun) -> None:
    """Judge that no run is overtaken: where a later one has begun beside the first, those before it begin too."""
    for run in (first, *waiting):  # past skipped steps, in order: a step may wait for the poll of the one before
        read_until(run, lambda run: run.last.status not in {"clean-finished", "build-finished"})
    begun = [at for at, run in enumerate(waiting) if seen(run)]
    until = monotonic() + TURN_S
    for run in waiting[: max(begun, default=0)]:
        judge.require(
            "EX-22",
            read_until(run, lambda run: seen(run) or monotonic() > until) and seen(run),
            expected="the runs that were asked for before to begin, too",
            actual="it began, and an earlier one waits",
            exchange=[*(result.exchange for result in run.results), *(run.last.exchange for run in waiting)],
        )


@requirement("EX-22", slow=True)
def test_overlapping_runs_go_in_order(session: Session, judge: Judge, target: Target) -> None:
    """Overlapping runs are processed in the order of their calls, or in parallel; each gets its own output."""
    names = ("first", "second", "third", "fourth")[: max(FEW_RUNS, polls_within(target, 4))]
    waits = (gate("go", target), "sleep 0.1", "true", "sleep 0.05")
    budget = session.bench.client.transport.budget
    texts = [told_by(name, wait) for name, wait in zip(names, waits, strict=False)]
    with judge.under_test("EX-22"):
        open_runs = begin_each(target, budget, *(partial(session.begin, text) for text in texts))
        hold_turns(judge, *open_runs)
        open_gate(session, "go")
        runs = read_together(*open_runs)
    hold_own_output(judge, runs, names)
    marks = session.sh(f"cat {HOME}/order").split("\n")[:-1]
    exchanges = [run.results[0].exchange for run in runs]
    in_turn = [f"{name} {mark}" for name in names for mark in "<>"]
    parallel = any(marks[at][-1] == marks[at + 1][-1] for at in range(len(marks) - 1))
    judge.require(
        "EX-22",
        parallel or marks == in_turn,
        expected="one run after the other in the order of their calls, or all in parallel",
        actual=" ".join(marks),
        exchange=exchanges,
    )
    judge.reading("EX-22", "overlap", "parallel" if parallel else "fifo", exchanges)


@requirement("EX-14", "EX-20", "EX-22", slow=True)
def test_overlapping_builds_keep_their_output_apart(session: Session, judge: Judge, target: Target) -> None:
    """The steps of overlapping runs, named by the server, report their own output and exit codes.

    The one that waited, or ran beside the other, finds the promised environment.
    """
    session.run("true", run_id=None)
    with judge.under_test("EX-22"):
        build_one = f"echo build-one; {gate('go', target)}"
        text_two = f"echo exec-two; touch {HOME}/over; exit 2"
        one, two = begin_each(
            target,
            session.bench.client.transport.budget,
            partial(session.begin, "echo exec-one; exit 1", build=build_one, run_id=None),
            partial(
                session.begin,
                text_two,
                build=f"echo build-two; env > {HOME}/env-two",
                clean="echo clean-two",
                run_id=None,
            ),
        )
        if seen(two):  # it has begun beside the first: then it goes on beside it
            until = monotonic() + TURN_S
            read_until(two, lambda _: monotonic() > until)
            beside = two.last.ended
            judge.require(
                "EX-22", beside, expected="its turn", actual="a part of it", exchange=[two.results[0].exchange]
            )
        open_gate(session, "go")
        for _ in range(LOOKS if polls_within(target, 4) > 3 else 0):  # a server may hold a run until it is polled
            if "over" in session.listing():
                break
            session.bench.client.transport.budget.pause(0.1)
        runs = read_together(one, two)
    environment = session.fetch("env-two").decode(errors="replace") if "env-two" in session.listing() else ""
    missing = [line for line in PROMISED if line not in environment.splitlines()]
    judge.expect(
        "EX-20", not missing or not environment, expected=PROMISED, actual=f"no {missing}", exchange=runs[1].exchanges
    )
    for number, (run, name) in enumerate(zip(runs, ("one", "two"), strict=True), 1):
        got = (run.stdout, run.stderr)
        cleaned = "clean-two\n" if name == "two" else ""
        expected = (f"{cleaned}build-{name}\nexec-{name}\n", "")
        judge.expect("EX-22", got == expected, expected=expected, actual=got, exchange=run.exchanges)
        code = run.exit_code
        kept = code == number or run.status != "finished"
        judge.expect("EX-14", kept, expected=f"{number}, its own", actual=code, exchange=run.exchanges)


@requirement("EX-22", slow=True)
def test_a_waiting_run_answers_continued(session: Session, judge: Judge, target: Target) -> None:
    """A run that overlaps another answers its polls in time, and neither loses what was not fetched yet."""
    with judge.under_test("EX-22"):
        one, two = begin_each(
            target,
            session.bench.client.transport.budget,
            partial(session.begin, told_by("one", gate("go", target)), run_id="overlap"),
            partial(session.begin, told_by("two", "true"), run_id="Overlap"),
        )
    three = taken(session, judge) if polls_within(target, 3) > 2 else None
    with judge.under_test("EX-22"):
        for run in (two, one)[: polls_within(target, 5) - 3]:
            if not run.last.ended:
                run.step()
        open_gate(session, "go")
        runs = read_together(two, one)
    hold_own_output(judge, runs, ("two", "one"))
    if three is not None:
        results = continued(session, three)
        output = "".join(result.stdout for result in results)
        exchanges = [one.exchange for one in results]
        judge.expect("EX-22", output == "three\n", expected="three", actual=output, exchange=exchanges)


def taken(session: Session, judge: Judge) -> Result:
    """Begin a third run while two are unfinished; judge that it is taken.

    A 429 is no refusal of the run where it is due to a limit of requests (RL-02), which holds for other requests too.
    """
    body = {"mode": "batch", "code": "", "runId": "third", "options": {"exec": "echo three"}}
    client = session.bench.client
    for _ in range(TRIES):
        exchange = session.try_execute(body, patient=False)
        if exchange.status != TOO_MANY:
            break
        if client.get(session.path(), operation="getSession", patient=False).status == TOO_MANY:
            exchange = session.try_execute(body)
            break
    judge.require(
        "EX-22", exchange.ok, expected="a third run to wait for its turn", actual=exchange.got, exchange=exchange
    )
    return Result.of(exchange)


@requirement("EX-29", slow=True)
def test_a_repeated_batch_call_goes_on(session: Session, judge: Judge, target: Target) -> None:
    """A run driven by the same batch call again and again, as the oldest clients do, runs each step once."""
    body: dict[str, Any] = {
        "mode": "batch",
        "code": "",
        "runId": "again-and-again",
        "options": {
            "clean": f"echo c >> {HOME}/order",
            "build": f"echo built; echo b >> {HOME}/order; {gate('go', target)}; echo more; touch {HOME}/more; "
            f"{gate('end', target)}",
            "exec": f"echo ran; echo e >> {HOME}/order",
        },
    }
    spare = polls_within(target, 4) - 1
    results = [Result.of(session.try_execute(body))]
    for turn in range(200):
        if results[-1].status not in {"continued", "clean-finished", "build-finished"}:
            break
        if turn == min(1, spare):
            open_gate(session, "go")
            await_file(session, "more")  # so that something waits to be delivered
        if turn == min(3, spare):
            open_gate(session, "end")
        if results[-1].status == "continued":
            session.bench.client.transport.budget.pause(0.05)
        results.append(Result.of(session.try_execute(body)))
    exchanges = [result.exchange for result in results]
    order = session.sh(f"cat {HOME}/order").split()
    output = "".join(result.stdout for result in results)
    in_turn = ["c", "b", "e"]
    judge.expect("EX-29", order == in_turn, expected="each step once", actual=order, exchange=exchanges)
    judge.expect(
        "EX-29",
        output == "built\nmore\nran\n" and results[-1].status == "finished",
        expected="built, more, ran and `finished`",
        actual=f"{output!r}, {results[-1].exchange.got}",
        exchange=exchanges,
    )


@requirement("EX-29", slow=True)
def test_a_repeated_call_for_a_waiting_run_starts_it_once(session: Session, judge: Judge, target: Target) -> None:
    """A batch call with the `runId` of a run that waits for its turn, or goes on beside another, starts nothing."""
    gated, body = gate("go", target), {"mode": "batch", "code": "", "runId": "waiting"}
    text = f"echo two >> {HOME}/order; {gated}; echo two"
    one, two = begin_each(
        target,
        session.bench.client.transport.budget,
        partial(session.begin, f"echo one; {gated}"),
        partial(session.begin, text, run_id="waiting"),
    )
    if polls_within(target, 4) > 3 and not two.last.ended:
        again = Result.of(session.try_execute({**body, "options": {"exec": text}}))
        judge.accepted("EX-29", again.exchange, expected="the run to wait on, or to go on")
        two.results.append(again)
    open_gate(session, "go")
    _, run = read_together(one, two)
    order = session.sh(f"cat {HOME}/order").split()
    if order != ["two"]:
        need_uncut(judge, run)
    judge.require("EX-29", order == ["two"], expected="one run", actual=f"{len(order)}", exchange=run.exchanges)


@requirement("EX-29", slow=True)
def test_other_commands_do_not_start_an_unfinished_run_anew(session: Session, judge: Judge, target: Target) -> None:
    """A batch call with the `runId` of an unfinished run goes on with it, whatever commands it holds."""
    run = session.begin(f"echo mine; {gate('go', target)}; echo end", run_id="unfinished")
    read_until(run, lambda run: run.last.status == "continued")
    again = session.try_execute(
        {"mode": "batch", "code": "", "runId": "unfinished", "options": {"exec": f"touch {HOME}/started; echo other"}}
    )
    result = Result.of(again)
    judge.require(
        "EX-29",
        again.ok and result.run_id == "unfinished" and result.status in GOING_ON,  # or the end of a skipped step
        expected="the unfinished run to go on",
        actual=again.got,
        exchange=(run.results[0].exchange, again),
    )
    bare = session.try_execute({"mode": "batch", "code": "", "runId": "unfinished"})
    judge.accepted("EX-29", bare, expected="the run to go on by a call without commands, too")
    open_gate(session, "go")
    results = [*run.results, result, *continued(session, Result.of(bare), "unfinished")]
    started = "started" in session.listing()
    judge.require("EX-29", not started, expected="nothing started", actual="its commands ran", exchange=again)
    got, exchanges = "".join(one.stdout for one in results), [one.exchange for one in results]
    judge.require("EX-29", got == "mine\nend\n", expected="mine, end", actual=got, exchange=exchanges)


@requirement("EX-29", slow=True)
def test_what_a_batch_call_without_the_run_id_key_does(session: Session, judge: Judge, target: Target) -> None:
    """Without the `runId` key a batch call goes on with the newest unfinished run, or starts a new one."""
    run = session.begin(f"echo mine; {gate('go', target)}; echo end", run_id=None)
    keyless = {"mode": "batch", "code": "", "options": {"exec": "echo other"}}
    result = Result.of(session.try_execute(keyless))
    goes_on = result.run_id == run.run_id
    if not result.exchange.ok or result.run_id is None:
        raise judge.unmet(
            "EX-05", expected="a result with a `runId`", actual=result.exchange.got, exchange=result.exchange
        )
    open_gate(session, "go")
    if goes_on:
        run.results.append(result)
        run.finish()
    else:
        ends = run.finish()
        judge.require(
            "EX-29", ends.stdout == "mine\nend\n", expected="mine, end", actual=ends.stdout, exchange=ends.exchanges
        )
        while not result.ended and result.exchange.ok:
            result = Result.of(session.try_execute({"mode": "continue", "code": "", "runId": result.run_id}))
    judge.reading("EX-29", "missing-run-id-key", "goes-on" if goes_on else "new-run", result.exchange)


@requirement("EX-29")
def test_what_a_finished_run_s_id_does(session: Session, judge: Judge) -> None:
    """A batch call with the `runId` of a finished run starts a new run, is refused, or runs nothing."""
    body = {
        "mode": "batch",
        "code": "",
        "runId": "used-before",
        "options": {"exec": f"echo x >> {HOME}/count; echo ran"},
    }
    by_hand(session, body)
    again = by_hand(session, body)
    times = session.sh(f"cat {HOME}/count").split()
    exchanges = [result.exchange for result in again]
    output = "".join(result.stdout for result in again)
    ran = "new-run" if len(times) > 1 else "old-result"
    kept = again[0].exchange.refused or (again[-1].status == "finished" and (output == "ran\n" or len(times) == 1))
    judge.require(
        "EX-29",
        kept and len(times) <= 2,
        expected="a new run, a refusal, or `finished` without a run",
        actual=f"{again[-1].exchange.got}; the command ran {len(times)} times",
        exchange=exchanges,
    )
    judge.reading("EX-29", "finished-run-id", "refused" if again[0].exchange.refused else ran, exchanges)


@requirement("EX-31", slow=True)
def test_an_abandoned_run_does_not_block_later_ones(session: Session, judge: Judge, target: Target) -> None:
    """After runs that their client never fetched to the end, with little output or much, later runs work."""
    session.run("echo works")
    with judge.under_test("EX-31"):
        for number, output in enumerate(("echo x", "head -c 3000000 /dev/zero | tr '\\0' .", "echo y >&2")):
            abandoned = session.begin(f"echo begun; {gate(f'go{number}', target)}; {output}")
            read_until(abandoned, seen)
            open_gate(session, f"go{number}")
        for word in ("one", "two"):
            run = session.run(f"echo {word}; exit 3", build="echo built")
            got = run.stdout
            judge.require("EX-31", got == f"built\n{word}\n", expected=word, actual=got, exchange=run.exchanges)
