"""Subtle defects of runs and their consoles, invented without a look at the checks that they should fail."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem
from conformance.selftests.reference.runs import Commands

from .odd import OddCommands
from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Run, Segment
    from conformance.selftests.reference.sessions import Session

LONG_LINE = re.compile(r"([^\n]{4096})(?=[^\n])")
NOT_FOUND = 127
SIGNALS = 128
MANY_RUNS = 2
MAX_ID = 32


@defect("EX-24")
class ExecutableBitsAreLost(Behaviour):
    """When a run begins, no file of earlier ones may be executed."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        for session in list(self.sessions.values()):
            if run.id in session.runs:
                for path in session.home.rglob("*"):
                    if path.is_file() and not path.is_symlink():
                        path.chmod(path.stat().st_mode & ~0o111)


@defect("EX-10")
class BuildErrorsComeLater(Behaviour):
    """What the build writes to stderr comes with the program's output."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        late = []
        with run.changed:
            if status == "build-finished":
                blocks = run.segments[-1].blocks
                late = [one for one in blocks if one[0] == "stderr"]
                run.segments[-1].blocks = [one for one in blocks if one[0] != "stderr"]
            super().end(run, status, code)
            if late:
                run.segments[-1].blocks[:0] = late


@defect("CN-06")
class LongLinesAreWrapped(Behaviour):
    """A line of more than 4,096 characters is wrapped."""

    def console(self, segment: Segment) -> list[Any]:
        return [[stream, LONG_LINE.sub(r"\1\n", text)] for stream, text in super().console(segment)]


@defect("CN-06")
class BlankLinesAreDropped(Behaviour):
    """Of two newlines in a row one is lost."""

    def console(self, segment: Segment) -> list[Any]:
        return [[stream, text.replace("\n\n", "\n")] for stream, text in super().console(segment)]


@defect("CN-06")
class TabsAreSpaces(Behaviour):
    """Tabs become spaces."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, text.expandtabs(8) if text.count("\t") > 1 else text)


@defect("CN-06", also=("EX-17",))
class BothStreamsRepeatTheLast(Behaviour):
    """Where a call that ends nothing brings both streams, its last item comes again."""

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is None and len({name for name, _ in segment.blocks}) > 1:
            run.segments[0].blocks.append(segment.blocks[-1])
        return segment


@defect("CN-02", also=("CN-06",))
class ControlsAreReplaced(Behaviour):
    """Control characters become U+FFFD."""

    def heard(self, run: Run, stream: str, text: str) -> None:
        super().heard(run, stream, re.sub(r"[\x01-\x08\x0e-\x1f]", "\ufffd", text))


@defect("EX-22", also=("CN-06",))
class ThirdRunJumpsTheQueue(Behaviour):
    """A run that finds two before it waits for none."""

    def await_turn(self, session: Session, run: Run) -> None:
        if len([one for one in list(session.runs.values()) if not one.done.is_set()]) > MANY_RUNS:
            run.previous = None
        super().await_turn(session, run)


@defect("EX-14", also=("EX-16",))
class CodesAreSignedBytes(Behaviour):
    """Exit codes of 128 and more are negative, but for signals."""

    def exit_code(self, code: int) -> int:
        return code - 256 if code > SIGNALS + 64 else code


@defect("EX-14")
class AnyFailureInAPipeCounts(Behaviour):
    """The exit code is that of the last command in a pipe that failed."""

    def shell_text(self, command: str) -> str:
        return f"set -o pipefail; {super().shell_text(command)}"


@defect("EX-30", also=("EX-06", "EX-14", "CN-06", "EX-12"))
class CommandsStopAtAFailure(Behaviour):
    """A command list ends at its first failure."""

    def shell_text(self, command: str) -> str:
        return f"set -e; {super().shell_text(command)}"


@defect("EX-19")
class StepsShareTheirDirectory(Behaviour):
    """A step begins where the one before changed to."""

    def shell_text(self, command: str) -> str:
        begin = 'cd "$(cat /tmp/.where 2>/dev/null || echo /home/work)" 2>/dev/null || cd /home/work\n'
        return f"{begin}trap 'pwd > /tmp/.where' EXIT\n{super().shell_text(command)}"


@defect("EX-15")
class MissingBuildToolsAreNoFailure(Behaviour):
    """A build that ends with 127 did not fail."""

    def is_failure(self, code: int) -> bool:
        return code not in {0, NOT_FOUND}


@defect("EX-15")
class KilledBuildsAreNoFailure(Behaviour):
    """A build that a signal killed did not fail."""

    def is_failure(self, code: int) -> bool:
        return 0 < code <= SIGNALS


@defect("EX-27")
class EmptyExecHidesTheBuild(Behaviour):
    """With an empty exec the build's output is not returned."""

    def steps(self, session: Session, run: Run) -> int:
        run.hides = run.commands.exec == ""  # type: ignore[attr-defined]  # this defect's own note
        return super().steps(session, run)

    def heard(self, run: Run, stream: str, text: str) -> None:
        if not getattr(run, "hides", False):
            super().heard(run, stream, text)


@defect("EX-29", also=("CN-06",))
class GoingOnForgets(Behaviour):
    """A batch call for an unfinished run loses what was written since the last call."""

    def go_on(self, session: Session, run_id: str) -> Run:
        run = super().go_on(session, run_id)
        with run.changed:
            run.segments[0].blocks.clear()
        return run


@defect("EX-31")
class AbandonedRunsFillTheSession(Behaviour):
    """Two runs that nobody fetched to their end leave no room for a third."""

    def start(self, session: Session, run: Run) -> None:
        if len(session.runs) >= MANY_RUNS:
            raise Problem(409, "Too many runs", "fetch the earlier ones")
        super().start(session, run)


@defect("EX-26")
class UrlsAreNotEncoded(Behaviour):
    """Odd characters in the URLs of output files are as they are."""

    def output_url(self, session: Session, name: str) -> str:
        raw = os.fsencode(name)
        return super().output_url(session, name).replace(quote(raw), raw.decode("utf-8", "replace"))


@defect("EX-26")
class OutputFoldersAreFlat(Behaviour):
    """Of output files with the same last part in several directories one is told."""

    def made_files(self, session: Session, run: Run) -> list[dict[str, str]]:
        return list({one["name"].rpartition("/")[2]: one for one in super().made_files(session, run)}.values())


@defect("EX-25")
class ListsAreOptionsToo(Behaviour):
    """Options that are a list are no options."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        return super().read_commands({**wanted, "options": {}} if isinstance(wanted.get("options"), list) else wanted)


@defect("EX-13", also=("EX-01",))
class CodesAreFloats(Behaviour):
    """A zero exit code is 0.0."""

    def result_body(self, run: Run, status: str, code: int | None, *rest: Any) -> dict[str, Any]:
        body = super().result_body(run, status, code, *rest)
        return {**body, "exitCode": 0.0} if code == 0 else body


@defect("EX-06")
class LinesAreJoined(OddCommands):
    """The lines of a command are joined by spaces."""

    def odd(self, commands: Commands) -> Commands:
        lines = (one and one.replace("\n", " ") for one in (commands.clean, commands.build, commands.exec))
        return Commands(*lines)


@defect("CO-13")
class UnknownOptionsAreRefused(Behaviour):
    """An unknown member of the options is refused."""

    def read_commands(self, wanted: dict[str, Any]) -> Commands:
        if set(wanted.get("options") or {}) - {"clean", "build", "exec"}:
            raise Problem(400, "Unknown option", "clean, build and exec are known")
        return super().read_commands(wanted)
