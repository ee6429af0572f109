"""Makes up reports as the suite writes them: every verdict, real clauses, and a target that fights back."""

import base64
import importlib.resources
import json
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

Raw = dict[str, Any]

HOSTILE: Final = (
    "</script><img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202eevil\u202c \x00 \ud800 & \"'` | @someone"
)
URL: Final = "http://127.0.0.1:8081"
BROKEN: Final = {"UP-07": "fail", "UP-05": "fail", "LS-01": "fail", "EX-22": "intermittent", "DL-02": "fail"}
VERDICTS: Final = BROKEN | {
    "CO-03": "warn",
    "EX-26": "warn",
    "EX-23": "not-testable",
    "RL-02": "not-testable",
    "SE-11": "not-applicable",
    "EX-28": "not-applicable",
    "CO-06": "reading",
    "UP-17": "reading",
    "AU-06": "reading",
    "DL-07": "reading",
    "EX-08": "error",
    "CN-07": "excluded",
}
REASONS: Final = {
    "fail": "refused with 400 what the clause accepts",
    "intermittent": "broken in 1 of 3 attempts",
    "warn": "sent as application/json",
    "not-testable": "the suite was not told the limit: give --exec-timeout or --rate-limit",
    "not-applicable": "the target answered 404 to the probe of this feature",
    "error": "the check itself failed: KeyError('kernelId')",
    "excluded": "No kernel at hand produces these items by itself.",
}


def catalogue() -> list[Raw]:
    """Return the real requirements, as the catalogue has them."""
    raw = importlib.resources.files("spec").joinpath("requirements.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(raw)["requirement"])


def text_body(text: str) -> Raw:
    """Make a body of text."""
    return {"text": text, "size_bytes": len(text.encode(errors="surrogatepass")), "truncated": False}


def bytes_body(content: bytes, *, size_bytes: int | None = None) -> Raw:
    """Make a body of bytes, cut where `size_bytes` is more than the content's size."""
    size = len(content) if size_bytes is None else size_bytes
    return {"base64": base64.b64encode(content).decode(), "size_bytes": size, "truncated": size > len(content)}


def exchange(key: str, *, request: Raw | None = None, response: Raw | None = None, **changes: Any) -> Raw:
    """Make one exchange of the kind that fills most of a report."""
    answer = '{"result": {"runId": "r1", "status": "finished", "exitCode": 0, "console": [["stdout", "hi\\n"]]}}'
    return {
        "id": key,
        "method": "POST",
        "url": f"{URL}/kernel/bp-20261123-7",
        "request_headers": [
            ["Host", "127.0.0.1:8081"],
            ["User-Agent", "batchproof/0.1.0"],
            ["Content-Type", "application/json"],
            ["Authorization", "BackendAI signMethod=HMAC-SHA256, credential=AKIA...:[redacted]"],
        ],
        "request_body": request
        or text_body('{"mode": "batch", "code": "", "runId": "r1", "options": {"exec": "echo hello"}}'),
        "status": 200,
        "response_headers": [
            ["Content-Type", "application/json"],
            ["X-RateLimit-Remaining", "812"],
            ["Server", "nginx"],
        ],
        "response_body": response or text_body(answer),
        "error": None,
        "started": "2026-11-23T08:10:11.512Z",
        "duration_ms": 12.25,
        **changes,
    }


def exchanges() -> dict[str, Raw]:
    """Make exchanges of every kind: text, binary, cut, long, hostile, without a response."""
    upload = (
        b'--b7f1\r\nContent-Disposition: form-data; name="src"; filename="main.c"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nint main(void) { return 7; }\n\r\n--b7f1--\r\n"
    )
    return {
        "e1": exchange("e1"),
        "e2": exchange(
            "e2",
            url=f"{URL}/kernel/bp-20261123-7/upload",
            request=bytes_body(bytes(range(256)) * 8, size_bytes=1048781),
            response=text_body('{"type": "https://api.example/problems/too-large", "title": "Too large"}'),
            status=400,
        ),
        "e3": exchange(
            "e3",
            url=f"{URL}/kernel/bp-20261123-7/upload",
            request=text_body(upload.decode()),
            status=204,
            response=text_body(""),
        ),
        "e4": exchange(
            "e4",
            response=text_body(HOSTILE),
            response_headers=[["X-Hostile", HOSTILE], [HOSTILE, "<b>"]],
            url=f"{URL}/{HOSTILE}",
            status=599,
        ),
        "e5": exchange(
            "e5",
            status=None,
            response_headers=[],
            response=text_body(""),
            error="the connection was reset after 1,024 bytes",
        ),
        "e6": exchange(
            "e6",
            response=text_body("Traceback (most recent call last):\n" + '  File "x.py", line 3, in run\n' * 400),
            status=500,
        ),
        "e7": exchange("e7", response=bytes_body(b"\xff\xfe\x00caf\xe9" * 3)),
        "e8": exchange("e8", request=text_body('{"code": "it\'s a $(tab)\\t; é\u202e"}')),
    }


def check(clause: str, verdict: str, ids: Iterable[str], **changes: Any) -> Raw:
    """Make what one check says of one clause."""
    trouble = verdict in {"fail", "warn", "intermittent"}
    return {
        "name": f"test_{clause[:2].lower()}_family.py::test_{clause.lower().replace('-', '_')}",
        "title": f"The target keeps {clause} with an ordinary session.",
        "verdict": verdict,
        "expected": "204 with no body" if trouble else "",
        "actual": "400 with a problem object" if trouble else "",
        "message": "",
        "exchanges": list(ids),
        "attempts": 3 if trouble else 1,
        "duration_s": 0.211,
        **changes,
    }


def requirement(entry: Raw, verdict: str, ids: list[str]) -> Raw:
    """Make one requirement of the report from its catalogue entry."""
    open_questions = entry.get("readings", {})
    return {
        "id": entry["id"],
        "level": entry["level"],
        "text": entry["text"],
        "source": entry["source"],
        "verdict": verdict,
        "reason": REASONS.get(verdict, ""),
        "readings": [
            {
                "question": key,
                "reading": str(next(iter(question["values"]))),
                "text": str(next(iter(question["values"].values()))),
                "exchanges": ids[:1],
            }
            for key, question in open_questions.items()
        ],
        "checks": [] if verdict == "excluded" else [check(entry["id"], verdict, ids)],
    }


def report() -> Raw:
    """Make a whole report: every requirement of the catalogue, every verdict, every kind of exchange."""
    kept = exchanges()
    keys = list(kept)
    entries = enumerate(catalogue())
    requirements = [
        requirement(entry, VERDICTS.get(entry["id"], "pass"), [keys[at % len(keys)], keys[(at * 3 + 1) % len(keys)]])
        for at, entry in entries
    ]
    broken = next(raw for raw in requirements if raw["id"] == "UP-07")
    broken["reason"] = HOSTILE
    broken["checks"].append(check("UP-07", "pass", ["e3", "e404"], title="A small file is taken."))
    broken["checks"][0] |= {"expected": "204", "actual": HOSTILE, "message": HOSTILE, "title": HOSTILE}
    return assembled(requirements, kept)


def assembled(requirements: list[Raw], kept: dict[str, Raw], *, exit_code: int = 1) -> Raw:
    """Put a report around requirements and exchanges, with counts that agree."""
    levels = {raw["level"] for raw in requirements}
    return {
        "format": "batchproof-report/1",
        "target": {
            "url": URL,
            "dialect": "session",
            "api_version": "v5.20191215",
            "lang": "python:3.9-ubuntu20.04",
            "c_lang": None,
            "authenticated": True,
        },
        "run": {
            "id": "20261123-081011",
            "started": "2026-11-23T08:10:11Z",
            "finished": "2026-11-23T08:10:49Z",
            "duration_s": 38.2,
            "seed": 1234,
            "batchproof_version": "0.1.0",
            "requests": 1312,
            "sessions_created": 117,
            "sessions_left": 0,
            "complete": True,
            "options": {"tier": "standard", "poll_allowance_s": 10, "only": []},
        },
        "summary": {
            "exit_code": exit_code,
            "conforms": exit_code == 0,
            "headline": "Conforms." if exit_code == 0 else "Does not conform: 5 musts are broken.",
            "verdicts": counted(requirements),
            "by_level": {
                level: counted(raw for raw in requirements if raw["level"] == level) for level in sorted(levels)
            },
        },
        "requirements": requirements,
        "exchanges": kept,
    }


def counted(requirements: Iterable[Raw]) -> dict[str, int]:
    """Count verdicts, those that occur only."""
    names = [raw["verdict"] for raw in requirements]
    return {name: names.count(name) for name in sorted(set(names))}


def large_report(exchange_count: int = 300) -> Raw:
    """Make a report of the size of a real run: the whole catalogue and bodies of a few kilobytes."""
    body = text_body('{"console": [["stdout", "' + "a line of output\\n" * 220 + '"]]}')
    kept = {f"e{at}": exchange(f"e{at}", response=body) for at in range(1, exchange_count + 1)}
    keys = iter(kept)
    requirements = [
        requirement(entry, "pass", [next(keys, "e1"), next(keys, "e2"), next(keys, "e3")]) for entry in catalogue()
    ]
    return assembled(requirements, kept, exit_code=0)


def written(raw: Raw, folder: Path, *, change: Callable[[Raw], None] = lambda _: None) -> Path:
    """Write a report as the suite does, after `change` had its way with it."""
    change(raw)
    path = folder / "report.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path
