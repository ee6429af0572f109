"""What is shown while the suite runs: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.summary import STYLES, printable
from conformance.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from conformance.attempt import Check
    from conformance.outcomes import CheckOutcome

WORTH_A_LINE: Final = frozenset({Verdict.FAIL, Verdict.INTERMITTENT, Verdict.WARN, Verdict.ERROR})


class View(Protocol):
    """Something that is told how the run goes."""

    def begin(self, total: int) -> None:
        """Take note of how many checks there are."""

    def started(self, check: Check) -> None:
        """Take note that a check begins."""

    def finished(self, outcome: CheckOutcome) -> None:
        """Take note that a check has come to its end."""


class Plain:
    """Lines for logs: what is wrong at once, and how far the run is now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._done = 0

    def begin(self, total: int) -> None:
        """Remember how many checks there are."""
        self._total = total

    def started(self, check: Check) -> None:
        """Say nothing: a log needs no beginnings."""

    def finished(self, outcome: CheckOutcome) -> None:
        """Print a line for what is wrong, and one for every tenth of the way."""
        self._done += 1
        print_outcome(self._console, outcome)
        step = max(10, self._total // 10)
        if self._done % step == 0 or self._done == self._total:
            self._console.print(Text(f"{self._done} of {self._total} checks"))


class Live:
    """A bar at the bottom of the terminal; what is wrong scrolls by above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._running: dict[str, None] = {}

    def begin(self, total: int) -> None:
        """Show the bar."""
        self._task = self._progress.add_task("", total=total)

    def started(self, check: Check) -> None:
        """Show the check's name beside the bar."""
        self._running[check.name] = None
        self._show()

    def finished(self, outcome: CheckOutcome) -> None:
        """Move the bar on."""
        self._running.pop(outcome.name, None)
        print_outcome(self._progress.console, outcome)
        self._show(advance=1)

    def _show(self, advance: int = 0) -> None:
        if self._task is not None:
            oldest = next(iter(self._running), "").partition("::")[2]
            self._progress.update(self._task, advance=advance, description=oldest)


def print_outcome(console: Console, outcome: CheckOutcome) -> None:
    """Print one line for each clause that a check found broken."""
    for clause, one in outcome.clauses.items():
        if one.verdict in WORTH_A_LINE:
            text = f"{one.verdict:<13}{clause}  {outcome.title}"
            console.print(Text(printable(text), style=STYLES[one.verdict]), soft_wrap=True)


@contextmanager
def shown(console: Console) -> Iterator[View]:
    """Yield the view that suits the console."""
    if not console.is_terminal:
        yield Plain(console)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as progress:
        yield Live(progress)
