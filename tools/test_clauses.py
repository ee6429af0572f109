"""The page of all clauses: nothing is missing from it without a reason, and every gap is found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.citations import Citations
from tools.clauses import REASONS, ROOT, Reasons, findings, page
from tools.findings import Contract

NONE = Reasons({}, {})


@pytest.fixture(scope="module")
def contract() -> Contract:
    """Give the project's own contract."""
    return Contract.read(ROOT / "spec")


@pytest.fixture(scope="module")
def citations(contract: Contract) -> Citations:
    """Give what the project's own tree cites."""
    return Citations.gather(ROOT, contract)


def made(requirements: list[dict[str, Any]], **cited: Mapping[str, frozenset[str]]) -> tuple[Contract, Citations]:
    """Make a contract of these requirements, and citations of it."""
    columns = ("modules", "operations", "tests", "checks")
    contract = Contract({}, {"families": {"UP": "Uploading"}, "requirement": requirements}, {})
    return contract, Citations(**{column: cited.get(column, {}) for column in columns}, handlers={"send": "m/r.py"})


ONE = [{"id": "UP-01", "level": "must", "text": "Files | are taken."}]
KEPT = {"modules": {"UP-01": frozenset({"mock_server/a.py"})}}
TESTED = {"tests": {"UP-01": frozenset({"mock_server/tests/test_a.py::test_b"})}}


def test_every_clause_is_kept_and_tested_or_says_why_not(contract: Contract, citations: Citations) -> None:
    """A clause of the catalogue has an implementation and a test, or a reason; and no citation or reason is stale."""
    assert list(findings(contract, citations, Reasons.read(ROOT / REASONS))) == []


def test_what_is_complete_is_not_complained_about() -> None:
    """One module and one test are enough."""
    assert list(findings(*made(ONE, **KEPT, **TESTED), NONE)) == []


@pytest.mark.parametrize(
    ("cited", "complaint"),
    [(TESTED, "UP-01 is kept nowhere"), (KEPT, "UP-01 is tested nowhere")],
    ids=["not kept", "not tested"],
)
def test_a_gap_is_found(cited: dict[str, Mapping[str, frozenset[str]]], complaint: str) -> None:
    """A clause without an implementation, and one without a test, are each named."""
    (finding,) = findings(*made(ONE, **cited), NONE)
    assert finding.startswith(complaint)


def test_a_reason_excuses_a_gap() -> None:
    """Said why, it is no finding."""
    assert list(findings(*made(ONE, **KEPT), Reasons({}, {"UP-01": "because"}))) == []


@pytest.mark.parametrize("clause", ["UP-01", "UP-99"])
def test_a_reason_for_nothing_is_found(clause: str) -> None:
    """A reason for what is tested by now, or for what is no clause, has to go."""
    (finding,) = findings(*made(ONE, **KEPT, **TESTED), Reasons({clause: "old"}, {}))
    assert finding == f"{REASONS}, [not-kept]: {clause} needs no reason; delete it"


def test_a_citation_of_no_clause_is_found() -> None:
    """A misspelt id is named with the place that cites it."""
    cited = {"tests": {**TESTED["tests"], "UP-77": frozenset({"x.py::test_y"})}}
    (finding,) = findings(*made(ONE, **KEPT, **cited), NONE)
    assert finding == "x.py::test_y cites UP-77, which the catalogue does not have"


def test_the_page_shows_where_and_why() -> None:
    """Modules, operations with their handlers, tests and reasons stand in the clause's row."""
    contract, citations = made(ONE, **KEPT, **TESTED, operations={"UP-01": frozenset({"send"})})
    (row,) = [line for line in page(contract, citations, NONE).splitlines() if line.startswith("| **UP-01**")]
    assert row == (
        "| **UP-01** must<br>Files \\| are taken. | [a.py](../mock_server/a.py)<br>contract: [send](../m/r.py) "
        "| [test_a.py](../mock_server/tests/test_a.py) `test_b` |  |"
    )
    contract, citations = made(ONE)
    assert "| because |" in page(contract, citations, Reasons({"UP-01": "because"}, {}))


def test_tests_modules_operations_and_checks_are_found(contract: Contract, citations: Citations) -> None:
    """Each of the four places is really read."""
    assert "mock_server/domain/limits.py" in citations.modules["UP-07"]
    assert "mock_server/tests/test_sessions.py::test_versions" in citations.tests["CO-08"]
    assert "getMajorVersion" in citations.operations["CO-08"]
    assert "every operation" in citations.operations["CO-12"]
    assert any(check.startswith("conformance/suite/test_up_sizes.py::test_") for check in citations.checks["UP-07"])
    operations = {each["operationId"] for path in contract.openapi["paths"].values() for each in path.values()
                  if isinstance(each, dict) and "operationId" in each}  # fmt: skip
    assert operations <= citations.handlers.keys()


def test_links_of_the_page_lead_somewhere(contract: Contract, citations: Citations) -> None:
    """Every file that the page names is there."""
    links = page(contract, citations, NONE).split("](../")[1:]
    assert [link for link in {each.partition(")")[0] for each in links} if not (ROOT / Path(link)).exists()] == []
