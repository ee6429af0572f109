"""Whether two answers to the same request say the same: what changes from call to call by its nature is left out.

Results of runs are compared run by run, not call by call: how much of a run one call reports is a matter of timing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conformance.archives import NotTarError, open_archive
from conformance.exchange import show
from conformance.multipart import NotMultipartError, split_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.exchange import Exchange

_FLEETING: Final = frozenset(
    {"age", "cpuCreditUsed", "cpuUsed", "numQueriesExecuted", "mtime", "ctime", "atime", "stats", "traceback"}
)
_MAX_SHOWN: Final = 160


def differences(then: Exchange, now: Exchange) -> Iterator[str]:
    """Yield what is answered otherwise now, one line each."""
    if then.status != now.status:
        yield f"status {then.status or then.error} then, {now.status or now.error} now"
        return
    if then.media_type != now.media_type:
        yield f"Content-Type {then.media_type!r} then, {now.media_type!r} now"
    before, after = _said(then), _said(now)
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            yield f"{key}: {show(before.get(key), _MAX_SHOWN)} then, {show(after.get(key), _MAX_SHOWN)} now"


def result_of(exchange: Exchange) -> dict[str, Any]:
    """Return the execution result that an answer holds; an empty dict where it holds none."""
    result = exchange.json_object().get("result")
    return result if isinstance(result, dict) else {}


@dataclass
class RunTrail:
    """What was reported of one run, call after call: its steps with their exit codes, and its output."""

    steps: list[tuple[Any, Any]] = field(default_factory=list)
    output: defaultdict[str, str] = field(default_factory=lambda: defaultdict(str))

    def note(self, result: Mapping[str, Any]) -> None:
        """Add one result."""
        if result.get("status") != "continued":
            self.steps.append((result.get("status"), result.get("exitCode")))
        console = result.get("console")
        for item in console if isinstance(console, list) else ():
            if isinstance(item, list) and len(item) == 2:  # noqa: PLR2004  - CN-01: stream and text
                self.output[str(item[0])] += str(item[1])

    def differences(self, now: RunTrail) -> Iterator[str]:
        """Yield what was reported otherwise."""
        if self.steps != now.steps:
            yield f"steps {show(self.steps, _MAX_SHOWN)} then, {show(now.steps, _MAX_SHOWN)} now"
        for stream in sorted({*self.output, *now.output}):
            then_text, now_text = self.output.get(stream, ""), now.output.get(stream, "")
            if then_text != now_text:
                yield f"{stream} {show(then_text, _MAX_SHOWN)} then, {show(now_text, _MAX_SHOWN)} now"


def _said(exchange: Exchange) -> dict[str, Any]:
    """Return what an answer says: the JSON object that it is, the files of the archives in it, or its size."""
    body = exchange.json_object()
    if body:
        return {key: value for key, value in _lasting(body).items() if key != "result"}
    if exchange.media_type.startswith("multipart/"):
        return {"files": _files(exchange)}
    return {"size in bytes": exchange.response_size_bytes}


def _files(exchange: Exchange) -> Any:
    try:
        archives = [open_archive(part) for part in split_response(exchange)]
    except (NotMultipartError, NotTarError) as error:
        return str(error)
    return [{name: hashlib.sha256(data).hexdigest()[:12] for name, data in one.files.items()} for one in archives]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(one) for key, one in value.items() if key not in _FLEETING}
    if isinstance(value, list):
        return [_lasting(one) for one in value]
    if isinstance(value, str) and value.startswith("[{"):  # LS-01: a listing is JSON within JSON
        try:
            return _lasting(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value
