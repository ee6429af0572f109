"""The judging of what clients saw, and the choice of a Python for them: without any client."""

from dataclasses import replace
from typing import Any

import pytest

from mock_server.tests.clients.command_lines import COMMAND_STEPS
from mock_server.tests.clients.environments import NotForThisMachine, python_for
from mock_server.tests.clients.expectations import EXPECTATIONS, judge
from mock_server.tests.clients.generations import CLIENTS, SDK_STEPS, Client, PythonVersion
from mock_server.tests.clients.running import JAVASCRIPT_STEPS, Outcome, steps_seen

RUN: dict[str, Any] = {
    "statuses": ["continued", "build-finished", "finished"],
    "run_ids": ["a", "a", "a"],
    "codes": {"build-finished": 0, "finished": 0},
    "stdout": "42:a b|c|\n",
    "stderr": "",
}


def test_a_right_run_is_right() -> None:
    """What a right server shows is not complained about."""
    assert judge("batch", RUN) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"statuses": ["finished", "build-finished"]},
        {"statuses": ["build-finished", "clean-finished", "finished"]},
        {"statuses": ["build-finished", "finished", "continued"]},
        {"run_ids": ["a", "b", "b"]},
        {"codes": {"build-finished": 2, "finished": 0}},
        {"codes": {"build-finished": 0, "finished": 1}},
        {"codes": {}},
        {"stdout": ""},
    ],
)
def test_a_wrong_run_is_complained_about(wrong: dict[str, Any]) -> None:
    """Each thing that a run can get wrong is noticed."""
    assert "expected: the build reported" in judge("batch", {**RUN, **wrong})


@pytest.mark.parametrize("step", sorted({*SDK_STEPS, *JAVASCRIPT_STEPS}))
def test_every_step_can_fail(step: str) -> None:
    """An exception that was not asked for, and a step that was never reached, are complaints at every step."""
    assert judge(step, {"raised": "Broken", "status": 500, "text": "no"})
    assert judge(step, {"raised": "Lost", "status": None, "text": "connection reset"})
    assert judge(step, None)


def test_a_refusal_that_did_not_come_is_complained_about() -> None:
    """Where a client must be refused, success is the fault, and so is another status."""
    for step, expectation in EXPECTATIONS.items():
        if expectation.refused is not None:
            assert "was not refused" in judge(step, {"files": 21})
            assert judge(step, {"raised": "BackendAPIError", "status": expectation.refused, "text": ""}) == ""


def test_a_scenario_that_dies_blames_the_step_it_died_in() -> None:
    """The last words of a crashed client belong to the first step without a report."""
    seen = steps_seen(Outcome(1, 'noise\nSTEP {"step": "create", "id": "x"}\n', "Traceback"), ["create", "upload"])
    assert seen["create"]["id"] == "x"
    assert (seen["upload"]["raised"], seen["upload"]["text"]) == ("exit code 1", "Traceback")


@pytest.mark.parametrize(
    ("found", "chosen"),
    [([(3, 7), (3, 9), (3, 11)], (3, 9)), ([(3, 11), (3, 12)], (3, 11)), ([(3, 12)], None)],
)
def test_a_client_runs_on_the_newest_python_that_has_all_it_needs(
    found: list[PythonVersion], chosen: PythonVersion | None
) -> None:
    """A Python that has to be given names back comes after every other; where none fits, the reason names them."""
    client = replace(CLIENTS[0], pythons=((3, 6), (3, 9)), revived_pythons=((3, 11),))
    if chosen is None:
        with pytest.raises(NotForThisMachine, match=r"runs on Python 3\.6 to 3\.9; here is 3\.12"):
            python_for(client, dict.fromkeys(found, "python"))
    else:
        assert python_for(client, dict.fromkeys(found, "python")) == chosen


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_lacks_only_steps_that_exist(client: Client) -> None:
    """A misspelt step would excuse nothing and hide the mistake."""
    assert client.lacks <= {*SDK_STEPS, *COMMAND_STEPS}
