"""The cross-cutting clauses, as pure functions over what was seen: each yields what is broken, if anything is.

The observers apply them to all ordinary traffic, so a defect that shows only once in an odd place is seen all the same.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from conformance.exchange import NotJSONError, show
from conformance.judge import Finding
from conformance.run_reader import STATUSES, STREAMS
from conformance.run_spans import SHORTEST_LIMIT_S, longest_cut_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.exchange import Exchange
    from conformance.run_reader import Result, Run

CONSOLE_TYPES: Final = frozenset({"stdout", "stderr", "media", "html", "log"})  # CN-01
LOG_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "fatal"})  # CN-07
BOUNDARIES: Final = frozenset({"finished", "clean-finished", "build-finished"})  # EX-13: those with an exit code
AS_IS: Final = re.compile(r"^text/|[/+]xml\b")  # CN-07: text and XML
NOT_ONE_OBJECT: Final = frozenset({"downloadFiles", "downloadFilesByPost", "listFolders", "file"})  # CO-01, VF-02


def of_exchange(exchange: Exchange) -> Iterator[Finding]:
    """CO-01 for successes, CO-02 and CO-03 for refusals."""
    if exchange.method == "HEAD" or exchange.status is None:
        return
    if exchange.ok and exchange.response_body and exchange.operation not in NOT_ONE_OBJECT:
        yield from _success(exchange)
    elif not exchange.ok and exchange.status >= 400:  # noqa: PLR2004  - HTTP's own classes
        yield from _problem(exchange)


def _success(exchange: Exchange) -> Iterator[Finding]:
    if exchange.media_type != "application/json":
        got = f"Content-Type: {exchange.header('Content-Type')}"
        yield Finding("CO-01", "Content-Type: application/json", got, (exchange,))
    if not _is_object(exchange):
        yield Finding("CO-01", "a body that is one JSON object", exchange.got, (exchange,))


def _problem(exchange: Exchange) -> Iterator[Finding]:
    body = exchange.json_object()
    for key in ("type", "title"):
        if not (isinstance(body.get(key), str) and body[key].strip()):
            yield Finding("CO-02", f"a JSON object with `{key}`, a text that is not empty", exchange.got, (exchange,))
            return
    if any(space in body["type"] for space in " \t\r\n"):
        yield Finding("CO-02", "`type` a URI", f"type {body['type']!r}", (exchange,))
    if exchange.media_type != "application/problem+json":
        got = f"Content-Type: {exchange.header('Content-Type')}"
        yield Finding("CO-03", "Content-Type: application/problem+json", got, (exchange,))


def _is_object(exchange: Exchange) -> bool:
    try:
        return isinstance(exchange.json(), dict)
    except NotJSONError:
        return False


def of_result(result: Result, max_stream_chars: int) -> Iterator[Finding]:
    """EX-01, EX-02, EX-13, CN-01 to CN-03, CN-05 and CN-07 on one execute result."""
    evidence = (result.exchange,)
    raw = result.raw
    if result.exchange.status != 200 or not isinstance(raw, dict):  # noqa: PLR2004  - EX-01
        yield Finding("EX-01", "status 200 with an object `result`", result.exchange.got, evidence)
        return
    for problem, expected in _field_problems(raw):
        yield Finding("EX-01", expected, problem, evidence)
    if result.status is not None and result.status not in STATUSES:
        yield Finding("EX-02", f"one of {', '.join(sorted(STATUSES))}", f"status {result.status!r}", evidence)
    yield from _exit_code(raw, evidence)
    for expected, problem, clause in _console_problems(raw.get("console"), max_stream_chars):
        yield Finding(clause, expected, problem, evidence)


def _field_problems(raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """EX-01; `files` may be null or absent, `exitCode` and `options` null (an absent `exitCode` is no int or null)."""
    shapes: dict[str, tuple[tuple[type, ...], bool, str]] = {
        "runId": ((str,), False, "a string"),
        "status": ((str,), False, "a string"),
        "exitCode": ((int, type(None)), False, "an int or null"),
        "console": ((list,), False, "a list"),
        "options": ((dict, type(None)), False, "an object or null"),
        "files": ((list, type(None)), True, "a list"),
    }
    for name, (types, may_lack, words) in shapes.items():
        if name not in raw and may_lack:
            continue
        value = raw.get(name, ...)
        if isinstance(value, bool) or not isinstance(value, types):
            yield ("no " if value is ... else f"{show(value)} as ") + f"`{name}`", f"`{name}`, {words}"


def _exit_code(raw: dict[str, Any], evidence: tuple[Exchange, ...]) -> Iterator[Finding]:
    status, code = raw.get("status"), raw.get("exitCode")
    if status not in STATUSES:
        return
    is_int = isinstance(code, int) and not isinstance(code, bool)
    if status in BOUNDARIES and not is_int:
        yield Finding("EX-13", f"`exitCode`, an int, with {status}", f"exitCode {show(code)}", evidence)
    if status not in BOUNDARIES and code is not None:
        yield Finding("EX-13", f"`exitCode` null with {status}", f"exitCode {show(code)}", evidence)


def _console_problems(console: object, max_stream_chars: int) -> Iterator[tuple[str, str, str]]:
    if not isinstance(console, list):
        return
    totals = dict.fromkeys(STREAMS, 0)
    before = None
    for item in console:
        if not (isinstance(item, list) and len(item) == 2 and str(item[0]) in CONSOLE_TYPES):  # noqa: PLR2004  - a pair
            yield f"pairs [type, data], type one of {', '.join(sorted(CONSOLE_TYPES))}", show(item), "CN-01"
            return
        kind, data = item
        yield from _item_problems(kind, data)
        if kind in totals:
            totals[kind] += len(data) if isinstance(data, str) else 0
            if kind == before:
                yield "neighbours of different types", f"two {kind} items in a row", "CN-05"
        before = kind
    for kind, total in totals.items():
        if total > max_stream_chars:
            yield f"at most {max_stream_chars:,} characters of {kind} in one call", f"{total:,} characters", "CN-03"


def _item_problems(kind: str, data: object) -> Iterator[tuple[str, str, str]]:
    if kind in STREAMS and not isinstance(data, str):
        yield f"a string as {kind} data", show(data), "CN-02"
    if kind == "media" and not _is_media(data):
        yield "media data: [MIME type, content], the content a data URI unless it is text or XML", show(data), "CN-07"
    if kind == "log" and not _is_log(data):
        yield "log data: [level, ISO 8601 time, logger, message]", show(data), "CN-07"


def _is_media(data: object) -> bool:
    if not (isinstance(data, list) and len(data) == 2 and all(isinstance(one, str) for one in data)):  # noqa: PLR2004  - a pair
        return False
    mime_type, content = data
    return "/" in mime_type and (bool(AS_IS.search(mime_type)) or content.startswith("data:"))


def _is_log(data: object) -> bool:
    if not (isinstance(data, list) and len(data) == 4 and all(isinstance(one, str) for one in data)):  # noqa: PLR2004  - CN-07
        return False
    try:
        datetime.fromisoformat(data[1])
    except ValueError:
        return False
    return data[0] in LOG_LEVELS


def of_run(run: Run) -> Iterator[Finding]:
    """EX-04, EX-05 on the run's id, and the allowed order of statuses (EX-06, EX-10, EX-11), on a whole run."""
    yield from _ids(run)
    yield from _order(run)


def _ids(run: Run) -> Iterator[Finding]:
    wanted = run.asked_run_id or run.results[0].run_id
    clause = "EX-04" if run.asked_run_id else "EX-05"
    for result in run.results:
        if result.run_id != wanted or wanted is None:
            expected = f"runId {wanted!r} in every result" if wanted else "a runId in the first result"
            evidence = (run.results[0].exchange, result.exchange)
            yield Finding(clause, expected, f"runId {result.run_id!r}", evidence)
            return


def _order(run: Run) -> Iterator[Finding]:
    seen = [status for status in run.statuses if status in {"clean-finished", "build-finished"}]
    got = " > ".join(map(str, run.statuses[:40]))
    if seen.count("build-finished") > 1:
        yield Finding("EX-10", "one build-finished, between build and exec", got, run.exchanges)
    if seen.count("clean-finished") > 1 or seen[:2] == ["build-finished", "clean-finished"]:
        yield Finding("EX-06", "clean-finished at most once, before build-finished", got, run.exchanges)
    if "build-finished" in seen or run.status != "finished" or run.disturbed:
        return
    if longest_cut_s(run.exchanges) >= SHORTEST_LIMIT_S:
        return  # the target's time limit may have ended it before (EX-11, EX-23)
    if "clean-finished" in seen:
        yield Finding("EX-11", "build-finished after clean-finished", got, run.exchanges)
    elif run.commands.get("build"):
        yield Finding("EX-10", "build-finished between build and exec", got, run.exchanges)


def of_listing(exchange: Exchange) -> Iterator[Finding]:
    """LS-01 on a successful listing, LS-04 on its items."""
    body = exchange.json_object()
    folder, errors = body.get("folder_path"), body.get("errors")
    if not (isinstance(folder, str) and folder.startswith("/")):
        got = show(folder) if "folder_path" in body else f"no folder_path among {show(list(body))}"
        yield Finding("LS-01", "`folder_path`, the absolute path listed", got, (exchange,))
    if not isinstance(errors, str):
        yield Finding("LS-01", "`errors`, a string", show(errors), (exchange,))
    items = listed_items(exchange)
    if items is None:
        yield Finding("LS-01", "`files`, a string that holds a JSON list", show(body.get("files")), (exchange,))
        return
    for item in items:
        if problem := _item_problem(item):
            yield Finding("LS-04", "filename, mode, size, ctime, mtime and atime in each item", problem, (exchange,))
            return


def listed_items(exchange: Exchange) -> list[Any] | None:
    """Return the items of a listing, or None where `files` is not a string that holds a JSON list."""
    files = exchange.json_object().get("files")
    try:
        items = json.loads(files) if isinstance(files, str) else None
    except (ValueError, RecursionError):
        return None
    return items if isinstance(items, list) else None


def _item_problem(item: object) -> str | None:
    if not isinstance(item, dict):
        return show(item)
    numbers = (int, float)
    shapes: dict[str, tuple[type, ...]] = {
        "filename": (str,),
        "mode": (int, str),
        "size": (int,),
        "ctime": (*numbers, str),
        "mtime": (*numbers, str),
        "atime": (*numbers, str),
    }
    for name, types in shapes.items():
        if isinstance(item.get(name), bool) or not isinstance(item.get(name), types):
            return f"{name}: {show(item.get(name))} in {show(item)}"
    return None
