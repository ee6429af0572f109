"""CN: the console's items and their order (CN-01, CN-04, CN-05, CN-07, CN-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.run_reader import text_of
from conformance.suite.programs import (
    HOME,
    await_file,
    blocks,
    by_hand,
    gate,
    hold_rules,
    open_gate,
    polls_within,
    read_chars,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.run_reader import Result, Run
    from conformance.session import Session
    from conformance.target import Target

APART: Final = "; sleep 0.05; "
GAPS_S: Final = (0.05, 0.1, 0.2, 0.6)  # what load misplaces at one gap it leaves in place at a greater one
LARGE_CHARS: Final = 75_000
LEAST_LOOK_S: Final = 0.1  # busy servers read what is closer together in any order
PILE: Final = 12  # writes
PILE_GAPS_S: Final = (0.05, 0.3, 0.6)  # busy servers read what is closer together in any order
LOOKS: Final = 2  # more, at the greatest gap at which order was lost


def results_of_all_sorts(session: Session) -> Iterable[Result]:
    """Yield results of runs that write nothing, one stream, both, much, and odd things."""
    for number, command in enumerate(
        ("true", "echo out; echo err >&2; exit 3", "printf '\\377\\000<b>' >&2", "seq 1 5000")
    ):
        body = {"mode": "batch", "code": "", "runId": f"sort{number}", "options": {"build": command, "exec": command}}
        yield from by_hand(session, body)


@requirement("CN-01", tier="smoke")
def test_each_item_is_a_pair_of_type_and_data(session: Session, judge: Judge, limits: Limits) -> None:
    """Each console item is a pair whose first is one of the five types; what was written comes as such items."""
    results = list(results_of_all_sorts(session))
    hold_rules(judge, "CN-01", results, limits)
    for run in (session.run("echo out"), session.run("echo err >&2", build="echo err >&2")):
        raw = [item for result in run.results for item in result.raw.get("console") or ()]
        judge.expect("CN-01", raw, expected="items for what was written", actual=raw, exchange=run.exchanges)


def written_as(judge: Judge, run: Run, expected: list[tuple[str, str]], clause: str) -> None:
    """Judge the order of a run's output; a stream whose own text is not as written is another clause's business."""
    for stream in ("stdout", "stderr"):
        wanted, got = text_of(expected, stream), text_of(run.console, stream)
        if wanted != got:
            raise judge.unmet("CN-06", expected=wanted, actual=got, exchange=run.exchanges)
    got_blocks = blocks(run.console)
    judge.expect(clause, got_blocks == expected, expected=expected, actual=got_blocks, exchange=run.exchanges)


def turns(count: int, *, first: str = "stdout") -> list[tuple[str, str]]:
    """Return that many blocks on alternating streams."""
    other = "stderr" if first == "stdout" else "stdout"
    return [(first if number % 2 == 0 else other, f"{number};") for number in range(count)]


def saying(items: list[tuple[str, str]], command: str, between: str) -> str:
    """Return shell text that writes the items with a command of its own each."""
    return between.join(f"{command} '{text}'{' >&2' if stream == 'stderr' else ''}" for stream, text in items)


def hold_order(
    session: Session,
    judge: Judge,
    items: list[tuple[str, str]],
    program: str,
    step: str = "exec",
    proves: Callable[[Result], bool] | None = None,
) -> None:
    """Judge the order of writes that are apart; `GAP` in the program stands for the pause between them.

    `proves` tells whether a result can show that order is kept: that it brings both streams, where nothing is said.
    """
    lost_at_s: float | None = None
    for gap_s in GAPS_S:
        run = session.run(options={step: program.replace("GAP", f"; sleep {gap_s}; ")})
        if blocks(run.console) == items:
            break
        lost_at_s = gap_s
    else:
        lost_at_s = None
    if lost_at_s is not None and not any(map(proves or mixes, run.results)):
        for _ in range(LOOKS):  # in order only because no call brought what can be misplaced: look again where one did
            run = session.run(options={step: program.replace("GAP", f"; sleep {max(lost_at_s, LEAST_LOOK_S)}; ")})
            if blocks(run.console) == items:
                break
    written_as(judge, run, items, "CN-04")


def mixes(result: Result) -> bool:
    """Tell whether one call brought both streams."""
    return bool(result.stdout and result.stderr)


def goes_on_after_a_large_block(result: Result) -> bool:
    """Tell whether one call brought a large block and something on the other stream after it."""
    return any(len(text) >= LARGE_CHARS for _, text in blocks(result.console)[:-1])


@requirement("CN-04", tier="smoke")
@pytest.mark.parametrize("first", ["stdout", "stderr"])
def test_order_is_kept_between_commands(session: Session, judge: Judge, first: str) -> None:
    """What one command wrote comes before what the next one wrote, whichever the streams."""
    items = turns(8, first=first)
    hold_order(session, judge, items, saying(items, "env printf", "GAP"))


@requirement("CN-04")
@pytest.mark.parametrize("step", ["clean", "build", "exec"])
def test_order_is_kept_between_writes_that_are_apart(session: Session, judge: Judge, step: str) -> None:
    """The writes of one program that are milliseconds apart keep their order across the streams, in each step."""
    items = turns(6)
    hold_order(session, judge, items, saying(items, "printf", "GAP"), step)


@requirement("CN-04", slow=True)
def test_order_is_kept_across_polls(session: Session, judge: Judge, target: Target) -> None:
    """Writes on either side of a poll keep their order."""
    items = turns(2, first="stderr")
    gates = [gate(f"gate{number}", target) for number in range(polls_within(target, len(items)))]
    waits = [*gates, *["true"] * len(items)]
    run = session.begin("; ".join(f"{saying([item], 'printf', '')}; {waits[at]}" for at, item in enumerate(items)))
    for number, (stream, text) in enumerate(items[: len(gates)]):
        read_text(run, text, stream)
        open_gate(session, f"gate{number}")
    written_as(judge, run.finish(), items, "CN-04")


@requirement("CN-04", slow=True)
def test_order_is_kept_in_what_piles_up(session: Session, judge: Judge, target: Target) -> None:
    """Many writes that one call delivers, because nobody asked for them meanwhile, are in the order of printing."""
    items = turns(PILE)
    for number, gap_s in enumerate(PILE_GAPS_S):
        words = saying(items, "printf", f"; sleep {gap_s}; ")
        program = f"{gate(f'go{number}', target)}; {words}; touch {HOME}/piled{number}; {gate(f'end{number}', target)}"
        run = session.begin(program)
        open_gate(session, f"go{number}")
        await_file(session, f"piled{number}")
        read_chars(run, len(text_of(items, "stdout")))
        open_gate(session, f"end{number}")
        whole = run.finish()
        if blocks(whole.console) == items:
            break
    written_as(judge, whole, items, "CN-04")


@requirement("CN-04")
def test_large_blocks_keep_their_order(session: Session, judge: Judge) -> None:
    """A large block on one stream keeps its place among those on the other stream, large ones and small ones."""
    size = 2 * LARGE_CHARS
    sizes = (("stdout", size), ("stderr", 1), ("stdout", 1), ("stderr", size), ("stdout", 1))
    letters = {"stdout": "o", "stderr": "e"}  # one a stream, so that only the order of the streams can be wrong
    items = [(stream, letters[stream] * count) for stream, count in sizes]
    words = (
        f"head -c {count} /dev/zero | tr '\\0' {letters[stream]}{' >&2' if stream == 'stderr' else ''}"
        for stream, count in sizes
    )
    hold_order(session, judge, items, "GAP".join(words), proves=goes_on_after_a_large_block)


@requirement("CN-08")
def test_order_is_kept_between_back_to_back_writes(session: Session, judge: Judge) -> None:
    """The writes of one program keep their order across the streams with nothing in between."""
    items = turns(20)
    run = session.run(saying(items, "printf", "; "))
    written_as(judge, run, items, "CN-08")


@requirement("CN-05")
def test_neighbours_are_of_different_streams(session: Session, judge: Judge, limits: Limits) -> None:
    """Within one result two neighbouring items are never of the same stream."""
    pieces = APART.join(f"echo {number}" for number in range(6))
    commands = (pieces, f"({pieces}) >&2", saying(turns(6), "printf", APART), "seq 1 40000", "printf 'a\\nb\\nc\\n'")
    for command in commands:
        hold_rules(judge, "CN-05", session.run(command).results, limits)


@requirement("CN-07")
def test_media_and_log_items_have_their_parts(session: Session, judge: Judge, limits: Limits) -> None:
    """Each `media` item holds a MIME type and its content, each `log` item a level, time, logger and message."""
    results = list(results_of_all_sorts(session))
    results += [result for command in ("no-such-program", "kill -9 $$") for result in session.run(command).results]
    found = [
        result
        for result in results
        if isinstance(result.raw, dict)
        for item in result.raw.get("console") or ()
        if isinstance(item, list) and item and item[0] in {"media", "log"}
    ]
    if not found:
        evidence = "shell commands produce stdout and stderr only"
        raise judge.not_offered("media and log items", evidence, results[-1].exchange)
    hold_rules(judge, "CN-07", found, limits)
