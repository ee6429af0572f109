"""The mock server, the suite and the catalogue, brought together as a user would: by their commands alone."""

import json
import os
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from examples.demo import SCRIPTS, mock_server

CATALOGUE = tomllib.loads((files("spec") / "requirements.toml").read_text("utf-8"))["requirement"]
DECLARED = {
    (requirement["id"], name): question["mock"]
    for requirement in CATALOGUE
    for name, question in requirement.get("readings", {}).items()
}
KEYS = {"BACKEND_ACCESS_KEY": "AKOURS", "BACKEND_SECRET_KEY": "our-secret"}
SECOND = {"BATCHPROOF_SECOND_SECRET_KEY": "their-secret"}
PAIRS = "AKOURS:our-secret AKOTHERS:their-secret"
RATE_LIMIT = "60"
PATIENCE_S = "20"  # the time limit of runs: long enough for everything else on a machine that is busy
UNSEEN = {"RL-02", "CN-07"}  # one wants a small limit, which the next test tells; one binds only who sends such items


def judged(report: Path, url: str, *options: str) -> tuple[dict[str, Any], str]:
    """Let the suite judge a server that asks for signatures; give its report's requirements by id, and its words."""
    command = [str(SCRIPTS / "batchproof"), "check", url, *options, "--report", str(report)]
    check = subprocess.run(command, env=os.environ | KEYS | SECOND, check=False, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    requirements = json.loads((report / "report.json").read_text("utf-8"))["requirements"]
    return {requirement["id"]: requirement for requirement in requirements}, check.stdout


@pytest.mark.timeout(480)
def test_the_mock_server_keeps_every_clause_in_the_reading_that_the_catalogue_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite finds every clause kept, and where the documents leave a question open, the declared answer."""
    monkeypatch.setenv("BATCHPROOF_MOCK_KEYS", PAIRS)
    with mock_server("--exec-timeout", PATIENCE_S) as url:
        told = ("--exec-timeout", PATIENCE_S, "--second-access-key", "AKOTHERS")
        requirements, said = judged(tmp_path, url, *told)
    kept = {clause for clause, requirement in requirements.items() if requirement["verdict"] in {"pass", "reading"}}
    assert requirements.keys() - kept <= UNSEEN, said
    seen = {
        (clause, reading["question"]): reading["reading"]
        for clause, requirement in requirements.items()
        for reading in requirement["readings"]
    }
    assert seen
    assert seen == {question: DECLARED[question] for question in seen}


def test_the_mock_server_keeps_its_rate_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told a small limit, the suite finds the rate limits kept."""
    monkeypatch.setenv("BATCHPROOF_MOCK_KEYS", PAIRS)
    with mock_server("--rate-limit", RATE_LIMIT) as url:
        requirements, said = judged(tmp_path, url, "--rate-limit", RATE_LIMIT, "--only", "RL")
    verdicts = {clause: requirements[clause]["verdict"] for clause in ("RL-01", "RL-02")}
    assert verdicts == {"RL-01": "pass", "RL-02": "pass"}, said
