"""Servers whose runs leave other effects (EX-24, EX-27 to EX-31)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Commands, CutOffError, Run

from .odd import OddCommands
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session

# -- EX-24, EX-27, EX-28, EX-29, EX-31


@defect("EX-24")
class RunsStartEmpty(Behaviour):
    """Files that an earlier run made are gone in the next."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        session = next((s for s in self.sessions.values() if run.id in s.runs), None)
        if session is None:
            return
        known: set[Any] = getattr(session, "uploads", set())
        for path in session.home.rglob("*"):
            if path.is_file() and path not in known:
                path.unlink()

    def store(self, session: Session, path: Any, content: bytes) -> None:
        super().store(session, path, content)
        session.uploads = {*getattr(session, "uploads", set()), path}  # type: ignore[attr-defined]  # this defect's own note


@defect("EX-24")
class ExecLeavesNothing(Behaviour):
    """New files at the top of home are removed when exec has ended."""

    def steps(self, session: Session, run: Run) -> int:
        before: set[Any] = set()
        try:
            code = super().steps(session, run)
        finally:
            before = getattr(run, "built", before)
            for path in session.home.iterdir():
                if path not in before and path.is_file():
                    path.unlink()
        return code

    def exec_command(self, session: Session, command: str) -> str:
        for run in session.runs.values():
            if not run.done.is_set():
                run.built = set(session.home.iterdir())  # type: ignore[attr-defined]  # this defect's own note
                break
        return super().exec_command(session, command)


@defect("EX-27")
class BuildOnlyIsSilent(Behaviour):
    """Without exec the build's output is not returned."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "build-finished" and not run.commands.exec:
            run.segments[-1].blocks.clear()
        super().end(run, status, code)


@defect("EX-27")
class BuildOnlyRunsMain(OddCommands):
    """Without exec a ./main that the build made is run."""

    def odd(self, commands: Commands) -> Commands:
        return commands if commands.exec or not commands.build else replace(commands, exec="[ ! -x main ] || ./main")


@defect("EX-27")
class SuccessfulBuildsAreSilent(Behaviour):
    """The output of a build that succeeded is not returned."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "build-finished" and code == 0:
            run.segments[-1].blocks.clear()
        super().end(run, status, code)


@defect("EX-28")
class QueriesRunNothing(Behaviour):
    """Query mode is accepted and runs nothing."""

    def query_command(self, session: Session, code: str) -> str:
        return "true"


@defect("EX-29")
class RepeatedBatchIsRefused(Behaviour):
    """A batch call with the id of an unfinished run is refused."""

    def go_on(self, session: Session, run_id: str) -> Run:
        raise Problem(409, "Run exists")


@defect("EX-29", also=("EX-10",))
class RepeatedBatchStartsAgain(Behaviour):
    """A batch call with the id of an unfinished run starts it once more."""

    def go_on(self, session: Session, run_id: str) -> Run:
        run = Run(run_id, session.runs[run_id].commands)
        self.start(session, run)
        return run


@defect("EX-31")
class AbandonedRunsBlock(Behaviour):
    """A run that is not fetched to its end lets no other begin."""

    def await_turn(self, session: Session, run: Run) -> None:
        previous = run.previous
        while previous is not None and session.runs.get(previous.id) is previous:
            self.check_cut(run)
            run.cut.wait(0.02)
        super().await_turn(session, run)


@defect("EX-12", also=("CN-06", "EX-10", "EX-24"))
class OnlyTheFirstRunWorks(Behaviour):
    """The second run of a session finishes at once and runs nothing."""

    def await_turn(self, session: Session, run: Run) -> None:
        super().await_turn(session, run)
        if session.queries["calls"] > 1 and getattr(session, "ran", False):
            raise CutOffError("finished", 0)
        session.ran = True  # type: ignore[attr-defined]  # this defect's own note


@defect("EX-06", also=("EX-24",))
class SessionsAreMixedUp(Behaviour):
    """Commands run in the newest session, whichever was asked."""

    def jail(self, session: Session) -> Jail:
        newest = list(self.sessions.values() or [session])[-1]
        return replace(super().jail(session), place=newest.place)
