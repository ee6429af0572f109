"""Right servers that use what freedom the document leaves: other styles, extra fields, other paces."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import variant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conformance.selftests.reference.runs import Run, Segment
    from conformance.selftests.reference.sessions import Session

variant(
    "no-options", "No optional feature is offered.", folders_offered=False, interrupt_offered=False, query_offered=False
)
variant(
    "more-fields", "Every object has members of its own.", extra_fields={"extra": {"more": [1, None]}, "server": "x"}
)
variant("chunked", "Bodies are sent in chunks.", chunked=True)
variant("no-keep-alive", "Every connection serves one request.", keep_alive=False)
variant("far-away", "Every answer takes 100 ms.", latency_s=0.1)
variant("ascii-json", "JSON is escaped to ASCII.", ascii_json=True)
variant("json-with-charset", "JSON is sent with a charset.", json_type="application/json; charset=utf-8")
variant("pretty-listing", "The list of files is indented.", pretty_listing=True)
variant("sessions-only", "Only /session, newer than v4.", dialects=("session",), version="v6.20220615")
variant("kernels-only", "Only /kernel.", dialects=("kernel",), version="v4.20181215")
variant("ids-are-uuids", "A session is known by its UUID alone.", ids="uuid")
variant("eager-polls", "A call returns after 20 ms.", poll_s=0.02)
variant("patient-polls", "A call waits for 4 s.", poll_s=4.0)
variant("dotted-members", "Members of tars begin with `./`.", member_names="dotted")
variant("whole-path-members", "Members of tars have their whole path below home.", member_names="whole-path")
variant("signed", "Signatures are checked.", needs=("keys",))
variant(
    "signed-empty-hash",
    "Signatures are over the hash of the empty string.",
    {("AU-03", "later-body-hash"): "empty", ("AU-03", "multipart-body-hash"): "empty"},
    needs=("keys",),
    body_hash_of="empty",
)
variant(
    "signed-body-hash",
    "Signatures are over the hash of the body, always.",
    {("AU-03", "later-body-hash"): "body", ("AU-03", "multipart-body-hash"): "body"},
    needs=("keys",),
    body_hash_of="body",
)
variant("rate-limited", "A small rate limit.", needs=("rate-limit",))
variant("more-environment", "More variables are set.", more_environ={"PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"})
variant("slow-start", "A session is PENDING for half a second.", starts_pending_s=0.5)


class BareReplies(Behaviour):
    """Nothing is sent that no clause promises."""

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        return {"kernelId": self.ids_of(session)[0], "created": created}

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        return {"type": "about:blank", "title": problem.title}

    def session_info(self, session: Session) -> dict[str, Any]:
        info = super().session_info(session)
        del info["status"]
        return info

    def show_version(self, request: Request, owner: str) -> Response:
        return self.json(200, {"version": self.version})


variant("bare-replies", "Replies hold what is promised and no more.", base=BareReplies)


class OtherStatuses(Behaviour):
    """Refusals have other statuses, where a clause says 4xx and no more."""

    statuses: Mapping[str, int] = {
        "Bad path": 403,
        "Bad number of files": 413,
        "Bad token": 422,
        "Session exists": 422,
        "Wrong type": 422,
        "Not multipart": 415,
        "Method not allowed": 404,
        "Unknown run": 404,
        "Mounted folder": 409,
        "Bad mode": 422,
        "Too many mounts": 422,
    }

    def problem(self, problem: Problem) -> Response:
        return super().problem(replace(problem, status=self.statuses.get(problem.title, problem.status)))


variant("other-statuses", "Refusals are 403, 404, 409, 413, 415 and 422 where 4xx is asked for.", base=OtherStatuses)


class Logging(Behaviour):
    """Results hold log and media items besides the streams."""

    def console(self, segment: Segment) -> list[Any]:
        items: list[Any] = super().console(segment)
        if segment.ending is None or segment.ending[0] != "finished":
            return items
        when = datetime.now(UTC).isoformat()
        log = ["log", ["info", when, "reference", "run finished"]]
        return [*items, log, ["media", ["image/svg+xml", "<svg/>"]], ["html", "<p>done</p>"]]


variant("logging", "The console holds log, media and html items too.", base=Logging)


class PlainDownloads(Behaviour):
    """Parts with more headers, a preamble, and a boundary that has to be quoted."""

    def multipart(self, archives: list[bytes]) -> Response:
        boundary = "=_tar (1) 'x'"
        head = "Content-Disposition: attachment; filename=a.tar\r\nContent-Type: application/octet-stream"
        pieces = [
            f"--{boundary}\r\n{head}\r\nContent-Length: {len(archive)}\r\n\r\n".encode() + archive + b"\r\n"
            for archive in archives
        ]
        body = b"preamble\r\n" + b"".join(pieces) + f"--{boundary}--\r\nepilogue".encode()
        return Response(200, body, {"content-type": f'multipart/form-data; boundary="{boundary}"'})


variant("quoted-boundary", "Downloads have a quoted boundary and a preamble.", base=PlainDownloads)


class UnsortedListings(Behaviour):
    """Listings are in no order, with more than was asked for in each item."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return [{**entry, "uid": 1000, "type": "f"} for entry in reversed(super().entries(path))]

    def entry(self, path: Path) -> dict[str, Any]:
        entry = super().entry(path)
        return {**entry, **{key: int(entry[key]) for key in ("ctime", "mtime", "atime")}}


variant("unsorted-listings", "Listings are in no order, times are whole seconds.", base=UnsortedListings)


class SlowCreation(Behaviour):
    """Creating and destroying a session take a second."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        time.sleep(0.7)
        return super().open_session(name, lang, owner, environ, mounts)


variant("slow-creation", "A session takes 0.7 s to be made.", base=SlowCreation)


class EagerOutput(Behaviour):
    """A call returns as soon as there is output."""

    def is_ready(self, run: Run) -> bool:
        return super().is_ready(run) or bool(run.segments[0].blocks)

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, text)
        with run.changed:
            run.changed.notify_all()


variant("eager-output", "A call returns as soon as there is output.", base=EagerOutput)


class DistrustfulListings(Behaviour):
    """Errors of a listing are told although it succeeded."""

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {**super().listing_body(session, path, entries), "errors": "1 entry could not be read", "abspath": path}


variant("talkative-errors", "`errors` holds a remark, and `abspath` is there too.", base=DistrustfulListings)
