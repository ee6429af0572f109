"""A C project on the mock server by plain HTTP calls, then the suite's judgement of that server.

Run as ``python -m examples.demo`` (or ``make demo``). Exit code: that of ``batchproof check``, or 1 when a step of
the demonstration itself went wrong.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import requests

PROJECT = Path(__file__).parent / "sieve"
REPORT = Path("report")
COMMANDS = {"clean": "make clean", "build": "make", "exec": "./sieve 100000"}
SCRIPTS = Path(sys.executable).parent
EXEC_TIMEOUT_S = "10"  # short, and told to the suite, so that it can test the limit (EX-23)
TIMEOUT_S = 30
CANNOT_JUDGE = 2  # exit code of `batchproof check`


class DemoError(Exception):
    """A step did not give what the demonstration promises."""


@contextmanager
def mock_server(*options: str) -> Iterator[str]:
    """Start ``batchproof-mock`` on a free port and yield its URL; stop it at the end."""
    command = [str(SCRIPTS / "batchproof-mock"), "--port", "0", "--exec-timeout", EXEC_TIMEOUT_S, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101  - PIPE was asked for
            line = server.stdout.readline().strip()
            url = next((word for word in line.split() if word.startswith("http://")), None)
            if url is None:
                raise DemoError(f"the mock server did not start: {line or 'it printed nothing'}")
            say(f"$ {' '.join(['batchproof-mock', *command[1:]])}\n{line}")
            yield url
        finally:
            server.terminate()
            server.wait(TIMEOUT_S)


def say(text: str) -> None:
    """Print at once, so that the calls appear as they happen."""
    print(text, flush=True)  # noqa: T201  - printing is what a demonstration does


def heading(text: str) -> None:
    """Print what comes next, in one line."""
    say(f"\n--- {text}")


def call(method: str, url: str, status: int, **arguments: Any) -> requests.Response:
    """Make one HTTP call and show it; raise DemoError unless the answer has ``status``."""
    shown = json.dumps(arguments["json"]) if "json" in arguments else ""
    files = arguments.get("files", ())
    if files:
        shown = f"{len(files)} files: " + ", ".join(part[0] for _, part in files)
    say(f"> {method} {url} {shown}".rstrip())
    response = requests.request(method, url, timeout=TIMEOUT_S, **arguments)
    is_json = "json" in response.headers.get("Content-Type", "")
    body = response.text.strip() if is_json else f"{len(response.content)} bytes {response.headers.get('Content-Type')}"
    say(f"< {response.status_code} {body if response.content else ''}".rstrip())
    if response.status_code != status:
        raise DemoError(f"{method} {url} answered {response.status_code}; {status} was expected")
    return response


def upload_project(session_url: str) -> None:
    """Upload every file of the C project, with its directories."""
    sources = sorted(path for path in PROJECT.rglob("*") if path.is_file())
    parts = [("src", (str(path.relative_to(PROJECT)), path.read_bytes())) for path in sources]
    call("POST", f"{session_url}/upload", 204, files=parts)


def run_to_end(session_url: str) -> list[dict[str, Any]]:
    """Run clean, build and exec, polling until the run has finished; return every result."""
    query: dict[str, Any] = {"mode": "batch", "code": "", "runId": "demo", "options": COMMANDS}
    results: list[dict[str, Any]] = []
    while not results or results[-1]["status"] not in {"finished", "exec-timeout"}:
        results.append(call("POST", session_url, 200, json=query).json()["result"])
        query = {"mode": "continue", "code": "", "runId": "demo"}
    return results


def list_names(session_url: str) -> list[str]:
    """List the home directory's file names."""
    answer = call("GET", f"{session_url}/files", 200, params={"path": "."}).json()
    return [item["filename"] for item in json.loads(answer["files"])]


def download(session_url: str, path: str) -> bytes:
    """Download one file: a multipart answer with one tar for each path."""
    response = call("GET", f"{session_url}/download", 200, params={"files": path})
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    part = next(iter(message_from_bytes(head + response.content, policy=policy.HTTP).iter_parts()))
    with tarfile.open(fileobj=io.BytesIO(part.get_content())) as archive:
        member = archive.extractfile(path)
        if member is None:
            raise DemoError(f"the archive does not hold {path}")
        return member.read()


def expect(condition: object, promise: str) -> None:
    """Say that a promise was kept; raise DemoError when it was not."""
    if not condition:
        raise DemoError(f"this did not hold: {promise}")
    say(f"  ok: {promise}")


def show_run(url: str) -> None:
    """Take the project through upload, clean, build, exec, listing and download."""
    heading("Create a session")
    kernel = call("POST", f"{url}/kernel", 201, json={"lang": "c", "clientSessionToken": "demo-session"}).json()
    session_url = f"{url}/kernel/{kernel['kernelId']}"

    heading("Upload a C project of several files and a Makefile")
    upload_project(session_url)

    heading("Clean, build and execute it: one run, polled to its end")
    results = run_to_end(session_url)
    output = "".join(text for stream, text in results[-1]["console"] if stream == "stdout")
    expect(results[-1]["exitCode"] == 0, "the run finished with exit code 0")
    expect(output == "9592 primes up to 100000\n", "the program counted 9592 primes")

    heading("List the files: what was uploaded and what the run made")
    expect({"Makefile", "src", "sieve", "primes.txt"} <= set(list_names(session_url)), "both are listed")

    heading("Download what the program wrote")
    last = download(session_url, "primes.txt").splitlines()[-1]
    expect(last == b"99991", "the last prime below 100000 came back: 99991")

    heading("End the session")
    call("DELETE", session_url, 200)


def judge(url: str) -> int:
    """Let the suite judge the server; return its exit code."""
    heading("And now the suite judges that server, clause by clause")
    arguments = ["check", url, "--tier", "smoke", "--exec-timeout", EXEC_TIMEOUT_S, "--report", str(REPORT)]
    command = [str(SCRIPTS / "batchproof"), *arguments]
    say(f"$ batchproof {' '.join(arguments)}")
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Run the demonstration."""
    try:
        with mock_server() as url:
            show_run(url)
            exit_code = judge(url)
    except (DemoError, requests.RequestException) as error:
        say(f"\nThe demonstration failed: {error}")
        return 1
    if exit_code == CANNOT_JUDGE:
        say("\nThe demonstration failed: the suite could not judge the server")
    else:
        say(f"\nThe whole report, every requirement with its evidence: {REPORT / 'report.html'}")
        say(
            "That was the quick tier, the heart of each family; without `--tier smoke` the suite asks for every clause."
        )
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
