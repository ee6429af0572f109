"""Right servers that read the open clauses otherwise: the suite must find nothing to blame in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Request

from .table import variant

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Run
    from conformance.selftests.reference.sessions import Session

MIB = 1024 * 1024

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
