"""The report's schema takes a whole report and refuses one that a renderer could not tell the truth from."""

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from tools.findings import Contract
from tools.lint_contract import SPEC

VALIDATOR: Final = Draft202012Validator(
    Contract.read(SPEC).report_schema, format_checker=Draft202012Validator.FORMAT_CHECKER
)
REPORT: Final[dict[str, Any]] = {
    "format": "batchproof-report/1",
    "target": {
        "url": "http://127.0.0.1:8090",
        "dialect": "kernel",
        "api_version": None,
        "lang": "c",
        "c_lang": None,
        "authenticated": False,
    },
    "run": {
        "id": "7f3a",
        "started": "2018-12-15T09:30:00+00:00",
        "finished": "2018-12-15T09:30:12+00:00",
        "duration_s": 12.5,
        "seed": 1,
        "batchproof_version": "0.1.0",
        "requests": 400,
        "sessions_created": 30,
        "sessions_left": 0,
        "complete": True,
        "options": {"exec_timeout_s": None},
    },
    "summary": {
        "exit_code": 1,
        "conforms": False,
        "headline": "1 must is broken",
        "verdicts": {"fail": 1},
        "by_level": {"must": {"fail": 1}},
    },
    "requirements": [
        {
            "id": "SE-04a",
            "level": "must",
            "text": "A thing holds.",
            "source": ["sess"],
            "verdict": "fail",
            "reason": "answered 201",
            "readings": [{"question": "null-token", "reading": "absent", "text": "as no token", "exchanges": ["e1"]}],
            "checks": [
                {
                    "name": "test_sessions.py::test_token",
                    "title": "A thing holds.",
                    "verdict": "fail",
                    "expected": "4xx",
                    "actual": "201",
                    "message": "",
                    "exchanges": ["e1"],
                    "attempts": 2,
                    "duration_s": 0.1,
                }
            ],
        }
    ],
    "exchanges": {
        "e1": {
            "id": "e1",
            "method": "POST",
            "url": "http://127.0.0.1:8090/kernel",
            "request_headers": [["Content-Type", "application/json"]],
            "request_body": {"text": "{}", "size_bytes": 2, "truncated": False},
            "status": None,
            "response_headers": [],
            "response_body": {"base64": "/w==", "size_bytes": 1, "truncated": False},
            "error": "connection refused",
            "started": "2018-12-15T09:30:01+00:00",
            "duration_ms": 3.2,
        }
    },
}

FLAWS: Final[dict[str, Callable[[Any], object]]] = {
    "another format": lambda r: r.update(format="batchproof-report/2"),
    "no summary": lambda r: r.pop("summary"),
    "an unknown part": lambda r: r.update(extra={}),
    "an unknown verdict": lambda r: r["requirements"][0].update(verdict="skip"),
    "an unknown level": lambda r: r["requirements"][0].update(level="shall"),
    "an id of another form": lambda r: r["requirements"][0].update(id="SE-4"),
    "untested without a reason": lambda r: r["requirements"][0].update(verdict="not-testable", reason=""),
    "an exit code out of range": lambda r: r["summary"].update(exit_code=5),
    "a count of an unknown verdict": lambda r: r["summary"].update(verdicts={"skip": 1}),
    "a count of an unknown level": lambda r: r["summary"].update(by_level={"shall": {"pass": 1}}),
    "a negative count": lambda r: r["run"].update(sessions_left=-1),
    "a run that does not say whether it is complete": lambda r: r["run"].pop("complete"),
    "a start that is no time": lambda r: r["run"].update(started="this morning"),
    "an unknown dialect": lambda r: r["target"].update(dialect="compute"),
    "evidence of another form": lambda r: r["requirements"][0]["checks"][0].update(exchanges=[1]),
    "a body of both kinds": lambda r: r["exchanges"]["e1"]["request_body"].update(base64=""),
    "a body without a size": lambda r: r["exchanges"]["e1"]["request_body"].pop("size_bytes"),
    "a header that is no pair": lambda r: r["exchanges"]["e1"].update(response_headers=[["a", "b", "c"]]),
    "an exchange without a method": lambda r: r["exchanges"]["e1"].pop("method"),
}


def test_a_whole_report_is_valid() -> None:
    """A report with every part is valid."""
    assert [error.message for error in VALIDATOR.iter_errors(REPORT)] == []


@pytest.mark.parametrize("name", FLAWS)
def test_a_flawed_report_is_not_valid(name: str) -> None:
    """A report with one flaw is refused."""
    report = copy.deepcopy(REPORT)
    FLAWS[name](report)
    assert not VALIDATOR.is_valid(report)
