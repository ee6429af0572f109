"""Baselines: known violations are excused, each with its reason, and a stale baseline fails the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance import baseline as baselines
from conformance.baseline import Baseline
from conformance.options import UsageError
from conformance.report import Report
from conformance.selftests.scripted import serve_script
from conformance.selftests.support import catalogue, check, ran
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.judge import Judge


def broken(judge: Judge) -> None:
    """Break UP-08, keep UP-01."""
    judge.expect("UP-08", condition=False, expected="a", actual="b")
    judge.expect("UP-01", condition=True, expected="", actual="")


CASES = [
    ({}, ExitCode.VIOLATIONS),
    ({"UP-08": "known upstream"}, ExitCode.CONFORMS),
    ({"UP-08": "known upstream", "UP-01": "was broken once"}, ExitCode.STALE_BASELINE),
    ({"UP-01": "was broken once"}, ExitCode.VIOLATIONS),
    ({"UP-08": "known upstream", "UP-04": "never asked"}, ExitCode.CONFORMS),
]


@pytest.mark.parametrize(("known", "expected"), CASES)
def test_a_baseline_excuses_what_it_names_and_nothing_else(known: dict[str, str], expected: ExitCode) -> None:
    """Known violations cost nothing; one that is gone makes the baseline stale; unknown ones fail as ever."""
    with serve_script() as (url, _):
        report = Report.of(ran(url, check(broken, "UP-08", "UP-01")), baseline=Baseline(known))
    assert report.exit_code is expected


def test_the_report_names_the_reason() -> None:
    """An excused requirement keeps its verdict, and carries the reason beside it."""
    with serve_script() as (url, _):
        report = Report.of(ran(url, check(broken, "UP-08", "UP-01")), baseline=Baseline({"UP-08": "known upstream"}))
    record = next(one for one in report.to_json()["requirements"] if one["id"] == "UP-08")
    assert (record["verdict"], record["known"]) == ("fail", "known upstream")


WRONG = [
    ("[[known]]\nrequirement = 'UP-99'\nreason = 'x'\n", "UP-99"),
    ("[[known]]\nrequirement = 'UP-08'\n", "reason"),
    ("[[known]]\nrequirement = 'UP-08'\nreason = ' '\n", "no reason"),
    ("known", "known"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_baseline_is_explained(text: str, said: str, tmp_path: Path) -> None:
    """A baseline that cannot be read, names unknown clauses or gives no reason is a usage error."""
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        baselines.load(path, catalogue())


def test_a_baseline_is_read_from_toml(tmp_path: Path) -> None:
    """Each [[known]] table gives a requirement and its reason."""
    path = tmp_path / "known.toml"
    path.write_text("[[known]]\nrequirement = 'UP-08'\nreason = 'because'\n")
    assert baselines.load(path, catalogue()).known == {"UP-08": "because"}
