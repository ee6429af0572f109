"""What each step of a scenario must have shown its client, whichever client it was. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mock_server.tests.clients.project import FILES, GREETING, READ_ME

Seen = Mapping[str, Any]
_RUN: Final = re.compile(
    r"((continued|waiting-input) )*(clean-finished (continued )*)?"
    r"(build-finished ((continued|waiting-input) )*)?finished"
)


@dataclass(frozen=True)
class Expectation:
    """What must be true of what the client saw; `refused` is the HTTP status where an exception is the right end."""

    text: str
    holds: Callable[[Seen], bool] = lambda _seen: True
    refused: int | None = None


def judge(step: str, seen: Seen | None) -> str:
    """Say what is wrong with what a client saw at one step; nothing where all is well."""
    if seen is None:
        return "the client stopped before this step"
    expected = EXPECTATIONS[step]
    if "raised" in seen:
        if expected.refused == seen["status"] is not None:
            return ""
        return f"raised {seen['raised']} ({seen['status']}): {seen['text']}; expected: {expected.text}"
    if expected.refused is not None:
        return f"was not refused: {dict(seen)}; expected: {expected.text}"
    try:
        return "" if expected.holds(seen) else f"saw {dict(seen)}; expected: {expected.text}"
    except (KeyError, TypeError, IndexError) as error:
        return f"saw {dict(seen)}, without {error}; expected: {expected.text}"


def _ended(seen: Seen, *, code: int = 0) -> bool:
    """Tell whether the statuses came in an allowed order, under one run ID, and the run ended with that code."""
    in_order = _RUN.fullmatch(" ".join(seen["statuses"])) is not None
    return in_order and len(set(seen["run_ids"])) == 1 and seen["codes"]["finished"] == code


EXPECTATIONS: Final[Mapping[str, Expectation]] = {
    "version": Expectation("the server's version", lambda seen: re.match(r"v\d+\.\d{8}$", seen["version"]) is not None),
    "create": Expectation("a new session", lambda seen: bool(seen["id"]) and seen["created"] in (True, None)),
    "reuse": Expectation("the same session again", lambda seen: seen["same"] and seen["created"] in (False, None)),
    "upload": Expectation("the project uploaded"),
    "batch": Expectation(
        "the build reported, then the program's output",
        lambda seen: _ended(seen) and seen["codes"]["build-finished"] == 0 and f"{GREETING}a b|c|\n" in seen["stdout"],
    ),
    "defaults": Expectation(
        "the Makefile used and ./main run", lambda seen: _ended(seen) and f"{GREETING}\n" in seen["stdout"]
    ),
    "clean": Expectation(
        "clean, build and exec, in that order",
        lambda seen: _ended(seen) and "clean-finished" in seen["statuses"] and "removed 'main'" in seen["stdout"],
    ),
    "patience": Expectation(
        "`continued` meanwhile, each line once",
        lambda seen: _ended(seen) and "continued" in seen["statuses"] and seen["stdout"] == "1\n2\n3\n4\n",
    ),
    "failed-build": Expectation(
        "the build's code, its message, no exec, 127 in the end",
        lambda seen: (
            _ended(seen, code=127)
            and seen["codes"]["build-finished"] == 3  # noqa: PLR2004  - what the build exits with
            and seen["stderr"] == "broken\n"
            and not seen["stdout"]
        ),
    ),
    "input": Expectation(
        "the question asked and answered",
        lambda seen: _ended(seen) and "waiting-input" in seen["statuses"] and seen["stdout"] == "hello Ada\n",
    ),
    "query": Expectation(
        "what the snippet printed", lambda seen: _ended(seen) and seen["stdout"] == "from a snippet\n"
    ),
    "list": Expectation(
        "all top-level names, and the folder under both its names",
        lambda seen: (
            {"src", *(name for name in FILES if "/" not in name)} <= set(seen["names"])
            and {"folder_path", "abspath", "errors"} <= set(seen["keys"])
        ),
    ),
    "download": Expectation("the same bytes back", lambda seen: seen["same"] == seen["asked"]),
    "download-binary": Expectation("the same bytes back", lambda seen: seen["same"] == seen["asked"]),
    "info": Expectation("the session's facts", lambda seen: bool(seen["info"]["lang"])),
    "logs": Expectation("what the session's commands printed", lambda seen: GREETING in seen["logs"]),
    "complete": Expectation("an answer"),
    "interrupt": Expectation("an answer"),
    "restart": Expectation("the files still there", lambda seen: _ended(seen) and seen["stdout"] == READ_ME),
    "too-large": Expectation("refused with 400, readably", refused=400),
    "too-many": Expectation("refused with 400, readably", refused=400),
    "destroy": Expectation("the session gone"),
    "unknown": Expectation("refused with 404", refused=404),
}
