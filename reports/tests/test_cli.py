"""`python -m reports`: renders again, compares, and explains what it cannot do."""

from importlib.metadata import distribution
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reports.__main__ import RENDERERS, main

FILES = {"report.html", "junit.xml", "summary.md", "report.sarif", "badge.svg"}


def ran(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_everything_is_rendered_by_default(report_path: Path, tmp_path: Path) -> None:
    """Without a format all files are written, into a folder that is made if need be."""
    done = ran(report_path, "--out", tmp_path / "new" / "folder")
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == FILES
    assert len(done.output.splitlines()) == len(RENDERERS)


def test_one_format_is_rendered_alone(report_path: Path, tmp_path: Path) -> None:
    """A format that was asked for is the only one written."""
    assert ran(report_path, "--out", tmp_path, "--format", "junit").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["junit.xml"]


def test_two_reports_are_compared(report_path: Path) -> None:
    """The comparison is printed, as text or as Markdown."""
    assert "nothing changed" in ran(report_path, "--compare-with", report_path).output
    assert ran(report_path, "--compare-with", report_path, "--markdown").output.startswith("**")


@pytest.mark.parametrize("flags", [["--compare-with", "x.json", "--out", "d"], ["--markdown"], ["--format", "pdf"]])
def test_contradictory_arguments_are_usage_errors(report_path: Path, flags: list[str]) -> None:
    """Nothing is written, and the exit code is 2."""
    assert ran(report_path, *flags).exit_code == 2


def test_a_file_that_is_no_report_is_a_usage_error(tmp_path: Path) -> None:
    """The message names the file and what is wrong; there is no traceback and nothing half-done."""
    path = tmp_path / "notes.json"
    path.write_text("[]", encoding="utf-8")
    done = ran(path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "is no batchproof report" in done.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_told(report_path: Path) -> None:
    """Where a file is in the way, the message says so."""
    done = ran(report_path, "--out", report_path / "below")
    assert done.exit_code == 2
    assert "cannot write into" in done.output


def test_renderers_are_registered_under_the_same_names() -> None:
    """The suite finds exactly these renderers of this room by the package's entry points."""
    points = distribution("batchproof").entry_points.select(group="batchproof.renderers")
    assert {point.name: point.load() for point in points if point.module.startswith("reports.")} == RENDERERS
