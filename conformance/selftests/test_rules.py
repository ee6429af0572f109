"""The cross-cutting rules: each broken answer gives exactly its clause, and right ones give none."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from conformance import rules
from conformance.selftests.support import exchange, result_of, run_of

PROBLEM = {"type": "urn:x", "title": "No"}
PROBLEM_JSON = {"Content-Type": "application/problem+json"}
ITEM = {"filename": "a", "mode": "-rw-r--r--", "size": 1, "ctime": 1.5, "mtime": 1, "atime": "2018"}


def clauses(findings: Any) -> list[str]:
    """Return the clauses of findings."""
    return [one.clause for one in findings]


EXCHANGES = [
    ("an object", exchange(200, {}), []),
    ("no body", exchange(204), []),
    ("a list", exchange(200, []), ["CO-01"]),
    ("text", exchange(200, b"ok", {"Content-Type": "text/plain"}), ["CO-01", "CO-01"]),
    ("a charset is fine", exchange(200, {}, {"Content-Type": "application/json; charset=utf-8"}), []),
    ("a download", exchange(200, b"--x", {"Content-Type": "multipart/mixed"}, operation="downloadFiles"), []),
    ("a problem", exchange(404, PROBLEM, PROBLEM_JSON), []),
    ("a problem as plain JSON", exchange(404, PROBLEM), ["CO-03"]),
    ("HTML", exchange(500, b"<html>", {"Content-Type": "text/html"}), ["CO-02"]),
    ("no title", exchange(400, {"type": "urn:x"}, PROBLEM_JSON), ["CO-02"]),
    ("a type with spaces", exchange(400, {"type": "not found", "title": "x"}, PROBLEM_JSON), ["CO-02"]),
    ("no answer at all", exchange(None), []),
]


@pytest.mark.parametrize(("seen", "expected"), [row[1:] for row in EXCHANGES], ids=[row[0] for row in EXCHANGES])
def test_an_exchange_breaks_just_its_clauses(seen: Any, expected: list[str]) -> None:
    """CO-01 holds for successes, CO-02 and CO-03 for refusals."""
    assert clauses(rules.of_exchange(seen)) == expected


RESULTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("right", {}, []),
    ("files null", {"files": None}, []),
    ("files absent", {"files": ...}, []),
    ("files an object", {"files": {}}, ["EX-01"]),
    ("console null", {"console": None}, ["EX-01"]),
    ("no options", {"options": ...}, ["EX-01"]),
    ("an unknown status", {"status": "done"}, ["EX-02"]),
    ("finished without a code", {"exitCode": None}, ["EX-13"]),
    ("a code as text", {"exitCode": "0"}, ["EX-01", "EX-13"]),
    ("a code with continued", {"status": "continued"}, ["EX-13"]),
    ("continued", {"status": "continued", "exitCode": None}, []),
    ("a triple", {"console": [["stdout", "a", "b"]]}, ["CN-01"]),
    ("an unknown type", {"console": [["output", "a"]]}, ["CN-01"]),
    ("bytes as a list", {"console": [["stdout", [1]]]}, ["CN-02"]),
    ("neighbours", {"console": [["stdout", "a"], ["stdout", "b"]]}, ["CN-05"]),
    ("other neighbours", {"console": [["stdout", "a"], ["stderr", "b"], ["stdout", "c"]]}, []),
    ("at the limit", {"console": [["stdout", "é" * 10], ["stderr", "b" * 10]]}, []),
    ("over the limit", {"console": [["stdout", "é" * 6], ["stderr", "b"], ["stdout", "c" * 5]]}, ["CN-03"]),
    ("media", {"console": [["media", ["image/png", "data:x"]]]}, []),
    ("half a media", {"console": [["media", "image/png"]]}, ["CN-07"]),
    ("log", {"console": [["log", ["info", "2018-12-15T00:00:00Z", "x", "y"]]]}, []),
    ("a log of no level", {"console": [["log", ["notice", "2018-12-15T00:00:00Z", "x", "y"]]]}, ["CN-07"]),
    ("a log without time", {"console": [["log", ["info", "now", "x", "y"]]]}, ["CN-07"]),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_a_result_breaks_just_its_clauses(fields: dict[str, Any], expected: list[str]) -> None:
    """Every field of a result is held to its own clause; the stream limit here is 10 characters."""
    assert clauses(rules.of_result(result_of(**fields), max_stream_chars=10)) == expected


def test_a_result_of_another_status_breaks_its_shape() -> None:
    """An execute call is answered with 200 and an object `result` (EX-01)."""
    seen = result_of()
    assert clauses(rules.of_result(type(seen).of(exchange(201, {"result": {}})), 10)) == ["EX-01"]


ORDERS: list[tuple[tuple[str, ...], dict[str, Any], list[str]]] = [
    (("finished",), {}, []),
    (("continued", "build-finished", "continued", "finished"), {"build": "make"}, []),
    (("clean-finished", "build-finished", "finished"), {"build": "make"}, []),
    (("finished",), {"build": "make"}, ["EX-10"]),
    (("clean-finished", "finished"), {"build": "make"}, ["EX-11"]),
    (("clean-finished", "finished"), {"build": "make", "disturbed": True}, []),
    (("clean-finished", "exec-timeout"), {}, []),
    (("build-finished", "build-finished", "finished"), {}, ["EX-10"]),
    (("build-finished", "clean-finished", "finished"), {}, ["EX-06"]),
    (("clean-finished", "clean-finished", "build-finished", "finished"), {}, ["EX-06"]),
]


@pytest.mark.parametrize(("statuses", "how", "expected"), ORDERS)
def test_the_order_of_statuses_is_held_to_its_clauses(
    statuses: tuple[str, ...], how: dict[str, Any], expected: list[str]
) -> None:
    """The allowed order gives nothing; each way to break it gives its clause."""
    assert clauses(rules.of_run(run_of(*statuses, **how))) == expected


def test_a_run_that_a_time_limit_may_have_cut_in_its_build_is_not_blamed() -> None:
    """A run that ends early after seconds, with a complaint on stderr, owes no `build-finished` (EX-11, EX-23)."""
    begun, cut = result_of(status="continued", exitCode=None), result_of(console=[["stderr", "out of time"]])
    late = replace(cut.exchange, started=begun.exchange.started + timedelta(seconds=4))
    run = type(run_of("finished"))((begun, type(cut).of(late)), "r1", {"build": "sleep 60"})
    assert clauses(rules.of_run(run)) == []
    soon = type(run)((begun, cut), "r1", {"build": "sleep 60"})
    assert clauses(rules.of_run(soon)) == ["EX-10"]


def test_another_run_id_breaks_the_clause_of_who_chose_it() -> None:
    """A client's own id that does not come back breaks EX-04, a server's that changes EX-05."""
    results = (result_of(status="continued", exitCode=None), result_of(runId="r2"))
    seen = run_of("finished")
    for asked, clause in (("r1", "EX-04"), (None, "EX-05")):
        changed = type(seen)(results, asked, {})
        assert clauses(rules.of_run(changed)) == [clause]


LISTINGS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("right", {}, []),
    ("mode an int", {"files": json.dumps([{**ITEM, "mode": 33188}])}, []),
    ("a real list", {"files": [ITEM]}, ["LS-01"]),
    ("no JSON", {"files": "a b"}, ["LS-01"]),
    ("an object", {"files": "{}"}, ["LS-01"]),
    ("relative", {"folder_path": "work"}, ["LS-01"]),
    ("errors null", {"errors": None}, ["LS-01"]),
    ("size as text", {"files": json.dumps([{**ITEM, "size": "1"}])}, ["LS-04"]),
    ("names only", {"files": '["a"]'}, ["LS-04"]),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in LISTINGS], ids=[row[0] for row in LISTINGS])
def test_a_listing_breaks_just_its_clauses(fields: dict[str, Any], expected: list[str]) -> None:
    """The envelope is LS-01's, the items are LS-04's."""
    body = {"files": json.dumps([ITEM]), "folder_path": "/home/work", "errors": "", **fields}
    assert clauses(rules.of_listing(exchange(200, body))) == expected
