"""Baselines: known violations are excused, each with its reason, and a stale baseline fails the run."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import baseline as baselines
from conformance.baseline import Baseline
from conformance.options import UsageError
from conformance.report import Report
from conformance.selftests.scripted import serve_script
from conformance.selftests.support import catalogue, check, ran
from conformance.selftests.test_cli import batchproof
from conformance.summary import lines
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
    ("[[known]]\nrequirement = 'UP-08'\nreason = 'x'\nexpire = 2027-01-01\n", "unknown key 'expire'"),
    ("[[known]]\nrequirement = 'UP-08'\nreason = 'x'\nexpires = '2027-01-01'\n", "without quotes"),
    ("[[known]]\nrequirement = 'UP-08'\nreason = 'x'\n" * 2, "twice"),
    ("[[knwon]]\nrequirement = 'UP-08'\nreason = 'x'\n", "knwon"),
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


def test_an_expired_entry_excuses_nothing(tmp_path: Path) -> None:
    """Up to and including its day an entry excuses; from the next day on the violation counts again."""
    path = tmp_path / "known.toml"
    path.write_text("[[known]]\nrequirement = 'UP-08'\nreason = 'because'\nexpires = 2026-03-31\n")
    assert baselines.load(path, catalogue(), date(2026, 3, 31)).known == {"UP-08": "because"}
    late = baselines.load(path, catalogue(), date(2026, 4, 1))
    with serve_script() as (url, _):
        report = Report.of(ran(url, check(broken, "UP-08", "UP-01")), baseline=late)
    assert report.exit_code is ExitCode.VIOLATIONS
    assert any("until 2026-03-31" in text for text, _ in lines(report))


@pytest.fixture(scope="module")
def violated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the report directory of a target that breaks SE-03."""
    out = tmp_path_factory.mktemp("violated")
    with serve_script() as (url, _):
        batchproof("check", url, "--only", "SE-03,CO-08", "--report", str(out))
    return out


def test_a_written_baseline_excuses_what_the_report_found(violated: Path, tmp_path: Path) -> None:
    """What `baseline` writes is a baseline: the same target conforms with it, and says which violations are known."""
    path = tmp_path / "known.toml"
    written = batchproof("baseline", str(violated), "--output", str(path))
    assert "1 known violations" in written.output
    with serve_script() as (url, _):
        outcome = batchproof("check", url, "--only", "SE-03,CO-08", "--baseline", str(path))
    assert outcome.exit_code == ExitCode.CONFORMS, outcome.output
    assert "1 known violations" in outcome.output


def test_reasons_are_kept_when_a_baseline_is_written_anew(violated: Path, tmp_path: Path) -> None:
    """--merge keeps the reasons given before, of what is still broken."""
    path = tmp_path / "known.toml"
    path.write_text(
        "[[known]]\nrequirement = 'SE-03'\nreason = 'Said \"no\" upstream.'\n"
        "[[known]]\nrequirement = 'UP-08'\nreason = 'x'\n"
    )
    text = batchproof("baseline", str(violated / "report.json"), "--merge", str(path)).output
    entries = tomllib.loads(text)["known"]
    assert entries == [{"requirement": "SE-03", "reason": 'Said "no" upstream.'}]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_any_printable_reason_survives_the_file(reason: str) -> None:
    """A reason with quotes, backslashes or any letters is read as it was written."""
    assert tomllib.loads(baselines.text_of([("UP-08", "A promise.", reason)]))["known"][0]["reason"] == reason


def test_reports_are_compared_by_what_is_installed(violated: Path) -> None:
    """`compare` shows what changed in text or Markdown, and names the formats that there are."""
    assert "nothing changed" in batchproof("compare", str(violated), str(violated / "report.json")).output
    assert batchproof("compare", str(violated), str(violated), "--format", "markdown").output.startswith("**")
    refused = batchproof("compare", str(violated), str(violated), "--format", "pdf")
    assert refused.exit_code == ExitCode.USAGE
    assert "markdown, text" in refused.output


@pytest.mark.parametrize("command", [("baseline",), ("compare", "report.json")])
def test_what_is_no_report_is_refused(command: tuple[str, ...], tmp_path: Path) -> None:
    """Another file than a report: exit code 2, no traceback."""
    other = tmp_path / "other.json"
    other.write_text("{}")
    outcome = batchproof(command[0], *[str(other)] * len(command))
    assert outcome.exit_code == ExitCode.USAGE
    assert "Traceback" not in outcome.output
