"""What may be shown: visible characters only."""

from hypothesis import given
from hypothesis import strategies as st

from reports.text import one_line, plural, visible

ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT)
def test_visible_text_has_no_character_that_acts_or_hides(text: str) -> None:
    """Whatever the target sends, only printable characters, newlines and tabs are left, and they encode."""
    shown = visible(text)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert shown.encode().decode() == shown


@given(ANY_TEXT)
def test_visible_is_idempotent(text: str) -> None:
    """Text that was made visible once stays as it is."""
    assert visible(visible(text)) == visible(text)


@given(ANY_TEXT, st.integers(min_value=1, max_value=60))
def test_one_line_is_one_line_of_bounded_length(text: str, max_chars: int) -> None:
    """A line never breaks a table or a log, and never outgrows its place."""
    line = one_line(text, max_chars)
    assert len(line) <= max_chars
    assert "\n" not in line


def test_ordinary_text_stays_as_it_is() -> None:
    """Letters of any script, punctuation and emoji are shown as they are."""
    assert visible("naïve 日本語 🙂 «ok»\n\tx") == "naïve 日本語 🙂 «ok»\n\tx"


def test_escape_sequences_and_overrides_are_spelled_out() -> None:
    """Terminal escapes, bidirectional overrides, lone surrogates and tag characters are told by their code."""
    assert visible("\x1b[31m\r\u202e\ud800\U000e0041") == r"\x1b[31m\r\u202e\ud800\U000e0041"


def test_counts_are_worded() -> None:
    """One byte, two bytes, a thousand with a comma."""
    assert [plural(n, "byte") for n in (0, 1, 1048576)] == ["0 bytes", "1 byte", "1,048,576 bytes"]
