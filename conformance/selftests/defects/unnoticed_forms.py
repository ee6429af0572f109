"""Defects in one of the places or forms of a clause: after a restart, in the default build, at the second refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response
from conformance.selftests.reference.runs import Run

from .table import defect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session

LINE = 65_536


# -- after a restart


class Restarted(Behaviour):
    """A server that runs commands otherwise once its session was restarted."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        session.restarted = True  # type: ignore[attr-defined]  # this defect's own note


@defect("EX-20")
class RestartsLoseTheEnvironment(Restarted):
    """After a restart USER and TERM are not set."""

    def environ(self, session: Session) -> dict[str, str]:
        environ = super().environ(session)
        lost = {"USER", "TERM"} if getattr(session, "restarted", False) else set()
        return {name: value for name, value in environ.items() if name not in lost}


@defect("EX-19")
class RestartsLoseTheDirectory(Restarted):
    """After a restart commands run in /home."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, directory="/home") if getattr(session, "restarted", False) else jail


# -- at the second call


@defect("EX-06")
class RefusedCallsReserveTheirRun(Behaviour):
    """A call that is refused for its options leaves its runId behind as that of an unfinished run."""

    def read_commands(self, wanted: dict[str, Any]) -> Any:
        reserved = self.__dict__.setdefault("reserved", set())
        try:
            return super().read_commands(wanted)
        except Problem:
            if isinstance(wanted.get("runId"), str):
                reserved.add(wanted["runId"])
            raise

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if wanted.get("runId") in self.__dict__.get("reserved", set()) and mode == "batch":
            raise Problem(409, "Run exists", "it was begun")
        return super().find_run(session, wanted, mode)


@defect("SE-01")
class RefusedMountsTakeTheToken(Behaviour):
    """A creation that is refused for its mounts leaves its token taken."""

    def create_session(self, request: Request, owner: str) -> Response:
        wanted = self.read_object(request)
        token = wanted.get("clientSessionToken")
        taken = self.__dict__.setdefault("taken", set())
        if token in taken:
            raise Problem(409, "Session exists", str(token))
        try:
            return super().create_session(request, owner)
        except Problem as problem:
            if problem.title in {"Too many mounts", "No such folder"}:
                taken.add(token)
            raise


# -- sizes


@defect("EX-06")
class CommandsEndAfterABlock(Behaviour):
    """A command ends after 64 KiB."""

    def shell_text(self, command: str) -> str:
        return super().shell_text(command.encode()[:LINE].decode("utf-8", "ignore"))


@defect("SE-09")
class LongValuesAreCut(Behaviour):
    """A value in `config.environ` ends after 1,024 characters."""

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        return {name: value[:1024] for name, value in super().read_environ(config).items()}


# -- signatures


@defect("AU-04")
class OldUploadsAreTaken(Behaviour):
    """The date is looked at where a call only reads."""

    def authenticate(self, request: Request) -> str:
        self.reads = request.method == "GET"
        return super().authenticate(request)

    def check_date(self, date: Any) -> None:
        if self.reads:
            super().check_date(date)


# -- exit codes and files of runs


@defect("EX-16")
class KilledCleansEndWithOne(Behaviour):
    """A clean that a signal killed is told with 1."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        return 1 if code == 137 and command == run.commands.clean else code  # noqa: PLR2004  - killed


@defect("EX-26")
class FailedRunsListNoFiles(Behaviour):
    """A run that ends with another code than 0 lists no files."""

    def result(self, session: Session, run: Run, segment: Any) -> dict[str, Any]:
        body = super().result(session, run, segment)
        return {**body, "files": []} if body["exitCode"] else body


@defect("EX-26")
class BuildsAloneListNoFiles(Behaviour):
    """A run without exec lists no files."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        return super().made_files(session, run) if run.commands.exec else []


@defect("EX-26")
class FilesAreServedOnce(Behaviour):
    """The url of a made file serves it once."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        response = super().show_output(request, owner, identifier, name)
        served = self.__dict__.setdefault("served", set())
        if request.path in served:
            raise Problem(404, "No such file", name)
        served.add(request.path)
        return response


@defect("EX-26")
class LargeMadeFilesAreCut(Behaviour):
    """The url of a made file serves its first 64 KiB."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        response = super().show_output(request, owner, identifier, name)
        return replace(response, body=response.body[:LINE])


# -- in calls and steps that are seldom looked at


@defect("CO-12")
class GettingAnUploadCrashes(Behaviour):
    """A GET where only a POST is served answers 500."""

    def wrong_method(self, method: str, methods: Mapping[str, str]) -> Problem:
        if method == "GET" and "POST" in methods:
            raise KeyError(method)
        return super().wrong_method(method, methods)


@defect("CO-07")
class OverridesAreForSessionsAlone(Behaviour):
    """X-Method-Override is read on the path of a session, and on none below it."""

    def method(self, request: Request) -> str:
        below = request.path.rsplit("/", 1)[-1] in {"files", "download"}
        return request.method if below else super().method(request)


@defect("CN-03")
class CleansHaveNoLimit(Behaviour):
    """The clean step's output has no limit."""

    def clean_step(self, session: Session, run: Run) -> int:
        run.cleaning = True  # type: ignore[attr-defined]  # this defect's own note
        code = super().clean_step(session, run)
        run.cleaning = False  # type: ignore[attr-defined]
        return code

    def heard(self, run: Run, stream: str, text: str) -> None:
        if not getattr(run, "cleaning", False):
            super().heard(run, stream, text)
        elif text:
            with run.changed:
                run.segments[-1].blocks.append((stream, text))


@defect("CN-03", also=("EX-14",))
class FloodsEndWithZero(Behaviour):
    """A program that wrote more than the limit is told as ended with 0."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        full = max(run.segments[-1].chars.values()) >= self.max_console_chars
        super().end(run, status, 0 if full and status == "finished" else code)
