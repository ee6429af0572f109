"""The contract as the server reads it, and the table that gives refusals their HTTP face."""

import copy
from importlib import resources
from typing import Any

import pytest
import yaml

from mock_server.adapters.problems import FACES, problem_of
from mock_server.app import Mock
from mock_server.contract import Contract, ContractError
from mock_server.domain import errors, runs
from mock_server.domain.errors import Refusal


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Give the contract as data."""
    loaded: dict[str, Any] = yaml.safe_load((resources.files("spec") / "openapi.yaml").read_text())
    return loaded


def test_an_operation_without_a_handler_stops_the_start(document: dict[str, Any]) -> None:
    """A contract that promises more than the server has is refused, and so is one that promises less."""
    contract = Contract(document)
    handlers = dict.fromkeys(contract.operations, object())
    contract.bind(handlers)
    with pytest.raises(ContractError, match=r"without a handler \['getSession'\]"):
        contract.bind({name: handler for name, handler in handlers.items() if name != "getSession"})
    with pytest.raises(ContractError, match=r"without an operation \['surplus'\]"):
        contract.bind({**handlers, "surplus": object()})


def test_limits_follow_the_contract(document: dict[str, Any]) -> None:
    """Another number in the contract is another limit in the server: no number stands twice."""
    changed = copy.deepcopy(document)
    changed["x-limits"]["maxFileBytes"] = 7
    changed["components"]["schemas"]["UploadedFiles"]["maxItems"] = 3
    changed["components"]["schemas"]["DownloadPaths"]["maxItems"] = 2
    limits = Contract(changed).limits
    assert (limits.max_file_bytes, limits.max_upload_files, limits.max_download_paths) == (7, 3, 2)


def test_every_dialect_is_derived(document: dict[str, Any]) -> None:
    """A path stands once in the contract and is served under both names and every prefix."""
    urls = Contract(document).operations["listFiles"].urls
    assert len(urls) == 10
    assert {"/kernel/<id>/files", "/session/<id>/files", "/v4/session/<id>/files"} <= set(urls)


def test_answers_outside_the_contract_are_noticed(mock: Mock) -> None:
    """The check that every test's answers pass through does fail on a wrong status, type or shape."""
    check = mock.contract.check_response
    good = b'{"lang": "c", "age": 1, "memoryLimit": 1, "numQueriesExecuted": 0, "cpuCreditUsed": 0}'
    check("getSession", 200, "application/json", good)
    for status, content_type, body in (
        (302, "application/json", good),
        (200, "text/html", good),
        (200, "application/json", good.replace(b'"age": 1', b'"age": "1"')),
        (200, "application/json", b"{}"),
        (404, "application/problem+json", b"{}"),
    ):
        with pytest.raises(AssertionError):
            check("getSession", status, content_type, body)
    with pytest.raises(AssertionError):
        check("uploadFiles", 204, "text/plain", b"body")


def _refusals(base: type[Refusal] = Refusal) -> set[type[Refusal]]:
    return {kind for each in base.__subclasses__() for kind in {each, *_refusals(each)}}


def test_every_refusal_has_a_face() -> None:
    """The table is complete, and no two refusals share the name that clients tell them apart by."""
    assert FACES.keys() == _refusals()
    kinds = [kind for _, kind, _ in FACES.values()]
    assert len(set(kinds)) == len(kinds)
    assert all(400 <= status < 500 or status == 507 for status, _, _ in FACES.values())


@pytest.mark.parametrize(
    "refusal",
    [
        errors.TooManyFiles(20),
        errors.FileTooLarge("a", 5),
        errors.LimitExceeded("cores", "9", "4"),
        errors.UnknownSession("x"),
        runs.UnknownRun("r"),
    ],
)
def test_problems_say_what_was_wrong(refusal: Refusal) -> None:
    """A problem document has a URN, a title, its status and the detail under both names."""
    document_ = problem_of(refusal).document()
    assert str(document_["type"]).startswith("urn:batchproof:problem:")
    assert document_["detail"] == document_["msg"] == refusal.detail
    assert refusal.detail.endswith(".")
