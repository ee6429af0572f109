"""Defects of state: kept too long, ended too late, or shared between runs, sessions and calls that overlap."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour, sandbox
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    import codecs
    from pathlib import Path

    from conformance.selftests.reference.runs import Run
    from conformance.selftests.reference.sandbox import Process
    from conformance.selftests.reference.sessions import Session

PAUSE_S = 0.4


def _session_of(server: Behaviour, run: Run) -> Session | None:
    return next((one for one in list(server.sessions.values()) if one.runs.get(run.id) is run), None)


# -- SE: what ends late, or never


@defect("SE-07", intermittent=True)
class RestartsEndLate(Behaviour):
    """A restart is answered at once, and ends what runs a moment later: runs that began after it, too."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        threading.Timer(PAUSE_S, self.kill_runs, (session,)).start()


@defect("SE-07")
class RestartsLeaveTheSessionBusy(Behaviour):
    """After a restart that cut a run, no other run of the session begins."""

    def restart(self, session: Session) -> None:
        cut = [run for run in session.runs.values() if not run.done.is_set()]
        super().restart(session)
        session.busy = bool(cut)  # type: ignore[attr-defined]  # this defect's own note

    def await_turn(self, session: Session, run: Run) -> None:
        while getattr(session, "busy", False):
            run.cut.wait(0.1)
            self.check_cut(run)
        super().await_turn(session, run)


@defect("SE-06")
class WaitingRunsOutliveTheirSession(Behaviour):
    """A DELETE ends the run that goes on, and the one behind it begins."""

    def destroy(self, session: Session) -> None:
        with self.lock:
            self.sessions.pop((session.owner, session.name), None)
        going = [run for run in session.runs.values() if run.process is not None]
        for run in going:
            run.cut.set()
            sandbox.kill(run.process)
        for run in going:
            run.done.wait(10)


@defect("EX-24", also=("SE-06",))
class RemovalsComeLate(Behaviour):
    """The files of a terminated session are removed a moment later, by its token: another one's by then."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        threading.Timer(PAUSE_S, self.remove, (session.owner, session.name)).start()

    def remove(self, owner: str, name: str) -> None:
        heir = self.sessions.get((owner, name))
        if heir is not None:
            self.empty(heir.home)


@defect("SE-10", also=("VF-05", "SE-06"))
class DeletionsUnmountFolders(Behaviour):
    """A DELETE unmounts the folders of a session, in other sessions too."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        for other in list(self.sessions.values()):
            for name in [name for name, place in other.mounts.items() if place in session.mounts.values()]:
                del other.mounts[name]


@defect("SE-06", also=("EX-14", "EX-22", "CN-06"))
class DeletionsKillEveryRun(Behaviour):
    """A DELETE kills the processes of the user that runs commands, in every session."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        for other in list(self.sessions.values()):
            for run in list(other.runs.values()):
                sandbox.kill(run.process)


@defect("SE-11")
class InterruptsHitEverySession(Behaviour):
    """An interrupt goes to the commands of all sessions."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().interrupt(request, owner, identifier)
        for session in list(self.sessions.values()):
            if identifier not in self.ids_of(session):
                super().interrupt(request, session.owner, session.uuid)
        return response


@defect("SE-11")
class InterruptsAreKept(Behaviour):
    """An interrupt while nothing runs hits the next command."""

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        session = self.find(owner, identifier)
        session.hit = all(run.done.is_set() for run in session.runs.values())  # type: ignore[attr-defined]
        return super().interrupt(request, owner, identifier)

    def step(self, session: Session, run: Run, command: str) -> int:
        hit = getattr(session, "hit", False)
        session.hit = False  # type: ignore[attr-defined]
        return super().step(session, run, f"kill -INT $$; {command}" if hit else command)


# -- SE: names


@defect("SE-04", also=("EX-24",))
class HyphensMakeNoDifference(Behaviour):
    """Tokens that differ in hyphens alone are one session."""

    def read_token(self, wanted: dict[str, Any]) -> str:
        return super().read_token(wanted).replace("-", "")

    def find(self, owner: str, identifier: str) -> Session:
        try:
            return super().find(owner, identifier)
        except Problem:
            return super().find(owner, identifier.replace("-", ""))


@defect("SE-01")
class RefusedTokensAreTaken(Behaviour):
    """The token of a creation that was refused for its config is taken for ever."""

    def create_session(self, request: Request, owner: str) -> Response:
        taken = self.__dict__.setdefault("taken", set())
        name = self.read_object(request).get("clientSessionToken")
        if isinstance(name, str) and (owner, name) in taken:
            raise Problem(409, "Session exists", name)
        try:
            return super().create_session(request, owner)
        except Problem as problem:
            if problem.title in {"Not acceptable", "No such folder", "Too many mounts"}:
                taken.add((owner, name))
            raise


@defect("SE-06")
class OldIdsFindTheNewSession(Behaviour):
    """The UUID of a terminated session finds the new session of its token."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        self.__dict__.setdefault("old", {})[session.uuid] = session.name

    def find(self, owner: str, identifier: str) -> Session:
        return super().find(owner, self.__dict__.get("old", {}).get(identifier, identifier))


# -- SE-05: facts


@defect("SE-05")
class TheCpuCreditIsShared(Behaviour):
    """The CPU credit is that of all sessions."""

    def session_info(self, session: Session) -> dict[str, Any]:
        whole = sum(one.cpu_ms for one in list(self.sessions.values()))
        return {**super().session_info(session), "cpuCreditUsed": whole}


@defect("SE-05")
class TheCpuCreditIsTheLastSteps(Behaviour):
    """The CPU credit is that of the newest step."""

    def step(self, session: Session, run: Run, command: str) -> int:
        session.cpu_ms = 0
        return super().step(session, run, command)


@defect("SE-05")
class TheLanguageIsALaterSessions(Behaviour):
    """The language that is told is that of a session of another language that was created later, if one lives."""

    def session_info(self, session: Session) -> dict[str, Any]:
        alive = list(self.sessions.values())
        later = alive[alive.index(session) + 1 :] if session in alive else []
        lang = next((one.lang for one in later if one.lang != session.lang), session.lang)
        return {**super().session_info(session), "lang": lang}


# -- EX: between runs


@defect("SE-06")
class UnfinishedRunsAreInherited(Behaviour):
    """A batch call in a new session goes on with the run of that id in the terminated one of its token."""

    def destroy(self, session: Session) -> None:
        self.__dict__.setdefault("left", {})[session.owner, session.name] = dict(session.runs)
        super().destroy(session)

    def earlier_run(self, session: Session, wanted: dict[str, Any], run_id: str) -> Run | None:
        left = self.__dict__.get("left", {}).get((session.owner, session.name), {})
        return left.pop(run_id, None) or super().earlier_run(session, wanted, run_id)


@defect("CN-06")
class DecodersAreTheSessions(Behaviour):
    """A character that a run's output ends in the middle of is completed by the next run."""

    def pump(self, run: Run, process: Process) -> None:
        self.pumped = _session_of(self, run)
        super().pump(run, process)

    def decoder(self) -> Any:
        session = self.pumped
        if session is None:
            return super().decoder()
        kept = session.__dict__.setdefault("decoders", [])
        if len(kept) < 2:  # noqa: PLR2004  - streams
            kept.append(_Unending(super().decoder()))
            return kept[-1]
        kept.append(kept.pop(0))
        return kept[-1]


class _Unending:
    """A decoder that nothing ends."""

    def __init__(self, decoder: codecs.IncrementalDecoder) -> None:
        self.inner = decoder

    def decode(self, piece: bytes, final: bool = False) -> str:  # noqa: FBT001, FBT002  - codecs has it so
        return self.inner.decode(piece)


@defect("EX-26")
class OutputUrlsAreShared(Behaviour):
    """The URL of an output file serves the newest of its name, of whichever session."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        files = super().made_files(session, run)
        newest = self.__dict__.setdefault("newest", {})
        newest.update({one["name"]: session for one in files})
        return files

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        newest = self.__dict__.get("newest", {}).get(name) or self.find(owner, identifier)
        return super().show_output(request, newest.owner, newest.uuid, name)


@defect("EX-26")
class OutputUrlsServeOnce(Behaviour):
    """The URL of an output file serves it once."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        gone = self.__dict__.setdefault("gone", set())
        if (identifier, name) in gone:
            raise Problem(404, "No such file", name)
        gone.add((identifier, name))
        return super().show_output(request, owner, identifier, name)


@defect("UP-01", also=("UP-04",), intermittent=True)
class DirectoriesCollide(Behaviour):
    """Two uploads that make one directory at the same time: one of them answers 500."""

    def make_directories(self, session: Session, directory: Path) -> None:
        if directory != session.home and not directory.is_dir():
            threading.Event().wait(0.03)
            if directory.is_dir():
                raise FileExistsError(str(directory))
        super().make_directories(session, directory)


@defect("LS-04", also=("LS-05",))
class ListingsAreKeptByTheDirectorysTime(Behaviour):
    """A listing is kept as long as its directory's mtime stays: what changes within files is not seen."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        kept = self.__dict__.setdefault("kept", {})
        key = (path, path.lstat().st_mtime_ns)
        if key not in kept:
            kept[key] = super().entries(path)
        found: list[dict[str, Any]] = kept[key]
        return found


# -- runs, and what is told meanwhile


@defect("EX-19")
class RunsBeginWhereTheLastEnded(Behaviour):
    """A run begins in the directory that the exec step of the run before changed to."""

    def step(self, session: Session, run: Run, command: str) -> int:
        if command == run.commands.exec:
            note = "/tmp/.where"  # noqa: S108  - of the session alone
            command = f'cd "$(cat {note} 2>/dev/null || pwd)" 2>/dev/null; trap "pwd > {note}" EXIT\n{command}'
        return super().step(session, run, command)


@defect("SE-05")
class BusySessionsAreNotShown(Behaviour):
    """While a run goes on the session's facts are refused."""

    def session_info(self, session: Session) -> dict[str, Any]:
        if any(not run.done.is_set() for run in session.runs.values()):
            raise Problem(409, "Session is busy")
        return super().session_info(session)
