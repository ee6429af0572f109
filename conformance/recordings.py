"""`recordings.jsonl`: every exchange of each attempt that found something broken, whole, so that it can be sent again.

One JSON record a line: `{"check", "title", "clauses": {id: verdict}, "run", "url", "whole", "exchanges": [...]}`. An
exchange is as in `report.json`, with its `manner`, and its request body is not cut. Secrets are redacted.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Final, Self

from conformance.exchange import Exchange
from conformance.verdicts import BROKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from conformance.outcomes import CheckOutcome
    from conformance.records import Record

FILE_NAME: Final = "recordings.jsonl"
KEPT_RESPONSE_BYTES: Final = 1024 * 1024  # a hostile server may send without end
KEPT_REQUEST_BYTES: Final = 64 * 1024 * 1024  # more than any check sends in one request


class RecordingError(ValueError):
    """A report holds no recordings, or none that was asked for."""


@dataclass(frozen=True)
class Recording:
    """What one check sent and got. `whole`: from the attempt's first exchange on; else only the evidence is known."""

    check: str
    title: str
    clauses: Mapping[str, str]
    run: str
    url: str
    whole: bool
    exchanges: Sequence[Mapping[str, Any]]

    def about(self, wanted: str) -> bool:
        """Tell whether this is about a clause, an exchange, or a check (its name or a part of it)."""
        named = wanted.strip()
        return (
            named.upper() in self.clauses
            or any(one["id"] == named.lower() for one in self.exchanges)
            or named in self.check
        )


class Recordings:
    """Writes recordings as checks come to their end."""

    def __init__(self, out_dir: Path, run: str, url: str) -> None:
        self._file: IO[str] = (out_dir / FILE_NAME).open("w", encoding="utf-8")
        self._run, self._url = run, url
        self._written: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def outcome(self, outcome: CheckOutcome) -> None:
        """Write the first attempt of a check that found something broken."""
        broken = {clause: str(one.verdict) for clause, one in outcome.clauses.items() if one.verdict in BROKEN}
        if broken and outcome.history:
            self._write(outcome.name, outcome.title, broken, outcome.history, whole=True)

    def rest(self, records: Iterable[Record]) -> None:
        """Write the evidence of what no check of its own found: observers and set-ups."""
        for record in records:
            for entry in record.entries:
                clause, verdict = record.requirement.id, entry.outcome.verdict
                if verdict in BROKEN and (entry.name, clause) not in self._written and entry.outcome.exchanges:
                    self._write(entry.name, entry.title, {clause: str(verdict)}, entry.outcome.exchanges, whole=False)

    def _write(
        self, check: str, title: str, clauses: dict[str, str], exchanges: Sequence[Exchange], *, whole: bool
    ) -> None:
        self._written |= {(check, clause) for clause in clauses}
        facts = {"check": check, "title": title, "clauses": clauses, "run": self._run, "url": self._url}
        self._file.write(json.dumps({**facts, "whole": whole, "exchanges": [recorded(one) for one in exchanges]}))
        self._file.write("\n")
        self._file.flush()


def recorded(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as a recording has it."""
    return {**exchange.to_report(KEPT_REQUEST_BYTES, KEPT_RESPONSE_BYTES), "manner": exchange.manner}


def content(body: Mapping[str, Any]) -> bytes:
    """Return the bytes of a body of a report or a recording."""
    return base64.b64decode(body["base64"]) if "base64" in body else str(body["text"]).encode()


def exchange_of(recorded_as: Mapping[str, Any]) -> Exchange:
    """Return a recorded exchange as what it was, without what was redacted."""
    sent, got = recorded_as["request_body"], recorded_as["response_body"]
    return Exchange(
        id=recorded_as["id"],
        method=recorded_as["method"],
        url=recorded_as["url"],
        request_headers=tuple((name, value) for name, value in recorded_as["request_headers"]),
        request_body=content(sent),
        status=recorded_as["status"],
        response_headers=tuple((name, value) for name, value in recorded_as["response_headers"]),
        response_body=content(got),
        error=recorded_as["error"],
        started=datetime.fromisoformat(recorded_as["started"]),
        duration_ms=recorded_as["duration_ms"],
        request_size_bytes=sent["size_bytes"],
        response_size_bytes=got["size_bytes"],
        manner=recorded_as["manner"],
    )


def read(out_dir: Path) -> Iterator[Recording]:
    """Yield the recordings of a report directory; raise RecordingError where it has none that can be read."""
    path = out_dir / FILE_NAME
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):  # the last one was cut off where the run was killed
                    yield Recording(**json.loads(line))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}; `batchproof check URL --report DIR` writes it") from error
    except (ValueError, TypeError) as error:
        raise RecordingError(f"{path} holds no recordings: {error}") from error


def find(out_dir: Path, wanted: str) -> Recording:
    """Return the recording of a clause, check or exchange: a whole one rather than mere evidence."""
    names: list[str] = []
    partial: Recording | None = None
    for one in read(out_dir):
        if one.about(wanted):
            if one.whole:
                return one
            partial = partial or one
        names += [name for name in one.clauses if name not in names]
    if partial is None:
        known = f"it has {', '.join(sorted(names))}" if names else "nothing was broken in that run"
        raise RecordingError(f"{out_dir} has no recording of {wanted!r}; {known}")
    return partial
