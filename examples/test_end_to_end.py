"""The mock server, the suite and the catalogue, brought together as a user would: by their commands alone."""

import json
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from examples.demo import SCRIPTS, mock_server

CATALOGUE = tomllib.loads((files("spec") / "requirements.toml").read_text("utf-8"))["requirement"]
DECLARED = {
    (requirement["id"], name): question["mock"]
    for requirement in CATALOGUE
    for name, question in requirement.get("readings", {}).items()
}


@pytest.mark.timeout(300)
def test_the_mock_server_takes_the_readings_that_the_catalogue_declares_for_it(tmp_path: Path) -> None:
    """Where the documents leave a question open, the suite sees the mock server answer it as the catalogue says."""
    clauses = sorted({clause for clause, _ in DECLARED})
    only = [argument for clause in clauses for argument in ("--only", clause)]
    with mock_server() as url:
        command = [str(SCRIPTS / "batchproof"), "check", url, "--exec-timeout", "10", *only, "--report", str(tmp_path)]
        check = subprocess.run(command, check=False, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    seen = {
        (requirement["id"], reading["question"]): reading["reading"]
        for requirement in report["requirements"]
        for reading in requirement["readings"]
    }
    assert seen
    assert seen == {question: DECLARED[question] for question in seen}
