"""`report.json`: everything a run found, in the shape of `spec/report.schema.json`, for people, gates and renderers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from conformance import __version__
from conformance.baseline import NONE as NO_BASELINE
from conformance.baseline import Baseline
from conformance.judge import HarnessError
from conformance.records import Record, assemble
from conformance.verdicts import ExitCode, Level, Verdict, exit_code

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from conformance.engine import RunRecord
    from conformance.exchange import Exchange

FORMAT: Final = "batchproof-report/1"
FILE_NAME: Final = "report.json"
RENDERERS: Final = "batchproof.renderers"


@dataclass(frozen=True)
class Report:
    """A finished run, judged."""

    run: RunRecord
    records: tuple[Record, ...]
    exit_code: ExitCode
    baseline: Baseline = NO_BASELINE

    @classmethod
    def of(cls, run: RunRecord, only: Collection[str] | None = None, baseline: Baseline = NO_BASELINE) -> Report:
        """Judge a run; known violations are excused, and a baseline that names kept clauses is stale."""
        records = assemble(run.world.catalogue, run.outcomes, run.observations, only)
        tolerant = run.world.options.tolerate_intermittent
        standings = [
            replace(one.standing, verdict=Verdict.PASS) if baseline.excuses(one) else one.standing for one in records
        ]
        code = exit_code(standings, stopped=run.stopped is not None, tolerate_intermittent=tolerant)
        if code is ExitCode.CONFORMS and baseline.stale(records):
            code = ExitCode.STALE_BASELINE
        return cls(run, records, code, baseline)

    def having(self, verdict: Verdict, level: Level | None = None) -> tuple[Record, ...]:
        """Return the records of a verdict, of one level or of all."""
        return tuple(
            one for one in self.records if one.verdict is verdict and (level is None or one.requirement.level is level)
        )

    @property
    def headline(self) -> str:
        """The outcome in one line."""
        musts = [one for one in self.records if one.requirement.level is Level.MUST and one.entries]  # those asked for
        kept = sum(one.verdict is Verdict.PASS for one in musts)
        failed = [one for one in musts if one.verdict in {Verdict.FAIL, Verdict.INTERMITTENT}]
        broken = [one.requirement.id for one in failed if not self.baseline.excuses(one)]
        warned = len(self.having(Verdict.WARN))
        tail = f"; {warned} warnings" if warned else ""
        if self.exit_code is ExitCode.VIOLATIONS:
            return f"does not conform: {len(broken)} of {len(musts)} musts broken ({', '.join(broken[:12])}){tail}"
        if self.exit_code is ExitCode.INCOMPLETE:
            why = self.run.stopped or "some musts could not be tested"
            return f"incomplete: {kept} of {len(musts)} musts hold; {why}{tail}"
        if self.exit_code is ExitCode.STALE_BASELINE:
            return (
                f"the baseline is stale: {', '.join(self.baseline.stale(self.records))} hold; take them out of it{tail}"
            )
        untested = len(musts) - kept - len(failed)
        tail = f"; {len(failed)} known violations{tail}" if failed else tail
        rest = f", {untested} not tested" if untested else ""
        return f"conforms: {kept} of {len(musts)} musts hold{rest}{tail}"

    def to_json(self) -> dict[str, Any]:
        """Return the whole report as JSON values."""
        return {
            "format": FORMAT,
            "target": _target(self.run),
            "run": _run(self.run),
            "summary": self._summary(),
            "requirements": [_requirement(record) | self._known(record) for record in self.records],
            "exchanges": {one.id: one.to_report() for one in _evidence(self.records)},
        }

    def _known(self, record: Record) -> dict[str, Any]:
        return {"known": self.baseline.known[record.requirement.id]} if self.baseline.excuses(record) else {}

    def _summary(self) -> dict[str, Any]:
        by_level = {
            level: dict(Counter(one.verdict for one in self.records if one.requirement.level is level))
            for level in Level
        }
        return {
            "exit_code": int(self.exit_code),
            "conforms": self.exit_code is ExitCode.CONFORMS,
            "headline": self.headline,
            "verdicts": dict(Counter(record.verdict for record in self.records)),
            "by_level": by_level,
        }


def write(report: Report, out_dir: Path) -> Path:
    """Write `report.json` and return its path; raise HarnessError where it is not what its schema promises."""
    document = report.to_json()
    error = next(iter(_schema().iter_errors(document)), None)
    if error is not None:
        place = "/".join(map(str, error.instance_path))
        raise HarnessError(f"report.json would break its own schema at {place}: {error.message[:300]}")
    path = out_dir / FILE_NAME
    path.write_text(json.dumps(document, indent=1), "utf-8")
    return path


def render_all(report_path: Path, out_dir: Path) -> tuple[list[Path], list[str]]:
    """Let every installed renderer write its file; return what was written, and what went wrong."""
    written: list[Path] = []
    problems: list[str] = []
    for entry in sorted(entry_points(group=RENDERERS), key=lambda one: one.name):
        try:
            written.append(entry.load()(report_path, out_dir))
        except Exception as error:  # noqa: BLE001  - a renderer is a guest: its faults cost its own file only
            problems.append(f"the renderer {entry.name} failed: {type(error).__name__}: {error}")
    return written, problems


@cache
def _schema() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(files("spec").joinpath("report.schema.json").read_text("utf-8"))
    )


def _target(run: RunRecord) -> dict[str, Any]:
    target = run.world.target
    return {
        "url": target.url,
        "dialect": target.dialect,
        "api_version": target.version,
        "spoken_version": target.api_version,
        "lang": target.lang,
        "c_lang": target.c_lang,
        "authenticated": target.signer is not None,
        "parameters": {"list": target.list_style, "download": target.download_style},
        "download_method": target.download_method,
    }


def _run(run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.world.options.run_id,
        "started": run.started.isoformat(),
        "finished": run.finished.isoformat(),
        "duration_s": round((run.finished - run.started).total_seconds(), 3),
        "seed": run.world.options.seed,
        "batchproof_version": __version__,
        "requests": run.world.transport.budget.requests,
        "sessions_created": run.world.ledger.sessions_created,
        "sessions_left": len(run.sessions_left),
        "sessions_left_names": list(run.sessions_left),
        "complete": run.stopped is None,
        "stopped": run.stopped,
        "options": run.world.options.public(),
    }


def _requirement(record: Record) -> dict[str, Any]:
    return {
        "id": record.requirement.id,
        "level": record.requirement.level,
        "text": record.requirement.text,
        "source": list(record.requirement.source),
        "verdict": record.verdict,
        "reason": record.reason,
        "readings": [
            {"question": one.question, "reading": one.reading, "text": one.text, "exchanges": _ids(one.exchanges)}
            for one in record.readings
        ],
        "checks": [
            {
                "name": entry.name,
                "title": entry.title,
                "verdict": entry.outcome.verdict,
                "expected": entry.outcome.expected,
                "actual": entry.outcome.actual,
                "message": entry.outcome.message,
                "exchanges": _ids(entry.outcome.exchanges),
                "attempts": entry.attempts,
                "duration_s": round(entry.duration_s, 3),
            }
            for entry in record.entries
        ],
    }


def _ids(exchanges: Iterable[Exchange]) -> list[str]:
    return [exchange.id for exchange in exchanges]


def _evidence(records: Iterable[Record]) -> Iterable[Exchange]:
    for record in records:
        for entry in record.entries:
            yield from entry.outcome.exchanges
        for reading in record.readings:
            yield from reading.exchanges
