"""CN: the limit of characters of either stream for each execute call (CN-03)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import HOME, gate, hold_text, open_gate, polls_within, read_chars, read_text

if TYPE_CHECKING:
    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.target import Target

CHUNK_CHARS: Final = 65_536
WIDE: Final = {"ascii": "x", "two-bytes": "\u00e9", "three-bytes": "\u20ac", "four-bytes": "\U0001f600"}


def numbered(count: int) -> str:
    """Return a text of that many characters, no part of which looks like another."""
    lines = "".join(f"{number:07d}\n" for number in range(count // 8 + 1))
    return lines[:count]


def lay_out(session: Session, text: str) -> str:
    """Upload a text in pieces; return the command that writes it."""
    data = text.encode()
    size = 512 * 1024
    names = [f"part{at // size}" for at in range(0, len(data), size)]
    for name, at in zip(names, range(0, len(data), size), strict=True):
        session.upload({name: data[at : at + size]})
    return "cat " + " ".join(f"{HOME}/{name}" for name in names)


def hold_calls(judge: Judge, run: Run, limits: Limits) -> None:
    """Judge that no call returned more than the limit of either stream."""
    for result in run.results:
        most = max(len(result.stdout), len(result.stderr))
        judge.expect(
            "CN-03",
            most <= limits.max_stream_chars,
            expected=f"at most {limits.max_stream_chars:,} characters of a stream",
            actual=f"{most:,}",
            exchange=result.exchange,
        )


@requirement("CN-03")
@pytest.mark.parametrize("width", WIDE)
def test_output_up_to_the_limit_is_returned(session: Session, judge: Judge, limits: Limits, width: str) -> None:
    """Exactly as many characters as the limit are returned in full, however many bytes they have."""
    text = WIDE[width] * CHUNK_CHARS
    session.upload({"chunk": text.encode()})
    count = limits.max_stream_chars // CHUNK_CHARS
    short = session.run(f"cat {HOME}/chunk")
    if short.stdout != text:
        raise judge.unmet("CN-06", expected=f"{CHUNK_CHARS} characters", actual=short.stdout, exchange=short.exchanges)
    run = session.run("cat" + f" {HOME}/chunk" * count)
    hold_text(judge, "CN-03", text * count, run.stdout, run)
    one_less = session.run(
        f"cat{f' {HOME}/chunk' * (count - 1)}; head -n 1 {HOME}/chunk | tail -c +{len(WIDE[width].encode()) + 1}"
    )
    hold_text(judge, "CN-03", text * count, one_less.stdout + WIDE[width], one_less)


@requirement("CN-03")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("above", [1, 200_000], ids=["one-above", "far-above"])
def test_the_excess_is_dropped_and_the_run_goes_on(
    session: Session, judge: Judge, limits: Limits, stream: str, above: int
) -> None:
    """No call returns more than the limit; the excess alone is dropped, and the program ends as it would."""
    text = numbered(limits.max_stream_chars + above)
    command = lay_out(session, text)
    redirect = " >&2" if stream == "stderr" else ""
    with judge.under_test("CN-03"):
        run = session.run(f"{command}{redirect} && touch {HOME}/went-on && exit 5")
    hold_calls(judge, run, limits)
    listing = session.listing()
    judge.expect(
        "CN-03", "went-on" in listing, expected="the run to go on", actual="it was cut", exchange=run.exchanges
    )
    judge.expect("CN-03", run.exit_code == 5, expected="its own code 5", actual=run.exit_code, exchange=run.exchanges)
    got: str = getattr(run, stream)
    judge.expect(
        "CN-03",
        len(got) >= limits.max_stream_chars,
        expected=f"{limits.max_stream_chars:,} characters: only the excess is dropped",
        actual=f"{len(got):,}",
        exchange=run.exchanges,
    )
    delivering = [result for result in run.results if getattr(result, stream)]
    if len(delivering) == 1:
        head, tail = text[: len(got)] == got, text[-len(got) :] == got
        judge.expect("CN-03", head or tail, expected="its head or its tail", actual=got[:60], exchange=run.exchanges)
        if head or tail:
            judge.reading("CN-03", "excess", "head" if head else "tail", run.exchanges)


@requirement("CN-03")
def test_each_stream_counts_on_its_own(session: Session, judge: Judge, limits: Limits) -> None:
    """Both streams up to the limit in the same call are returned in full; an excess of one costs the other nothing."""
    session.upload({"chunk": b"x" * CHUNK_CHARS})
    count = limits.max_stream_chars // CHUNK_CHARS
    full = f" {HOME}/chunk" * count
    run = session.run(f"cat{full}; cat{full} >&2")
    for got in (run.stdout, run.stderr):
        hold_text(judge, "CN-03", "x" * limits.max_stream_chars, got, run)
    over = session.run(f"cat{full}{full}; echo small >&2")
    hold_calls(judge, over, limits)
    hold_text(judge, "CN-03", "small\n", over.stderr, over)
    both = session.run(f"cat{full} {HOME}/chunk; cat{full} {HOME}/chunk >&2")
    hold_calls(judge, both, limits)
    least = min(len(both.stdout), len(both.stderr))
    expected = f"{limits.max_stream_chars:,} characters of either: only the excess is dropped"
    kept = least >= limits.max_stream_chars
    judge.expect("CN-03", kept, expected=expected, actual=f"{least:,} of one", exchange=both.exchanges)


@requirement("CN-03")
def test_each_step_s_call_counts_on_its_own(session: Session, judge: Judge, limits: Limits) -> None:
    """Steps of one run may each write up to the limit, also after one that wrote more, be it a build or a clean."""
    session.upload({"chunk": b"x" * CHUNK_CHARS})
    count = limits.max_stream_chars // CHUNK_CHARS
    full = f"cat{f' {HOME}/chunk' * count}"
    run = session.run(full, build=full)
    for got in (run.build.stdout, run.program.stdout):
        hold_text(judge, "CN-03", "x" * limits.max_stream_chars, got, run)
    after = session.run("echo after", build=f"{full} {HOME}/chunk")
    hold_calls(judge, after, limits)
    hold_text(judge, "CN-03", "after\n", after.program.stdout, after)
    cleaned = session.run("echo after", clean=f"{full} {HOME}/chunk")
    hold_calls(judge, cleaned, limits)
    hold_text(judge, "CN-03", "after\n", cleaned.program.stdout, cleaned)


@requirement("CN-03", slow=True)
def test_each_poll_counts_on_its_own(session: Session, judge: Judge, limits: Limits, target: Target) -> None:
    """A program may write more than the limit over several calls, below it in each."""
    session.upload({"chunk": b"x" * CHUNK_CHARS})
    part = limits.max_stream_chars // CHUNK_CHARS * 3 // 4
    cat = f"cat{f' {HOME}/chunk' * part}"
    run = session.begin("; ".join(f"{cat}; {gate(f'gate{number}', target)}" for number in range(2)))
    for number in range(2):
        wanted = part * CHUNK_CHARS * (number + 1)
        read_chars(run, wanted)
        open_gate(session, f"gate{number}")
    whole = run.finish()
    hold_text(judge, "CN-03", "x" * (2 * part * CHUNK_CHARS), whole.stdout, whole)


@requirement("CN-03", slow=True)
def test_output_after_an_excess_is_returned(session: Session, judge: Judge, limits: Limits, target: Target) -> None:
    """After a call whose excess was dropped, what the program writes later is returned by later calls."""
    session.upload({"chunk": b"x" * CHUNK_CHARS})
    over = f" {HOME}/chunk" * (limits.max_stream_chars // CHUNK_CHARS + 2)
    run = session.begin(f"cat{over}; echo over >&2; {gate('go', target)}; echo later; exit 3")
    read_text(run, "over", "stderr")
    if not run.last.ended and polls_within(target, 2) > 1:
        run.step()
    open_gate(session, "go")
    with judge.under_test("CN-03"):
        whole = run.finish()
    hold_calls(judge, whole, limits)
    later = whole.stdout.endswith("later\n")
    judge.expect("CN-03", later, expected="later at the end", actual=whole.stdout[-60:], exchange=whole.exchanges)
