"""`results.jsonl`: the run as it happens, one JSON record a line. A stream without its footer was cut off."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from conformance.engine import Engine
    from conformance.outcomes import CheckOutcome
    from conformance.report import Report

FILE_NAME: Final = "results.jsonl"
FORMAT: Final = "batchproof-results/1"


class Stream:
    """Writes records, each flushed: what is known survives a crash of the run."""

    def __init__(self, out_dir: Path) -> None:
        self._file = (out_dir / FILE_NAME).open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def header(self, engine: Engine, checks: int) -> None:
        """Say what is being checked, and how its sessions are named."""
        options = engine.options
        self._write(
            "header",
            {
                "format": FORMAT,
                "url": options.url,
                "run": options.run_id,
                "sessions": f"bp-{options.run_id}-*",
                "seed": options.seed,
                "checks": checks,
            },
        )

    def outcome(self, outcome: CheckOutcome) -> None:
        """Write what a check came to."""
        clauses = {
            clause: {"verdict": one.verdict, "expected": one.expected, "actual": one.actual, "message": one.message}
            for clause, one in outcome.clauses.items()
        }
        facts = {"name": outcome.name, "attempts": outcome.attempts, "duration_s": round(outcome.duration_s, 3)}
        self._write("check", {**facts, "clauses": clauses})

    def footer(self, report: Report) -> None:
        """Close the stream: a reader that finds this knows that it has everything."""
        self._write("footer", {"exit_code": int(report.exit_code), "headline": report.headline})

    def _write(self, record: str, facts: dict[str, Any]) -> None:
        line = {"record": record, "at": datetime.now(UTC).isoformat(), **facts}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
