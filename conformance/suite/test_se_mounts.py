"""SE: virtual folders in a session: `config.mounts` (SE-10)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.folders import folder
from conformance.suite.programs import HOME, whether

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target


def asked(sessions: Sessions, target: Target, mounts: Sequence[str]) -> Exchange:
    """Ask for a session with these mounts."""
    return sessions.try_create(target.creation(sessions.new_token(), config={"mounts": list(mounts)}))


def expect_folder(judge: Judge, session: Session, place: str) -> None:
    """Judge that a folder is found below the home directory."""
    there, run = whether(session, judge, f"[ -d {HOME}/{place} ]")
    expected = f"the folder at {HOME}/{place}"
    judge.require("SE-10", there, expected=expected, actual="none", exchange=[session.creation, *run.exchanges])


@requirement("SE-10")
def test_a_mounted_folder_is_found_below_home(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A folder that is mounted by its name, or as `name:alias`, is found there below `/home/work`."""
    with folder(sessions) as name, folder(sessions) as other:
        for mounts, places in (([name], [name]), ([f"{name}:shelf", f"{other}:board"], ["shelf", "board"])):
            exchange = asked(sessions, target, mounts)
            judge.accepted("SE-10", exchange, expected=f"a session with {mounts} mounted")
            session = sessions.adopt(exchange)
            for place in places:
                expect_folder(judge, session, place)
            session.delete()


def hold_marks(judge: Judge, session: Session, names: Sequence[str]) -> None:
    """Judge that each folder holds the mark that a session before made there; where none does, VF-05 is broken."""
    run = session.run("".join(f"cat {HOME}/{name}/mark 2>/dev/null || echo none; " for name in names))
    marks = run.stdout.split()
    if set(marks) == {"none"}:
        raise judge.unmet("VF-05", expected="what was written there before", actual="nothing", exchange=run.exchanges)
    judge.require("SE-10", marks == list(names), expected=list(names), actual=marks, exchange=run.exchanges)


@requirement("SE-10")
def test_as_many_folders_as_promised_can_be_mounted(
    sessions: Sessions, target: Target, limits: Limits, judge: Judge
) -> None:
    """Five folders can be mounted at once, each as itself in whichever order; six are refused."""
    with ExitStack() as stack:
        names = [stack.enter_context(folder(sessions)) for _ in range(limits.max_mounts + 1)]
        places = {name: name if number % 2 else f"place-{number}" for number, name in enumerate(names)}
        mounts = [name if name == place else f"{name}:{place}" for name, place in places.items()]
        exchange = asked(sessions, target, mounts[:-1])
        judge.accepted("SE-10", exchange, expected=f"a session with {limits.max_mounts} folders mounted")
        session = sessions.adopt(exchange)
        marked = list(places.items())[:-1]
        there = " && ".join(f"[ -d {HOME}/{place} ] && echo {name} > {HOME}/{place}/mark" for name, place in marked)
        found, run = whether(session, judge, there)
        judge.require(
            "SE-10", found, expected="all of the folders", actual="not all", exchange=[exchange, *run.exchanges]
        )
        session.delete()
        again = asked(sessions, target, names[-2::-1])
        judge.accepted("SE-10", again, expected="a session with the same folders in another order")
        session = sessions.adopt(again)
        hold_marks(judge, session, names[:-1])
        session.delete()
        for many in (names, [f"{name}:{number}-place" for number, name in enumerate(names)]):
            too_many = asked(sessions, target, many)
            judge.refused("SE-10", too_many, expected=f"a refusal (4xx) of {limits.max_mounts + 1} mounts")


@requirement("SE-10")
def test_an_unknown_folder_cannot_be_mounted(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A mount that names no folder is refused, alone and beside one that is there."""
    with folder(sessions) as name:
        unknown = sessions.new_token()
        for mounts in ([unknown], [name, unknown], [f"{unknown}:shelf"], [f"{name}:shelf", f"{unknown}:board"]):
            judge.refused("SE-10", asked(sessions, target, mounts), expected="a refusal (4xx) of an unknown folder")
