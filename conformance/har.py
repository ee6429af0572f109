"""`report.har`: the exchanges of a report in the HTTP Archive format (1.2), which browsers and many tools open.

One page for each check that found something broken, with all its exchanges and their whole request bodies (from
`recordings.jsonl`), and one for all other evidence (from `report.json`, where long bodies are cut). Secrets are
redacted in both. Request bodies that are not text are in base64, which the field `_encoding` says.
"""

from __future__ import annotations

import json
from http.client import responses
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from conformance import __version__
from conformance.recordings import FILE_NAME as RECORDINGS
from conformance.recordings import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE_NAME: Final = "report.har"
_OTHERS: Final = "other evidence"
_UNKNOWN: Final = -1  # the format's word for a size that is not known


def render(report_path: Path, out_dir: Path) -> Path:
    """Write the archive of a report; recordings are read from beside it. Entries are written one by one: they are big.

    Raise OSError or ValueError where the report cannot be read.
    """
    report = json.loads(report_path.read_text("utf-8"))
    path = out_dir / FILE_NAME
    pages: list[dict[str, Any]] = []
    with path.open("w", encoding="utf-8") as file:
        creator = json.dumps({"name": "batchproof", "version": __version__})
        file.write(f'{{"log": {{"version": "1.2", "creator": {creator}, "entries": [')
        _write_entries(file, _pages(report, report_path.parent, pages))
        file.write(f'\n], "pages": {json.dumps(pages)}}}}}\n')
    return path


def _write_entries(file: IO[str], entries: Iterator[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        file.write(("," if number else "") + "\n" + json.dumps(entry))


def _pages(report: Mapping[str, Any], folder: Path, pages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all entries, and add each page that they belong to."""
    seen: set[str] = set()
    recordings = read(folder) if (folder / RECORDINGS).exists() else iter(())
    for one in recordings:
        title = f"{', '.join(one.clauses)}: {one.title}"
        pages.append(_page(one.check, title, one.exchanges[0]["started"]))
        for exchange in one.exchanges:
            seen.add(exchange["id"])
            yield entry_of(exchange, one.check)
    others = [one for key, one in report["exchanges"].items() if key not in seen]
    if others:
        pages.append(_page(_OTHERS, "Evidence of what holds", others[0]["started"]))
        yield from (entry_of(one, _OTHERS) for one in others)


def _page(name: str, title: str, started: str) -> dict[str, Any]:
    return {"id": name, "title": title, "startedDateTime": started, "pageTimings": {}}


def entry_of(exchange: Mapping[str, Any], page: str) -> dict[str, Any]:
    """Return an exchange of a report or a recording as an entry of the archive."""
    entry = {
        "pageref": page,
        "_id": exchange["id"],
        "startedDateTime": exchange["started"],
        "time": exchange["duration_ms"],
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": exchange["duration_ms"], "receive": 0},
    }
    return entry | ({"_error": exchange["error"]} if exchange["error"] else {})


def _request(exchange: Mapping[str, Any]) -> dict[str, Any]:
    query = parse_qsl(urlsplit(exchange["url"]).query, keep_blank_values=True)
    request = {
        "method": exchange["method"],
        "url": exchange["url"],
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(exchange["request_headers"]),
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": _UNKNOWN,
        "bodySize": exchange["request_body"]["size_bytes"],
    }
    if exchange["request_body"]["size_bytes"]:
        text, encoding = _text(exchange["request_body"])
        data = {"mimeType": _type(exchange["request_headers"]), "text": text, "params": [], **_cut(exchange, "request")}
        request["postData"] = data | ({"_encoding": encoding} if encoding else {})
    return request


def _response(exchange: Mapping[str, Any]) -> dict[str, Any]:
    text, encoding = _text(exchange["response_body"])
    size_bytes = exchange["response_body"]["size_bytes"]
    content = {
        "size": size_bytes,
        "mimeType": _type(exchange["response_headers"]),
        "text": text,
        **_cut(exchange, "response"),
    }
    status = exchange["status"] or 0
    return {
        "status": status,
        "statusText": responses.get(status, ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(exchange["response_headers"]),
        "content": content | ({"encoding": encoding} if encoding else {}),
        "redirectURL": "",
        "headersSize": _UNKNOWN,
        "bodySize": size_bytes,
    }


def _cut(exchange: Mapping[str, Any], side: str) -> dict[str, str]:
    return {"comment": "cut: the whole body was longer"} if exchange[f"{side}_body"]["truncated"] else {}


def _headers(pairs: list[list[str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _type(pairs: list[list[str]]) -> str:
    return next((value for name, value in pairs if name.lower() == "content-type"), "")


def _text(body: Mapping[str, Any]) -> tuple[str, str]:
    return (body["base64"], "base64") if "base64" in body else (body["text"], "")
