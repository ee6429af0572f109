"""Defects of runs that a reader of the contract alone would plant."""

from __future__ import annotations

import codecs
import os
import threading
import time
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour, sandbox
from conformance.selftests.reference.engine import ENVIRON
from conformance.selftests.reference.message import Problem, Request, Response
from conformance.selftests.reference.runs import CutOffError

from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Commands, Run, Segment
    from conformance.selftests.reference.sandbox import Jail, Process
    from conformance.selftests.reference.sessions import Session


@defect("EX-04")
class NumericRunIdsBecomeNumbers(Behaviour):
    """A runId of digits alone comes back as a number."""

    def result_body(self, run: Run, *more: Any) -> dict[str, Any]:
        body = super().result_body(run, *more)
        return {**body, "runId": int(run.id) if run.id.isdigit() else run.id}


class ReadsRunIds(Behaviour):
    """Reads run ids in a way of its own."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return run_id

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        run_id = wanted.get("runId")
        if isinstance(run_id, str):
            wanted = {**wanted, "runId": self.read_run_id(session, run_id)}
        return super().find_run(session, wanted, mode)


@defect("EX-22", also=("EX-04", "EX-29", "CN-06"))
class RunIdsIgnoreCase(ReadsRunIds):
    """Two unfinished runs whose ids differ by case are one."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return next((one for one in session.runs if one.lower() == run_id.lower()), run_id)


@defect("EX-04")
class RunIdsAreTrimmed(ReadsRunIds):
    """Blanks around a runId are lost."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return run_id.strip()


@defect("EX-04")
class RunIdsHaveThirtySixCharacters(ReadsRunIds):
    """A runId longer than a UUID is cut."""

    def read_run_id(self, session: Session, run_id: str) -> str:
        return run_id[:36]


@defect("EX-06", also=("EX-30", "CN-06"))
class VariablesAreSubstitutedFirst(Behaviour):
    """`$HOME` and the like are replaced in the text of a command, in single quotes too."""

    def shell_text(self, command: str) -> str:
        for name, value in ENVIRON.items():
            command = command.replace(f"${name}", value).replace(f"${{{name}}}", value)
        return super().shell_text(command)


@defect("EX-06", also=("EX-30", "CN-06"))
class CommandLinesAreStripped(Behaviour):
    """The indentation of a command's lines is lost."""

    def shell_text(self, command: str) -> str:
        return super().shell_text("\n".join(line.strip() for line in command.split("\n")))


@defect("EX-06", also=("EX-30", "CN-06"))
class CommandsAreCut(Behaviour):
    """A command is cut behind 8,192 characters."""

    def shell_text(self, command: str) -> str:
        return super().shell_text(command[:8192])


@defect("EX-30", also=("EX-24",))
class NoClobberShells(Behaviour):
    """The shells refuse to overwrite a file by `>`."""

    def jail(self, session: Session) -> Jail:
        return replace(super().jail(session), shell=("bash", "-C", "-c"))


@defect("EX-30")
class NounsetShells(Behaviour):
    """The shells end at a variable that is not set."""

    def jail(self, session: Session) -> Jail:
        return replace(super().jail(session), shell=("bash", "-u", "-c"))


@defect("EX-30")
class NoBraceExpansion(Behaviour):
    """The shells expand no braces."""

    def jail(self, session: Session) -> Jail:
        return replace(super().jail(session), shell=("bash", "+B", "-c"))


@defect("EX-07", also=("EX-06",))
class NoExecBetweenCleanAndNothing(Behaviour):
    """Exec does not run where a clean is given and no build."""

    def exec_command(self, session: Session, command: str) -> str:
        return super().exec_command(session, command)

    def steps(self, session: Session, run: Run) -> int:
        if run.commands.clean and not run.commands.build:
            run.commands = replace(run.commands, exec=None)
        return super().steps(session, run)


@defect("EX-08")
class DefaultBuildTakesTwentySources(Behaviour):
    """The default build compiles twenty sources at most."""

    def build_command(self, session: Session, command: str) -> str:
        return super().build_command(session, command).replace('"${sources[@]}"', '"${sources[@]:0:20}"')


@defect("EX-08")
class DefaultBuildMakesAll(Behaviour):
    """The default build makes `all`, not the Makefile's first target."""

    def build_command(self, session: Session, command: str) -> str:
        return super().build_command(session, command).replace("exec make;", "exec make all;")


@defect("EX-08", also=("EX-14", "EX-15"))
class DefaultBuildsIgnoreErrors(Behaviour):
    """The default build goes on behind a failed recipe, and succeeds."""

    def build_command(self, session: Session, command: str) -> str:
        return super().build_command(session, command).replace("exec make;", "exec make -i;")


@defect("EX-08")
class DefaultBuildsDespiseWarnings(Behaviour):
    """The default build fails where the compiler warns."""

    def build_command(self, session: Session, command: str) -> str:
        return super().build_command(session, command).replace("exec gcc", "exec gcc -Wall -Wextra -Werror")


@defect("EX-13")
class ContinuedCarriesTheBuildsCode(Behaviour):
    """`continued` after `build-finished` has the build's exit code."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        body = super().result(session, run, segment)
        if body["status"] == "build-finished":
            run.built = body["exitCode"]  # type: ignore[attr-defined]  # this defect's own note
        elif body["status"] == "continued":
            body["exitCode"] = getattr(run, "built", None)
        return body


@defect("EX-14", also=("EX-16",))
class SignedExitCodes(Behaviour):
    """Exit codes of 192 and more are signed bytes."""

    def exit_code(self, code: int) -> int:
        return code - 256 if code >= 192 else code  # noqa: PLR2004  - no signal's


@defect("EX-14", also=("EX-13", "EX-23"))
class CodeOfTheTimeoutCommand(Behaviour):
    """An exec that exits with 124 ends as `exec-timeout`."""

    def step(self, session: Session, run: Run, command: str) -> int:
        code = super().step(session, run, command)
        if code == 124 and command == run.commands.exec:  # noqa: PLR2004  - of coreutils' timeout
            raise CutOffError("exec-timeout", None)
        return code


@defect("EX-15")
class BuildsKilledBySignalsPass(Behaviour):
    """A build that was killed by a signal is no failure."""

    def is_failure(self, code: int) -> bool:
        return 0 < code < 128  # noqa: PLR2004  - of signals


@defect("EX-17")
class CleansHoldTheCall(Behaviour):
    """A call is held until the clean has ended."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        if run.commands.clean and not getattr(run, "clean_seen", False):
            with run.changed:
                run.changed.wait_for(lambda: self.is_ready(run))
            run.clean_seen = True  # type: ignore[attr-defined]  # this defect's own note
        return super().poll(session, run)


@defect("EX-17", also=("CN-04", "CN-08"))
class PartialLinesWait(Behaviour):
    """What stands behind the last newline of stdout waits for the end of the step."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        if stream == "stdout":
            whole, newline, rest = (run.__dict__.get("rest", "") + text).rpartition("\n")
            run.rest = rest  # type: ignore[attr-defined]  # this defect's own note
            text = whole + newline
        super().heard(run, stream, text)

    def heard_all(self, run: Run) -> None:
        super().heard(run, "stdout", run.__dict__.pop("rest", ""))


@defect("EX-23")
class OutputResetsTheLimit(Behaviour):
    """The limit counts from the last output."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, text)
        if text:
            self.start_clock(run)


@defect("EX-23")
class CleansAreNotLimited(Behaviour):
    """A clean has no limit."""

    def clean_step(self, session: Session, run: Run) -> int:
        run.deadline_s += 3600
        try:
            return super().clean_step(session, run)
        finally:
            self.start_clock(run)


@defect("EX-23", also=("EX-31",))
class LimitIsTakenAtPollsAlone(Behaviour):
    """A run that nobody polls has no limit."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        run.polled_s = time.monotonic()  # type: ignore[attr-defined]  # this defect's own note
        return super().poll(session, run)

    def time_up(self, run: Run, process: Process) -> None:
        if time.monotonic() - getattr(run, "polled_s", 0.0) < 1:
            super().time_up(run, process)
        time.sleep(0.05)


@defect("EX-23")
class SecondTimeoutsAreForgotten(Behaviour):
    """The second run of a session that goes past the limit is not cut off."""

    def step(self, session: Session, run: Run, command: str) -> int:
        run.session = session  # type: ignore[attr-defined]  # this defect's own note
        return super().step(session, run, command)

    def time_up(self, run: Run, process: Process) -> None:
        session = run.session  # type: ignore[attr-defined]
        cut = session.__dict__.setdefault("cut_runs", [])
        if cut and run not in cut:
            run.deadline_s += 3600
            return
        cut.append(run)
        super().time_up(run, process)


@defect("EX-22")
class WaitingRunsAreAStack(Behaviour):
    """Of the runs that wait, the newest goes first."""

    def await_turn(self, session: Session, run: Run) -> None:
        run.previous = None
        with self.lock:
            stack = session.__dict__.setdefault("stack", [])
            stack.append(run)
        while True:
            with self.lock:
                now = session.__dict__.get("now")
                if (now is None or now.done.is_set()) and stack[-1] is run:
                    stack.remove(run)
                    session.__dict__["now"] = run
                    break
            time.sleep(0.02)
        self.check_cut(run)


class AtEachStart(Behaviour):
    """Does something to a session's files before each run."""

    def before_run(self, session: Session) -> None: ...

    def await_turn(self, session: Session, run: Run) -> None:
        super().await_turn(session, run)
        self.before_run(session)


@defect("EX-24")
class ExecutableBitsAreLostAgain(AtEachStart):
    """Files that a run made executable are so no more in the next."""

    def before_run(self, session: Session) -> None:
        for path in session.home.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name != "main":
                path.chmod(path.stat().st_mode & ~0o111)


@defect("EX-24")
class EmptyDirectoriesArePruned(AtEachStart):
    """Empty directories are gone in the next run."""

    def before_run(self, session: Session) -> None:
        for path in sorted(session.home.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink() and path.name not in session.mounts and not any(path.iterdir()):
                path.rmdir()


@defect("EX-24")
class TimesAreForgotten(AtEachStart):
    """Every run finds all files just modified."""

    def before_run(self, session: Session) -> None:
        for path in session.home.rglob("*"):
            if not path.is_symlink():
                os.utime(path)


@defect("EX-25")
class FalsyCommandsAreNone(Behaviour):
    """`false`, 0 and empty lists are taken for no command."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        options = wanted.get("options")
        if isinstance(options, dict):
            wanted = {**wanted, "options": {name: value or None for name, value in options.items()}}
        return super().read_commands(wanted)


@defect("EX-25")
class FalsyOptionsAreNone(Behaviour):
    """`false`, 0, an empty text and an empty list are taken for no options."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        return super().read_commands({**wanted, "options": wanted.get("options") or None})


@defect("CO-10", also=("EX-25",))
class RunIdsOfAnyType(Behaviour):
    """A runId that is a number is read as a text."""

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        if isinstance(wanted.get("runId"), int):
            wanted = {**wanted, "runId": str(wanted["runId"])}
        return super().find_run(session, wanted, mode)


@defect("EX-25")
class ModesIgnoreCaseAgain(Behaviour):
    """`Batch` is a mode."""

    def read_mode(self, wanted: dict[str, Any]) -> str:
        mode = wanted.get("mode")
        return super().read_mode({**wanted, "mode": mode.lower() if isinstance(mode, str) else mode})


@defect("EX-26")
class OutputUrlsAreNotEncoded(Behaviour):
    """`#` and `?` stand in the URLs of output files as they are."""

    def output_url(self, session: Session, name: str) -> str:
        return super().output_url(session, name).replace("%23", "#").replace("%3F", "?")


@defect("EX-26")
class OutputsOfBuildsAreForgotten(Behaviour):
    """Output files that the build made are not named."""

    def build_step(self, session: Session, run: Run) -> int:
        try:
            return super().build_step(session, run)
        finally:
            run.before = self.output_files(session)


@defect("EX-26")
class OutputsAreServedAsFirstSeen(Behaviour):
    """An output file that a later run overwrites is served as it was."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        response = super().show_output(request, owner, identifier, name)
        seen: dict[tuple[str, str], Response] = self.__dict__.setdefault("seen", {})
        return seen.setdefault((self.find(owner, identifier).uuid, name), response)


@defect("EX-29", also=("EX-22",))
class BatchOfAWaitingRunStartsAnother(Behaviour):
    """A batch call with the runId of a run that waits for its turn starts another."""

    def earlier_run(self, session: Session, wanted: dict[str, Any], run_id: str) -> Run | None:
        run = session.runs.get(run_id)
        return None if run is not None and run.previous is not None else super().earlier_run(session, wanted, run_id)

    def await_turn(self, session: Session, run: Run) -> None:
        previous = run.previous
        if previous is not None:
            previous.done.wait()
        run.previous = None
        super().await_turn(session, run)


@defect("EX-29", also=("EX-12",))
class BatchAfterBuildStartsAgain(Behaviour):
    """A batch call with the runId of a run whose build has finished starts it again."""

    def earlier_run(self, session: Session, wanted: dict[str, Any], run_id: str) -> Run | None:
        run = session.runs.get(run_id)
        if run is not None and getattr(run, "built", False) and wanted.get("options"):
            return None
        return super().earlier_run(session, wanted, run_id)

    def fetched(self, session: Session, run: Run, status: str) -> None:
        run.built = status == "build-finished"  # type: ignore[attr-defined]  # this defect's own note
        super().fetched(session, run, status)


@defect("EX-31", also=("EX-22",))
class UnpolledOutputFillsThePipe(Behaviour):
    """Output is read while somebody polls: a run that is abandoned with much output never ends."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        run.unread = 0  # type: ignore[attr-defined]  # this defect's own note
        return super().poll(session, run)

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, text)
        run.unread = getattr(run, "unread", 0) + len(text)  # type: ignore[attr-defined]  # this defect's own note

    def read(self, run: Run, fd: int, stream: str, decoder: object, *, all_of_it: bool) -> bool:
        while getattr(run, "unread", 0) > 65_536 and not run.cut.is_set() and time.monotonic() < run.deadline_s:  # noqa: PLR2004  - a pipe
            time.sleep(0.05)
        return super().read(run, fd, stream, decoder, all_of_it=all_of_it)


@defect("CN-06", also=("CN-02",))
class ByteOrderMarksVanish(Behaviour):
    """A byte order mark at the start of a stream is lost."""

    def decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder("utf-8-sig")("replace")


@defect("CN-02", also=("CN-06",))
class CharactersAreComposed(Behaviour):
    """Output is normalised."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, unicodedata.normalize("NFC", text))


@defect("CN-03")
class AstralCharactersCountTwice(Behaviour):
    """Characters beyond the basic plane count as two."""

    def keep(self, segment: Segment, stream: str, text: str) -> None:
        super().keep(segment, stream, text)
        segment.chars[stream] += sum(one > "\uffff" for one in text)


@defect("CN-03")
class CountsGoOnAfterBuildFinished(Behaviour):
    """What the build printed counts against the limit of the program's first call."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        used = dict(run.segments[-1].chars)
        with run.changed:
            super().end(run, status, code)
            if status == "build-finished":
                run.segments[-1].chars = used


@defect("CN-06", also=("EX-17",))
class SameConsolesAreSentOnce(Behaviour):
    """A call's console that is the same as that of the call before is left out."""

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        body = super().result(session, run, segment)
        before, run.sent = getattr(run, "sent", None), body["console"]  # type: ignore[attr-defined]
        return {**body, "console": []} if body["console"] == before else body


@defect("CN-06", also=("CN-02",))
class ControlsVanish(Behaviour):
    """Bell, backspace, form feed and delete are lost."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, text.translate(dict.fromkeys((7, 8, 11, 12, 127))))


class ReadsEnviron(Behaviour):
    """Reads the values of environ in a way of its own."""

    def value(self, value: str) -> str:
        return value

    def environ(self, session: Session) -> dict[str, str]:
        own = {name: self.value(value) for name, value in session.environ.items()}
        return {**super().environ(session), **own}


@defect("SE-09")
class EnvironValuesAreTrimmedAgain(ReadsEnviron):
    """Blanks around the values of environ are lost."""

    def value(self, value: str) -> str:
        return value.strip()


@defect("SE-09")
class EnvironValuesExpand(ReadsEnviron):
    """`$HOME` in a value of environ is replaced."""

    def value(self, value: str) -> str:
        return value.replace("$HOME", "/home/work")


@defect("SE-09")
class EnvironValuesAreCut(ReadsEnviron):
    """Values of environ are cut behind 1,024 characters."""

    def value(self, value: str) -> str:
        return value[:1024]


@defect("SE-09")
class EnvironValuesHaveOneLine(ReadsEnviron):
    """A value of environ ends at its first newline."""

    def value(self, value: str) -> str:
        return value.partition("\n")[0]


@defect("SE-09", also=("SE-07",))
class EnvironIsLostByRestart(Behaviour):
    """After a restart environ is gone."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        session.environ = {}


@defect("SE-09")
class EnvironStaysWithTheToken(Behaviour):
    """A new session has the environ of the terminated one of its token too."""

    def open_session(self, name: str, *more: Any) -> Session:
        session = super().open_session(name, *more)
        kept = self.__dict__.setdefault("kept", {})
        session.environ = kept[name] = {**kept.get(name, {}), **session.environ}
        return session


@defect("SE-07")
class RestartsLeaveTheQueue(Behaviour):
    """Runs that wait for their turn start after a restart."""

    def kill_runs(self, session: Session) -> None:
        if session.uuid not in {one.uuid for one in self.sessions.values()}:
            super().kill_runs(session)
            return
        with session.lock:
            runs = [run for run in session.runs.values() if run.previous is None or run.process is not None]
        for run in runs:
            run.cut.set()
            sandbox.kill(run.process)
        for run in runs:
            run.done.wait(10)

    def await_turn(self, session: Session, run: Run) -> None:
        previous = run.previous
        if previous is not None:
            previous.done.wait()
        super().await_turn(session, run)


@defect("SE-11")
class InterruptsReachOtherSessions(Behaviour):
    """An interrupt reaches the commands of every session."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().interrupt(request, owner, identifier)
        for session in self.visible(owner):
            for run in list(session.runs.values()):
                if run.process is not None and not run.done.is_set():
                    sandbox.interrupt(run.process)
        return response


@defect("SE-11", also=("EX-02", "EX-13", "EX-14"))
class InterruptedRunsTimeOut(Behaviour):
    """A run that was interrupted ends as `exec-timeout`."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        for run in self.find(owner, identifier).runs.values():
            run.interrupted = True  # type: ignore[attr-defined]  # this defect's own note
        return super().interrupt(request, owner, identifier)

    def end(self, run: Run, status: str, code: int | None) -> None:
        if status == "finished" and getattr(run, "interrupted", False):
            status, code = "exec-timeout", None
        super().end(run, status, code)


@defect("SE-11", also=("EX-14", "EX-31"))
class InterruptsStay(Behaviour):
    """An interrupt of a session that runs nothing meets its next run."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        if not session.runs:
            session.__dict__["to_interrupt"] = True
        return super().interrupt(request, owner, identifier)

    def exec_command(self, session: Session, command: str) -> str:
        if session.__dict__.pop("to_interrupt", False):
            return "kill -INT $$"
        return super().exec_command(session, command)


HERE = threading.local()


class KnowsTheBuild(Behaviour):
    """Knows in a jail whether it is that of a build."""

    def build_step(self, session: Session, run: Run) -> int:
        HERE.build = run.commands.build
        try:
            return super().build_step(session, run)
        finally:
            HERE.build = None


@defect("EX-21")
class DefaultBuildsAreRoot(KnowsTheBuild):
    """The default build runs as root."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, uid=0) if getattr(HERE, "build", None) == "*" else jail


@defect("EX-21")
class BuildsMayTrace(KnowsTheBuild):
    """A build may ptrace."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, ptrace=True) if getattr(HERE, "build", None) else jail


@defect("EX-22", also=("EX-31", "EX-25"))
class FourthRunIsTooMany(Behaviour):
    """A session takes three unfinished runs, and refuses a fourth."""

    def start(self, session: Session, run: Run) -> None:
        if len(session.runs) > 2:  # noqa: PLR2004  - places
            raise Problem(409, "Too many runs")
        super().start(session, run)
