"""Right servers that read the open clauses otherwise: the suite must find nothing to blame in them."""

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

MIB = 1024 * 1024

# -- Open questions that a knob answers

variant("as-documented", "The reference itself.")
for _value in ("body", "query"):
    _summary = f"Parameters of a GET are read from the {_value} alone."
    variant(f"{_value}-parameters", _summary, {("CO-06", "get-parameters"): _value}, parameters_from=_value)
variant("reuse-is-201", "A reused session answers 201.", {("SE-02", "reuse-status"): "201"}, reuse_status=201)
variant("null-token-refused", "A null token is refused.", {("SE-04", "null-token"): "refused"}, null_name="refused")
for _value in ("runs", "neither"):
    _summary = f"numQueriesExecuted counts {_value}."
    variant(f"queries-count-{_value}", _summary, {("SE-05", "queries-counted"): _value}, queries_counted=_value)
variant("delete-is-204", "A DELETE answers 204.", {("SE-06", "delete-status"): "204"}, destroy_status=204)
variant("restart-clears", "A restart empties home.", {("SE-07", "uploaded-files"): "gone"}, restart_clears_files=True)
variant(
    "restart-times-out",
    "A run that a restart cuts off ends with exec-timeout.",
    {("SE-07", "interrupted-run"): "exec-timeout"},
    cut_ending=("exec-timeout", None),
)
variant(
    "restart-finishes-with-one",
    "A run that a restart cuts off finishes with 1.",
    {("SE-07", "interrupted-run"): "finished"},
    cut_ending=("finished", 1),
)
for _value in ("kept", "refused"):
    _summary = f"What config.environ says of HOME and the like is {_value}."
    variant(f"reserved-names-{_value}", _summary, {("SE-09", "reserved-names"): _value}, reserved_environ=_value)
variant("dotdot-refused", "Any `..` is refused.", {("UP-06", "inner-dotdot"): "refused"}, dotdot_refused=True)
for _value in ("refused", "replaced"):
    _summary = f"A link that stays inside is {_value} by an upload."
    variant(f"links-{_value}", _summary, {("UP-06", "inner-link"): _value}, inner_links=_value)
for _value in ("counted", "refused"):
    _summary = f"Plain form fields are {_value}."
    variant(f"plain-fields-{_value}", _summary, {("UP-10", "plain-fields"): _value}, plain_fields=_value)
for _value in ("once", "refused"):
    _summary = f"Repeated names of files: {_value}."
    variant(f"repeated-names-{_value}", _summary, {("UP-10", "repeated-names"): _value}, repeated_names=_value)
variant(
    "percent-names-literal",
    "A percent sign in a name stays.",
    {("UP-17", "percent-encoded"): "literal"},
    percent_names="as-is",
)
for _value in ("null", "absent"):
    variant(f"files-{_value}", f"`files` is {_value}.", {("EX-01", "result-files"): _value}, result_files=_value)
variant(
    "code-ignored",
    "A code in batch mode is ignored.",
    {("EX-03", "non-empty-code"): "ignored"},
    code_in_batch="ignored",
)
variant(
    "skipped-exec-keeps-code",
    "A skipped exec finishes with the last step's code.",
    {("EX-07", "skipped-exec-code"): "last-step"},
    skipped_exec_code="last",
)
variant(
    "every-step-reports",
    "Skipped steps report their end as well.",
    {("EX-11", "skipped-clean"): "reported"},
    skipped_clean="reported",
)
variant(
    "skipped-steps-are-silent",
    "Skipped steps report nothing.",
    {("EX-11", "skipped-build"): "unreported"},
    skipped_build="silent",
)
variant(
    "steps-wait",
    "A step waits until the one before was fetched.",
    {("EX-12", "step-start"): "after-poll"},
    waits_for_poll=True,
)
variant(
    "failed-clean-stops",
    "A failed clean stops the build.",
    {("EX-12", "failed-clean"): "stops"},
    failed_clean_stops=True,
)
variant(
    "failed-build-only",
    "A failed build without exec finishes with the build's code.",
    {("EX-15", "failed-build-only"): "build"},
    failed_build_only="build",
)
variant("negative-signals", "A signal N gives -N.", {("EX-16", "signal-code"): "-N"}, signal_codes="-N")
variant("parallel-runs", "Runs of one session overlap.", {("EX-22", "overlap"): "parallel"}, fifo=False)
variant(
    "limit-per-step",
    "The time limit counts per step.",
    {("EX-23", "limit-scope"): "step"},
    needs=("exec-timeout",),
    limit_per_step=True,
)
variant(
    "timeout-finishes",
    "A run past the limit is finished, the reason on stderr.",
    {("EX-23", "timeout-status"): "finished"},
    needs=("exec-timeout",),
    timeout_status="finished",
)
variant(
    "unknown-run-finished",
    "Continuing an unknown run gives an empty finished.",
    {("EX-25", "unknown-run"): "empty-finished", ("EX-25", "continue-without-run-id"): "empty-finished"},
    unknown_run="finished",
)
variant("absolute-urls", "Output files have absolute URLs.", {("EX-26", "url-form"): "absolute"}, url_form="absolute")
variant(
    "missing-run-id-goes-on",
    "A batch call without the runId key goes on with the newest unfinished run.",
    {("EX-29", "missing-run-id-key"): "goes-on"},
    missing_run_id="goes-on",
)
for _value in ("refused", "old-result"):
    _summary = f"A finished run's id: {_value}."
    variant(f"finished-id-{_value}", _summary, {("EX-29", "finished-run-id"): _value}, finished_run_id=_value)
variant("tail-kept", "Of too much output the tail is kept.", {("CN-03", "excess"): "tail"}, keeps="tail")
variant(
    "background-awaited",
    "A step waits for its background children.",
    {("CN-06", "background-output"): "delivered"},
    background="awaited",
)
variant("mode-is-int", "`mode` is a number.", {("LS-04", "mode-form"): "int"}, mode_form="int")
variant(
    "file-not-listed", "A regular file is not listed.", {("LS-02", "regular-file"): "refused"}, file_listing="refused"
)
for _value in ("gz", "bz2", "xz"):
    variant(
        f"tar-{_value}",
        f"Tars are compressed: {_value}.",
        {("DL-01", "compression"): "compressed"},
        tar_mode=f"w:{_value}",
    )
variant("get-only", "Downloads by POST are refused.", {("DL-07", "post-method"): "refused"}, post_download=False)
variant(
    "small-archives", "Archives over 1 MiB are refused.", {("DL-07", "archive-limit"): "1-mib"}, max_archive_bytes=MIB
)
variant(
    "folders-in-object",
    "Folders are listed in an object.",
    {("VF-02", "list-form"): "object"},
    folder_list_form="object",
)

# -- Freedoms that no clause mentions

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


class VersionAssumed(Behaviour):
    """Signed requests need not name a version."""

    def check_version_named(self, request: Request) -> None:
        """Assume the server's own."""


variant(
    "version-assumed",
    "A signed request without a version is served.",
    {("AU-06", "signed-without-version"): "assumed"},
    base=VersionAssumed,
    needs=("keys",),
)


class BodyFirst(Behaviour):
    """Where body and query both name a parameter, the body wins."""

    def parameters(self, request: Request) -> dict[str, Any]:
        return {**super().parameters(request), **self.read_object(request)}


class CleanUnmentioned(Behaviour):
    """The end of clean is never reported: old clients do not know the word."""

    def clean_step(self, session: Session, run: Run) -> int:
        if not run.commands.clean:
            return 0
        return self.step(session, run, self.clean_command(run.commands.clean))

    def reports_clean(self, run: Run) -> bool:
        return False


variant(
    "clean-is-unmentioned",
    "No run reports clean-finished; a skipped step reports nothing.",
    {("EX-11", "skipped-build"): "unreported"},
    base=CleanUnmentioned,
    skipped_build="silent",
)
variant("body-wins", "The body wins over the query string.", {("CO-06", "precedence"): "body"}, base=BodyFirst)


class RunsForgotten(Behaviour):
    """A restart forgets the runs that it cut off."""

    def restart(self, session: Session) -> None:
        super().restart(session)
        with session.lock:
            session.runs.clear()


variant(
    "restart-forgets-runs",
    "A run that a restart cut off is unknown.",
    {("SE-07", "interrupted-run"): "refused"},
    base=RunsForgotten,
)


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
