"""The clients' command lines, step by step: what is typed, and what must come of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from mock_server.tests.clients.environments import Environment
from mock_server.tests.clients.project import FILES, GREETING
from mock_server.tests.clients.running import IMAGE, Outcome, run

SOURCES: Final = ("Makefile", "main.c", "src/answer.c", "include/answer.h")
FETCHED: Final = ("read me.txt", "src/answer.c")
MANY: Final = tuple(f"many-{number:02d}.txt" for number in range(21))  # one more than an upload may have (UP-10)
COMMAND_STEPS: Final = (
    "run", "run-default", "run-clean", "run-failing", "run-slow", "run-input", "upload", "upload-too-many", "list",
    "download", "logs", "destroy", "destroyed",
)  # fmt: skip


@dataclass(frozen=True)
class Typed:
    """One command: its words, what is typed while it runs, and what must be seen of it."""

    words: tuple[str, ...]
    prints: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    stdin: str = ""
    folder: str = "."


class _Typist:
    """Writes out the commands of one command line for one session."""

    def __init__(self, environment: Environment, session: str) -> None:
        self._line = environment.client.command_line
        self._lacks = environment.client.lacks
        self._program = (str(environment.program(self._line.program[0])), *self._line.program[1:])
        self._blanks = {"name": session, "image": IMAGE}

    def words(self, template: tuple[str, ...], *more: str) -> tuple[str, ...]:
        return (*self._program, *(word.format(**self._blanks) for word in template), *more)

    def running(self, *files: str, **options: str) -> tuple[str, ...]:
        names = {"clean": self._line.clean, "build": self._line.build, "execute": self._line.execute}
        return self.words(
            self._line.run, *files, *(word for key, value in options.items() for word in (names[key], value))
        )

    def runs(self) -> Iterator[tuple[str, Typed]]:
        built = self.running(*SOURCES, build="make", execute="./main 'a b' c")
        yield "run", Typed(built, (f"{GREETING}a b|c|",))
        yield "run-default", Typed(self.running(*SOURCES), (GREETING,))
        if self._line.clean:
            cleaned = self.running(*SOURCES, clean="rm -v main", build="make", execute="./main again")
            yield "run-clean", Typed(cleaned, ("removed 'main'", f"{GREETING}again|"))
        failing = self.running("Makefile", build="echo broken >&2; exit 3", execute="echo never")
        yield "run-failing", Typed(failing, ("broken",), never=("never\n",))
        slow = self.running(
            "Makefile", build="true", execute="echo tick1; sleep 1.2; echo tick2; sleep 1.2; echo tick3"
        )
        yield "run-slow", Typed(slow, ("tick1\ntick2\ntick3\n",))
        if "input" not in self._lacks:
            # No dollar signs: the command lines take them for templates of their own.
            asking = self.running("Makefile", build="true", execute="sed -u 's/^/hello /;q'")
            yield "run-input", Typed(asking, ("hello Ada\n",), stdin="Ada\n")

    def files(self) -> Iterator[tuple[str, Typed]]:
        line = self._line
        if line.upload:
            yield "upload", Typed(self.words(line.upload, "read me.txt", "größe.txt", "src/answer.c"))
            yield "upload-too-many", Typed(self.words(line.upload, *MANY), ("400",))
        if line.list and "list" not in self._lacks:
            yield "list", Typed(self.words(line.list), ("read me.txt", "größe.txt", "src", "main.c"))
        if line.download and "download" not in self._lacks:
            yield "download", Typed(self.words(line.download, *FETCHED), folder="fetched")

    def rest(self) -> Iterator[tuple[str, Typed]]:
        if self._line.logs:
            yield "logs", Typed(self.words(self._line.logs), (GREETING,))
        if self._line.destroy:
            yield "destroy", Typed(self.words(self._line.destroy))
        if self._line.destroy and "destroyed" not in self._lacks:
            yield "destroyed", Typed(self.words(self._line.destroy), ("404",))


def run_commands(environment: Environment, url: str, folder: Path, session: str) -> dict[str, str]:
    """Type every command of one client in a folder that holds the project; gives what was wrong with each, or ""."""
    (folder / "fetched").mkdir()
    for name in MANY:
        (folder / name).write_text("x")
    complaints = {}
    typist = _Typist(environment, session)
    for step, typed in chain(typist.runs(), typist.files(), typist.rest()):
        outcome = run(list(typed.words), url, folder / typed.folder, typed.stdin)
        complaints[step] = _complaint(typed, outcome) or (_download_complaint(folder) if step == "download" else "")
    return complaints


def _complaint(typed: Typed, outcome: Outcome) -> str:
    """Compare. Exit codes count only where a crash shows: several releases exit with 0 whatever happened."""
    said = outcome.stdout + outcome.stderr
    missing = [text for text in typed.prints if text not in said]
    unwanted = [text for text in (*typed.never, "Traceback (most recent call last)") if text in said]
    if not missing and not unwanted and outcome.exit_code in (0, 1):
        return ""
    return f"exit code {outcome.exit_code}, missing {missing}, unwanted {unwanted}, said: {said[-3000:]}"


def _download_complaint(folder: Path) -> str:
    fetched = {path.name: path.read_bytes() for path in (folder / "fetched").rglob("*") if path.is_file()}
    wanted = {Path(name).name: FILES[name] for name in FETCHED}
    return "" if fetched == wanted else f"downloaded {fetched}"
