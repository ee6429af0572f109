"""CN: bytes become text (CN-02)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.suite.programs import HOME, gate, hold_text, open_gate, polls_within, read_chars, write

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.target import Target

STREAMS: Final = ("stdout", "stderr")
TEXTS: Final = {
    "markup": "<b>bold</b> &amp; \"quoted\" 'single' </script>",
    "backslashes": "a\\nb \\u0041 \\\\ \\x41 %41 %s {0} {{}}",
    "digits": "42",
    "accents": "gr\u00fc\u00dfe na\u00efve \u00a0\u00ad",
    "decomposed": "e\u0301 a\u030a \u1112\u1161\u11ab",
    "scripts": "\ud55c\uad6d\uc5b4 \u65e5\u672c \u0627\u0644\u0639 \u200f\u202e",
    "astral": "\U0001f600\U0001f468\u200d\U0001f469 \U00010348\U0010fffd \U0010ffff\ufffe",
    "separators": "\u2028\u2029\u0085\ufeff\ufffd",
    "byte-order-mark": "\ufeffat the beginning",
    "controls": "\x01\x02\x07\x08 \x0e\x1f\x7f \x1b[1mbold\x1b[0m \x80\x9f",
}
# Bytes that are not UTF-8 between two letters: at least one replacement character must stand for them.
NOT_UTF8: Final = {
    "lone-bytes": b"\xff\xfe",
    "latin-1": b"caf\xe9",
    "cut-short": b"\xe2\x82",
    "overlong": b"\xc0\x80",
    "surrogate": b"\xed\xa0\x80",
    "continuation": b"\x80\xbf",
    "too-high": b"\xf5\x90\x80\x80",
}
ALTERNATE: Final = frozenset(list(TEXTS)[1::2])  # these are written by the build of the run before
SPLIT: Final = ("\u00e9", "\u20ac", "\U0001f600")


@requirement("CN-02", tier="smoke")
@pytest.mark.parametrize("stream", STREAMS)
def test_text_comes_back_as_it_is(session: Session, judge: Judge, stream: str) -> None:
    """UTF-8 text is not escaped, normalised, translated or trimmed, on either stream, in build as in exec."""
    texts = tuple(TEXTS.items())
    for (name, text), (other, more) in zip(texts, texts[1:] + texts[:1], strict=True):
        if name in ALTERNATE:
            continue
        with judge.under_test("CN-02"):
            run = session.run(write(text.encode(), stream), build=write(more.encode(), stream))
        got, wanted = getattr(run, stream), more + text
        expected = f"{other}, then {name}: {wanted!r}"
        judge.expect("CN-02", got == wanted, expected=expected, actual=repr(got), exchange=run.exchanges)


@requirement("CN-02")
@pytest.mark.parametrize("stream", STREAMS)
def test_bytes_that_are_no_text_are_replaced(session: Session, judge: Judge, stream: str) -> None:
    """Bytes that are not UTF-8 become replacement characters; the text around them is left alone."""
    for name, data in NOT_UTF8.items():
        letters = re.escape(data[:3].decode("ascii", "ignore"))
        with judge.under_test("CN-02"):
            run = session.run(write(b"[" + data + b"]", stream))
        got = getattr(run, stream)
        kept = re.fullmatch(rf"\[{letters}\ufffd+\]", got) is not None
        expected = f"{name}: [...\ufffd...]"
        judge.expect("CN-02", kept, expected=expected, actual=ascii(got), exchange=run.exchanges)


@requirement("CN-02")
def test_a_character_that_is_never_finished_is_replaced(session: Session, judge: Judge) -> None:
    """A character whose last bytes never come is replaced too, at the end of a step."""
    for data in (b"end \xc3", b"end \xf0\x9f\x98"):
        with judge.under_test("CN-02"):
            run = session.run(write(data))
        kept = re.fullmatch("end \ufffd+", run.stdout) is not None
        judge.expect("CN-02", kept, expected="end \ufffd", actual=ascii(run.stdout), exchange=run.exchanges)


@requirement("CN-02", slow=True)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_character_split_over_two_polls_arrives_whole(
    session: Session, judge: Judge, target: Target, stream: str
) -> None:
    """A character whose bytes are written before and after a poll arrives whole."""
    other = "stderr" if stream == "stdout" else "stdout"
    for number, char in enumerate(SPLIT):
        head, tail = char.encode()[: number or 1], char.encode()[number or 1 :]
        begin = f"{write(b'<' + head, stream)}; {write(b'.', other)}"
        run = session.begin(f"{begin}; {gate(f'gate{number}', target)}; {write(tail, stream)}")
        read_chars(run, 1, other)
        if not run.last.ended and polls_within(target, 2) > 1:
            run.step()
        open_gate(session, f"gate{number}")
        whole = run.finish()
        hold_text(judge, "CN-02", f"<{char}", getattr(whole, stream), whole)


@requirement("CN-02")
@pytest.mark.parametrize("stream", STREAMS)
def test_a_character_split_over_two_writes_arrives_whole(session: Session, judge: Judge, stream: str) -> None:
    """A character whose bytes are written one by one, with pauses or words on the other stream, arrives whole."""
    other = "stderr" if stream == "stdout" else "stdout"
    text = "; ".join(
        f"{write(bytes([byte]), stream)}; sleep 0.02; {write(b'x', other)}" for char in SPLIT for byte in char.encode()
    )
    run = session.run(text)
    hold_text(judge, "CN-02", "".join(SPLIT), getattr(run, stream), run)


@requirement("CN-02")
@pytest.mark.parametrize("char", SPLIT)
def test_characters_on_any_boundary_arrive_whole(session: Session, judge: Judge, char: str) -> None:
    """Long text of several bytes a character arrives whole wherever the server's reads end."""
    text = char * (240_000 // len(char.encode()))
    session.upload({"long.txt": text.encode()})
    run = session.run(
        f"cat {HOME}/long.txt; printf x >&2; cat {HOME}/long.txt >&2", build=f"printf xx; cat {HOME}/long.txt"
    )
    hold_text(judge, "CN-02", f"xx{text}{text}", run.stdout, run)
    hold_text(judge, "CN-02", f"x{text}", run.stderr, run)
