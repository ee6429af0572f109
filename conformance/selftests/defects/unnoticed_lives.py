"""Defects of lives: of runs, sessions and tokens that outlive their end, end too soon, or end others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour, sandbox
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Commands, Run
    from conformance.selftests.reference.sandbox import Process
    from conformance.selftests.reference.sessions import Session


@defect("EX-06", also=("EX-04", "EX-25", "EX-29"))
class RefusedRunsAreRegistered(Behaviour):
    """A call that is refused for its options leaves its runId taken."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        taken = self.__dict__.setdefault("taken_ids", set())
        if wanted.get("runId") in taken:
            raise Problem(409, "Run exists", str(wanted.get("runId")))
        try:
            return super().read_commands(wanted)
        except Problem:
            taken.update({wanted.get("runId")} - {None})
            raise


@defect("EX-12", also=("EX-25",))
class RefusedCallsEndTheRun(Behaviour):
    """A call that is refused for its mode ends the run that it names."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            return super().execute(request, owner, identifier)
        except Problem:
            session = self.find(owner, identifier)
            run = session.runs.pop(str(self.read_object(request).get("runId")), None)
            if run is not None:
                run.cut.set()
                sandbox.kill(run.process)
            raise


@defect("UP-01", also=("UP-09",))
class TwentyUploadsASession(Behaviour):
    """The twenty-first upload of a session is refused."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        session.uploads = getattr(session, "uploads", 0) + 1  # type: ignore[attr-defined]  # this defect's own note
        if session.uploads > self.max_files:  # type: ignore[attr-defined]
            raise Problem(400, "Too many files", "at most 20")
        return super().upload(request, owner, identifier)


@defect("EX-01", also=("EX-06", "EX-24"))
class SixteenRunsASession(Behaviour):
    """The seventeenth run of a session is refused: its place is taken by those that have ended."""

    def start(self, session: Session, run: Run) -> None:
        if session.queries["runs"] > 16:  # noqa: PLR2004  - places
            raise Problem(409, "Too many runs")
        super().start(session, run)


@defect("EX-12", also=("EX-31", "EX-17"))
class UnpolledRunsAreForgotten(Behaviour):
    """A run that nobody polled for two seconds is unknown."""

    def go_on_polling(self, run: Run) -> bool:
        last = getattr(run, "last_poll", time.monotonic())
        return time.monotonic() - last < 2  # noqa: PLR2004  - seconds

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        for run_id, run in list(session.runs.items()):
            if not self.go_on_polling(run):
                del session.runs[run_id]
        return super().find_run(session, wanted, mode)

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        result = super().poll(session, run)
        run.last_poll = time.monotonic()  # type: ignore[attr-defined]  # this defect's own note
        return result


@defect("SE-05")
class AgesAreKeptByToken(Behaviour):
    """A new session is as old as the terminated one of its token would be."""

    def open_session(self, name: str, *more: Any) -> Session:
        session = super().open_session(name, *more)
        session.born_s = self.__dict__.setdefault("births", {}).setdefault(name, session.born_s)
        return session


@defect("SE-05")
class CreditsAreKeptByToken(Behaviour):
    """A new session goes on with the CPU credit of the terminated one of its token."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        self.__dict__.setdefault("credits", {})[session.name] = session.cpu_ms

    def open_session(self, name: str, *more: Any) -> Session:
        session = super().open_session(name, *more)
        session.cpu_ms = self.__dict__.get("credits", {}).get(name, 0)
        return session


@defect("SE-05", intermittent=True)
class TheAgeIsTheNewestSessions(Behaviour):
    """Every session is as old as the newest."""

    def age_ms(self, session: Session) -> int:
        return super().age_ms(list(self.sessions.values())[-1])


@defect("SE-04", also=("SE-06",))
class DeletedByUuidKeepsItsToken(Behaviour):
    """The token of a session that was terminated by its UUID is still taken."""

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        response = super().destroy_session(request, owner, identifier)
        if identifier == session.uuid:
            self.__dict__.setdefault("left", {})[owner, session.name] = session
        return response

    def create_session(self, request: Request, owner: str) -> Response:
        left = self.__dict__.get("left", {}).get((owner, self.read_object(request).get("clientSessionToken")))
        if left is not None:
            return self.json(200, self.created_body(left, created=False))
        return super().create_session(request, owner)


@defect("UP-11")
class StagesStay(Behaviour):
    """A refused upload leaves a hidden directory in home, where it was staged."""

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        try:
            return super().upload(request, owner, identifier)
        except Problem:
            (session.home / ".stage").mkdir(exist_ok=True)
            raise


@defect("RL-02", needs=("keys",))
class KeysShareTheLimit(Behaviour):
    """All keys share one limit."""

    def spend(self, who: str) -> Problem | None:
        return super().spend("all")

    def rate_headers(self, who: str) -> dict[str, str]:
        return super().rate_headers("all")


@defect("EX-23", also=("CN-06",))
class TheLimitKillsEveryRun(Behaviour):
    """A run past the limit takes the runs of other sessions with it."""

    def time_up(self, run: Run, process: Process) -> None:
        for session in list(self.sessions.values()):
            for other in list(session.runs.values()):
                if other is not run:
                    sandbox.kill(other.process)
        super().time_up(run, process)


@defect("CN-06", also=("EX-14", "EX-22"))
class EndsKillEveryRun(Behaviour):
    """The end of a run kills what runs in other sessions: processes are known by their user."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "finished":
            for session in list(self.sessions.values()):
                if session.runs.get(run.id) is not run:
                    for other in list(session.runs.values()):
                        sandbox.kill(other.process)
        super().end(run, status, code)


@defect("EX-08")
class DefaultBuildsAreMadeOnce(Behaviour):
    """The default build does nothing where ./main is no older, in whole seconds, than every source."""

    def build_command(self, session: Session, command: str) -> str:
        main = session.home / "main"
        if command == "*" and main.is_file():
            times = [int(path.stat().st_mtime) for path in session.home.rglob("*.c")]
            if int(main.stat().st_mtime) >= max(times, default=0):
                return "true"
        return super().build_command(session, command)
