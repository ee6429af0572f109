"""EX: the execute call, and what belongs to it."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from . import sandbox
from .engine import Engine
from .message import Problem, Response
from .runs import Commands, Run, Segment

if TYPE_CHECKING:
    from .message import Request
    from .sessions import Session

MODES: Final = ("batch", "continue", "input", "query")


class Executing(Engine):
    """Modes, long polling, results."""

    poll_s = 0.3
    query_offered = True  # EX-28
    code_in_batch = "refused"  # EX-03 (open): or "ignored"
    unknown_run = "refused"  # EX-25 (open): or "finished"
    missing_run_id = "new-run"  # EX-29 (open): or "goes-on"
    finished_run_id = "new-run"  # EX-29 (open): or "refused", or "old-result"
    url_form = "relative"  # EX-26 (open): or "absolute"
    result_files = "list"  # EX-01 (open): where there are none, or "null", or "absent"

    def execute(self, request: Request, owner: str, identifier: str) -> Response:
        """EX-01: one call of a run."""
        session = self.find(owner, identifier)
        wanted = self.read_object(request)
        mode = self.read_mode(wanted)
        if self.session_status(session) != "RUNNING":
            raise Problem(409, "Session not ready", "wait until it is RUNNING")
        with session.lock:
            session.queries["calls"] += 1
            run = self.find_run(session, wanted, mode)
        if run is None:
            return self.json(200, {"result": self.result_without_run(session, str(wanted.get("runId")), mode)})
        return self.json(200, {"result": self.poll(session, run)})

    def read_mode(self, wanted: dict[str, Any]) -> str:
        """EX-25, EX-28."""
        mode = self.typed(wanted, "mode", str, "")
        if mode not in MODES or (mode == "query" and not self.query_offered):
            raise Problem(400, "Bad mode", f"mode is one of {', '.join(MODES)}")
        return mode

    def find_run(self, session: Session, wanted: dict[str, Any], mode: str) -> Run | None:
        """The run that the call is about, started if it is new; None: no such run, and that is no error here."""
        run_id = self.typed(wanted, "runId", str, "")
        code = self.typed(wanted, "code", str, "")
        if mode in {"continue", "input"}:
            run = session.runs.get(run_id)
            if run is None and self.unknown_run == "refused":
                raise Problem(400, "Unknown run", f"no unfinished run {run_id!r}")
            return run
        earlier = self.earlier_run(session, wanted, run_id) if mode == "batch" else None
        if earlier is not None:
            return earlier
        if run_id in session.finished and self.finished_run_id == "old-result":
            return None
        commands = self.read_commands(wanted)
        if mode == "query":
            commands = Commands(exec=self.query_command(session, code))
        elif code and self.code_in_batch == "refused":
            raise Problem(400, "Code given", "code is empty in batch mode")
        run = Run(run_id or self.new_run_id(), commands)
        session.queries["runs"] += 1
        self.start(session, run)
        return run

    def earlier_run(self, session: Session, wanted: dict[str, Any], run_id: str) -> Run | None:
        """EX-29: the run that a batch call goes on with."""
        if run_id in session.runs:
            return self.go_on(session, run_id)
        if self.missing_run_id == "goes-on" and "runId" not in wanted and session.runs:
            return list(session.runs.values())[-1]
        if run_id in session.finished and self.finished_run_id == "refused":
            raise Problem(409, "Run has finished", f"{run_id!r} was used")
        return None

    def go_on(self, session: Session, run_id: str) -> Run:
        """EX-29: a batch call with an unfinished run's id starts nothing."""
        return session.runs[run_id]

    def new_run_id(self) -> str:
        """EX-05."""
        return uuid.uuid4().hex[:16]

    def query_command(self, session: Session, code: str) -> str:
        """EX-28: a snippet, in Python where that is the kernel's language."""
        if "python" in session.lang:
            return f"python3 - <<'REFERENCE-END'\n{code}\nREFERENCE-END\n"
        return code

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        """EX-06, EX-25."""
        options = self.typed(wanted, "options", dict, {})
        return Commands(*(self.typed(options, name, str, None) for name in ("clean", "build", "exec")))

    # -- polling

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        """EX-17: wait for the end of a segment, at most ``poll_s``; each piece goes out once (CN-06)."""
        with run.changed:
            run.changed.wait_for(lambda: self.is_ready(run), self.poll_s)
            segment = self.take(run)
        if segment is None:
            return self.empty_result(run.id)
        if segment.ending is not None:
            self.fetched(session, run, segment.ending[0])
        result = self.result(session, run, segment)
        session.finished[run.id] = result
        return result

    def is_ready(self, run: Run) -> bool:
        """Whether there is something that ends a call."""
        return not run.segments or run.segments[0].ending is not None

    def take(self, run: Run) -> Segment | None:
        """The oldest segment, ended or not; None after the last."""
        if not run.segments:
            return None
        segment = run.segments.popleft()
        if segment.ending is None:
            run.segments.appendleft(Segment())
        return segment

    def fetched(self, session: Session, run: Run, status: str) -> None:
        """A segment's end went out: the run may go on (EX-12, open), or is over."""
        run.fetched.set()
        if status in {"finished", "exec-timeout"}:
            with session.lock:
                if session.runs.get(run.id) is run:
                    del session.runs[run.id]

    # -- results

    def result(self, session: Session, run: Run, segment: Segment) -> dict[str, Any]:
        """EX-01."""
        status, code = segment.ending or ("continued", None)
        files = self.made_files(session, run) if status in {"finished", "exec-timeout"} else []
        return self.result_body(run, status, code, self.console(segment), files)

    def result_body(
        self, run: Run, status: str, code: int | None, console: list[list[Any]], files: list[dict[str, str]]
    ) -> dict[str, Any]:
        """EX-01, EX-02, EX-04, EX-13."""
        body: dict[str, Any] = {
            "runId": run.id,
            "status": status,
            "exitCode": code,
            "console": console,
            "options": None,
            **self.extra_fields,
        }
        if files or self.result_files != "absent":
            body["files"] = None if self.result_files == "null" and not files else files
        return body

    def result_without_run(self, session: Session, run_id: str, mode: str) -> dict[str, Any]:
        """EX-25, EX-29 (open): nothing for a poll, for its output was delivered; a batch call gets the last result."""
        old = session.finished.get(run_id) if mode == "batch" else None
        return old or self.empty_result(run_id)

    def empty_result(self, run_id: str) -> dict[str, Any]:
        """EX-25 (open): what a call on no run gets where it is no error."""
        return self.result_body(Run(run_id, Commands()), "finished", 0, [], [])

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        """EX-26: what the run made or changed under /home/work/.output."""
        after = self.output_files(session)
        return [
            {"name": os.fsencode(name).decode("utf-8", "replace"), "url": self.output_url(session, name)}
            for name, time_ns in sorted(after.items())
            if run.before.get(name) != time_ns
        ]

    def output_url(self, session: Session, name: str) -> str:
        """EX-26: relative to the endpoint, or absolute."""
        base = self.url if self.url_form == "absolute" else ""
        return f"{base}/{self.dialects[0]}/{session.uuid}/output/{quote(os.fsencode(name))}"

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        """EX-26: one output file."""
        session = self.find(owner, identifier)
        path = self.inside(session, f".output/{name}")
        if not path.is_file():
            raise Problem(404, "No such file", name)
        return Response(200, path.read_bytes(), {"Content-Type": "application/octet-stream"})

    def interrupt(self, request: Request, owner: str, identifier: str) -> Response:
        """SE-11."""
        session = self.find(owner, identifier)
        session_runs = list(session.runs.values())
        for run in session_runs:
            if run.process is not None and not run.done.is_set():
                sandbox.interrupt(run.process)
        return Response(204)
