"""Servers that tell exit codes, or output meanwhile, wrongly (EX-14 to EX-17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.runs import CutOffError, Run, Segment

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session

# -- EX-14 to EX-16: exit codes


class OddCodes(Behaviour):
    """A server that changes exit codes."""

    def odd(self, code: int) -> int:
        return code

    def exit_code(self, code: int) -> int:
        return self.odd(super().exit_code(code))


@defect("EX-14", also=("EX-15", "EX-16"))
class CodesAreZero(OddCodes):
    """Every exit code is 0."""

    def odd(self, code: int) -> int:
        return 0


@defect("EX-14", also=("EX-16",))
class CodesAreZeroOrOne(OddCodes):
    """An exit code is 0 or 1."""

    def odd(self, code: int) -> int:
        return int(code != 0)


@defect("EX-14", also=("EX-16",))
class CodesAreHalved(OddCodes):
    """An exit code loses its highest bit."""

    def odd(self, code: int) -> int:
        return code % 128


@defect("EX-14", also=("EX-16",))
class CodesAreSigned(OddCodes):
    """An exit code over 127 is told as a negative number."""

    def odd(self, code: int) -> int:
        return code - 256 if code > 127 else code  # noqa: PLR2004  - a signed byte


@defect("EX-14")
class NotFoundIsOne(OddCodes):
    """A program that is not there gives 1."""

    def odd(self, code: int) -> int:
        return 1 if code == 127 else code  # noqa: PLR2004  - EX-14


@defect("EX-14")
class PipesFailEarly(Behaviour):
    """A pipe gives the exit code of its first failure, not of its last command."""

    def shell_text(self, command: str) -> str:
        return f"set -o pipefail\n{command}"


@defect("EX-14")
class FirstFailureEndsAStep(Behaviour):
    """A step ends at its first failing command."""

    def shell_text(self, command: str) -> str:
        return f"set -e\n{command}"


@defect("EX-14")
class BuildCodesAreZero(Behaviour):
    """build-finished always tells 0."""

    def end(self, run: Run, status: str, code: int | None) -> None:
        super().end(run, status, 0 if status == "build-finished" else code)


@defect("EX-14", intermittent=True)
class EveryThirdCodeIsZero(OddCodes):
    """One exit code in three is 0."""

    def odd(self, code: int) -> int:
        return 0 if self.turn("code") else code


@defect("EX-15", also=("EX-12",))
class ExecRunsAfterAFailedBuild(Behaviour):
    """A failed build does not stop exec."""

    def is_failure(self, code: int) -> bool:
        return False


@defect("EX-15")
class OnlyOneIsAFailure(Behaviour):
    """Only a build that gives 1 has failed; make gives 2."""

    def is_failure(self, code: int) -> bool:
        return code == 1


@defect("EX-15")
class FinishedWithTheBuildsCode(Behaviour):
    """After a failed build the run finishes with the build's exit code."""

    def steps(self, session: Session, run: Run) -> int:
        self.clean_step(session, run)
        build = self.build_step(session, run)
        if build or not run.commands.exec:
            return build
        return self.step(session, run, self.exec_command(session, run.commands.exec))


@defect("EX-15")
class FinishedWithOne(Behaviour):
    """After a failed build the run finishes with 1."""

    def steps(self, session: Session, run: Run) -> int:
        code = super().steps(session, run)
        return 1 if code == 127 and run.commands.build and run.process and run.process.popen.returncode != 127 else code  # noqa: PLR2004  - EX-15


@defect("EX-15")
class FinishedWithZero(Behaviour):
    """After a failed build the run finishes with 0."""

    def is_failure(self, code: int) -> bool:
        if super().is_failure(code):
            raise CutOffError("finished", 0)
        return False


@defect("EX-16")
class FaultsAreMinusOne(OddCodes):
    """A program that exits with 255 is told as -1: a fault of the server."""

    def odd(self, code: int) -> int:
        return -1 if code == 255 else code  # noqa: PLR2004  - a signed byte's -1


@defect("EX-16")
class KilledIsOne(OddCodes):
    """A program killed by a signal gives 1."""

    def odd(self, code: int) -> int:
        return 1 if code in {128 + number for number in (6, 9, 11, 15)} else code


# -- EX-17: long polling

knob("calls-block-to-the-end", "EX-17", "A call blocks until the step has ended.", poll_s=600.0)


@defect("EX-17")
class OutputComesAtTheEnd(Behaviour):
    """`continued` carries no output; all of it comes at the end."""

    def take(self, run: Run) -> Segment | None:
        if run.segments and run.segments[0].ending is None:
            return Segment()
        return super().take(run)


@defect("EX-17", also=("CN-06",))
class OutputAccumulates(Behaviour):
    """Every call delivers the step's output from its beginning."""

    def take(self, run: Run) -> Segment | None:
        if run.segments and run.segments[0].ending is None:
            open_one = run.segments[0]
            return Segment(list(open_one.blocks), dict(open_one.chars))
        return super().take(run)
