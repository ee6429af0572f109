"""Right servers that take many open readings and freedoms all at once: what strangers' servers are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request

from .table import VARIANTS, Variant, variant

if TYPE_CHECKING:
    from conformance.selftests.reference.message import Response


class ParametersOnce(Behaviour):
    """Where body and query both name a parameter, the request is refused."""

    def parameters(self, request: Request) -> dict[str, Any]:
        if set(request.query) & set(self.read_object(request)):
            raise Problem(400, "Wrong type", "name each parameter once")
        return super().parameters(request)


class PercentRefused(Behaviour):
    """A name with a percent sign is refused."""

    def file_name(self, filename: str, disposition: str) -> str:
        if "%" in filename:
            raise Problem(400, "Bad path", "no percent signs")
        return super().file_name(filename, disposition)


class VersionRequired(Behaviour):
    """Every request but that of the version names its version."""

    def answer(self, request: Request) -> Response:
        if request.path.strip("/").count("/") and "X-BackendAI-Version" not in request.headers:
            raise Problem(400, "Version missing", "name your X-BackendAI-Version")
        return super().answer(request)


variant(
    "parameters-once",
    "A parameter in body and query is refused.",
    {("CO-06", "precedence"): "refused"},
    base=ParametersOnce,
)
variant(
    "percent-refused",
    "A percent sign in a name is refused.",
    {("UP-17", "percent-encoded"): "refused"},
    base=PercentRefused,
)
variant(
    "version-required",
    "A request that names no version is refused, signed or not.",
    {("AU-06", "unsigned-without-version"): "refused"},
    base=VersionRequired,
)


def combined(name: str, summary: str, *parts: str) -> None:
    """Register a right server that is all of these variants at once."""
    chosen = [VARIANTS[part] for part in parts]
    readings = {question: value for one in chosen for question, value in one.readings.items()}
    behaviour = type(name, tuple(one.behaviour for one in chosen), {"__doc__": summary})
    needs = frozenset(need for one in chosen for need in one.needs)
    VARIANTS[name] = Variant(name, summary, behaviour, readings, needs)


combined(
    "contrary",
    "A /session server that reads most questions otherwise and refuses with other statuses.",
    "query-parameters",
    "reuse-is-201",
    "queries-count-runs",
    "delete-is-204",
    "restart-clears",
    "restart-times-out",
    "reserved-names-kept",
    "dotdot-refused",
    "links-refused",
    "plain-fields-counted",
    "percent-names-literal",
    "files-null",
    "code-ignored",
    "skipped-exec-keeps-code",
    "skipped-steps-are-silent",
    "steps-wait",
    "failed-clean-stops",
    "failed-build-only",
    "negative-signals",
    "unknown-run-finished",
    "missing-run-id-goes-on",
    "finished-id-refused",
    "tail-kept",
    "mode-is-int",
    "file-not-listed",
    "tar-gz",
    "get-only",
    "folders-in-object",
    "sessions-only",
    "json-with-charset",
    "other-statuses",
)
combined(
    "contrary-kernel",
    "A /kernel server that reads most questions in yet another way, with bare replies over plain connections.",
    "body-parameters",
    "null-token-refused",
    "queries-count-neither",
    "restart-finishes-with-one",
    "reserved-names-refused",
    "links-replaced",
    "plain-fields-refused",
    "repeated-names-refused",
    "percent-refused",
    "files-absent",
    "every-step-reports",
    "parallel-runs",
    "background-awaited",
    "finished-id-old-result",
    "absolute-urls",
    "tar-xz",
    "kernels-only",
    "ids-are-uuids",
    "chunked",
    "no-keep-alive",
    "ascii-json",
    "whole-path-members",
    "unsorted-listings",
    "logging",
    "bare-replies",
    "eager-output",
)
combined(
    "contrary-limits",
    "A server with a time limit for each step, with more in its replies than was asked for.",
    "limit-per-step",
    "timeout-finishes",
    "restart-forgets-runs",
    "body-wins",
    "repeated-names-once",
    "small-archives",
    "more-fields",
    "pretty-listing",
    "dotted-members",
    "quoted-boundary",
    "talkative-errors",
    "more-environment",
)
combined(
    "contrary-paces",
    "A server that runs all at once, step by step as it is polled, and answers as soon as it can.",
    "parallel-runs",
    "steps-wait",
    "every-step-reports",
    "failed-clean-stops",
    "background-awaited",
    "eager-polls",
    "eager-output",
    "restart-forgets-runs",
    "finished-id-refused",
    "limit-per-step",
    "links-refused",
)
combined(
    "contrary-signed",
    "A server that checks signatures over the empty string, offers nothing optional and is slow.",
    "signed-empty-hash",
    "version-assumed",
    "parameters-once",
    "no-options",
    "patient-polls",
    "slow-creation",
    "bare-replies",
    "tar-bz2",
)
