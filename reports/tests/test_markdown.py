"""The Markdown summary: short, and nothing of the target's acts in it."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports import markdown
from reports.tests import sample

ANY_TEXT = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    [
        "`",
        "``` x",
        "![x](http://a)",
        "<b>",
        "| a | b |",
        "@someone",
        "\\`",
        "[a](javascript:alert(1))",
        "a\n# b",
        "https://a.b",
    ]
)
PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def token_types(text: str) -> set[str]:
    """Parse Markdown and name all tokens, inline ones too."""
    tokens = PARSER.parse(text)
    return {found.type for token in tokens for found in (token, *(token.children or ()))}


def test_the_summary_names_what_is_broken(report_path: Path, tmp_path: Path) -> None:
    """It tells the headline, each broken clause, and what was expected and came back."""
    text = markdown.render(report_path, tmp_path).read_text(encoding="utf-8")
    assert text.startswith("## ✕ Does not conform: 5 musts are broken.")
    for clause in ("UP-05", "UP-07", "LS-01", "EX-22", "DL-02", "CO-03", "EX-08"):
        assert f"- **{clause}** " in text
    assert "- `the suite was not told the limit: give --exec-timeout or --rate-limit`: RL-02, EX-23\n" in text
    assert "expected `204 with no body`, actual `400 with a problem object`" in text


@given(ANY_TEXT)
def test_a_span_keeps_hostile_text_literal(text: str) -> None:
    """In a span nothing is a link, an image, markup or the end of a table cell."""
    spanned = markdown.span(text)
    kinds = token_types(f"before {spanned} after")
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "code_inline"}
    assert len(PARSER.parse(f"| a | b |\n| - | - |\n| {spanned} | x |\n")) == len(
        PARSER.parse("| a | b |\n| - | - |\n| `y` | x |\n")
    )


@given(ANY_TEXT)
def test_prose_has_no_link_and_no_markup(text: str) -> None:
    """In running text the same holds; only the catalogue's code spans stay."""
    kinds = token_types(f"Before {markdown.prose(text)} after")
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "code_inline"}


@given(actual=ANY_TEXT, reason=ANY_TEXT)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_of_the_target_acts_in_the_summary(tmp_path: Path, actual: str, reason: str) -> None:
    """A whole summary around hostile text holds no link and no image, and only our own HTML."""
    entry = sample.requirement(sample.catalogue()[1], "fail", ["e1"]) | {"reason": reason}
    entry["checks"][0] |= {"actual": actual, "expected": reason}
    path = sample.written(sample.assembled([entry], {"e1": sample.exchange("e1", url="x" + actual)}), tmp_path)
    kinds = token_types(markdown.render(path, tmp_path).read_text(encoding="utf-8"))
    assert not kinds & {"link_open", "image", "fence", "html_block"}


def test_the_summary_fits_into_a_comment(tmp_path: Path) -> None:
    """However much is broken, the summary stays below its limit and says what it left out."""
    entries = [sample.requirement(entry, "fail", ["e1"]) for entry in sample.catalogue()]
    for entry in entries:
        entry["reason"] = entry["checks"][0]["actual"] = "日本語" * 200
    path = sample.written(sample.assembled(entries, {"e1": sample.exchange("e1")}), tmp_path)
    text = markdown.render(path, tmp_path).read_text(encoding="utf-8")
    assert len(text.encode()) < 65_536
    assert "left out here; report.html and report.json have everything." in text
