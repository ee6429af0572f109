"""Defects of steps that take several calls, and of the default build, made by another hand than other commands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.runs import Run, Segment

from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.sandbox import Jail
    from conformance.selftests.reference.sessions import Session


# -- several calls


class LongRuns(Behaviour):
    """A server whose calls take two seconds, and that ends steps otherwise which took longer than one of them."""

    poll_s = 2.0

    def take(self, run: Run) -> Segment | None:
        segment = super().take(run)
        if segment is not None and segment.ending is None:
            run.long = True  # type: ignore[attr-defined]  # this defect's own note
        return segment

    def ends(self, run: Run, command: str, code: int) -> int:
        """Tell what a step that took several calls is said to have ended with."""
        return code

    def step(self, session: Session, run: Run, command: str) -> int:
        run.long = False  # type: ignore[attr-defined]
        code = super().step(session, run, command)
        return self.ends(run, command, code) if getattr(run, "long", False) else code


@defect("EX-14")
class LongProgramsEndWithZero(LongRuns):
    """A program that took several calls is told as ended with 0."""

    def ends(self, run: Run, command: str, code: int) -> int:
        return 0 if command == run.commands.exec else code


@defect("EX-14")
class LongCleansEndWithZero(LongRuns):
    """A clean that took several calls is told as ended with 0."""

    def ends(self, run: Run, command: str, code: int) -> int:
        return 0 if command == run.commands.clean else code


@defect("EX-15")
class LongBuildsDoNotFail(LongRuns):
    """After a build that took several calls exec runs, whatever its exit code."""

    def build_step(self, session: Session, run: Run) -> int:
        code = super().build_step(session, run)
        return 0 if getattr(run, "long", False) else code


@defect("EX-15")
class LongFailuresFinishWithTheirCode(LongRuns):
    """After a build that took several calls and failed the run finishes with the build's code."""

    def steps(self, session: Session, run: Run) -> int:
        code = super().steps(session, run)
        return 1 if code == 127 and getattr(run, "long", False) and run.commands.exec else code  # noqa: PLR2004  - open


@defect("EX-26")
class LongRunsListNoFiles(LongRuns):
    """A run that took several calls lists what it made since the last of them began."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        if getattr(run, "long", False):
            run.before = self.output_files(session)
        return super().poll(session, run)


# -- the default build


class DefaultBuilds(Behaviour):
    """A server whose default build runs otherwise than other commands."""

    building = False

    def build_step(self, session: Session, run: Run) -> int:
        session.by_default = run.commands.build == "*"  # type: ignore[attr-defined]  # this defect's own note
        code = super().build_step(session, run)
        session.by_default = False  # type: ignore[attr-defined]
        return code


@defect("SE-09")
class DefaultBuildsHaveNoEnvironment(DefaultBuilds):
    """`config.environ` is missing in the default build."""

    def environ(self, session: Session) -> dict[str, str]:
        environ = super().environ(session)
        if getattr(session, "by_default", False):
            return {name: value for name, value in environ.items() if name not in session.environ}
        return environ


@defect("EX-21")
class DefaultBuildsAreRoots(DefaultBuilds):
    """The default build runs as root."""

    def jail(self, session: Session) -> Jail:
        jail = super().jail(session)
        return replace(jail, uid=0) if getattr(session, "by_default", False) else jail


@defect("EX-15")
class DefaultBuildsFinishWithTheirCode(DefaultBuilds):
    """A run whose default build failed finishes with the build's own code."""

    def steps(self, session: Session, run: Run) -> int:
        code = super().steps(session, run)
        return 2 if run.commands.build == "*" and code == 127 else code  # noqa: PLR2004  - a failed build


class DefaultSteps(Behaviour):
    """A server that knows which of its runs is in the default build."""

    def in_default_build(self, run: Run) -> bool:
        """Tell whether the run's open segment is that of its default build."""
        ended = sum(1 for one in run.segments if one.ending)
        return run.commands.build == "*" and not getattr(run, "built", False) and ended == 0

    def build_step(self, session: Session, run: Run) -> int:
        code = super().build_step(session, run)
        run.built = True  # type: ignore[attr-defined]  # this defect's own note
        return code


@defect("EX-17")
class DefaultBuildsAreAnsweredAtTheirEnd(DefaultSteps):
    """A call that begins a default build is answered when that has ended."""

    def poll(self, session: Session, run: Run) -> dict[str, Any]:
        if run.commands.build == "*":
            with run.changed:
                run.changed.wait_for(lambda: getattr(run, "built", False) or self.is_ready(run), 600)
        return super().poll(session, run)


@defect("CN-04")
class DefaultBuildsPutStderrLast(DefaultSteps):
    """Of a default build all of stdout comes before all of stderr."""

    poll_s = 2.0

    def take(self, run: Run) -> Segment | None:
        default = self.in_default_build(run)
        segment = super().take(run)
        if segment is not None and (default or (segment.ending or ("",))[0] == "build-finished"):
            segment.blocks.sort(key=lambda block: block[0], reverse=True)
        return segment


@defect("EX-23")
class DefaultBuildsHaveNoLimit(DefaultBuilds):
    """The time limit is not kept in the default build."""

    def start_clock(self, run: Run) -> None:
        super().start_clock(run)
        if run.commands.build == "*":
            run.deadline_s += 3600.0
