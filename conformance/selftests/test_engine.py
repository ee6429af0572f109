"""The engine: which checks run when, what is asked of optional features, and what stays apart."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from conformance.attempt import Check
from conformance.budget import Budget
from conformance.catalogue import Catalogue, Requirement
from conformance.checks import Terms
from conformance.gathering import gather
from conformance.options import Options
from conformance.outcomes import CheckOutcome
from conformance.pool import Pool
from conformance.selftests.scripted import Reply, Seen, problem, serve_script
from conformance.selftests.support import check, judged, ran, reason, verdict
from conformance.verdicts import Level

if TYPE_CHECKING:
    import random

    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.target import Target


def keeps(judge: Judge) -> None:
    """Judge UP-08 as kept."""
    judge.require("UP-08", condition=True, expected="", actual="")


def test_exclusive_checks_run_alone_and_last() -> None:
    """A check that disturbs others starts when all of them are done."""
    order: list[str] = []

    def ordinary(session: Session) -> None:
        session.try_info()
        order.append("ordinary")

    def exclusive() -> None:
        order.append("exclusive")

    alone = check(exclusive, "UP-08", exclusive=True)
    with serve_script() as (url, _):
        ran(url, alone, *(Check(f"c{n}", "A.", ordinary, Terms(("UP-08",)), ("session",)) for n in range(5)), jobs=4)
    assert order == ["ordinary"] * 5 + ["exclusive"]


def test_slow_checks_start_first() -> None:
    """Checks that mostly wait begin before the others, so that they overlap with them."""
    order: list[str] = []
    quick = check(lambda: order.append("quick"), "UP-08")
    slow = check(lambda: order.append("slow"), "UP-08", slow=True)
    with serve_script() as (url, _):
        ran(url, quick, slow, jobs=1)
    assert order == ["slow", "quick"]


def test_checks_really_run_at_the_same_time() -> None:
    """With two jobs, two checks can wait for each other."""
    together = threading.Barrier(2, timeout=10)

    def waits() -> None:
        together.wait()

    checks = [Check(f"c{n}", "A.", waits, Terms(("UP-08",))) for n in range(2)]
    with serve_script() as (url, _):
        run = ran(url, *checks, jobs=2)
    assert all(one.clauses["UP-08"].verdict == "pass" for one in run.outcomes)


def test_each_attempt_has_its_own_generator_with_the_same_seed() -> None:
    """The generator gives the same in every attempt, so a violation is looked at again with the same input."""
    seen: list[float] = []

    def draws(rng: random.Random, judge: Judge) -> None:
        seen.append(rng.random())
        judge.require("UP-08", condition=False, expected="", actual="")

    with serve_script() as (url, _):
        ran(url, check(draws, "UP-08"))
    assert len(seen) == 3
    assert len(set(seen)) == 1


def optional() -> Catalogue:
    """Return a catalogue with one clause of an optional feature beside a plain one."""
    clause = Requirement("VF-01", Level.MUST, "Folders.", ("vf",), feature="virtual-folders")
    return Catalogue.of([clause, Requirement("UP-08", Level.MUST, "Limit.", ("seed",))])


@pytest.mark.parametrize(("status", "expected"), [(404, "not-applicable"), (405, "not-applicable"), (400, "pass")])
def test_a_feature_that_is_not_offered_makes_its_clauses_not_applicable(status: int, expected: str) -> None:
    """The feature is probed once; where it is not there, only its own clauses are left out, with the evidence."""

    def both(judge: Judge) -> None:
        for clause in set(judge.clauses):
            judge.require(clause, condition=True, expected="", actual="")

    with serve_script(lambda seen: problem(status) if seen.path == "/folders" else None) as (url, target):
        report = judged(url, check(both, "VF-01", "UP-08"), check(keeps, "UP-08"), known=optional())
        assert len(target.calls("POST", "/folders")) == 1
    assert verdict(report, "UP-08") == "pass"
    assert verdict(report, "VF-01") == expected
    assert expected == "pass" or str(status) in reason(report, "VF-01")


def test_a_compiler_is_looked_for_when_a_check_wants_one() -> None:
    """Without --c-lang the run's own image and the usual names are tried; the first with a compiler is taken."""
    found: list[str | None] = []

    def wants(target: Target) -> None:
        found.append(target.c_lang)

    def only_c(seen: Seen) -> Reply | None:
        return problem(400) if seen.path == "/kernel" and seen.json["lang"] not in {"python", "gcc"} else None

    with serve_script(only_c) as (url, target):
        bare = {
            "result": {"runId": "r", "status": "finished", "exitCode": 1, "console": [], "options": None, "files": []}
        }
        asked: list[str] = []

        def script(seen: Seen) -> Reply | None:
            if seen.path == "/kernel":
                asked.append(seen.json["lang"])
            execute = seen.method == "POST" and seen.path.count("/") == 2
            return Reply(200, bare) if execute and asked[-1] == "python" else only_c(seen)

        target.script = script
        ran(url, check(wants, "UP-08", needs=["c-lang"]))
    assert found == ["gcc"]


def test_a_fault_of_the_engine_stops_the_run_and_is_raised() -> None:
    """What no check can raise comes out where the run was started, and no further check begins."""

    def broken(_: Check) -> CheckOutcome:
        raise MemoryError

    budget = Budget(10, 10)
    checks = [Check(f"c{n}", "A.", keeps, Terms(("UP-08",))) for n in range(3)]
    with pytest.raises(MemoryError):
        Pool(broken, budget, lambda _: None, lambda _: None).run(checks, 1)
    assert budget.stopped is not None


def test_the_suite_can_be_gathered() -> None:
    """Every check of the suite has a name of its own, a sentence, and cites a clause."""
    checks = gather()
    assert len({one.name for one in checks}) == len(checks) > 0
    assert all(one.title.endswith(".") for one in checks)
    assert all(one.terms.clauses for one in checks)


@pytest.mark.parametrize(
    ("url", "expected"), [("http://127.0.0.1:1", 16), ("http://[::1]:1", 16), ("https://api.test", 3)]
)
def test_somebody_else_s_machine_is_spared(url: str, expected: int) -> None:
    """Fewer checks run at the same time against a target that is not on this machine."""
    assert Options(url).parallel == expected
