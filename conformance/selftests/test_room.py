"""Targets that have room for few sessions: the suite finds out and keeps within it."""

from __future__ import annotations

import threading

import pytest

from conformance.attempt import Check
from conformance.budget import Budget
from conformance.checks import Terms
from conformance.judge import Judge
from conformance.room import Room
from conformance.selftests.defects import VARIANTS
from conformance.selftests.reference import serve
from conformance.selftests.support import catalogue, judged, verdict
from conformance.session import Session
from conformance.sessions import Sessions
from conformance.verdicts import Level


def holds_two(session: Session, sessions: Sessions, judge: Judge) -> None:
    """Use two sessions at a time."""
    other = sessions.create()
    judge.status("SE-05", session.try_info(), 200)
    judge.status("SE-05", other.try_info(), 200)


@pytest.mark.parametrize("name", ["room-for-two", "room-for-three"])
def test_a_target_with_little_room_is_judged_all_the_same(name: str) -> None:
    """Checks that want more sessions than there is room for wait for each other, and blame nobody."""
    checks = [
        Check(f"c{number}", "A.", holds_two, Terms(("SE-05",)), ("session", "sessions", "judge")) for number in range(8)
    ]
    with serve(VARIANTS[name].behaviour()) as url:
        report = judged(url, *checks, known=catalogue(SE_05=Level.MUST), jobs=8)
    assert verdict(report, "SE-05") == "pass"


def test_room_that_is_known_is_shared_out() -> None:
    """With room for three sessions, two checks run at a time, so that either may open a second one."""
    room, budget = Room(), Budget(10, 10)
    room.learn(3)
    with room.turn(budget), room.turn(budget):
        third = threading.Thread(target=lambda: room.turn(budget).__enter__())
        third.start()
        third.join(0.05)
        assert third.is_alive()
    third.join(10)
    assert not third.is_alive()


def test_a_stopped_run_waits_for_no_room() -> None:
    """A check whose turn does not come is let go when the run is stopped."""
    room, budget = Room(), Budget(10, 10)
    room.learn(1)
    budget.stop("enough")
    with room.turn(budget), room.turn(budget):
        pass
