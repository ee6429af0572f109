"""The verdicts as they are shown: order, name, icon, meaning and colours. Colour never stands alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LEVELS: Final = ("must", "should", "may", "open")


@dataclass(frozen=True)
class Colours:
    """Text on background, as `#rrggbb`; every pair reaches WCAG AA (4.5:1), also against the page."""

    text: str
    background: str


@dataclass(frozen=True)
class Verdict:
    """How one verdict is shown. `broken`: a promise not kept; `settled`: the clause was judged, and is kept."""

    name: str
    icon: str
    meaning: str
    light: Colours
    dark: Colours
    broken: bool = False
    settled: bool = False


RED: Final = (Colours("#a3161b", "#fdeaea"), Colours("#ffa3a0", "#421a1c"))
MAGENTA: Final = (Colours("#8a1a72", "#fbe9f6"), Colours("#f5a2e0", "#3c1a35"))
VIOLET: Final = (Colours("#5b2fa8", "#f0eafc"), Colours("#c6b0ff", "#2a2145"))
SLATE: Final = (Colours("#475067", "#eceff4"), Colours("#b9c2d6", "#272d3a"))
AMBER: Final = (Colours("#7a4b00", "#fff2d6"), Colours("#f4c56a", "#3a2c10"))
BLUE: Final = (Colours("#0b4f9e", "#e6f0fc"), Colours("#93c3ff", "#14294a"))
GREEN: Final = (Colours("#12612f", "#e4f5ea"), Colours("#85d9a2", "#12331f"))
GREY: Final = (Colours("#575757", "#f0f0ef"), Colours("#b5b5b2", "#2a2a29"))

# Worst first: the order of every list, count and filter.
VERDICTS: Final = (
    Verdict("fail", "✕", "broke a must", *RED, broken=True),
    Verdict("intermittent", "≈", "broke the promise, but not every time", *MAGENTA, broken=True),
    Verdict("error", "!", "the harness failed; nothing is known", *VIOLET),
    Verdict("not-testable", "?", "a prerequisite was missing, or the suite was not told a limit", *SLATE),
    Verdict("warn", "▲", "broke a should", *AMBER, broken=True),
    Verdict("reading", "◆", "the documents leave it open; the reading seen is recorded", *BLUE, settled=True),
    Verdict("pass", "✓", "kept", *GREEN, settled=True),
    Verdict("not-applicable", "∅", "an optional feature that the target does not offer", *GREY),
    Verdict("excluded", "○", "not checked by this suite, with the reason", *GREY),
)
BY_NAME: Final = {verdict.name: verdict for verdict in VERDICTS}
RANK: Final = {verdict.name: rank for rank, verdict in enumerate(VERDICTS)}


def count(names: Iterable[str]) -> dict[str, int]:
    """Count verdicts by name, worst first, those that occur only."""
    seen = list(names)
    return {verdict.name: seen.count(verdict.name) for verdict in VERDICTS if verdict.name in seen}
