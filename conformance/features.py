"""Optional features: whether the target offers them is found out once, when the first check asks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conformance.attempt import Kit, World
from conformance.judge import Unmet, Untestable
from conformance.run_reader import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.exchange import Exchange

_ABSENT: Final = frozenset({404, 405, 501})
_TIMEOUT_S: Final = 90.0


@dataclass(frozen=True)
class Offer:
    """Whether a feature is offered, and the exchange that shows it."""

    offered: bool
    evidence: str = ""
    exchange: Exchange | None = None
    untold: bool = False  # cannot be found out: the user must tell


class Features:
    """Answers are kept for the run; thread-safe."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers: dict[str, Offer] = {}
        self._lock = threading.Lock()

    def offer(self, feature: str) -> Offer:
        """Return whether the target offers a feature of the catalogue; one without a probe counts as offered."""
        with self._lock:
            if feature not in self._answers:
                self._answers[feature] = self._probed(feature)
            return self._answers[feature]

    def _probed(self, feature: str) -> Offer:
        probe = PROBES.get(feature)
        if probe is None:
            return Offer(offered=True)
        kit = Kit(self._world, (), _TIMEOUT_S)
        try:
            return probe(kit, self._world)
        except (Unmet, Untestable) as error:  # the checks themselves will say what is wrong
            return Offer(offered=True, evidence=str(error))
        finally:
            kit.close()


def _authentication(_: Kit, world: World) -> Offer:
    if world.options.authenticated:
        return Offer(offered=True)
    return Offer(offered=False, evidence="no key pair was told (--access-key, --secret-key)", untold=True)


def _rate_limit(kit: Kit, world: World) -> Offer:
    exchange = kit.client.get("/", operation="getVersion")
    told = world.options.rate_limit is not None
    return Offer(told or world.observers.rate_limited, "no response carries X-RateLimit headers", exchange)


def _virtual_folders(kit: Kit, _: World) -> Offer:
    exchange = kit.client.post("/folders", json={}, observed=False)
    return Offer(exchange.status not in _ABSENT, f"POST /folders answers {exchange.status}", exchange)


def _interrupt(kit: Kit, _: World) -> Offer:
    exchange = kit.session.try_interrupt()
    return Offer(exchange.status not in _ABSENT, f"POST .../interrupt answers {exchange.status}", exchange)


def _query_mode(kit: Kit, _: World) -> Offer:
    body: dict[str, Any] = {"mode": "query", "code": "1", "runId": None, "options": {}}
    exchange = kit.session.try_execute(body, observed=False)
    offered = exchange.ok and Result.of(exchange).status is not None
    return Offer(offered, f"mode query answers {exchange.got}", exchange)


def _waiting_input(kit: Kit, _: World) -> Offer:
    run = kit.session.run("read -r line; echo got $line", inputs=("bp",))
    asked = "waiting-input" in run.statuses
    return Offer(asked, f"a program that reads its input gets {' > '.join(map(str, run.statuses))}", run.exchanges[-1])


PROBES: Final[dict[str, Callable[[Kit, World], Offer]]] = {
    "authentication": _authentication,
    "rate-limit": _rate_limit,
    "virtual-folders": _virtual_folders,
    "interrupt": _interrupt,
    "query-mode": _query_mode,
    "waiting-input": _waiting_input,
}
