"""JUnit: one case per requirement, the right outcome for each verdict, well-formed whatever the target said."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import junit
from reports.results import Report
from reports.tests import sample

ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
OUTCOMES = {
    "fail": "failure",
    "intermittent": "failure",
    "error": "error",
    "warn": "system-out",
    "not-testable": "skipped",
    "not-applicable": "skipped",
    "excluded": "skipped",
}


@pytest.fixture(scope="module")
def document(report_path: Path, tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """Parse the JUnit of the sample report."""
    return ET.parse(junit.render(report_path, tmp_path_factory.mktemp("junit"))).getroot()


def case(document: ET.Element, clause: str) -> ET.Element:
    """Find the case of one clause."""
    return next(found for found in document.iter("testcase") if found.attrib["name"].split()[0] == clause)


def test_each_requirement_is_one_case_in_its_family(document: ET.Element, report: Report) -> None:
    """The cases are the requirements, in order, and their class is their family."""
    found = [(each.attrib["name"].split()[0], each.attrib["classname"][:2]) for each in document.iter("testcase")]
    assert found == [(member.id, member.family) for member in report.requirements]


def test_each_verdict_has_its_outcome(document: ET.Element, report: Report) -> None:
    """Broken musts fail, harness faults are errors, what was not judged is skipped, and the rest passes."""
    for member in report.requirements:
        outcomes = {child.tag for child in case(document, member.id)} - {"system-out"}
        expected = OUTCOMES.get(member.verdict, "")
        assert outcomes == ({expected} - {"", "system-out"}), member.id


@pytest.mark.parametrize(("clause", "exit_code", "failures"), [("UP-08", 1, 1), ("UP-08", 0, 0), ("CO-03", 1, 0)])
def test_an_intermittent_verdict_agrees_with_the_exit_code(
    tmp_path: Path, clause: str, exit_code: int, failures: int
) -> None:
    """An intermittent must fails the build unless it was tolerated; an intermittent should is a warning."""
    entry = next(entry for entry in sample.catalogue() if entry["id"] == clause)
    raw = sample.assembled([sample.requirement(entry, "intermittent", [])], {}, exit_code=exit_code)
    root = ET.parse(junit.render(sample.written(raw, tmp_path), tmp_path)).getroot()
    assert len(root.findall(".//failure")) == failures
    assert ("broken in 1 of 3 attempts" in (root.findtext(".//system-out") or "")) is (failures == 0)


def test_a_failure_is_enough_to_argue_with(document: ET.Element) -> None:
    """It has the clause, what was expected, what came back, and the exchanges."""
    failure = case(document, "LS-01").find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "refused with 400 what the clause accepts", "type": "fail"}
    told = failure.text or ""
    assert told.startswith("LS-01 must: `GET /kernel/:id/files` answers 200")
    for part in ("Expected: 204 with no body", "Actual:   400 with a problem object", "Exchange: e", "3 attempts"):
        assert part in told


def test_a_skip_says_why(document: ET.Element) -> None:
    """Its message starts with the verdict and goes on with the reason."""
    skipped = case(document, "EX-23").find("skipped")
    assert skipped is not None
    assert skipped.attrib["message"].startswith("not-testable: the suite was not told the limit")


def test_a_warning_and_a_reading_are_told_without_failing(document: ET.Element) -> None:
    """Both stand in the case's output."""
    assert (case(document, "CO-03").findtext("system-out") or "").startswith("warning\nCO-03 should:")
    assert "reading: " in (case(document, "CO-06").findtext("system-out") or "")


def test_suites_name_the_target_and_the_seed(document: ET.Element) -> None:
    """A result can be told from another target's, and repeated."""
    for suite in document.iter("testsuite"):
        told = {found.attrib["name"]: found.attrib["value"] for found in suite.iter("property")}
        assert (told["target"], told["seed"], told["api_version"]) == (sample.URL, "1234", "v5.20191215")


def test_suite_counts_agree_with_their_cases(document: ET.Element) -> None:
    """The numbers that CI shows are those of the cases."""
    for suite in document.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))


@pytest.mark.parametrize(("exit_code", "complete"), [(3, True), (2, True), (4, True), (0, False)])
def test_a_run_that_proves_nothing_is_never_all_green(tmp_path: Path, exit_code: int, *, complete: bool) -> None:
    """An incomplete run adds an erroneous case of its own."""
    raw = sample.assembled([sample.requirement(sample.catalogue()[0], "pass", [])], {}, exit_code=exit_code)
    raw["run"]["complete"] = complete
    root = ET.parse(junit.render(sample.written(raw, tmp_path), tmp_path)).getroot()
    assert len(root.findall(".//error")) == 1


@given(texts=st.lists(ANY_TEXT, min_size=4, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_well_formed_whatever_the_target_said(tmp_path: Path, texts: list[str]) -> None:
    """Control characters, surrogates and markup in any place give XML that parses, with one failure."""
    entry = sample.requirement(sample.catalogue()[0], "fail", ["e1"])
    entry["reason"] = texts[0]
    entry["checks"][0] |= {"actual": texts[1], "message": texts[2]}
    raw = sample.assembled([entry], {"e1": sample.exchange("e1", url="x" + texts[3])})
    raw["target"]["url"] = "x" + texts[0]
    root = ET.parse(junit.render(sample.written(raw, tmp_path), tmp_path)).getroot()
    assert len(root.findall("testsuite/testcase/failure")) == 1
