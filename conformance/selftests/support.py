"""Small makers of values for the selftests of the core."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from conformance.attempt import TOOLS, Check
from conformance.catalogue import Catalogue, Question, Requirement
from conformance.checks import Need, Terms
from conformance.contract import load as load_contract
from conformance.engine import Engine, RunRecord
from conformance.exchange import Exchange
from conformance.options import Options
from conformance.report import Report
from conformance.run_reader import Result, Run
from conformance.verdicts import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEVELS = {"UP-08": Level.MUST, "UP-01": Level.MUST, "CO-03": Level.SHOULD, "CO-06": Level.OPEN, "SE-01": Level.MUST}
MORE = ("UP-04", "UP-07", "EX-01", "EX-12", "EX-14", "EX-15", "CO-01", "CO-02", "LS-01", "DL-01", "SE-06", "UP-09")


def catalogue(**levels: Level) -> Catalogue:
    """Return a small catalogue; CO-06 has one open question with two readings."""
    asked = Question("get-parameters", "Where?", {"body": "in the body", "query": "in the query string"})
    every = {**LEVELS, **dict.fromkeys(MORE, Level.MUST), **{key.replace("_", "-"): one for key, one in levels.items()}}
    return Catalogue.of(
        Requirement(
            clause,
            level,
            f"The promise of {clause}.",
            ("seed",),
            questions={asked.name: asked} if clause == "CO-06" else {},
        )
        for clause, level in every.items()
    )


def check(function: Callable[..., object], *clauses: str, **terms: Any) -> Check:
    """Return a check made of a function, named and given tools as a collected one is."""
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    needs = tuple(Need(one) for one in terms.pop("needs", ()))
    tools = tuple(name for name in arguments if name in TOOLS)
    return Check(function.__name__, "A truth.", function, Terms(clauses, needs=needs, **terms), tools)


def judged(url: str, *checks: Check, known: Catalogue | None = None, **told: Any) -> Report:
    """Run checks against a target and return the report."""
    return Report.of(ran(url, *checks, known=known, **told))


def ran(url: str, *checks: Check, known: Catalogue | None = None, **told: Any) -> RunRecord:
    """Run checks against a target and return the run."""
    options = Options(url, **{"seed": 1, "lang": "python", "timeout_s": 10.0, **told})
    return Engine(options, known or catalogue(), load_contract()).run(checks)


def verdict(report: Report, clause: str) -> str:
    """Return the verdict of a clause."""
    return str(next(one.verdict for one in report.records if one.requirement.id == clause))


def reason(report: Report, clause: str) -> str:
    """Return the reason of a clause's verdict."""
    return next(one.reason for one in report.records if one.requirement.id == clause)


def exchange(
    status: int | None = 200, body: object = b"", headers: Mapping[str, str] | None = None, **more: Any
) -> Exchange:
    """Return an exchange with this response; a body that is no bytes is JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    facts: dict[str, Any] = {
        "id": "e1",
        "method": "POST",
        "url": "http://target.test/kernel/x",
        "request_headers": (),
        "request_body": b"",
        "status": status,
        "response_headers": tuple(given.items()),
        "response_body": content,
        "error": None,
        "started": datetime.now(UTC),
        "duration_ms": 1.0,
    }
    return Exchange(**facts | more)


def result_of(**fields: Any) -> Result:
    """Return a result read from a well-formed execute answer with these fields changed; `...` takes a field away."""
    plain = {"runId": "r1", "status": "finished", "exitCode": 0, "console": [], "options": None, "files": []}
    kept = {name: value for name, value in (plain | fields).items() if value is not ...}
    return Result.of(exchange(200, {"result": kept}))


def run_of(*statuses: str, asked: str | None = "r1", build: str | None = None, disturbed: bool = False) -> Run:
    """Return a run with one result for each status."""
    coded = {"finished", "clean-finished", "build-finished"}
    results = tuple(result_of(status=one, exitCode=0 if one in coded else None) for one in statuses)
    return Run(results, asked, {"build": build}, disturbed)
