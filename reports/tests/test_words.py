"""The tone of a whole report, and the words for one verdict."""

from pathlib import Path

import pytest

from reports import words
from reports.results import Report, load
from reports.tests import sample


def summed_up(folder: Path, verdict: str, *, exit_code: int = 0, complete: bool = True) -> Report:
    """Make a report of one must."""
    raw = sample.assembled([sample.requirement(sample.catalogue()[0], verdict, [])], {}, exit_code=exit_code)
    raw["run"]["complete"] = complete
    return load(sample.written(raw, folder))


@pytest.mark.parametrize(
    ("verdict", "exit_code", "tone"),
    [
        ("pass", 0, "pass"),
        ("not-applicable", 0, "pass"),
        ("not-testable", 0, "reading"),
        ("fail", 1, "fail"),
        ("not-testable", 3, "error"),
        ("pass", 4, "error"),
    ],
)
def test_only_a_run_that_tested_every_must_is_all_green(
    tmp_path: Path, verdict: str, exit_code: int, tone: str
) -> None:
    """What was not tested takes the green away, and what broke is told."""
    assert words.tone(summed_up(tmp_path, verdict, exit_code=exit_code)).name == tone


def test_an_unfinished_run_is_not_green(tmp_path: Path) -> None:
    """A run that was cut off before anything broke did not prove anything."""
    assert words.tone(summed_up(tmp_path, "pass", complete=False)).name == "error"


def test_the_argument_goes_from_the_promise_to_the_evidence(report: Report) -> None:
    """It tells the clause, why, the check, what was expected, what came back, the exchange: in this order."""
    broken = next(one for one in report.requirements if one.id == "LS-01")
    lines = words.argument(report, broken).splitlines()
    parts = ["LS-01 must", "Why:", "Check:", "Expected:", "Actual:", "Exchange:", "Exchange:"]
    assert [line[: len(part)] for line, part in zip(lines, parts, strict=True)] == parts


def test_a_verdict_without_a_reason_gives_the_check_s_word(tmp_path: Path) -> None:
    """The gist is never empty."""
    raw = sample.report()
    broken = next(one for one in raw["requirements"] if one["id"] == "LS-01")
    broken["reason"] = ""
    found = next(one for one in load(sample.written(raw, tmp_path)).requirements if one.id == "LS-01")
    assert words.gist(found) == "400 with a problem object"
