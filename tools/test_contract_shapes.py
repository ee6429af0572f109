"""The contract's schemas take every legal answer, refuse each broken one, and name the requirement that it breaks."""

from typing import Any, Final

import jsonschema_rs
import pytest

from tools.findings import Contract, Node
from tools.lint_contract import SPEC

CONTRACT: Final = Contract.read(SPEC).openapi
RESULT: Final[dict[str, Any]] = {
    "runId": "r1",
    "status": "continued",
    "exitCode": None,
    "console": [],
    "options": None,
    "files": [],
}
LISTED: Final[dict[str, Any]] = {"filename": "a", "mode": "-rw-r--r--", "size": 0, "ctime": 1, "mtime": 1.5, "atime": 1}
INFO: Final[dict[str, Any]] = {
    "lang": "c",
    "age": 1,
    "memoryLimit": 1,
    "numQueriesExecuted": 0,
    "cpuCreditUsed": 0,
}
LISTING: Final[dict[str, Any]] = {"files": "[]", "folder_path": "/home/work", "errors": ""}


def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    schemas = CONTRACT["components"]["schemas"]
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    )


def _blamed(name: str, value: object) -> set[str]:
    """Return the requirements that stand nearest above the keywords that the value breaks."""
    return {cited for error in _validator(name).iter_errors(value) for cited in _nearest(error.schema_path)}


def _nearest(schema_path: list[str | int]) -> list[str]:
    node: Node = CONTRACT
    cited: list[str] = []
    for step in schema_path:
        node = node[step]
        if isinstance(node, dict):
            cited = node.get("x-requirements", cited)
    return cited


LEGAL: Final = [
    ("Version", {"version": "v4.20181215", "manager": "18.12.0"}),
    ("SessionCreated", {"kernelId": "abcd", "created": True}),
    ("SessionCreated", {"kernelId": "abcd", "created": False, "more": None}),
    ("SessionCreated", {"sessId": "abcd", "status": "RUNNING", "servicePorts": [], "created": True}),
    ("SessionCreated", {"sessionId": "abcd", "status": "PENDING", "servicePorts": [], "created": True}),
    ("SessionReused", {"kernelId": "abcd", "created": False}),
    ("SessionInfo", INFO),
    ("SessionDestroyed", {}),
    ("SessionDestroyed", {"stats": None}),
    ("FileListing", LISTING | {"abspath": "."}),
    ("ListedFile", LISTED),
    ("ListedFile", LISTED | {"mode": 33188}),
    ("Problem", {"type": "about:blank", "title": "Gone", "msg": "no", "data": None}),
    ("ExecuteResponse", {"result": RESULT, "more": 1}),
    ("ExecutionResult", RESULT | {"files": None}),
    ("ExecutionResult", {key: value for key, value in RESULT.items() if key != "files"}),
    ("ExecutionResult", RESULT | {"status": "finished", "exitCode": -9}),
    ("ExecutionResult", RESULT | {"status": "clean-finished", "exitCode": 1}),
    ("ExecutionResult", RESULT | {"status": "build-finished", "exitCode": 0}),
    ("ExecutionResult", RESULT | {"status": "exec-timeout"}),
    ("ExecutionResult", RESULT | {"status": "waiting-input", "options": {"is_password": True}}),
    ("ExecutionResult", RESULT | {"options": {"upload_output_files": []}}),
    ("ExecutionResult", RESULT | {"files": [{"name": "plot.svg", "url": "https://x/y", "size": 1}]}),
    ("ConsoleItem", ["stdout", ""]),
    ("ConsoleItem", ["stderr", "\ufffd"]),
    ("ConsoleItem", ["html", "<b>x</b>"]),
    ("ConsoleItem", ["media", ["image/png", "data:image/png;base64,AA=="]]),
    ("ConsoleItem", ["log", ["fatal", "2018-12-15T09:30:00Z", "x", "y"]]),
]

BROKEN: Final = [
    ("Version", {"version": "4"}, "CO-08"),
    ("SessionCreated", {"created": True}, "SE-01"),
    ("SessionCreated", {"kernelId": "abcd"}, "SE-01"),
    ("SessionCreated", {"kernelId": 7, "created": True}, "SE-01"),
    ("SessionCreated", {"kernelId": "abcd", "created": 1}, "SE-01"),
    ("SessionCreated", {"sessId": "abcd", "created": True}, "SE-01"),
    ("SessionReused", {"kernelId": "abcd", "created": True}, "SE-02"),
    ("SessionInfo", INFO | {"age": 1.5}, "SE-05"),
    ("SessionInfo", INFO | {"memoryLimit": "1"}, "SE-05"),
    ("SessionDestroyed", [], "SE-06"),
    ("FileListing", LISTING | {"files": []}, "LS-01"),
    ("FileListing", LISTING | {"folder_path": "."}, "LS-01"),
    ("FileListing", LISTING | {"errors": None}, "LS-01"),
    ("FileListing", {"files": "[]", "abspath": "/home/work", "errors": ""}, "LS-01"),
    ("ListedFile", LISTED | {"size": "0"}, "LS-04"),
    ("ListedFile", {"filename": "a"}, "LS-04"),
    ("Problem", {"title": "Gone"}, "CO-02"),
    ("Problem", {"type": "about:blank", "title": ""}, "CO-02"),
    ("ExecuteResponse", RESULT, "EX-01"),
    ("ExecutionResult", RESULT | {"runId": None}, "EX-01"),
    ("ExecutionResult", RESULT | {"console": None}, "EX-01"),
    ("ExecutionResult", RESULT | {"files": {}}, "EX-01"),
    ("ExecutionResult", RESULT | {"options": ""}, "EX-01"),
    ("ExecutionResult", RESULT | {"status": "running"}, "EX-02"),
    ("ExecutionResult", RESULT | {"exitCode": 0}, "EX-13"),
    ("ExecutionResult", RESULT | {"status": "exec-timeout", "exitCode": 0}, "EX-13"),
    ("ExecutionResult", RESULT | {"status": "finished"}, "EX-13"),
    ("ExecutionResult", RESULT | {"status": "build-finished"}, "EX-13"),
    ("ExecutionResult", RESULT | {"status": "waiting-input"}, "EX-18"),
    ("ExecutionResult", RESULT | {"status": "waiting-input", "options": {"is_password": 0}}, "EX-18"),
    ("ExecutionResult", RESULT | {"files": [{"name": "plot.svg"}]}, "EX-26"),
    ("ExecutionResult", RESULT | {"console": ["text"]}, "CN-01"),
    ("ExecutionResult", RESULT | {"console": [["stdin", "x"]]}, "CN-01"),
    ("ExecutionResult", RESULT | {"console": [["stdout", "x", "y"]]}, "CN-01"),
    ("ConsoleItem", ["stdout", None], "CN-02"),
    ("ConsoleItem", ["media", "image/png"], "CN-07"),
    ("ConsoleItem", ["log", ["loud", "2018-12-15T09:30:00Z", "x", "y"]], "CN-07"),
]

TAKEN: Final = [
    ("CreateSessionRequest", {"lang": "c"}),
    ("CreateSessionRequest", {"image": "c", "lang": None, "name": None, "config": None, "tag": None, "more": 1}),
    ("CreateSessionRequest", {"lang": "c", "clientSessionToken": "a" * 64, "config": {"mounts": ["a"] * 5}}),
    ("CreateSessionRequest", {"lang": "c", "config": {"environ": {"A": "b"}, "resources": {"cpu": "1", "mem": "2g"}}}),
    ("ExecuteRequest", {"mode": "batch", "options": {"clean": None, "build": "*", "buildLog": True, "exec": ""}}),
    ("ExecuteRequest", {"mode": "continue", "code": "", "runId": "r1", "options": None}),
    ("DownloadParameters", {"files": ["a"] * 5}),
    ("ListFilesParameters", {"path": None}),
]

REFUSED: Final = [
    ("CreateSessionRequest", {}),
    ("CreateSessionRequest", {"lang": None}),
    ("CreateSessionRequest", {"lang": 4}),
    ("CreateSessionRequest", {"lang": "c", "clientSessionToken": "abc"}),
    ("CreateSessionRequest", {"lang": "c", "name": "a" * 65}),
    ("CreateSessionRequest", {"lang": "c", "name": "-abcd"}),
    ("CreateSessionRequest", {"lang": "c", "name": "ab:cd"}),
    ("CreateSessionRequest", {"lang": "c", "config": []}),
    ("CreateSessionRequest", {"lang": "c", "config": {"mounts": ["a"] * 6}}),
    ("CreateSessionRequest", {"lang": "c", "config": {"environ": {"A": 1}}}),
    ("ExecuteRequest", {"options": {}}),
    ("ExecuteRequest", {"mode": "run"}),
    ("ExecuteRequest", {"mode": "batch", "options": "make"}),
    ("ExecuteRequest", {"mode": "batch", "options": {"build": ["make"]}}),
    ("ExecuteRequest", {"mode": "batch", "runId": 7}),
    ("DownloadParameters", {"files": []}),
    ("DownloadParameters", {"files": "a"}),
    ("DownloadParameters", {"files": ["a"] * 6}),
    ("ListFilesParameters", {"path": 1}),
]


@pytest.mark.parametrize(("name", "value"), LEGAL + TAKEN)
def test_what_a_clause_allows_is_valid(name: str, value: object) -> None:
    """Every legal request and answer is valid, open readings and further members included."""
    assert [error.message for error in _validator(name).iter_errors(value)] == []


@pytest.mark.parametrize(("name", "value", "requirement"), BROKEN)
def test_a_broken_answer_is_blamed_on_its_requirement(name: str, value: object, requirement: str) -> None:
    """An answer that breaks a clause is refused, and the schema names that requirement alone nearest to the flaw."""
    assert _blamed(name, value) == {requirement}


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_malformed_request_is_refused(name: str, value: object) -> None:
    """A request that no server need understand is not valid."""
    assert not _validator(name).is_valid(value)
