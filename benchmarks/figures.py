"""A measured figure beside the limit that it is held against, and how both are shown."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What the server does, what the machine allows (None where the goal is absolute), and what was aimed at.

    `value` is what the goal is about: a ratio, or a figure in `unit` by itself.
    """

    name: str
    ours: float
    limit: float | None
    unit: str
    value: float
    goal: str
    holds: bool

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)


def at_most(name: str, ours: float, limit: float, unit: str, ratio: float) -> Figure:
    """Hold a duration against the shortest that the machine allows."""
    return Figure(name, ours, limit, unit, ours / limit, f"<= {ratio:g} x", ours / limit <= ratio)


def at_least(name: str, ours: float, limit: float, unit: str, share: float) -> Figure:
    """Hold a rate against the highest that the machine allows."""
    return Figure(name, ours, limit, unit, ours / limit, f">= {share:.0%}", ours / limit >= share)


def below(name: str, ours: float, unit: str, goal: float) -> Figure:
    """Hold a figure against a number."""
    return Figure(name, ours, None, unit, ours, f"< {goal:g} {unit}", ours < goal)


def in_turn(rounds: int, ours: Callable[[], float], limit: Callable[[], float]) -> tuple[float, float]:
    """Measure both again and again, in turn so that other loads meet both alike; return the medians."""
    pairs = [(ours(), limit()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
