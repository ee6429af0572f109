"""The clients' command lines, step by step: what is typed, and what must come of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mock_server.tests.clients.environments import Environment
from mock_server.tests.clients.project import FILES, GREETING
from mock_server.tests.clients.running import IMAGE, Outcome, run

SOURCES: Final = ("Makefile", "main.c", "src/answer.c", "include/answer.h")
COMMAND_STEPS: Final = (
    "run", "run-default", "run-clean", "run-failing", "run-slow", "run-input", "upload", "list", "download", "logs",
    "upload-too-many", "destroy", "destroyed",
)  # fmt: skip


@dataclass(frozen=True)
class Typed:
    """One command: its words, what is typed while it runs, and what must be seen of it."""

    words: tuple[str, ...]
    prints: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    stdin: str = ""
    fails: bool = False


def commands_of(environment: Environment, session: str) -> Iterator[tuple[str, Typed]]:
    """Give the steps that this command line has, in order."""
    line = environment.client.command_line

    def typed(template: tuple[str, ...], *more: str) -> tuple[str, ...]:
        program = (str(environment.program(line.program[0])), *line.program[1:])
        return (*program, *(word.format(name=session, image=IMAGE) for word in template), *more)

    def running(options: dict[str, str], *files: str) -> tuple[str, ...]:
        words = [word for name, value in options.items() for word in (name, value)]
        return typed(line.run, *files, *words)

    yield "run", Typed(running({line.build: "make", line.execute: "./main 'a b' c"}, *SOURCES), (f"{GREETING}a b|c|",))
    yield "run-default", Typed(running({}, *SOURCES), (GREETING,))
    if line.clean:
        options = {line.clean: "rm -v main", line.build: "make", line.execute: "./main again"}
        yield "run-clean", Typed(running(options, *SOURCES), ("removed 'main'", f"{GREETING}again|"))
    failing = {line.build: "echo broken >&2; exit 3", line.execute: "echo never"}
    yield "run-failing", Typed(running(failing, "Makefile"), ("broken",), ("never\n",))
    slow = {line.build: "true", line.execute: "for i in 1 2 3; do echo tick$i; sleep 0.8; done"}
    yield "run-slow", Typed(running(slow, "Makefile"), ("tick1\ntick2\ntick3\n",))
    if "input" not in environment.client.lacks:
        asking = {line.build: "true", line.execute: "read -r who; echo hello $who"}
        yield "run-input", Typed(running(asking, "Makefile"), ("hello Ada\n",), stdin="Ada\n")
    if line.upload:
        yield "upload", Typed(typed(line.upload, "read me.txt", "größe.txt", "src/answer.c"))
    if line.list and "list" not in environment.client.lacks:
        yield "list", Typed(typed(line.list), ("read me.txt", "größe.txt", "src", "main.c"))
    if line.download and "download" not in environment.client.lacks:
        yield "download", Typed(typed(line.download, "read me.txt", "src/answer.c"))
    if line.logs:
        yield "logs", Typed(typed(line.logs), (GREETING,))
    if line.upload:
        yield "upload-too-many", Typed(typed(line.upload, *(f"many-{n:02d}.txt" for n in range(21))), ("400",))
    if line.destroy:
        yield "destroy", Typed(typed(line.destroy))
        yield "destroyed", Typed(typed(line.destroy), ("404",))


def run_commands(environment: Environment, url: str, folder: Path, session: str) -> dict[str, str]:
    """Type every command of one client in a folder that holds the project; gives what was wrong, by step ("" = right)."""
    (folder / "fetched").mkdir()
    for number in range(21):
        (folder / f"many-{number:02d}.txt").write_text("x")
    complaints = {}
    for step, typed in commands_of(environment, session):
        outcome = run(list(typed.words), url, folder, typed.stdin)
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
    wanted = {Path(name).name: FILES[name] for name in ("read me.txt", "src/answer.c")}
    return "" if fetched == wanted else f"downloaded {fetched}"
