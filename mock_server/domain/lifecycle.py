"""The life of a run as a table (EX-06 to EX-15, EX-18, EX-23): this file holds everything that affects transitions.

A run is in one phase; a signal moves it to the next. Processes, pipes, clocks and clients live elsewhere and only
report signals. What the client is told follows from the phases too: `REPORTS` names the status that leaving a phase
owes the client, `ENDINGS` the status of each last phase.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    """What a result says about its run (EX-02)."""

    CONTINUED = "continued"
    WAITING_INPUT = "waiting-input"
    CLEAN_FINISHED = "clean-finished"
    BUILD_FINISHED = "build-finished"
    FINISHED = "finished"
    EXEC_TIMEOUT = "exec-timeout"


class Step(StrEnum):
    """A command's place in the order clean, build, exec (EX-06)."""

    CLEAN = "clean"
    BUILD = "build"
    EXEC = "exec"


class Phase(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    CLEANING = "cleaning"
    CLEANING_ASKS = "cleaning-asks"
    BUILDING = "building"
    BUILDING_ASKS = "building-asks"
    EXECUTING = "executing"
    EXECUTING_ASKS = "executing-asks"
    FINISHED = "finished"
    EXPIRED = "expired"
    CUT = "cut"


class Signal(StrEnum):
    """What happened to a run; a skipped step succeeds."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ASKED = "asked"
    ANSWERED = "answered"
    TIME_UP = "time-up"
    KILLED = "killed"


_TABLE: Final[Mapping[tuple[Phase, Signal], Phase]] = MappingProxyType(
    {
        (Phase.QUEUED, Signal.STARTED): Phase.CLEANING,
        (Phase.CLEANING, Signal.SUCCEEDED): Phase.BUILDING,
        (Phase.CLEANING, Signal.FAILED): Phase.BUILDING,  # EX-12: a failed clean does not stop the build
        (Phase.BUILDING, Signal.SUCCEEDED): Phase.EXECUTING,
        (Phase.BUILDING, Signal.FAILED): Phase.FINISHED,  # EX-15: exec does not run
        (Phase.EXECUTING, Signal.SUCCEEDED): Phase.FINISHED,
        (Phase.EXECUTING, Signal.FAILED): Phase.FINISHED,
        # EX-18: a step that asks can still end by itself, and time spent waiting is not counted, but may run out
        (Phase.CLEANING, Signal.ASKED): Phase.CLEANING_ASKS,
        (Phase.CLEANING_ASKS, Signal.ANSWERED): Phase.CLEANING,
        (Phase.CLEANING_ASKS, Signal.SUCCEEDED): Phase.BUILDING,
        (Phase.CLEANING_ASKS, Signal.FAILED): Phase.BUILDING,
        (Phase.BUILDING, Signal.ASKED): Phase.BUILDING_ASKS,
        (Phase.BUILDING_ASKS, Signal.ANSWERED): Phase.BUILDING,
        (Phase.BUILDING_ASKS, Signal.SUCCEEDED): Phase.EXECUTING,
        (Phase.BUILDING_ASKS, Signal.FAILED): Phase.FINISHED,
        (Phase.EXECUTING, Signal.ASKED): Phase.EXECUTING_ASKS,
        (Phase.EXECUTING_ASKS, Signal.ANSWERED): Phase.EXECUTING,
        (Phase.EXECUTING_ASKS, Signal.SUCCEEDED): Phase.FINISHED,
        (Phase.EXECUTING_ASKS, Signal.FAILED): Phase.FINISHED,
        # EX-23: the limit counts per run; waiting in the queue is not counted
        (Phase.CLEANING, Signal.TIME_UP): Phase.EXPIRED,
        (Phase.CLEANING_ASKS, Signal.TIME_UP): Phase.EXPIRED,
        (Phase.BUILDING, Signal.TIME_UP): Phase.EXPIRED,
        (Phase.BUILDING_ASKS, Signal.TIME_UP): Phase.EXPIRED,
        (Phase.EXECUTING, Signal.TIME_UP): Phase.EXPIRED,
        (Phase.EXECUTING_ASKS, Signal.TIME_UP): Phase.EXPIRED,
        # SE-07: a restart ends the run that goes on and those that queue
        (Phase.QUEUED, Signal.KILLED): Phase.CUT,
        (Phase.CLEANING, Signal.KILLED): Phase.CUT,
        (Phase.CLEANING_ASKS, Signal.KILLED): Phase.CUT,
        (Phase.BUILDING, Signal.KILLED): Phase.CUT,
        (Phase.BUILDING_ASKS, Signal.KILLED): Phase.CUT,
        (Phase.EXECUTING, Signal.KILLED): Phase.CUT,
        (Phase.EXECUTING_ASKS, Signal.KILLED): Phase.CUT,
    }
)

STEPS: Final[Mapping[Phase, Step]] = MappingProxyType(
    {
        Phase.CLEANING: Step.CLEAN,
        Phase.CLEANING_ASKS: Step.CLEAN,
        Phase.BUILDING: Step.BUILD,
        Phase.BUILDING_ASKS: Step.BUILD,
        Phase.EXECUTING: Step.EXEC,
        Phase.EXECUTING_ASKS: Step.EXEC,
    }
)
ENDINGS: Final[Mapping[Phase, Status]] = MappingProxyType(
    {Phase.FINISHED: Status.FINISHED, Phase.EXPIRED: Status.EXEC_TIMEOUT, Phase.CUT: Status.FINISHED}
)
SKIPPED_EXEC: Final = 0  # EX-07
FAILED_BUILD: Final = 127  # EX-15, with and without an exec
CUT_CODE: Final = 137  # SE-07: as a program that SIGKILL ended, 128+9 (EX-16)


class NotAllowedError(Exception):
    """A signal came in a phase that knows no such signal: a defect of the server, never of a client."""


def advance(phase: Phase, signal: Signal) -> Phase:
    """Return the phase that `signal` leads to.

    Raises NotAllowedError where the table has no entry.
    """
    try:
        return _TABLE[phase, signal]
    except KeyError:
        raise NotAllowedError(f"a run that is {phase} cannot be {signal}") from None


def allowed(phase: Phase) -> frozenset[Signal]:
    """Return the signals that the table knows for `phase`."""
    return frozenset(signal for at, signal in _TABLE if at is phase)


def report(left: Phase, entered: Phase, *, skipped: bool) -> Status | None:
    """Return what leaving a step's phase owes the client (EX-11), None when nothing.

    `build-finished` always, `clean-finished` only for a clean that ran (old clients do not know it), and neither when
    the run was cut off in that step.
    """
    if entered in {Phase.EXPIRED, Phase.CUT} or STEPS.get(left) is STEPS.get(entered):
        return None
    if STEPS.get(left) is Step.CLEAN:
        return None if skipped else Status.CLEAN_FINISHED
    return Status.BUILD_FINISHED if STEPS.get(left) is Step.BUILD else None


def final_code(left: Phase, entered: Phase, step_code: int) -> int | None:
    """Return the exit code of the last result (EX-13, EX-14): the exec's, 127 after a failed build, None on a timeout.

    `left` is the phase before the last one, `step_code` the code its step ended with.
    """
    if entered is Phase.EXPIRED:
        return None
    if entered is Phase.CUT:
        return CUT_CODE
    return FAILED_BUILD if STEPS[left] is Step.BUILD else step_code
