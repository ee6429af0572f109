"""Attempts in which a run outlasted the target's time limit: what they found says nothing, for it was cut off."""

from __future__ import annotations

from dataclasses import replace

from conformance.attempt import Attempt, Ending
from conformance.run_spans import MARGIN, longest_run_s
from conformance.verdicts import Cause


def fair(one: Attempt, limit_s: float | None) -> Attempt:
    """Return the attempt, or an untestable one where it found something and a run took as long as the limit (EX-23)."""
    troubled = bool(one.findings) or one.ending in {Ending.UNMET, Ending.UNTESTABLE}
    if limit_s is None or not troubled or longest_run_s(one.history) < limit_s * MARGIN:
        return one
    message = f"a run of this check took longer than the target's limit of {limit_s:g} s, which cuts runs off"
    return replace(one, ending=Ending.UNTESTABLE, findings=(), unmet=None, cause=Cause.UNTOLD, message=message)
