"""The two smallest renderings: SARIF for code-scanning pages, and the badge."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sarif_pydantic import Sarif

from reports import badge, sarif
from reports.results import Report, load
from reports.tests import sample
from reports.tests.test_verdicts import WCAG_AA, contrast
from reports.verdicts import BY_NAME


def test_the_log_is_sarif(report_path: Path, tmp_path: Path) -> None:
    """It fits the SARIF 2.1.0 model."""
    log = Sarif.model_validate_json(sarif.render(report_path, tmp_path).read_text(encoding="utf-8"))
    assert log.version == "2.1.0"


def test_each_broken_requirement_is_one_result(report: Report) -> None:
    """Broken musts are errors, broken shoulds warnings, and nothing else is a result."""
    run = sarif.sarif(report, "report.json")["runs"][0]
    found = {result["ruleId"]: result["level"] for result in run["results"]}
    expected = dict.fromkeys(sample.BROKEN, "error") | {"CO-03": "warning", "EX-26": "warning"}
    assert found == expected
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_a_result_carries_its_exchange(report: Report) -> None:
    """The request and the response are in the result's own fields for them."""
    results = sarif.sarif(report, "report.json")["runs"][0]["results"]
    assert all("webRequest" in result and "webResponse" in result for result in results)
    assert json.dumps(results).isascii()


@pytest.mark.parametrize(("exit_code", "successful"), [(0, True), (1, True), (3, False)])
def test_an_incomplete_run_is_no_successful_execution(tmp_path: Path, exit_code: int, *, successful: bool) -> None:
    """A page that only looks at results learns that there may be more."""
    report = load(sample.written(sample.assembled([], {}, exit_code=exit_code), tmp_path))
    assert sarif.sarif(report, "report.json")["runs"][0]["invocations"][0]["executionSuccessful"] is successful


def test_the_badge_tells_the_score(report_path: Path, tmp_path: Path) -> None:
    """It is an image whose text says how many of the musts that bind the target are kept."""
    image = ET.parse(badge.render(report_path, tmp_path)).getroot()
    assert image.attrib["aria-label"] == "batch mode: 67 of 75 musts"


def test_the_badge_of_an_unfinished_run_has_no_score(tmp_path: Path) -> None:
    """A run that was cut off has judged too little for a number."""
    path = sample.written(sample.report(), tmp_path, change=lambda raw: raw["run"].update(complete=False))
    assert badge.score(load(path)) == "incomplete"


@pytest.mark.parametrize("tone", ["pass", "fail", "error", "reading"])
def test_the_badge_is_readable(tone: str) -> None:
    """White text reaches WCAG AA on each of its colours."""
    assert contrast("#fff", BY_NAME[tone].light.text) >= WCAG_AA
