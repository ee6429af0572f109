"""Reads a report.json into frozen values: the one place that knows the file's shape (spec/report.schema.json)."""

import base64
import functools
import importlib.resources
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from reports.text import one_line

FORMAT: Final = "batchproof-report/1"


class ReportError(Exception):
    """A file that cannot be read as a report; the message says why and what would be right."""


@dataclass(frozen=True)
class Body:
    """What was kept of a message body. `text` is None where the bytes are not UTF-8; `size_bytes` is the full size."""

    content: bytes
    text: str | None
    size_bytes: int
    truncated: bool

    @classmethod
    def read(cls, raw: Mapping[str, Any] | None) -> Self:
        """Accept `{text | base64, size_bytes, truncated}`, or None for a message without a body."""
        if not raw:
            return cls(b"", "", 0, truncated=False)
        text = raw.get("text")
        content = _decoded(raw.get("base64", "")) if text is None else text.encode(errors="surrogatepass")
        return cls(content, text, raw.get("size_bytes", len(content)), truncated=raw.get("truncated", False))


@dataclass(frozen=True)
class Exchange:
    """One request and its response; `status` is None when no response came, and `error` then says what came instead."""

    id: str
    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: Body
    status: int | None
    response_headers: tuple[tuple[str, str], ...]
    response_body: Body
    error: str
    started: str
    duration_ms: float

    @classmethod
    def read(cls, key: str, raw: Mapping[str, Any]) -> Self:
        """`key` is the exchange's id in the report."""
        return cls(
            id=key,
            method=raw["method"],
            url=raw["url"],
            request_headers=_headers(raw.get("request_headers")),
            request_body=Body.read(raw.get("request_body")),
            status=raw.get("status"),
            response_headers=_headers(raw.get("response_headers")),
            response_body=Body.read(raw.get("response_body")),
            error=raw.get("error") or "",
            started=raw.get("started") or "",
            duration_ms=raw.get("duration_ms") or 0,
        )


@dataclass(frozen=True)
class Reading:
    """Which reading of an open question was seen, and where."""

    question: str
    reading: str
    text: str
    exchanges: tuple[str, ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """`exchanges` are ids."""
        return cls(raw["question"], raw["reading"], raw.get("text") or "", tuple(raw.get("exchanges") or ()))


@dataclass(frozen=True)
class Check:
    """One check's say on one requirement; `name` is its pytest node id, `title` its sentence."""

    name: str
    title: str
    verdict: str
    expected: str
    actual: str
    message: str
    exchanges: tuple[str, ...]
    attempts: int
    duration_s: float

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Leave empty what a check left out."""
        return cls(
            name=raw["name"],
            title=raw.get("title") or raw["name"],
            verdict=raw["verdict"],
            expected=raw.get("expected") or "",
            actual=raw.get("actual") or "",
            message=raw.get("message") or "",
            exchanges=tuple(raw.get("exchanges") or ()),
            attempts=raw.get("attempts", 1),
            duration_s=raw.get("duration_s") or 0,
        )


@dataclass(frozen=True)
class Requirement:
    """One clause with its verdict and everything that led to it."""

    id: str
    level: str
    text: str
    source: tuple[str, ...]
    verdict: str
    reason: str
    readings: tuple[Reading, ...]
    checks: tuple[Check, ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """`source` names the documents' pages."""
        return cls(
            id=raw["id"],
            level=raw["level"],
            text=raw["text"],
            source=tuple(raw.get("source") or ()),
            verdict=raw["verdict"],
            reason=raw.get("reason") or "",
            readings=tuple(Reading.read(reading) for reading in raw.get("readings") or ()),
            checks=tuple(Check.read(check) for check in raw.get("checks") or ()),
        )

    @property
    def family(self) -> str:
        """`UP` of `UP-08`."""
        return self.id.partition("-")[0]

    @property
    def duration_s(self) -> float:
        """What its checks took together."""
        return sum(check.duration_s for check in self.checks)

    def exchange_ids(self) -> Iterator[str]:
        """Name all evidence, in the order of telling; an id may come twice."""
        for check in self.checks:
            yield from check.exchanges
        for reading in self.readings:
            yield from reading.exchanges


@dataclass(frozen=True)
class Report:
    """A whole report. `target`, `run` and `options` hold what the suite wrote, for showing as it is."""

    target: Mapping[str, Any]
    run: Mapping[str, Any]
    exit_code: int
    conforms: bool
    headline: str
    requirements: tuple[Requirement, ...]
    exchanges: Mapping[str, Exchange]

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.run.get("complete", False))

    def families(self) -> dict[str, list[Requirement]]:
        """Group the requirements, in the report's order."""
        found: dict[str, list[Requirement]] = {}
        for requirement in self.requirements:
            found.setdefault(requirement.family, []).append(requirement)
        return found


def load(path: Path) -> Report:
    """Read and validate one report; raises ReportError with the file's name, what is wrong and what would be right."""
    try:
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{path}: is not JSON ({one_line(str(error))}); if it breaks off in the middle, the run has to be repeated"
        ) from error
    _refuse_unless_report(path, raw)
    try:
        return _report(raw)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from error


def _report(raw: Mapping[str, Any]) -> Report:
    ids = [requirement["id"] for requirement in raw["requirements"]]
    if twice := sorted({key for key in ids if ids.count(key) > 1}):
        raise ReportError(f"each requirement has one verdict, but these come twice: {', '.join(twice)}")
    return Report(
        target=raw["target"],
        run=raw["run"],
        exit_code=raw["summary"]["exit_code"],
        conforms=raw["summary"]["conforms"],
        headline=raw["summary"]["headline"][:1].upper() + raw["summary"]["headline"][1:],
        requirements=tuple(Requirement.read(requirement) for requirement in raw["requirements"]),
        exchanges={key: Exchange.read(key, exchange) for key, exchange in raw["exchanges"].items()},
    )


def _refuse_unless_report(path: Path, raw: object) -> None:
    if not isinstance(raw, dict) or "format" not in raw:
        raise ReportError(f'{path}: is no batchproof report; a report is an object with "format": "{FORMAT}"')
    if raw["format"] != FORMAT:
        raise ReportError(f'{path}: has format {one_line(str(raw["format"]), 60)}; this version reads "{FORMAT}"')
    if not jsonschema_rs.Draft202012Validator(_schema()).is_valid(raw):  # a hundred times as fast: reports are large
        flaw = best_match(Draft202012Validator(_schema()).iter_errors(raw))
        raise ReportError(f"{path}: {flaw.json_path}: {one_line(flaw.message)} (spec/report.schema.json has the shape)")


@functools.cache
def _schema() -> dict[str, Any]:
    text = importlib.resources.files("spec").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _headers(raw: list[list[str]] | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in raw or ())


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise ReportError(f"the base64 of a body cannot be decoded: {error}") from error
