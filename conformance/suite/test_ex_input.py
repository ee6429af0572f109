"""EX: programs that read user input (EX-18), and query mode (EX-28): both optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.checks import requirement
from conformance.run_reader import STATUSES
from conformance.suite.programs import by_hand, read_until

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.target import Target

SNIPPETS: Final = {
    "python": "print('bp-' + 'query')",
    "bash": "echo bp-query",
    "shell": "echo bp-query",
    "node": "console.log('bp-' + 'query')",
    "ruby": "puts 'bp-query'",
    "php": "echo 'bp-query';",
    "lua": "print('bp-query')",
    "julia": 'println("bp-query")',
}


@requirement("EX-18")
def test_a_program_that_reads_input_is_answered(session: Session, judge: Judge) -> None:
    """A program that reads its input makes the run answer `waiting-input`, and receives the client's text."""
    run = session.begin('read -r line; echo "got <$line>"; exit 5')
    with judge.under_test("EX-18"):
        waiting = read_until(run, lambda run: run.last.status == "waiting-input")
    asked = run.last
    judge.require("EX-18", waiting, expected="waiting-input", actual=asked.status, exchange=asked.exchange)
    is_password = (asked.options or {}).get("is_password")
    judge.expect(
        "EX-18",
        isinstance(is_password, bool),
        expected="`options.is_password`, a bool",
        actual=asked.options,
        exchange=asked.exchange,
    )
    with judge.under_test("EX-18"):
        run.step("sp\u00e4te antwort\n")
        whole = run.finish()
    got = (whole.stdout, whole.exit_code)
    expected = ("got <sp\u00e4te antwort>\n", 5)
    judge.require("EX-18", got == expected, expected=expected, actual=got, exchange=whole.exchanges)


@requirement("EX-18")
def test_what_a_text_without_a_newline_becomes(session: Session, judge: Judge) -> None:
    """A text without a newline reaches the program with one, or alone."""
    run = session.begin('read -r line; echo "<$line>"')
    read_until(run, lambda run: run.last.status == "waiting-input")
    with judge.under_test("EX-18"):
        run.step("abc")
        whole = run.finish(["def\n"])
    readings = {"<abc>\n": "added", "<abcdef>\n": "as-is"}
    judge.require(
        "EX-18", whole.stdout in readings, expected=list(readings), actual=whole.stdout, exchange=whole.exchanges
    )
    judge.reading("EX-18", "input-newline", readings[whole.stdout], whole.exchanges)


@requirement("EX-18")
def test_each_answer_reaches_the_program_in_turn(session: Session, judge: Judge) -> None:
    """A program that asks three times receives three answers, in the order in which they were given."""
    ask = "printf 'name? '; read -r a; read -r b; read -r c; echo \"$a|$b|$c\""
    with judge.under_test("EX-18"):
        run = session.run(ask, inputs=("one\n", "two words\n", "3\n"))
    expected = "name? one|two words|3\n"
    judge.require("EX-18", run.stdout == expected, expected=expected, actual=run.stdout, exchange=run.exchanges)


@requirement("EX-28")
def test_query_mode_runs_a_snippet(session: Session, judge: Judge, target: Target) -> None:
    """A call of mode `query` runs its code and answers with the same kind of result, to be continued to its end."""
    lang = target.lang.lower()
    snippet = next((code for name, code in SNIPPETS.items() if name in lang), "")
    results = by_hand(session, {"mode": "query", "code": snippet, "runId": "a-query", "options": {}})
    exchanges = [result.exchange for result in results]
    for result in results:
        kept = result.exchange.status == 200 and result.status in STATUSES and result.run_id == "a-query"
        judge.require(
            "EX-28", kept, expected="200 with a result of this run", actual=result.exchange.got, exchange=exchanges
        )
    ended = results[-1].status
    judge.require("EX-28", ended == "finished", expected="finished", actual=ended, exchange=exchanges)
    if snippet:
        output = "".join(result.stdout for result in results).strip()
        judge.require("EX-28", output == "bp-query", expected="bp-query", actual=output, exchange=exchanges)
