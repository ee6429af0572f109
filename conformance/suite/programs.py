"""Shell text that checks send, and ways of reading runs that several checks share.

The text is plain POSIX shell (that it is bash is EX-30's own question), names files absolutely (EX-19) and writes odd
bytes with `printf`'s octal escapes, so that no other clause decides what a program does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeVar

from conformance.open_run import PACE_S, QUICK_ANSWER_MS
from conformance.rules import of_result
from conformance.run_reader import GOING_ON, Result, Run, text_of
from conformance.run_spans import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from conformance.budget import Budget
    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.open_run import OpenRun
    from conformance.session import Session
    from conformance.target import Target

_T = TypeVar("_T")
HOME: Final = "/home/work"
MAX_CALLS: Final = 400  # of a run that is read by hand
FILE_LOOKS: Final = 60
POLL_S: Final = 2.2  # what a long poll takes: deployed servers answer every 2 s
BESIDE_S: Final = 1.0  # what a run needs beside its long polls
APART_S: Final = 0.5
GATE_MARGIN_S: Final = 5  # a gate gives up this long after the call that it holds must have been answered (EX-17)


def polls_within(target: Target, wanted: int) -> int:
    """Return how many long polls a run has time for before the target's limit cuts it off (EX-23), 1 to `wanted`."""
    limit_s = target.exec_timeout_s
    return wanted if limit_s is None else max(1, min(wanted, int((limit_s * MARGIN - BESIDE_S) / POLL_S)))


def begin_each(target: Target, budget: Budget, *beginnings: Callable[[], _T]) -> list[_T]:
    """Begin runs that overlap, in this order; return what came of each.

    One after the other, so that their order is sure; where the target's limit leaves no time for that, a moment apart.
    """
    if polls_within(target, len(beginnings)) == len(beginnings):
        return [begin() for begin in beginnings]
    with ThreadPoolExecutor(len(beginnings)) as pool:
        begun = []
        for begin in beginnings:
            begun.append(pool.submit(begin))
            budget.pause(APART_S)
        return [one.result() for one in begun]


def gate(name: str, target: Target, after_s: float | None = None) -> str:
    """Return a command that waits until the file is uploaded, or gives up: long after a call must be answered."""
    tries = int((target.poll_allowance_s + GATE_MARGIN_S if after_s is None else after_s) * 5)
    return f"n=0; until [ -e {HOME}/{name} ] || [ $n -ge {tries} ]; do sleep 0.2; n=$((n+1)); done"


def open_gate(session: Session, name: str) -> None:
    """Let go a program that waits at a gate."""
    session.upload({name: b"go\n"})


def await_file(session: Session, name: str) -> None:
    """Wait until a command has made the file; one that never comes is the business of what is asked next."""
    for _ in range(FILE_LOOKS):
        if name in session.listing():
            return
        session.bench.client.transport.budget.pause(PACE_S)


def write(data: bytes, stream: str = "stdout") -> str:
    """Return a command that writes exactly these bytes."""
    octal = "".join(f"\\{byte:03o}" for byte in data)
    return f"printf '{octal}'" + (" >&2" if stream == "stderr" else "")


def seen(run: OpenRun, stream: str = "stdout") -> str:
    """Return what a run has delivered on a stream so far."""
    return "".join(text_of(result.console, stream) for result in run.results)


def read_text(run: OpenRun, text: str, stream: str = "stdout") -> bool:
    """Poll until the run has delivered the text on a stream, or ends; return whether it has."""
    return read_until(run, lambda run: text in seen(run, stream))


def read_chars(run: OpenRun, count: int, stream: str = "stdout") -> bool:
    """Poll until the run has delivered that many characters on a stream, or ends; return whether it has."""
    return read_until(run, lambda run: len(seen(run, stream)) >= count)


def read_until(run: OpenRun, condition: Callable[[OpenRun], object]) -> bool:
    """Poll until the condition holds or the run ends; return whether it holds."""
    while not condition(run):
        if run.last.ended:
            return False
        run.step()
    return True


def read_together(*runs: OpenRun) -> tuple[Run, ...]:
    """Read overlapping runs to their ends, polling each in turn (a server may hold a run until it is polled)."""
    while going := [run for run in runs if not run.last.ended]:
        for run in going:
            run.step()
    return tuple(run.finish() for run in runs)


def by_hand(session: Session, body: Mapping[str, Any]) -> list[Result]:
    """Send an execute call and continue its run as long as that is said to go on; nothing is a failure here."""
    return continued(session, Result.of(session.try_execute(body)), body.get("runId"))


def continued(session: Session, first: Result, asked: str | None = None) -> list[Result]:
    """Continue a run that was begun by hand, `asked` or named by its first result; nothing is a failure here."""
    results = [first]
    run_id = asked or first.run_id
    while (last := results[-1]).exchange.ok and last.status in GOING_ON and len(results) < MAX_CALLS:
        if last.status == "continued" and last.exchange.duration_ms < QUICK_ANSWER_MS:
            session.bench.client.transport.budget.pause(PACE_S)
        results.append(Result.of(session.try_execute({"mode": "continue", "code": "", "runId": run_id})))
    return results


def hold_rules(judge: Judge, clause: str, results: Iterable[Result], limits: Limits) -> None:
    """Judge a cross-cutting clause on each result."""
    for result in results:
        broken = [one for one in of_result(result, limits.max_stream_chars) if one.clause == clause]
        for one in broken:
            judge.expect(clause, condition=False, expected=one.expected, actual=one.actual, exchange=one.exchanges)
        if not broken:
            judge.expect(clause, condition=True, expected="", actual="", exchange=result.exchange)


def blocks(console: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return a console's stdout and stderr as contiguous blocks, neighbours of one stream joined."""
    streams = [item for item in console if item[0] in {"stdout", "stderr"} and isinstance(item[1], str)]
    return [(kind, "".join(text for _, text in group)) for kind, group in groupby(streams, lambda item: item[0])]


def difference(expected: str, actual: str) -> str:
    """Return one line that says where a text departs from the expected one."""
    at = next(
        (index for index, pair in enumerate(zip(expected, actual, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(actual)),
    )
    around = slice(max(0, at - 20), at + 40)
    return f"{len(actual):,} characters, different from character {at:,} on: {actual[around]!r}"


def need_uncut(judge: Judge, run: Run) -> None:
    """Raise Unmet where the target's time limit cut a run that is about something else."""
    if run.status == "exec-timeout":
        raise judge.unmet("", expected="time for the run to finish", actual=run.statuses, exchange=run.exchanges)


def hold_text(judge: Judge, clause: str, expected: str, actual: str, run: Run) -> None:
    """Judge that a text came back exactly."""
    if expected != actual:
        need_uncut(judge, run)
    shown = repr(expected) if len(expected) <= len("x" * 100) else f"{len(expected):,} characters as written"
    judge.expect(
        clause,
        expected == actual,
        expected=shown,
        actual=difference(expected, actual) if expected != actual else "that",
        exchange=run.exchanges,
    )


def order_of(session: Session, judge: Judge, clause: str) -> list[str]:
    """Return the lines that the steps of the run before left in the file `order`."""
    with judge.under_test(clause):
        return session.sh(f"cat {HOME}/order 2>/dev/null; rm -f {HOME}/order").split()


def noting(step: str) -> str:
    """Return a command that notes its step in the file `order`."""
    return f"echo {step} >> {HOME}/order"


def whether(session: Session, judge: Judge, condition: str, **how: Any) -> tuple[bool, Run]:
    """Ask the session whether a shell condition holds; a run that does not say either way is a failed prerequisite."""
    run = session.run(f"if {condition}; then echo it-is-so; else echo it-is-not; fi", **how)
    return told(judge, run), run


def told(judge: Judge, run: Run) -> bool:
    """Return which of `it-is-so` and `it-is-not` a run's program wrote; raise Unmet where it wrote neither."""
    answers = {"it-is-so": True, "it-is-not": False}
    said = [truth for text, truth in answers.items() if text in run.stdout.split()]
    if len(said) != 1:
        raise judge.unmet("", expected="it-is-so or it-is-not", actual=run.stdout, exchange=run.exchanges)
    return said[0]
