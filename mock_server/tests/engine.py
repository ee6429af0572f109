"""What the tests of the run engine share: a place to run in, a run fetched to its end, waiting with a deadline."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mock_server.adapters.runner import Runner, RunSession, Sandbox, SessionPlace
from mock_server.domain.lifecycle import Status
from mock_server.domain.runs import Commands, RunResult

DEADLINE_S: Final = 30
_LAST: Final = {Status.FINISHED, Status.EXEC_TIMEOUT}


@contextmanager
def new_place(sandbox: Sandbox, **environ: str) -> Iterator[SessionPlace]:
    """Make the folders of a session, owned as the sandbox asks."""
    with TemporaryDirectory(prefix="batchproof-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        for path in (folder / "home", folder / "tmp"):
            path.mkdir(mode=0o700)
            os.chown(path, *sandbox.owner)
        yield SessionPlace(folder / "home", folder / "tmp", environ)


@contextmanager
def new_session(runner: Runner, **environ: str) -> Iterator[RunSession]:
    """Open a session with a place of its own, and close it afterwards."""
    with new_place(runner.sandbox, **environ) as place:
        session = runner.open_session(place)
        try:
            yield session
        finally:
            session.close()


def rest(session: RunSession, first: RunResult) -> list[RunResult]:
    """Fetch a run to its end; return all its results, the first included."""
    results = [first]
    until = time.monotonic() + DEADLINE_S
    while results[-1].status not in _LAST:
        assert time.monotonic() < until, f"the run did not end: {results[-1]}"
        results.append(session.resume(first.run_id))
    return results


def run(session: RunSession, command: str = "", *, build: str = "", clean: str = "") -> list[RunResult]:
    """Run commands to their end; return every result."""
    return rest(session, session.batch(Commands(clean, build, command), None))


def text(results: list[RunResult], stream: str = "stdout") -> str:
    """Join what a run's results hold of one stream."""
    return "".join(str(data) for result in results for kind, data in result.console if kind == stream)


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail with `what` when it does not within the deadline."""
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, what
        os.sched_yield()


def processes_with(marker: str) -> list[int]:
    """Return the ids of all living processes that have `marker` among their arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if marker.encode() in words:
                found.append(int(folder.name))
    return found
