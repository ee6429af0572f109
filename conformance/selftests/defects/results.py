"""Servers that tell a run's result wrongly (EX-01 to EX-05, EX-13, EX-25, EX-26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response
from conformance.selftests.reference.runs import Commands, Run

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session


class OddResults(Behaviour):
    """A server that changes results."""

    missing = ""
    renamed: tuple[str, str] = ("", "")
    wrapped = True

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return result

    def result_body(
        self, run: Run, status: str, code: int | None, console: list[list[Any]], files: list[dict[str, str]]
    ) -> dict[str, Any]:
        body = super().result_body(run, status, code, console, files)
        if body["status"] == self.renamed[0]:
            body["status"] = self.renamed[1]
        body.pop(self.missing, None)
        return self.odd(run, body)


knob("no-console-key", "EX-01", "Results lack `console`.", base=OddResults, missing="console")
knob(
    "no-exitcode-key",
    "EX-01",
    "Results lack `exitCode`.",
    base=OddResults,
    missing="exitCode",
    also=("EX-13", "EX-14", "EX-15"),
)
knob("no-run-id-key", "EX-04", "Results lack `runId`.", base=OddResults, missing="runId", also=("EX-01", "EX-05"))
knob("no-status-key", "EX-01", "Results lack `status`.", base=OddResults, missing="status", also=("EX-02",))
for _old, _new, _needs in (
    ("continued", "continue", ()),
    ("clean-finished", "cleaned", ()),
    ("build-finished", "build_finished", ()),
    ("finished", "FINISHED", ()),
    ("exec-timeout", "timeout", ("exec-timeout",)),
):
    _summary = f"`{_old}` is spelled `{_new}`."
    knob(f"{_old}-misspelled", "EX-02", _summary, base=OddResults, needs=_needs, renamed=(_old, _new))


@defect("EX-01")
class ResultIsNotWrapped(Behaviour):
    """The result comes without `result` around it."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        run = self.find_run(session, self.read_object(request), self.read_mode(self.read_object(request)))
        return self.json(200, self.poll(session, run) if run else {})


@defect("EX-01")
class ConsoleIsNullWhenEmpty(OddResults):
    """An empty console is null."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "console": result["console"] or None}


@defect("EX-01")
class FirstResultIsCreated(Behaviour):
    """The first call of a run answers 201."""

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().execute(request, owner, identifier)
        first = self.read_object(request).get("mode") == "batch"
        return Response(201 if first else response.status, response.body, response.headers)


@defect("EX-01")
class OptionsAreAList(OddResults):
    """`options` is an empty list."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "options": []}


@defect("EX-01")
class FilesAreAnObject(OddResults):
    """`files` is an object."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "files": {}}


@defect("EX-03")
class CodeIsRequired(Behaviour):
    """A call without `code` is refused."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        if "code" not in wanted:
            raise Problem(400, "Code missing")
        return super().read_commands(wanted)


@defect("EX-03", also=("EX-01",))
class EmptyCodeIsRefused(Behaviour):
    """A call with an empty `code` is refused."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        if wanted.get("code") == "":
            raise Problem(400, "Code is empty")
        return super().read_commands(wanted)


@defect("EX-04")
class RunIdIsTheServers(Behaviour):
    """The client's runId is replaced by one of the server's."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        known = getattr(session, "aliases", {})
        given = wanted.get("runId")
        if mode == "batch" and given and given not in known:
            run = super().find_run(session, {**wanted, "runId": None}, mode)
            session.aliases = {**known, given: run.id if run else ""}  # type: ignore[attr-defined]  # this defect's own note
            return run
        return super().find_run(session, {**wanted, "runId": known.get(given, given)}, mode)


@defect("EX-04")
class LongRunIdsAreCut(OddResults):
    """A runId is cut at 16 characters in results."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "runId": run.id[:16]}


@defect("EX-04")
class RunIdsAreLowerCase(OddResults):
    """A runId is in lower case in results."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "runId": run.id.lower()}


@defect("EX-04", also=("EX-01",))
class LastResultHasNoRunId(OddResults):
    """`finished` comes with a null runId."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "runId": None} if result["status"] == "finished" else result


@defect("EX-04", also=("EX-05",))
class RunIdChanges(OddResults):
    """Every result names another runId."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        self.turn(run.id)
        return {**result, "runId": f"{run.id}-{self.counts[run.id]}"}

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        run_id = wanted.get("runId")
        if isinstance(run_id, str) and run_id not in session.runs:
            wanted = {**wanted, "runId": run_id.rpartition("-")[0] or run_id}
        return super().find_run(session, wanted, mode)


@defect("EX-05")
class AbsentRunIdIsRefused(Behaviour):
    """A call without a runId is refused."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if "runId" not in wanted:
            raise Problem(400, "runId missing")
        return super().find_run(session, wanted, mode)


@defect("EX-05", also=("CO-13", "EX-01"))
class NullRunIdIsRefused(Behaviour):
    """A null runId is refused."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if wanted.get("runId", "") is None:
            raise Problem(400, "runId is null")
        return super().find_run(session, wanted, mode)


@defect("EX-05")
class AssignedIdsAreAllTheSame(Behaviour):
    """Every run without a runId is called `default`: two that overlap are one."""

    def new_run_id(self) -> str:
        return "default"

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        return super().find_run(session, {**wanted, "runId": wanted.get("runId") or "default"}, mode)


@defect("EX-05", also=("EX-12",))
class AssignedIdsAreUnknown(Behaviour):
    """A run that got its id from the server can not be continued."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if mode == "continue" and str(wanted.get("runId", "")).startswith("srv-"):
            raise Problem(400, "Unknown run")
        return super().find_run(session, wanted, mode)

    def new_run_id(self) -> str:
        return "srv-" + super().new_run_id()


# -- EX-13


class OddCodeIn(OddResults):
    """A server that tells the wrong kind of exit code with one status."""

    wrong_status = ""
    code: Any = None

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "exitCode": self.code} if result["status"] == self.wrong_status else result


knob(
    "finished-has-no-code",
    "EX-13",
    "`finished` has a null exitCode.",
    base=OddCodeIn,
    wrong_status="finished",
    also=("EX-14", "EX-15"),
)
knob(
    "build-finished-has-no-code",
    "EX-13",
    "`build-finished` has a null exitCode.",
    base=OddCodeIn,
    wrong_status="build-finished",
)
knob(
    "clean-finished-has-no-code",
    "EX-13",
    "`clean-finished` has a null exitCode.",
    base=OddCodeIn,
    wrong_status="clean-finished",
)
knob(
    "continued-has-a-code",
    "EX-13",
    "`continued` has the exitCode 0.",
    base=OddCodeIn,
    wrong_status="continued",
    code=0,
)


@defect("EX-13", also=("EX-23",), needs=("exec-timeout",))
class TimeoutHasACode(OddResults):
    """`exec-timeout` has the exitCode 137."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "exitCode": 137} if result["status"] == "exec-timeout" else result


@defect("EX-13", also=("EX-14", "EX-15", "EX-01"))
class CodesAreText(OddResults):
    """exitCode is a text of digits."""

    def odd(self, run: Run, result: dict[str, Any]) -> dict[str, Any]:
        code = result["exitCode"]
        return {**result, "exitCode": code if code is None else str(code)}


# -- EX-25


@defect("EX-25")
class UnknownModeIsBatch(Behaviour):
    """An unknown mode is taken as batch."""

    def read_mode(self, wanted: dict[str, Any]) -> str:
        mode = wanted.get("mode")
        return (
            "batch"
            if isinstance(mode, str) and mode not in {"continue", "input", "query"}
            else super().read_mode(wanted)
        )


@defect("EX-25")
class MissingModeIsBatch(Behaviour):
    """A missing mode is taken as batch."""

    def read_mode(self, wanted: dict[str, Any]) -> str:
        return super().read_mode(wanted) if "mode" in wanted else "batch"


@defect("EX-25", also=("CO-10",))
class UnknownModeCrashes(Behaviour):
    """An unknown mode answers 500."""

    def read_mode(self, wanted: dict[str, Any]) -> str:
        try:
            return super().read_mode(wanted)
        except Problem as problem:
            raise KeyError(problem.detail) from None


@defect("EX-25")
class WrongOptionsAreIgnored(Behaviour):
    """Options that are no object are taken as none."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        options = wanted.get("options")
        return super().read_commands(wanted) if isinstance(options, dict | None) else Commands()


@defect("EX-25")
class WrongCommandsAreTurnedIntoText(Behaviour):
    """A command that is no text is run as what it looks like."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        options = wanted.get("options")
        if isinstance(options, dict):
            options = {key: value if value is None else str(value) for key, value in options.items()}
        return super().read_commands({**wanted, "options": options})


@defect("EX-25")
class UnknownRunIsContinued(Behaviour):
    """Continuing a run that does not exist answers `continued` for ever."""

    unknown_run = "finished"

    def empty_result(self, run_id: str) -> dict[str, Any]:
        return {**super().empty_result(run_id), "status": "continued", "exitCode": None}


@defect("EX-25", also=("CO-10",))
class UnknownRunCrashes(Behaviour):
    """Continuing a run that does not exist answers 500."""

    unknown_run = "finished"

    def empty_result(self, run_id: str) -> dict[str, Any]:
        raise KeyError(run_id)


@defect("EX-25")
class UnknownRunStartsOne(Behaviour):
    """Continuing a run that does not exist starts it."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        unknown = mode == "continue" and wanted.get("runId") not in session.runs
        return super().find_run(session, wanted, "batch" if unknown else mode)


# -- EX-26


@defect("EX-26")
class NoFilesInResults(Behaviour):
    """`files` stays empty whatever a run made."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        return []


@defect("EX-26")
class FileUrlsLeadNowhere(Behaviour):
    """The url of a made file is not found."""

    def output_url(self, session: Session, name: str) -> str:
        return "/nowhere" + super().output_url(session, name)


@defect("EX-26")
class FilesAreNamesOnly(Behaviour):
    """`files` lists names without urls."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        return [{"name": one["name"]} for one in super().made_files(session, run)]


@defect("EX-26")
class MadeFilesAreEmpty(Behaviour):
    """The url of a made file serves nothing."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        return Response(200, b"", super().show_output(request, owner, identifier, name).headers)
