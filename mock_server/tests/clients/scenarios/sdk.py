"""The batch flow through a client's Python SDK: `python sdk.py DIALECT FLAVOUR SESSION IMAGE STEP...`.

It runs in the project's folder; the flavours are `waiting` and `asyncio`.

Prints one line a step, `STEP {json}`: what the client saw, or which exception it raised. It judges nothing: that is
`expectations.py`. Runs on every Python from 3.6 on, with only the client installed.
"""

import contextlib
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from dialects import DIALECTS, Dialect, connect  # type: ignore[import-not-found]  # its neighbour, on the client's Python

PROJECT = ["Makefile", "main.c", "src/answer.c", "include/answer.h", "read me.txt", "größe.txt", "data.bin"]
TOO_LARGE_BYTES = 1024 * 1024 + 1
TOO_MANY = 21
INPUT_TEXT = "Ada"
SNIPPET = '#include <stdio.h>\nint main(void) { puts("from a snippet"); return 0; }\n'


def run(dialect: Dialect, kernel: Any, **options: Any) -> Any:
    """Carry one batch run to its end, as the client's own documentation does it."""
    return followed(dialect, kernel, "batch", "", options)


def followed(dialect: Dialect, kernel: Any, first_mode: str, first_code: str, options: Any) -> Any:
    """Carry a run of any mode to its end; gives what was seen of it."""
    seen: Any = {"statuses": [], "stdout": "", "stderr": "", "codes": {}, "run_ids": []}
    run_id, mode, code, opts = dialect.first_run_id(), first_mode, first_code, options
    while True:
        result = dialect.execute(kernel, run_id, mode, code, opts)
        if not dialect.repeats:
            run_id, opts = result["runId"], {}
        status = result["status"]
        seen["statuses"].append(status)
        seen["run_ids"].append(run_id)
        seen["codes"][status] = result.get("exitCode")
        for kind, text in result["console"] or []:
            seen[kind] = seen.get(kind, "") + text
        if status in ("finished", "exec-timeout"):
            return seen
        mode, code = (first_mode if dialect.repeats else "continue"), ""
        if status == "waiting-input":
            mode, code = "input", INPUT_TEXT


class Scenario:
    """The steps, each a method; what it returns is what the client saw."""

    def __init__(self, dialect: Dialect, factory: Any, name: str) -> None:
        self.dialect = dialect
        self.factory = factory
        self.name = name
        self.kernel: Any = None

    def create(self) -> Any:
        """Create the session."""
        self.kernel = self.dialect.create(self.factory, self.name)
        return {"id": self.dialect.identity(self.kernel), "created": getattr(self.kernel, "created", None)}

    def reuse(self) -> Any:
        """Ask for the same session again."""
        again = self.dialect.create(self.factory, self.name)
        same = self.dialect.identity(again) == self.dialect.identity(self.kernel)
        return {"same": same, "created": getattr(again, "created", None)}

    def upload(self) -> Any:
        """Upload the project."""
        return self._uploaded(PROJECT)

    def batch(self) -> Any:
        """Build with make and run with arguments."""
        return run(self.dialect, self.kernel, clean=None, build="make", exec="./main 'a b' c")

    def defaults(self) -> Any:
        """Build and run as the command lines do when they are told nothing."""
        return run(self.dialect, self.kernel, clean="*", build="*", exec="*")

    def clean(self) -> Any:
        """Clean, build, run."""
        return run(self.dialect, self.kernel, clean="rm -v main", build="make", exec="./main")

    def patience(self) -> Any:
        """Follow a program that takes its time."""
        return run(self.dialect, self.kernel, build=None, exec="for i in 1 2 3 4; do echo $i; sleep 0.8; done")

    def failed_build(self) -> Any:
        """Build what does not build."""
        return run(self.dialect, self.kernel, build="echo broken >&2; exit 3", exec="echo never")

    def input(self) -> Any:
        """Answer a program's question."""
        return run(self.dialect, self.kernel, build=None, exec="read -r who; echo hello $who")

    def query(self) -> Any:
        """Run a snippet."""
        return followed(self.dialect, self.kernel, "query", SNIPPET, {})

    def list(self) -> Any:
        """List the home directory."""
        answer = self.kernel.list_files(".")
        return {"names": [item["filename"] for item in json.loads(answer["files"])], "keys": sorted(answer)}

    def download(self) -> Any:
        """Download two text files."""
        return self._downloaded(["src/answer.c", "read me.txt"])

    def download_binary(self) -> Any:
        """Download a file of all byte values."""
        return self._downloaded(["data.bin"])

    def info(self) -> Any:
        """Ask for the session's facts."""
        return {"info": self.kernel.get_info()}

    def logs(self) -> Any:
        """Ask for the session's log."""
        return {"logs": self.kernel.get_logs()["result"]["logs"]}

    def complete(self) -> Any:
        """Ask for completions."""
        return {"answer": repr(self.kernel.complete("pri", {"row": 0, "col": 3, "line": "pri", "post": ""}))}

    def interrupt(self) -> Any:
        """Interrupt an idle session."""
        return {"answer": repr(self.kernel.interrupt())}

    def restart(self) -> Any:
        """Restart, and find the files still there."""
        self.kernel.restart()
        return run(self.dialect, self.kernel, build=None, exec="cat 'read me.txt'")

    def too_large(self) -> Any:
        """Upload a file over the limit."""
        Path("large.bin").write_bytes(b"\0" * TOO_LARGE_BYTES)
        return self._uploaded(["large.bin"])

    def too_many(self) -> Any:
        """Upload more files than the limit."""
        names = [f"many-{number:02d}.txt" for number in range(TOO_MANY)]
        for name in names:
            Path(name).write_text(name)
        return self._uploaded(names)

    def destroy(self) -> Any:
        """Destroy the session."""
        return {"answer": repr(self.kernel.destroy())}

    def unknown(self) -> Any:
        """Ask a session that is no more."""
        return {"info": self.kernel.get_info()}

    def _uploaded(self, names: Any) -> Any:
        answer = self.kernel.upload(names)
        status = getattr(answer, "status", None)  # 0.9 and 1.0 hand the response back instead of raising
        if status is not None and not 200 <= status < 300:  # noqa: PLR2004  - HTTP's own numbers
            return {"raised": "returned", "status": status, "text": answer.text()}
        return {"files": len(names)}

    def _downloaded(self, names: Any) -> Any:
        target = Path("fetched-" + uuid.uuid4().hex[:8])
        target.mkdir()
        self.kernel.download(names, str(target))
        files = {path.name: path for path in target.rglob("*") if path.is_file()}
        same = [name for name in names if files[Path(name).name].read_bytes() == Path(name).read_bytes()]
        return {"asked": names, "same": same}


def raised(error: BaseException) -> Any:
    """Describe an exception as its catcher would see it."""
    status = error.args[0] if error.args and isinstance(error.args[0], int) else getattr(error, "status", None)
    return {"raised": type(error).__name__, "status": status, "text": str(error)[:500]}


def attempt(scenario: Scenario, step: str) -> Any:
    """Do one step; an exception is a finding like any other."""
    try:
        return getattr(scenario, step.replace("-", "_"))()
    except Exception as error:  # noqa: BLE001  - whatever the client raises is the finding
        return raised(error)
    except BaseException as error:  # the client errors of 1.0 and 1.1
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return raised(error)


def main(dialect_name: str, flavour: str, session: str, image: str, *steps: str) -> None:
    """Do the steps in the order given; one that raises does not stop those after it."""
    dialect = DIALECTS[dialect_name](image)
    with contextlib.ExitStack() as stack:
        scenario = Scenario(dialect, connect(dialect, flavour, stack), session)
        for step in steps:
            print("STEP " + json.dumps(dict(attempt(scenario, step), step=step)), flush=True)  # noqa: T201  - the answer


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # the thread of 1.3's client would keep the interpreter for ever
