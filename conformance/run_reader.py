"""The suite's own reading of a run: execute calls driven to the end, their results taken apart step by step.

It is independent of the mock server's lifecycle on purpose: shared code would share its mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conformance.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

GOING_ON: Final = frozenset({"continued", "waiting-input", "clean-finished", "build-finished"})  # EX-12
ENDED: Final = frozenset({"finished", "exec-timeout"})
STATUSES: Final = GOING_ON | ENDED
STREAMS: Final = ("stdout", "stderr")


@dataclass(frozen=True)
class Result:
    """One execution result object; fields that are missing or of the wrong type read as None or empty."""

    run_id: str | None
    status: str | None
    exit_code: int | None
    console: tuple[tuple[str, Any], ...]
    options: Mapping[str, Any] | None
    raw: Any
    exchange: Exchange

    @classmethod
    def of(cls, exchange: Exchange) -> Result:
        """Read the result of an execute call, leniently: what is wrong with it is the rules' business."""
        raw = exchange.json_object().get("result")
        fields = raw if isinstance(raw, dict) else {}
        run_id, status, code = (fields.get(name) for name in ("runId", "status", "exitCode"))
        options = fields.get("options")
        return cls(
            run_id=run_id if isinstance(run_id, str) and run_id else None,
            status=status if isinstance(status, str) else None,
            exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
            console=tuple(_pairs(fields.get("console"))),
            options=options if isinstance(options, dict) else None,
            raw=raw,
            exchange=exchange,
        )

    @property
    def stdout(self) -> str:
        """The standard output of this one call."""
        return text_of(self.console, "stdout")

    @property
    def stderr(self) -> str:
        """The standard error of this one call."""
        return text_of(self.console, "stderr")

    @property
    def ended(self) -> bool:
        """Whether the run is over with this result."""
        return self.status in ENDED


@dataclass(frozen=True)
class Segment:
    """The part of a run between two boundaries: its console, and the exit code that its boundary reported."""

    console: tuple[tuple[str, Any], ...] = ()
    exit_code: int | None = None
    reported: bool = False  # whether the boundary (`clean-finished`, ...) was seen

    @property
    def stdout(self) -> str:
        """The segment's standard output, joined over all calls."""
        return text_of(self.console, "stdout")

    @property
    def stderr(self) -> str:
        """The segment's standard error, joined over all calls."""
        return text_of(self.console, "stderr")


@dataclass(frozen=True)
class Run:
    """All results of one run, in order."""

    results: tuple[Result, ...]
    asked_run_id: str | None  # what the client gave, if anything
    commands: Mapping[str, str | None]
    disturbed: bool = False  # a restart, delete or interrupt came between: its ending is open

    @property
    def status(self) -> str | None:
        """The last status: `finished` or `exec-timeout` for a run that was read to its end."""
        return self.results[-1].status

    @property
    def exit_code(self) -> int | None:
        """The last result's exit code."""
        return self.results[-1].exit_code

    @property
    def run_id(self) -> str | None:
        """The id in the first result."""
        return self.results[0].run_id

    @property
    def statuses(self) -> tuple[str | None, ...]:
        """Every status, in order."""
        return tuple(result.status for result in self.results)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every execute call of the run."""
        return tuple(result.exchange for result in self.results)

    @property
    def console(self) -> tuple[tuple[str, Any], ...]:
        """All console items, in order."""
        return tuple(item for result in self.results for item in result.console)

    @property
    def stdout(self) -> str:
        """All standard output of the run."""
        return text_of(self.console, "stdout")

    @property
    def stderr(self) -> str:
        """All standard error of the run."""
        return text_of(self.console, "stderr")

    @property
    def clean(self) -> Segment:
        """Everything up to and including `clean-finished`; empty where that was not reported."""
        return self._segment(None, "clean-finished")

    @property
    def build(self) -> Segment:
        """What follows `clean-finished` (if any), up to and including `build-finished`; empty where not reported."""
        return self._segment("clean-finished", "build-finished")

    @property
    def program(self) -> Segment:
        """What follows the last reported boundary: the exec step's output (EX-10)."""
        last = max(self._position("clean-finished"), self._position("build-finished"))
        console = tuple(item for result in self.results[last + 1 :] for item in result.console)
        return Segment(console, self.exit_code, reported=True)

    def _position(self, status: str | None) -> int:
        """Return the index of the first result of that status; -1 where there is none."""
        return next((index for index, seen in enumerate(self.statuses) if status and seen == status), -1)

    def _segment(self, after: str | None, boundary: str) -> Segment:
        end = self._position(boundary)
        if end < 0:
            return Segment()
        start = self._position(after) + 1
        console = tuple(item for result in self.results[start : end + 1] for item in result.console)
        return Segment(console, self.results[end].exit_code, reported=True)


def read_run(
    first: Result,
    proceed: Callable[[Result], Result],
    commands: Mapping[str, str | None],
    asked_run_id: str | None = None,
) -> Run:
    """Drive a run to its end: `proceed` makes the next call. What it raises ends the reading."""
    results = [first]
    while not results[-1].ended:
        results.append(proceed(results[-1]))
    return Run(tuple(results), asked_run_id, commands)


def text_of(console: Iterable[tuple[str, Any]], stream: str) -> str:
    """Return the joined text of one stream of a console."""
    return "".join(data for kind, data in console if kind == stream and isinstance(data, str))


def _pairs(console: object) -> Iterable[tuple[str, Any]]:
    for item in console if isinstance(console, list) else ():
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):  # noqa: PLR2004  - CN-01: a pair
            yield item[0], item[1]
