"""Options from files: by the same names, weaker than the command line, and nothing misspelt goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.selftests.test_cli import batchproof
from conformance.verdicts import ExitCode

URL = "http://127.0.0.1:1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the working directory of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_options_come_from_batchproof_toml(folder: Path) -> None:
    """URL, lists, numbers and switches are taken from the file, and --report is relative to it."""
    (folder / "batchproof.toml").write_text(
        f'url = "{URL}"\nonly = ["SE-07", "EX-10"]\njobs = 5\nexec-timeout = 4\nrestart = false\nreport = "out"\n'
    )
    said = batchproof("check", "--plan").output
    for part in (URL, "--only SE-07,EX-10", "5 at a time", "declined with --no-restart", str(folder / "out")):
        assert part in said
    assert "--exec-timeout SECONDS" not in said


def test_options_come_from_pyproject(folder: Path) -> None:
    """Under [tool.batchproof] they are found as well; where there is a batchproof.toml, that one counts."""
    (folder / "pyproject.toml").write_text(f'[tool.batchproof]\nurl = "{URL}"\njobs = 6\n')
    assert "6 at a time" in batchproof("check", "--plan", "--only", "UP-08").output
    (folder / "batchproof.toml").write_text(f'url = "{URL}"\njobs = 7\n')
    assert "7 at a time" in batchproof("check", "--plan", "--only", "UP-08").output


def test_the_command_line_wins_over_the_environment_and_both_over_the_file(folder: Path) -> None:
    """A file only fills in what was not told."""
    (folder / "batchproof.toml").write_text(f'url = "{URL}"\njobs = 5\n')
    said = batchproof("check", "--plan", "--only", "UP-08", "--jobs", "2", BACKEND_ENDPOINT="http://127.0.0.1:2").output
    assert "2 at a time" in said
    assert "http://127.0.0.1:2" in said


def test_a_file_can_be_named(folder: Path) -> None:
    """--config takes another file."""
    (folder / "ci.toml").write_text(f'url = "{URL}"\njobs = 9\n')
    assert "9 at a time" in batchproof("check", "--plan", "--config", "ci.toml", "--only", "UP-08").output


WRONG = [
    ("exec-timout = 5\n", "did you mean 'exec-timeout'?"),
    ("exec_timeout = 5\n", "did you mean 'exec-timeout'?"),
    ("zzzz = 5\n", "there are:"),
    ('secret-key = "s3cr3t"\n', "BACKEND_SECRET_KEY"),
    ("jobs = true\n", "it takes a text or a number"),
    ('only = "UP"\n', "a list"),
    ('restart = "no"\n', "true or false"),
    ("jobs = 0\n", "--jobs"),
    ('tier = "tiny"\n', "smoke"),
    ("jobs = \n", "batchproof.toml"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_file_is_explained(text: str, said: str, folder: Path) -> None:
    """What no option is called, or cannot be its value, ends with exit code 2 and says what would be right."""
    (folder / "batchproof.toml").write_text(f'url = "{URL}"\n{text}')
    outcome = batchproof("check", "--plan")
    assert outcome.exit_code == ExitCode.USAGE, outcome.output
    assert said in outcome.output
    assert "s3cr3t" not in outcome.output


def test_a_secret_on_the_command_line_is_warned_of(folder: Path) -> None:
    """A secret that others can see in the process list brings a warning that names the variable; one from there not."""
    assert folder
    told = batchproof("check", URL, "--plan", "--only", "UP-08", "--access-key", "AK", "--secret-key", "s3cr3t")
    assert "BACKEND_SECRET_KEY" in told.output
    keys = {"BACKEND_ACCESS_KEY": "AK", "BACKEND_SECRET_KEY": "s3cr3t"}
    assert "Warning" not in batchproof("check", URL, "--plan", "--only", "UP-08", **keys).output


def test_a_plan_sends_nothing_and_says_what_is_not_tested() -> None:
    """The plan of a target that is not there: checks, budgets, what was not told; exit code 0."""
    outcome = batchproof("check", URL, "--plan")
    assert outcome.exit_code == ExitCode.CONFORMS, outcome.output
    for part in ("Nothing is sent", "tier standard", "--exec-timeout SECONDS", "50,000 requests", "bp-"):
        assert part in outcome.output


def test_clauses_may_be_listed_with_commas() -> None:
    """--only takes several clauses in one text, with spaces or without, and refuses a text that names none."""
    assert "of 2 clauses" in batchproof("check", URL, "--plan", "--only", "UP-08, EX-10").output
    assert batchproof("check", URL, "--plan", "--only", " ,").exit_code == ExitCode.USAGE
