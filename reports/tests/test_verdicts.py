"""How verdicts look: all of them, told apart without colour, and readable."""

import importlib.resources
import json
import re
from itertools import pairwise

import pytest

from reports import verdicts
from reports.verdicts import BY_NAME, VERDICTS, Verdict

WCAG_AA = 4.5
CSS = importlib.resources.files("reports").joinpath("templates", "report.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` or `#rgb`, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(char * 2 for char in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def variables(theme: int) -> dict[str, str]:
    """Colours of the page by name: theme 0 is light, 1 is dark."""
    return dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})", CSS.split(":root{")[theme + 1].split("}")[0]))


def test_every_verdict_of_the_format_is_known() -> None:
    """The table has exactly the verdicts that a report may hold."""
    schema = json.loads(importlib.resources.files("spec").joinpath("report.schema.json").read_text(encoding="utf-8"))
    assert set(BY_NAME) == set(schema["$defs"]["verdict"]["enum"])


def test_verdicts_are_told_apart_without_colour() -> None:
    """Each verdict has an icon of its own."""
    assert len({verdict.icon for verdict in VERDICTS}) == len(VERDICTS)


def test_counts_come_worst_first() -> None:
    """The order of counting is the order of the table, and what does not occur is left out."""
    assert list(verdicts.count(["pass", "fail", "warn", "pass"]).items()) == [("fail", 1), ("warn", 1), ("pass", 2)]
    assert all(verdicts.RANK[worse.name] < verdicts.RANK[better.name] for worse, better in pairwise(VERDICTS))


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.name)
def test_verdict_colours_are_readable(verdict: Verdict) -> None:
    """A verdict's text reaches WCAG AA on its own background, on cards and on the page, light and dark."""
    for theme, colours in enumerate((verdict.light, verdict.dark)):
        page = variables(theme)
        for background in (colours.background, page["card"], page["page"], page["code"]):
            assert contrast(colours.text, background) >= WCAG_AA, (theme, background)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_page_colours_are_readable(theme: int) -> None:
    """Ordinary text, secondary text and links reach WCAG AA on every background of the page."""
    page = variables(theme)
    for text in ("fg", "soft", "link"):
        for background in ("page", "card", "code"):
            assert contrast(page[text], page[background]) >= WCAG_AA, (text, background)
