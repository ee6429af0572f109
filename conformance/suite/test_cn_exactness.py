"""CN: joined over a run's calls, the console is exactly what the programs wrote (CN-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import (
    HOME,
    gate,
    hold_text,
    open_gate,
    polls_within,
    read_chars,
    read_text,
    read_together,
    write,
)

if TYPE_CHECKING:
    import random

    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

HALVES: Final = "\u00e9".encode()
LINES: Final = "".join(f"{number}\n" for number in range(1, 3001))
WRITTEN: Final[tuple[tuple[str, str, str | None], ...]] = (  # command, stdout, stderr
    ("true", "", ""),
    ("echo line", "line\n", ""),
    ("echo line >&2", "", "line\n"),
    ("printf x >&2", "", "x"),
    ("printf 'no end of line'", "no end of line", ""),
    ("printf 'no end' >&2; printf out", "out", "no end"),
    ("printf '\\n'", "\n", ""),
    ("printf '\\n\\n  x  \\n\\n'", "\n\n  x  \n\n", ""),
    ("printf ' '; printf ' ' >&2", " ", " "),
    ("seq 1 3000", LINES, ""),
    ("seq 1 3000 >&2; exit 1", "", LINES),
    ("n=0; while [ $n -lt 3000 ]; do n=$((n+1)); echo $n; done", LINES, ""),
    (
        "head -c 20000 /dev/zero | tr '\\0' l; echo; head -c 9000 /dev/zero | tr '\\0' m",
        f"{'l' * 20_000}\n{'m' * 9_000}",
        "",
    ),
    ("printf 'vertical\\vform\\ffeed\\n'", "vertical\x0bform\x0cfeed\n", ""),
    ("echo same; echo same; echo same", "same\nsame\nsame\n", ""),
    ("printf 'a\\rb\\r\\n10%%\\r20%%\\r\\b'", "a\rb\r\n10%\r20%\r\b", ""),
    (write(b"\x1b[31mred\x1b[0m\x1b[2K\x1b]0;title\x07"), "\x1b[31mred\x1b[0m\x1b[2K\x1b]0;title\x07", ""),
    (write(b"a\0b\0", "stderr"), "", "a\0b\0"),
    (write("\ufeffmark \ufffd\u200b\n".encode()), "\ufeffmark \ufffd\u200b\n", ""),
    ("printf 'a\\tb\\tc\\n\\td\\n'; printf '\\t\\te\\n' >&2", "a\tb\tc\n\td\n", "\t\te\n"),
    (write(b"dos\r\nmac\runix\n\n\n"), "dos\r\nmac\runix\n\n\n", ""),
    ("sh -c 'echo child; sh -c \"echo grandchild >&2\"'", "child\n", "grandchild\n"),
    ("(sleep 0.3; echo job) & echo main; wait", "main\njob\n", ""),
    ("exec 2>&1; echo merged >&2", "merged\n", ""),
    ("echo kept; exec >&-; sleep 0.2; echo later >&2", "kept\n", "later\n"),
    ("echo before; kill -9 $$", "before\n", None),  # an outer shell may say that it was killed
    ('echo \'["stdout", "x"]\' \'{"result": null}\' null', '["stdout", "x"] {"result": null} null\n', ""),
    ("echo finished; echo continued; echo build-finished >&2", "finished\ncontinued\n", "build-finished\n"),
)


@requirement("CN-06", tier="smoke")
@pytest.mark.parametrize("step", ["clean", "build", "exec"])
def test_the_console_is_what_the_programs_wrote(session: Session, judge: Judge, step: str) -> None:
    """Every step's output comes back exactly, on the stream it was written to, run after run."""
    for command, stdout, stderr in WRITTEN if step == "exec" else WRITTEN[3:8]:
        with judge.under_test("CN-06"):
            run = session.run(options={step: command})
        hold_text(judge, "CN-06", stdout, run.stdout, run)
        if stderr is not None:
            hold_text(judge, "CN-06", stderr, run.stderr, run)


@requirement("CN-06")
def test_each_of_many_runs_has_its_own_output(session: Session, judge: Judge, rng: random.Random) -> None:
    """Runs one after the other in a session return their own output, the last piece included, and no other's."""
    for number in range(9):
        word = f"{number}-{rng.getrandbits(64):x}"
        run = session.run(
            f"printf exec-{word}; printf warn-{word} >&2", clean=f"printf clean-{word}", build=f"printf build-{word}"
        )
        hold_text(judge, "CN-06", f"clean-{word}build-{word}exec-{word}", run.stdout, run)
        hold_text(judge, "CN-06", f"warn-{word}", run.stderr, run)


@requirement("CN-06")
def test_large_output_on_both_streams_is_exact(session: Session, judge: Judge, rng: random.Random) -> None:
    """Output below the limit on both streams at once comes back exactly."""
    texts = {stream: "".join(f"{rng.getrandbits(64):016x}\n" for _ in range(25_000)) for stream in ("out", "err")}
    for name, text in texts.items():
        session.upload({name: text.encode()})
    with judge.under_test("CN-06"):
        run = session.run(f"cat {HOME}/err >&2 & cat {HOME}/out; wait")
    hold_text(judge, "CN-06", texts["out"], run.stdout, run)
    hold_text(judge, "CN-06", texts["err"], run.stderr, run)


@requirement("CN-06")
def test_output_of_whole_blocks_is_exact(session: Session, judge: Judge) -> None:
    """Output of exactly as many characters as buffers hold, and of one more or less, is exact on either stream."""
    sizes = (4096, 8192, 65_536, 131_072)
    block = "head -c {} /dev/zero | tr '\\0' x"
    for size in sizes:
        run = session.run(f"{block.format(size)}; {block.format(size - 1)} >&2", build=block.format(size + 1))
        hold_text(judge, "CN-06", "x" * (size + 1), run.build.stdout if run.build.reported else "x" * (size + 1), run)
        hold_text(judge, "CN-06", "x" * (2 * size + 1), run.stdout, run)
        hold_text(judge, "CN-06", "x" * (size - 1), run.stderr, run)


@requirement("CN-06")
def test_every_byte_of_ascii_comes_back(session: Session, judge: Judge) -> None:
    """Each of the 128 ASCII characters is returned, on either stream."""
    text = bytes(range(128))
    for stream in ("stdout", "stderr"):
        run = session.run(write(text, stream))
        hold_text(judge, "CN-06", text.decode(), getattr(run, stream), run)


@requirement("CN-06", slow=True)
def test_pieces_over_many_calls_join_exactly(session: Session, judge: Judge, target: Target) -> None:
    """Output delivered over many calls joins to exactly what was written, empty calls in between."""
    pieces = range(1, polls_within(target, 3) + 1)
    text = "; ".join(
        f"seq {number}001 {number}999; echo {number} >&2; {gate(f'gate{number}', target)}" for number in pieces
    )
    run = session.begin(f"{text}; printf last", build="echo built")
    for number in pieces:
        read_text(run, f"{number}\n", "stderr")
        if number == 1 and not run.last.ended and polls_within(target, 4) > 3:
            run.step()
        open_gate(session, f"gate{number}")
    whole = run.finish()
    numbers = (f"{at}\n" for number in pieces for at in range(number * 1000 + 1, number * 1000 + 1000))
    hold_text(judge, "CN-06", f"built\n{''.join(numbers)}last", whole.stdout, whole)
    hold_text(judge, "CN-06", "".join(f"{number}\n" for number in pieces), whole.stderr, whole)


@requirement("CN-06", slow=True)
def test_equal_pieces_are_all_delivered(session: Session, judge: Judge, target: Target) -> None:
    """A piece that equals the one delivered before is delivered again."""
    same = "\nsame\r"  # a line end that two pieces share is no one's to lose
    say = write(same.encode())
    gates = range(polls_within(target, 2))
    run = session.begin("; ".join([*(f"{say}; {gate(f'gate{number}', target)}" for number in gates), say]))
    for number in gates:
        read_chars(run, (number + 1) * len(same))
        open_gate(session, f"gate{number}")
    whole = run.finish()
    hold_text(judge, "CN-06", same * (len(gates) + 1), whole.stdout, whole)


@requirement("CN-06", slow=True)
def test_runs_of_two_sessions_keep_their_output_apart(sessions: Sessions, judge: Judge, target: Target) -> None:
    """Runs of two sessions at the same time, with the same `runId`, each return their own output."""
    pair = [sessions.create(), sessions.create()]
    with judge.under_test("CN-06"):
        begun = [
            session.begin(f"echo {number} begins; {gate('go', target)}; echo {number} ends", run_id="the-same")
            for number, session in enumerate(pair)
        ]
        for session in pair:
            open_gate(session, "go")
        runs = read_together(*begun)
    for number, run in enumerate(runs):
        hold_text(judge, "CN-06", f"{number} begins\n{number} ends\n", run.stdout, run)


@requirement("CN-06")
def test_half_a_character_is_not_completed_by_a_later_run(session: Session, judge: Judge) -> None:
    """What a run's output ends with, half a character, is replaced; the next run's begins with its own bytes."""
    session.run(f"{write(HALVES[:1])}; {write(HALVES[:1], 'stderr')}")
    run = session.run(f"{write(HALVES[1:] + b'own')}; {write(HALVES[1:] + b'own', 'stderr')}")
    for text in (run.stdout, run.stderr):
        own = text.endswith("own") and HALVES.decode() not in text
        judge.expect("CN-06", own, expected="its own bytes", actual=text, exchange=run.exchanges)


@requirement("CN-06", slow=True)
def test_what_a_background_child_writes_later(session: Session, judge: Judge) -> None:
    """What a background child writes after its step's end is delivered or dropped, and never part of another run."""
    with judge.under_test("CN-06"):
        run = session.run("(sleep 0.7; echo late) & echo now")
        after = session.run("sleep 1; echo after")
    readings = {"now\nlate\n": "delivered", "now\n": "dropped"}
    judge.require("CN-06", run.stdout in readings, expected=list(readings), actual=run.stdout, exchange=run.exchanges)
    hold_text(judge, "CN-06", "after\n", after.stdout, after)
    judge.reading("CN-06", "background-output", readings[run.stdout], run.exchanges)
