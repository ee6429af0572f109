"""Right servers that run and report otherwise: other paces, other kernels, other facts, other orders of calls."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response
from conformance.selftests.reference.runs import Segment
from conformance.selftests.reference.sandbox import BARE

from .lawful import FurnishedHome, OtherArchives, OtherProblems
from .table import variant

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Run
    from conformance.selftests.reference.sandbox import Jail, Process
    from conformance.selftests.reference.sessions import Session

TICK_S: Final = 0.4
PIECE_CHARS: Final = 8_192


OTHER_ENVIRON: Final = {
    "LC_ALL": "C",
    "TZ": "Asia/Seoul",
    "CERTIFICATE": "-----BEGIN\nUSER=nobody\nHOME=/root\nTERM=\n-----END",
    "BASH_FUNC_greet%%": "() {  echo hello\n}",
    "PS1": "$ ",
    "COLUMNS": "20",
    "LS_COLORS": "rs=0",
    "MAKEFLAGS": "-j2",
    "HOSTNAME": "main1",
    "PYTHONUNBUFFERED": "1",
    "GCC_COLORS": "error=01",
    "CDPATH": "",
    **{f"BACKENDAI_{number}": "x" * 50 for number in range(200)},
}


class FirstAnswerAtOnce(Behaviour):
    """The call that starts a run answers at once, with nothing; the later ones are long polls."""

    poll_s = 1.2

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        if not run.__dict__.get("greeted"):
            run.__dict__["greeted"] = True
            return self.result_body(run, "continued", None, [], [])
        return super().poll(session, run)


variant("first-answer-at-once", "The first answer of a run comes at once and says nothing.", base=FirstAnswerAtOnce)
variant(
    "first-answer-at-once-limited",
    "The same, with a time limit.",
    base=FirstAnswerAtOnce,
    needs=("exec-timeout",),
)


class EndsComeAlone(Behaviour):
    """Output comes in pieces of a few thousand characters, and an end only when all of it was fetched."""

    def take(self, run: Run) -> Segment | None:
        """Take the next piece of the oldest segment: its end is for a call of its own."""
        if not run.segments or not run.segments[0].blocks:
            return super().take(run)
        first = run.segments[0]
        (stream, text), *rest = first.blocks
        first.blocks = [*([(stream, text[PIECE_CHARS:])] if text[PIECE_CHARS:] else []), *rest]
        first.chars[stream] -= len(text[:PIECE_CHARS])
        return Segment([(stream, text[:PIECE_CHARS])])

    def is_ready(self, run: Run) -> bool:
        return super().is_ready(run) or bool(run.segments[0].blocks)


variant("ends-come-alone", "Each answer has one small piece of one stream; ends come without any.", base=EndsComeAlone)


class Ticking(Behaviour):
    """What happens is noticed when a clock ticks: output, ends, kills. Commands start late."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        time.sleep(TICK_S - time.monotonic() % TICK_S)
        return super().poll(session, run)

    def step(self, session: Session, run: Run, command: str) -> int:
        run.cut.wait(0.2)
        return super().step(session, run, command)


variant("ticking", "Every execute call takes until a clock ticks, and every command starts late.", base=Ticking)


class PoorKernels(Behaviour):
    """Kernels with few tools: one of Python has no compiler, one of C no Python."""

    plain = (
        "bash sh cat cksum cp cut date dd dirname basename echo env expr false find grep head id ln ls mkdir mkfifo "
        "mktemp mv od printf pwd rm rmdir sed sleep sort stat tail tee test touch tr true uname uniq wc chmod seq"
    )
    by_lang: dict[str, list[str]] = {"python": ["python3"], "c": ["cc", "gcc", "make", "as", "ld"]}  # noqa: RUF012

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.tools = Path(tempfile.mkdtemp(prefix="reference-tools-", dir="/var/tmp"))
        self.tools.chmod(0o755)
        for lang, own in self.by_lang.items():
            (self.tools / lang).mkdir()
            for name in (*self.plain.split(), *own):
                if found := shutil.which(name, path=BARE["PATH"]):
                    (self.tools / lang / name).symlink_to(found)
            self.simplify(self.tools / lang / "seq")

    def simplify(self, tool: Path) -> None:
        """Let a tool have no options, as the least of its kind."""
        real = tool.readlink()
        tool.unlink()
        tool.write_text(f'#!/bin/sh\ncase $1 in -*) exit 1 ;; esac\nexec {real} "$@"\n', "utf-8")
        tool.chmod(0o755)

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, shell=("/usr/bin/env", f"PATH={self.tools / session.lang}", *jail.shell))  # noqa: S604  - no shell of ours

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.tools, ignore_errors=True)


variant("poor-kernels", "A kernel has few tools besides its own language's.", base=PoorKernels)


class OtherSurroundings(Behaviour):
    """Variables of several lines, a locale of its own, small limits, an input that never ends."""

    uid = 33_333

    def shell_text(self, command: str) -> str:
        endless = (
            "[ -p /tmp/.endless ] || mkfifo /tmp/.endless 2>/dev/null; exec 7>/dev/null 8</dev/null 0<>/tmp/.endless"
        )
        around = f"ulimit -c 0 -n 128 -s 4096 -f 200000; {endless}"
        return f"{around}\n{super().shell_text(command)}"

    def jail(self, session: Session) -> Jail:
        return replace(super().jail(session), uid=self.uid)


variant(
    "other-surroundings",
    "Variables of several lines, LC_ALL=C, small limits, an input that never ends.",
    base=OtherSurroundings,
    more_environ=OTHER_ENVIRON,
)


class CoarseFacts(Behaviour):
    """Facts in whole seconds that lag behind; endings that take a while; an interrupt that does nothing."""

    def session_info(self, session: Session) -> dict[str, Any]:
        info = super().session_info(session)
        seen = session.__dict__.setdefault("credit", [0.0, 0])
        if time.monotonic() - seen[0] > 1.0:
            seen[:] = [time.monotonic(), info["cpuCreditUsed"]]
        return {
            **info,
            "age": info["age"] // 1000 * 1000,
            "cpuCreditUsed": seen[1] // 10 * 10,
            "memoryLimit": 0,
            "result": None,
        }

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        response = super().destroy_session(request, owner, identifier)
        time.sleep(0.5)
        return self.json(200, {}) if response.status != 204 else response  # noqa: PLR2004  - SE-06 (open)

    def restart(self, session: Session) -> None:
        super().restart(session)
        time.sleep(1.0)

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        self.find(owner, identifier)
        return Response(204)

    def list_folders(self, request: Request, owner: str) -> Response:
        """List them in an object that holds another list, too."""
        items = [self.folder_item(folder) for (who, _), folder in self.folders.items() if who == owner]
        return self.json(200, {"errors": [], "items": items, "total": len(items)})


variant(
    "coarse-facts",
    "Facts lag behind in whole seconds; ends take long; interrupts do nothing.",
    {("VF-02", "list-form"): "object"},
    base=CoarseFacts,
)


class OneCallAtATime(Behaviour):
    """The calls on one session are answered one after the other, long polls too."""

    poll_s = 0.8

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.held = threading.local()

    def find(self, owner: str, identifier: str) -> Session:
        turn = super().find(owner, identifier).__dict__.setdefault("turn", threading.RLock())
        if self.held.turn is not turn:  # once a call, however often it looks
            turn.acquire()
            self.held.turn = turn
        return super().find(owner, identifier)  # it may have ended meanwhile

    def respond(self, request: Request) -> Response:
        self.held.turn = None
        try:
            return super().respond(request)
        finally:
            if self.held.turn is not None:
                self.held.turn.release()


variant("one-call-at-a-time", "The calls on a session wait for each other, long polls too.", base=OneCallAtATime)


class HeldCreation(Behaviour):
    """A creation answers before the session runs; calls on it are held until it does. Kills are slow."""

    starts_pending_s = 0.8

    def find(self, owner: str, identifier: str) -> Session:
        session = super().find(owner, identifier)
        time.sleep(max(0.0, session.born_s + self.starts_pending_s - time.monotonic()))
        return session

    def session_status(self, session: Session) -> str:
        return "PREPARING" if super().session_status(session) == "PENDING" else "RUNNING"

    def time_up(self, run: Run, process: Process) -> None:
        run.cut.wait(0.7)
        super().time_up(run, process)


variant("held-creation", "Calls on a session that does not run yet are held; kills are slow.", base=HeldCreation)
variant("held-creation-limited", "The same, with a time limit.", base=HeldCreation, needs=("exec-timeout",), poll_s=1.0)


class FilesInEveryResult(Behaviour):
    """Output files are in every result from the first on, again and again, named from home on."""

    def result_body(
        self, run: Run, status: str, code: int | None, console: list[list[Any]], files: list[dict[str, str]]
    ) -> dict[str, Any]:
        body = super().result_body(run, status, code, console, files)
        session = run.__dict__.get("session")
        if session is not None:
            more = self.made_files(session, run)
            body["files"] = [
                {"name": f".output/{one['name']}", "url": f"{one['url']}?token=a%2Fb&x", "size": 1} for one in more
            ]
        return {**body, "options": {} if body["options"] is None else body["options"]}

    def steps(self, session: Session, run: Run) -> int:
        run.__dict__["session"] = session  # what was there before is known from here on
        return super().steps(session, run)


variant(
    "files-in-every-result",
    "Every result has the output files so far, their URLs with a query; options is an empty object.",
    base=FilesInEveryResult,
)


class Guarded(Behaviour):
    """Behind a guard: long bodies and URLs, bodies without a length and names that Windows refuses are refused."""

    def answer(self, request: Request) -> Response:
        if "Content-Length" not in request.headers and request.headers.get("Transfer-Encoding"):
            raise Problem(411, "Length required")
        if len(request.target) > 4_094:  # noqa: PLR2004  - as guards have it
            raise Problem(414, "URI too long")
        if request.content_type == "application/json" and len(request.body) > 100_000:  # noqa: PLR2004  - same
            raise Problem(413, "Content too large")
        return super().answer(request)

    def place_of(self, session: Session, name: str) -> Path:
        if set(name) & set('\\:*?"<>|') or any(ord(char) < ord(" ") for char in name):
            raise Problem(422, "Bad path", "a character that some disks refuse")
        return super().place_of(session, name)


variant("guarded", "Long requests, chunked ones and names that other systems refuse are refused.", base=Guarded)


class FirstAndFiles(FilesInEveryResult, FirstAnswerAtOnce):
    """First answers at once, output files in every result."""


class PiecesElsewhere(EndsComeAlone, OtherSurroundings):
    """Small pieces, from unusual surroundings."""


class PoorAndGuarded(PoorKernels, Guarded, CoarseFacts, OtherArchives):
    """Few tools, guards, coarse facts, old tars."""


class TurnsAndHolds(OneCallAtATime, HeldCreation):
    """One call at a time, on sessions that are long in coming."""


class TicksAtHome(Ticking, FurnishedHome, OtherProblems):
    """All by the clock, in a home that is not empty."""


variant(
    "first-and-files",
    "First answers at once, files in every result, a limit.",
    base=FirstAndFiles,
    needs=("exec-timeout",),
)
variant("pieces-elsewhere", "Small pieces, odd surroundings.", base=PiecesElsewhere, more_environ=OTHER_ENVIRON)
variant(
    "poor-and-guarded",
    "Few tools, long requests refused, coarse facts, old tars.",
    {("VF-02", "list-form"): "object"},
    base=PoorAndGuarded,
)
variant("turns-and-holds", "One call at a time, sessions long in coming.", base=TurnsAndHolds)
variant("ticks-at-home", "All by the clock, in a home that is not empty.", base=TicksAtHome)
