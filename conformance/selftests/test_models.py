"""The models: what generated programs do in a real bash, what the oracle blames, what generated calls hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.judge import Finding, Violation
from conformance.models.contract_cases import GeneratedCall, calls, missed
from conformance.models.exploring import explore
from conformance.models.file_space import FileSpace, Upload, histories
from conformance.models.programs import HOME, End, Print, Program, World, programs
from conformance.models.run_oracle import Plan, judged, outcome
from conformance.run_reader import Result, Run
from conformance.selftests.support import result_of
from conformance.target import Target

TARGET = Target("http://target.test", "kernel", "v4.20181215", "python")
ENOUGH = 524_288


def said(stream: str, text: str) -> list[list[str]]:
    """Return a console of one item."""
    return [[stream, text]]


def run_of(*results: Result) -> Run:
    """Return a run of these results that the server named."""
    return Run(results, "r1", {"build": "x"})


def program(text: str, code: int = 0) -> Program:
    """Return a program that prints a text and ends so."""
    return Program((Print("stdout", text),), End(f"exit {code}", (code,)))


def blamed(plan: Plan, *results: Result) -> list[str]:
    """Return the clauses that the oracle blames in a run of a plan."""
    return [one.clause for one in judged(plan, outcome(plan, World()), run_of(*results), ENOUGH)]


@settings(max_examples=25, deadline=None, database=None)
@given(programs())
def test_a_program_does_in_bash_what_its_blocks_say(generated: Program) -> None:
    """Output, exit code and files of a generated program in a real bash are those that its blocks promise."""
    with TemporaryDirectory() as home:
        command = generated.text.replace(HOME, home)
        done = subprocess.run(["/bin/bash", "-c", command], cwd=home, capture_output=True, check=False)
        files = {one.name: one.read_bytes().decode() for one in Path(home).iterdir()}
        stdout = done.stdout.decode("utf-8", "replace").replace(home, HOME)
    world = World()
    printed = generated.happen(world)
    due = "".join(pattern for stream, pattern in printed if stream == "stdout")
    warned = "".join(pattern for stream, pattern in printed if stream == "stderr")
    assert re.fullmatch(due, stdout)
    assert re.fullmatch(warned, done.stderr.decode())
    assert done.returncode in generated.end.codes
    assert files == world.files


def test_a_run_as_planned_is_blamed_for_nothing() -> None:
    """The oracle finds nothing in a run that did what its programs do."""
    plan = Plan(None, program("built"), program("ran", 3))
    built = result_of(status="build-finished", console=said("stdout", "built"))
    assert blamed(plan, built, result_of(exitCode=3, console=said("stdout", "ran"))) == []


@pytest.mark.parametrize(
    ("early", "late", "code", "clause"),
    [
        ("built", "rn", 3, "CN-06"),
        ("builtran", "", 3, "EX-10"),
        ("built", "ran", 0, "EX-14"),
        ("built", "ranran", 3, "CN-06"),
    ],
    ids=["lost", "before-the-boundary", "wrong-code", "repeated"],
)
def test_the_oracle_blames_the_clause_that_was_broken(early: str, late: str, code: int, clause: str) -> None:
    """Lost output, output on the wrong side of the boundary and a wrong exit code each break their own clause."""
    plan = Plan(None, program("built"), program("ran", 3))
    built = result_of(status="build-finished", console=said("stdout", early))
    assert blamed(plan, built, result_of(exitCode=code, console=said("stdout", late))) == [clause]


def test_a_program_that_runs_after_a_failed_build_breaks_its_clause() -> None:
    """Output of a program whose build failed, and its exit code, break EX-15."""
    plan = Plan(None, program("built", 1), program("ran"))
    built = result_of(status="build-finished", exitCode=1, console=said("stdout", "built"))
    assert blamed(plan, built, result_of(exitCode=0, console=said("stdout", "ran"))) == ["EX-15", "EX-15"]


def test_a_broken_character_breaks_its_own_clause() -> None:
    """Where only characters beyond ASCII differ, CN-02 is broken and not CN-06."""
    plan = Plan(None, None, program("a\u00e9b"))
    run = Run((result_of(console=said("stdout", "a\ufffd\ufffdb")),), "r1", plan.options)
    assert [one.clause for one in judged(plan, outcome(plan, World()), run, ENOUGH)] == ["CN-02"]


@pytest.mark.parametrize("operation", ["createSession", "execute", "listFiles", "downloadFiles"])
def test_right_calls_are_right_and_wrong_ones_wrong(operation: str) -> None:
    """Generated right bodies keep to the contract's schema; of those generated to be wrong, not all do."""
    schema = {
        "createSession": "CreateSessionRequest",
        "execute": "ExecuteRequest",
        "listFiles": "ListFilesParameters",
        "downloadFiles": "DownloadParameters",
    }[operation]
    right: list[GeneratedCall] = []
    wrong: list[GeneratedCall] = []
    explore(calls(operation, TARGET, right=True), right.append, seed_value=1, examples=6)
    explore(calls(operation, TARGET, right=False), wrong.append, seed_value=1, examples=6)
    assert right
    assert wrong
    # A token's pattern is left out of generation: a real token is put in when a call is sent.
    assert [one for call in right for one in missed(schema, call.json) if one.keyword != "pattern"] == []
    with_body = [call for call in wrong if call.has_json]
    # What was changed may be a key that nobody knows: the checks ask what is wrong before they expect a refusal.
    assert not with_body or any(missed(schema, call.json) for call in with_body)


def test_what_a_value_misses_names_the_nearest_clause() -> None:
    """A finding inside a schema is one against the nearest `x-requirements` above it, across references."""
    value = {"result": {"runId": "r", "status": "over", "exitCode": None, "console": [["x"]], "options": None}}
    assert {one.clause for one in missed("ExecuteResponse", value)} >= {"EX-02", "CN-01"}


def test_an_exploration_is_the_same_for_the_same_seed() -> None:
    """The same seed gives the same values, another seed others."""
    runs: dict[int, list[int]] = {}
    for key, seed in enumerate((1, 1, 2)):
        runs[key] = []
        explore(st.integers(), runs[key].append, seed_value=seed, examples=10)
    assert runs[0] == runs[1] != runs[2]


def test_an_exploration_ends_at_the_first_violation() -> None:
    """What goes wrong goes through as it is, and nothing is examined twice."""
    seen: list[int] = []

    def examine(value: int) -> None:
        seen.append(value)
        raise Violation(Finding("UP-01", "", ""))

    with pytest.raises(Violation):
        explore(st.integers(), examine, seed_value=1, examples=10)
    assert len(seen) == 1


def test_shrinking_ends_at_the_smallest_violation() -> None:
    """With `shrink` the violation that is raised is that of the smallest value that shows it."""

    def examine(value: int) -> None:
        if value > 99:
            raise Violation(Finding("UP-01", "", str(value)))

    with pytest.raises(Violation) as caught:
        explore(st.integers(0, 10_000), examine, seed_value=1, examples=50, shrink=True)
    assert caught.value.finding.actual == "100"


def test_an_exploration_leaves_nothing_in_the_users_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis's notes are kept elsewhere."""
    monkeypatch.chdir(tmp_path)
    explore(st.text(), lambda _: None, seed_value=1, examples=5)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_holds_its_own_children_only() -> None:
    """A file space lists one level: files with their sizes, directories also once they are empty."""
    space = FileSpace()
    space.put("a/b/c.txt", b"12", "UP-04")
    space.put("d.txt", b"1", "UP-02")
    space.drop("a/b/c.txt")
    assert (space.children(""), space.children("a"), space.children("a/b")) == (
        {"a": None, "d.txt": 1},
        {"b": None},
        {},
    )
    assert space.gone == {"a/b/c.txt"}


@settings(max_examples=20, deadline=None, database=None)
@given(histories(4))
def test_a_history_begins_with_an_upload(history: list[object]) -> None:
    """There is something to list and to fetch from the beginning on."""
    assert isinstance(history[0], Upload)
    assert len(history) == 4
