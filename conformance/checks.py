"""What a check says of itself: the clauses it cites and the terms on which it runs.

@requirement("UP-08")
def test_a_file_one_byte_over_the_limit_is_refused(session, judge):
'''A file of 1,048,577 bytes is answered with 400.'''
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ATTRIBUTE: Final = "__batchproof_terms__"
DEFAULT_TIMEOUT_S: Final = 120.0
Tier = Literal["smoke", "standard", "full"]
TIERS: Final[tuple[Tier, ...]] = ("smoke", "standard", "full")
_F = TypeVar("_F", bound="Callable[..., Any]")


class Need(StrEnum):
    """Something only the user can tell; a check that lacks it is not testable, and says which option tells it."""

    EXEC_TIMEOUT = "exec-timeout"
    RATE_LIMIT = "rate-limit"
    KEYS = "keys"
    SECOND_KEYS = "second-keys"
    C_LANG = "c-lang"
    RESTART = "restart"

    @property
    def advice(self) -> str:
        """How to tell it."""
        return _ADVICE[self]


_ADVICE: Final = {
    Need.EXEC_TIMEOUT: "the target's time limit was not told: tell it with --exec-timeout SECONDS",
    Need.RATE_LIMIT: "the target's request limit was not told: tell it with --rate-limit N",
    Need.KEYS: "no key pair was told: tell it with --access-key and --secret-key",
    Need.SECOND_KEYS: "no second key pair was told: tell it with --second-access-key and --second-secret-key",
    Need.C_LANG: "no kernel with a C compiler is known: name one with --c-lang NAME",
    Need.RESTART: "restarts were declined with --no-restart",
}


@dataclass(frozen=True)
class Terms:
    """The clauses that a check cites and the terms on which it runs."""

    clauses: tuple[str, ...]
    tier: Tier = "standard"
    needs: tuple[Need, ...] = ()
    slow: bool = False
    exclusive: bool = False
    timeout_s: float = DEFAULT_TIMEOUT_S


def requirement(
    *clauses: str,
    tier: Tier = "standard",
    needs: str | tuple[str, ...] = (),
    slow: bool = False,
    exclusive: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Callable[[_F], _F]:
    """Mark a function as the check of one or more clauses.

    `tier`: the smallest run that includes it. `needs`: what the user must tell (`Need`). `slow`: it mostly waits, so it
    starts first and overlaps the others. `exclusive`: it disturbs the others (rate limits), so it runs alone, last.
    `timeout_s`: past it, the next request of an attempt ends the attempt as not testable.
    """
    if not clauses:
        raise TypeError("a check cites at least one clause: @requirement('UP-08')")
    wanted = (needs,) if isinstance(needs, str) else needs
    terms = Terms(clauses, tier, tuple(Need(one) for one in wanted), slow, exclusive, timeout_s)

    def mark(function: _F) -> _F:
        setattr(function, ATTRIBUTE, terms)
        return function

    return mark


def terms_of(function: object) -> Terms | None:
    """Return what `@requirement` said of a function, or None where it is not a check."""
    terms = getattr(function, ATTRIBUTE, None)
    return terms if isinstance(terms, Terms) else None
