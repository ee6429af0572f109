"""Renders report.json as JUnit XML: one test case per requirement, one suite per family."""

import io
from pathlib import Path
from typing import Final

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from reports import catalogue, files, words
from reports.results import Report, Requirement, load
from reports.text import one_line, visible

FILE_NAME: Final = "junit.xml"
SKIPPED: Final = frozenset({"not-testable", "not-applicable", "excluded"})
VIOLATIONS_EXIT_CODE: Final = 1


def render(report_path: Path, out_dir: Path) -> Path:
    """Write `junit.xml` into `out_dir` and return its path; raises ReportError where there is no report to read."""
    report = load(report_path)
    document = JUnitXml("batchproof")
    for family, members in report.families().items():
        document.add_testsuite(
            _suite(report, catalogue.family_label(family), [_case(report, member) for member in members])
        )
    if not report.complete or report.exit_code > VIOLATIONS_EXIT_CODE:
        document.add_testsuite(_suite(report, "batchproof", [_run_case(report)]))
    content = io.BytesIO()
    document.write(content, pretty=True)
    return files.write(out_dir, FILE_NAME, content.getvalue())


def _suite(report: Report, name: str, cases: list[TestCase]) -> TestSuite:
    suite = TestSuite(visible(name))
    suite.timestamp = visible(str(report.run.get("started", "")))
    told = {
        "target": report.target.get("url"),
        "api_version": report.target.get("api_version"),
        "dialect": report.target.get("dialect"),
        "batchproof_version": report.run.get("batchproof_version"),
        "seed": report.run.get("seed"),
        "run": report.run.get("id"),
    }
    for key, value in told.items():
        suite.add_property(key, visible("" if value is None else str(value)))
    suite.add_testcases(cases)
    return suite


def _case(report: Report, requirement: Requirement) -> TestCase:
    name = one_line(f"{requirement.id} {requirement.text}")
    case = TestCase(name, visible(catalogue.family_label(requirement.family)), requirement.duration_s)
    verdict, gist, argument = requirement.verdict, words.gist(requirement), words.argument(report, requirement)
    if verdict == "fail" or (verdict == "intermittent" and _counts(report, requirement)):
        case.result = [_with_text(Failure(gist, verdict), argument)]
    elif verdict == "error":
        case.result = [_with_text(Error(gist, verdict), argument)]
    elif verdict in SKIPPED:
        case.result = [Skipped(f"{verdict}: {gist}", verdict)]
    told = [f"warning\n{argument}"] if not case.result and verdict in {"warn", "intermittent"} else []
    told += [f"reading: {words.reading(requirement, seen)}" for seen in requirement.readings]
    if told:
        case.system_out = "\n".join(told)
    return case


def _counts(report: Report, requirement: Requirement) -> bool:
    """Agree with the exit code, which an intermittent should, or a tolerated intermittent must, leaves at 0."""
    return requirement.level == "must" and report.exit_code != 0


def _run_case(report: Report) -> TestCase:
    """Make sure that a run which proves nothing is not all green."""
    case = TestCase("The run is complete and judged every must", "batchproof", 0.0)
    headline = one_line(report.headline)
    case.result = [_with_text(Error(headline, "incomplete"), f"{headline}\nexit code {report.exit_code}")]
    return case


def _with_text(result: Failure | Error, text: str) -> Failure | Error:
    result.text = text
    return result
