"""Attempts in which a run outlasted the target's time limit: what they found says nothing, for it was cut off."""

from __future__ import annotations

import threading
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Final

from conformance.attempt import Attempt, Ending, Kit
from conformance.budget import Stopped
from conformance.checks import Need
from conformance.judge import Unmet, Untestable
from conformance.run_spans import MARGIN, SHORTEST_LIMIT_S, longest_cut_s, longest_run_s
from conformance.verdicts import Cause

if TYPE_CHECKING:
    from conformance.attempt import World

PROBE_S: Final = 18  # longer than any run of a check that is not about the limit
_TIMEOUT_S: Final = 90.0


class TimeLimit:
    """The limit as the user told it, or else as the target shows it: asked once a run looks as if it was cut off."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._asked = False
        self._shown_s: float | None = None

    def fair(self, one: Attempt) -> Attempt:
        """Return the attempt, or an untestable one where it found something and a run took as long as the limit."""
        told_s = self._world.options.exec_timeout_s
        if not _troubled(one):
            return one
        limit_s = told_s or (self._shown() if longest_cut_s(one.history) >= SHORTEST_LIMIT_S else None)
        if limit_s is None or longest_run_s(one.history) < limit_s * MARGIN:
            return one
        message = f"a run of this check took longer than the target's limit of {limit_s:.3g} s, which cuts runs off"
        if told_s is None:
            message += f"; {Need.EXEC_TIMEOUT.advice}"
        return replace(one, ending=Ending.UNTESTABLE, findings=(), unmet=None, cause=Cause.UNTOLD, message=message)

    def _shown(self) -> float | None:
        with self._lock:
            if not self._asked:
                self._asked = True
                self._shown_s = self._probed()
            return self._shown_s

    def _probed(self) -> float | None:
        """Return after how many seconds the target cuts off a run that does nothing; None where it does not."""
        kit = Kit(self._world, (), _TIMEOUT_S)
        try:
            session = kit.session
            clock = monotonic()
            run = session.run(f"sleep {PROBE_S}; echo survived")
            took_s = monotonic() - clock
        except (Unmet, Untestable, Stopped):  # the checks themselves will say what is wrong
            return None
        finally:
            kit.close()
        cut = longest_cut_s(kit.history) >= SHORTEST_LIMIT_S and "survived" not in run.stdout
        return took_s if cut else None


def _troubled(one: Attempt) -> bool:
    return bool(one.findings) or one.ending in {Ending.UNMET, Ending.UNTESTABLE}
