"""How defects and variants are written down: one class each, or one line where a knob is enough.

@defect("UP-10")
class TwentyFirstFileDropped(Behaviour):
    \"\"\"The files after the twentieth are dropped without a word.\"\"\"

    def admit_files(self, files):
        return super().admit_files(files[: self.max_files])

knob("one-byte-less", "UP-07", "A file of exactly 1 MiB is refused.", max_file_bytes=1024 * 1024 - 1)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from conformance.selftests.reference import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

B = TypeVar("B", bound=type[Behaviour])

ACCESS_KEY: Final = "AKIAREFERENCE"
SECRET_KEY: Final = "reference-secret"  # noqa: S105  - of a server that lives for milliseconds
OTHER_KEY: Final = "AKIASOMEBODYELSE"
OTHER_SECRET: Final = "somebody-elses-secret"  # noqa: S105  - same

# What the server is given, and the suite is told, before a clause of these can be tested at all.
NEEDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "keys": {"keys": {ACCESS_KEY: SECRET_KEY, OTHER_KEY: OTHER_SECRET}},
    "rate-limit": {"rate_limit": 60},
    "exec-timeout": {"exec_timeout_s": 2.0},
}
NEED_OF: Final[Mapping[str, str]] = {"AU": "keys", "RL": "rate-limit", "EX-23": "exec-timeout"}


@dataclass(frozen=True)
class Defect:
    """A server that breaks one clause.

    ``also`` are the clauses that break with it and can not be kept apart; ``needs`` are keys of NEEDS;
    ``intermittent`` defects show in some calls only.
    """

    name: str
    breaks: str
    summary: str
    behaviour: type[Behaviour]
    also: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    intermittent: bool = False

    def server(self, **knobs: Any) -> Behaviour:
        """Make the server, ready for ``serve``: with what it needs, and ``knobs``; its own values win."""
        return make(self.behaviour, self.needs, knobs)


@dataclass(frozen=True)
class Variant:
    """A right server; ``readings`` are the open questions it answers otherwise: (clause, question) to value."""

    name: str
    summary: str
    behaviour: type[Behaviour]
    readings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()

    def server(self, **knobs: Any) -> Behaviour:
        """Make the server, ready for ``serve``, as ``Defect.server`` does."""
        return make(self.behaviour, self.needs, knobs)


DEFECTS: Final[dict[str, Defect]] = {}
VARIANTS: Final[dict[str, Variant]] = {}


def make(behaviour: type[Behaviour], needs: frozenset[str], knobs: Mapping[str, Any]) -> Behaviour:
    """Make a server with these knobs, but for those that it turned itself: they are what it is about."""
    wanted = {name: value for need in needs for name, value in NEEDS[need].items()} | dict(knobs)
    own = {name for kind in behaviour.__mro__ if issubclass(kind, Behaviour) for name in vars(kind)} - set(
        vars(Behaviour)
    )
    return behaviour(**{name: value for name, value in wanted.items() if name not in own})


def needs_of(clause: str) -> frozenset[str]:
    """Tell what a clause needs, by its id or its family."""
    need = NEED_OF.get(clause) or NEED_OF.get(clause[:2])
    return frozenset({need} if need else ())


def kebab(name: str) -> str:
    """`TwentyFirstFileDropped` as `twenty-first-file-dropped`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def defect(
    breaks: str, *, also: tuple[str, ...] = (), needs: tuple[str, ...] = (), intermittent: bool = False
) -> Callable[[B], B]:
    """Register a class as a defect: its name and the first line of its docstring are the defect's."""

    def register(behaviour: B) -> B:
        summary = (behaviour.__doc__ or "").strip().partition("\n")[0]
        _add(
            Defect(
                kebab(behaviour.__name__), breaks, summary, behaviour, also, needs_of(breaks) | set(needs), intermittent
            )
        )
        return behaviour

    return register


def knob(
    name: str,
    breaks: str,
    summary: str,
    *,
    also: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    base: type[Behaviour] = Behaviour,
    **values: Any,
) -> None:
    """Register a defect that is one wrong value."""
    _add(Defect(name, breaks, summary, _with(base, name, summary, values), also, needs_of(breaks) | set(needs)))


def variant(
    name: str,
    summary: str,
    readings: Mapping[tuple[str, str], str] | None = None,
    *,
    base: type[Behaviour] = Behaviour,
    needs: tuple[str, ...] = (),
    **values: Any,
) -> None:
    """Register a right server that differs by these knobs."""
    if name in VARIANTS:
        raise ValueError(f"two variants are called {name!r}")
    VARIANTS[name] = Variant(name, summary, _with(base, name, summary, values), readings or {}, frozenset(needs))


def _with(base: type[Behaviour], name: str, summary: str, values: Mapping[str, Any]) -> type[Behaviour]:
    for key in values:
        if not hasattr(base, key):
            raise AttributeError(f"{name}: the reference has no knob {key!r}")
    return type(name, (base,), {**values, "__doc__": summary})


def _add(one: Defect) -> None:
    if one.name in DEFECTS:
        raise ValueError(f"two defects are called {one.name!r}")
    DEFECTS[one.name] = one
