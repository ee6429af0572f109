"""Run a client in a folder and an environment of its own, and gather what it saw."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from mock_server.tests.clients.environments import Environment
from mock_server.tests.clients.generations import SDK_STEPS

SCENARIOS: Final = Path(__file__).parent / "scenarios"
IMAGE: Final = "c"
KEYS: Final = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
API_VERSIONS: Final = ("v4.20181215", "v9.20250722")  # the document's own, and the newest that clients know
SCENARIO_TIMEOUT_S: Final = 240  # takes 10 s on an idle machine; starting a client costs seconds on a busy one
JAVASCRIPT_STEPS: Final = (
    "version", "create", "reuse", "upload", "batch", "defaults", "clean", "patience", "failed-build", "input", "query",
    "download", "logs", "restart", "too-large", "destroy", "unknown",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    exit_code: int
    stdout: str
    stderr: str


def variables_for(url: str, folder: Path) -> dict[str, str]:
    """Give a client's whole environment: where the server is and with which keys; nothing of ours leaks in."""
    settings = {"ENDPOINT": url, "ACCESS_KEY": KEYS[0], "SECRET_KEY": KEYS[1]}
    return {
        **{f"{family}_{name}": value for family in ("BACKEND", "SORNA") for name, value in settings.items()},
        "BACKEND_ENDPOINT_TYPE": "api",
        "BACKEND_GROUP": "default",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PATH": os.defpath,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
    }


def run(
    argv: list[str], url: str, folder: Path, stdin: str = "", more: Mapping[str, str] = MappingProxyType({})
) -> Outcome:
    """Run one program of a client; after the time limit it is killed and the exit code is 124."""
    variables = {**variables_for(url, folder), **more}
    try:
        done = subprocess.run(
            argv, cwd=folder, env=variables, input=stdin.encode(), capture_output=True, check=False,
            timeout=SCENARIO_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return Outcome(124, _text(error.stdout), _text(error.stderr))
    return Outcome(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def steps_seen(outcome: Outcome, steps: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Read what a scenario printed, by step."""
    lines = [line.removeprefix("STEP ") for line in outcome.stdout.splitlines() if line.startswith("STEP ")]
    seen = {seen["step"]: seen for seen in map(json.loads, lines)}
    missing = next((step for step in steps if step not in seen), None)
    if missing:  # it died on the way: its last words belong to the first step that is missing
        seen[missing] = {"raised": f"exit code {outcome.exit_code}", "status": None, "text": outcome.stderr[-2000:]}
    return seen


def run_sdk(environment: Environment, url: str, folder: Path, session: str) -> dict[str, Mapping[str, Any]]:
    """Run the whole SDK scenario of a client in a folder that holds the project."""
    client = environment.client
    steps = [step for step in SDK_STEPS if step not in client.lacks]
    script = [str(environment.program("python")), str(SCENARIOS / "sdk.py")]
    outcome = run([*script, client.dialect, client.flavour, session, IMAGE, *steps], url, folder)
    return steps_seen(outcome, steps)


def run_javascript(modules: Path, url: str, folder: Path, session: str) -> dict[str, Mapping[str, Any]]:
    """Run the JavaScript client's scenario in a folder that holds the project."""
    node = shutil.which("node") or "node"
    outcome = run([node, str(SCENARIOS / "sdk.js"), session, IMAGE, *JAVASCRIPT_STEPS], url, folder,
                  more={"CLIENT_MODULES": str(modules)})  # fmt: skip
    return steps_seen(outcome, JAVASCRIPT_STEPS)


@contextmanager
def mock_server(program: Path, *options: str) -> Iterator[str]:
    """Start `batchproof-mock` as a user would, on a free port; gives its URL, and stops it in the end."""
    server = subprocess.Popen([str(program), "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline() if server.stdout else ""
        urls = [word for word in line.split() if word.startswith("http://")]
        if not urls:
            raise RuntimeError(f"batchproof-mock did not say where it listens, but: {line!r}")
        yield urls[0]
    finally:
        server.terminate()
        server.wait(20)
        if server.stdout:
            server.stdout.close()
