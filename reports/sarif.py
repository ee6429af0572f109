"""Renders report.json as SARIF 2.1.0 for code-scanning pages: one result per broken requirement."""

import json
from pathlib import Path
from typing import Any, Final

from reports import files, verdicts, words
from reports.results import Exchange, Report, Requirement, load
from reports.text import one_line, visible

FILE_NAME: Final = "report.sarif"
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_MESSAGE_CHARS: Final = 8000
COMPLETE_EXIT_CODES: Final = frozenset({0, 1})

Json = dict[str, Any]


def render(report_path: Path, out_dir: Path) -> Path:
    """Write `report.sarif` into `out_dir` and return its path; raises ReportError where there is no report to read."""
    log = sarif(load(report_path), report_path.name)
    return files.write(out_dir, FILE_NAME, json.dumps(log, indent=1, ensure_ascii=False))


def sarif(report: Report, artifact: str) -> Json:
    """Return the log; results point at `artifact`, the report file, for the target has no source code here."""
    judged = report.requirements
    rules = {member.id: at for at, member in enumerate(judged)}
    broken = [member for member in judged if verdicts.BY_NAME[member.verdict].broken]
    driver = {
        "name": "Batchproof",
        "semanticVersion": visible(str(report.run["batchproof_version"])),
        "rules": [_rule(member) for member in judged],
    }
    invocation = {
        "executionSuccessful": report.complete and report.exit_code in COMPLETE_EXIT_CODES,
        "exitCode": report.exit_code,
        "exitCodeDescription": visible(report.headline),
    }
    results = [_result(report, member, rules[member.id], artifact) for member in broken]
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(requirement: Requirement) -> Json:
    return {
        "id": visible(requirement.id),
        "shortDescription": {"text": visible(requirement.text)},
        "defaultConfiguration": {"level": _level(requirement)},
        "properties": {"level": requirement.level, "source": [visible(source) for source in requirement.source]},
    }


def _result(report: Report, requirement: Requirement, rule_index: int, artifact: str) -> Json:
    place = {
        "physicalLocation": {"artifactLocation": {"uri": artifact}, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": visible(str(report.target["url"])), "kind": "resource"}],
    }
    result: Json = {
        "ruleId": visible(requirement.id),
        "ruleIndex": rule_index,
        "level": _level(requirement),
        "message": {"text": words.argument(report, requirement)[:MAX_MESSAGE_CHARS]},
        "locations": [place],
        "partialFingerprints": {"requirement/v1": visible(requirement.id)},
    }
    shown = [report.exchanges[key] for key in requirement.exchange_ids() if key in report.exchanges]
    return result | _web(shown[0]) if shown else result


def _level(requirement: Requirement) -> str:
    return "error" if requirement.level == "must" else "warning"


def _web(exchange: Exchange) -> Json:
    request = {
        "method": visible(exchange.method),
        "target": one_line(exchange.url, words.MAX_LINE_CHARS),
        "headers": _headers(exchange.request_headers),
    }
    if exchange.status is None:
        return {"webRequest": request, "webResponse": {"noResponseReceived": True}}
    response = {"statusCode": exchange.status, "headers": _headers(exchange.response_headers)}
    return {"webRequest": request, "webResponse": response}


def _headers(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {visible(name): visible(value) for name, value in headers}
