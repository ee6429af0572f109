"""One attempt of one check: its tools are laid out, it runs, everything it made is cleared away.

A check is a plain function; its parameters are filled by name from `TOOLS` (and from `parametrize`).
"""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.budget import Stopped
from conformance.client import Client
from conformance.judge import Finding, Judge, NotOffered, SeenReading, Unmet, Untestable, cited_findings
from conformance.session import Session, Workbench
from conformance.sessions import Sessions
from conformance.verdicts import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.catalogue import Catalogue
    from conformance.checks import Terms
    from conformance.contract import Contract, Limits
    from conformance.exchange import Exchange
    from conformance.ledger import Ledger
    from conformance.observers import Observers
    from conformance.options import Options
    from conformance.restraint import Restraint
    from conformance.room import Room
    from conformance.target import Target
    from conformance.transport import Transport


@dataclass(frozen=True)
class Check:
    """A check as it was collected: `params` come from `parametrize`, `arguments` are the tools it asks for."""

    name: str
    title: str
    function: Callable[..., object]
    terms: Terms
    arguments: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class World:
    """What all attempts of a run share. Only `target` changes: it gains `c_lang` where that is looked for."""

    options: Options
    catalogue: Catalogue
    contract: Contract
    target: Target
    transport: Transport
    ledger: Ledger
    observers: Observers
    restraint: Restraint
    room: Room


class Ending(StrEnum):
    """How an attempt ended."""

    DONE = "done"  # it judged; `findings` says what it found broken
    UNMET = "unmet"
    UNTESTABLE = "untestable"
    NOT_OFFERED = "not-offered"
    STOPPED = "stopped"
    ERROR = "error"


@dataclass(frozen=True)
class Attempt:
    """What one attempt came to."""

    ending: Ending
    findings: tuple[Finding, ...] = ()
    cut_short: bool = False  # it ended at a violation: what comes after it in the check was not asked
    readings: tuple[SeenReading, ...] = ()
    unmet: Finding | None = None  # the prerequisite that failed
    transient: bool = False
    cause: Cause = Cause.TARGET
    message: str = ""
    exchanges: tuple[Exchange, ...] = ()  # what the judge was shown, newest last
    history: tuple[Exchange, ...] = ()  # every exchange of the attempt, in order
    held_up_s: float = 0.0  # how long the target's request limit made it wait


class Kit:
    """The tools of one attempt, made when they are first asked for."""

    def __init__(self, world: World, clauses: tuple[str, ...], timeout_s: float, *, unlimited: bool = False) -> None:
        self._world = world
        self._unlimited = unlimited  # the check is about the request limit, and may use it up
        self._clauses = clauses
        self._deadline = monotonic() + timeout_s

    @cached_property
    def client(self) -> Client:
        """The recording, signing HTTP client."""
        world = self._world
        client = Client(
            world.transport,
            world.target.signer,
            api_version=world.target.api_version,
            timeout_s=world.options.timeout_s,
            deadline=self._deadline,
            observe=world.observers.exchange,
        )
        client.restraint = replace(world.restraint, limit=None) if self._unlimited else world.restraint
        return client

    @cached_property
    def judge(self) -> Judge:
        """Where the check says what it found."""
        return Judge(self._clauses, self._world.catalogue, self._world.contract)

    @cached_property
    def sessions(self) -> Sessions:
        """The factory of sessions."""
        world = self._world
        bench = Workbench(self.client, world.target, self.limits, world.ledger, world.observers, world.room)
        return Sessions(bench, world.options.run_id, world.options.create_timeout_s)

    @cached_property
    def session(self) -> Session:
        """A fresh session; with `--read-only`, the one that the user named."""
        told = self._world.options.session
        return self.sessions.create() if told is None else self.sessions.existing(told)

    @property
    def history(self) -> tuple[Exchange, ...]:
        """Every exchange so far."""
        return tuple(self.client.exchanges) if "client" in self.__dict__ else ()

    @property
    def held_up_s(self) -> float:
        """How long the target's request limit made the attempt wait so far."""
        return self.client.held_up_s if "client" in self.__dict__ else 0.0

    @property
    def target(self) -> Target:
        """What is known of the target."""
        return self._world.target

    @property
    def options(self) -> Options:
        """What the user told."""
        return self._world.options

    @property
    def limits(self) -> Limits:
        """The numbers of the contract."""
        return self._world.contract.limits

    @cached_property
    def rng(self) -> random.Random:
        """A generator seeded by the run's seed and the check's clauses: the same in every attempt."""
        return random.Random(f"{self._world.options.seed}:{self._clauses}")  # noqa: S311  - test data, no secrets

    def close(self) -> None:
        """Delete the attempt's sessions, whatever they are in the midst of."""
        if "sessions" in self.__dict__:
            self.client.clean_up = True
            self.sessions.close()


TOOLS: Final = ("session", "sessions", "client", "judge", "target", "options", "limits", "rng")


def attempt(check: Check, world: World) -> Attempt:
    """Run a check once; whatever it raises becomes the attempt's ending."""
    kit = Kit(world, check.terms.clauses, check.terms.timeout_s, unlimited=check.terms.exclusive)
    try:
        tools = {name: getattr(kit, name) for name in check.arguments}
        check.function(**tools, **check.params)
    except BaseException as error:  # noqa: BLE001  - a check may raise anything; Ctrl-C reaches the main thread only
        return replace(_ended(error, kit, check.terms.clauses), history=kit.history, held_up_s=kit.held_up_s)
    else:
        return replace(_done(kit), history=kit.history, held_up_s=kit.held_up_s)
    finally:
        kit.close()


def _done(kit: Kit, last: tuple[Finding, ...] = ()) -> Attempt:
    return Attempt(
        Ending.DONE,
        findings=(*kit.judge.findings, *last),
        cut_short=bool(last),
        readings=tuple(kit.judge.readings),
        exchanges=tuple(kit.judge.shown),
    )


def _ended(error: BaseException, kit: Kit, clauses: tuple[str, ...]) -> Attempt:
    if found := tuple(cited_findings(error)):
        return _done(kit, found)
    if isinstance(error, Unmet) and error.finding.clause in clauses and not error.transient:
        return _done(kit, (error.finding,))
    return replace(
        _unjudged(error),
        findings=tuple(kit.judge.findings),
        cut_short=True,
        readings=tuple(kit.judge.readings),
        exchanges=error.exchanges if isinstance(error, NotOffered) else tuple(kit.judge.shown),
    )


def _unjudged(error: BaseException) -> Attempt:
    match error:
        case Unmet():
            return Attempt(Ending.UNMET, unmet=error.finding, transient=error.transient, message=str(error))
        case Untestable():
            return Attempt(Ending.UNTESTABLE, cause=error.cause, message=error.reason)
        case NotOffered():
            return Attempt(Ending.NOT_OFFERED, message=str(error))
        case Stopped():
            return Attempt(Ending.STOPPED, cause=Cause.STOPPED, message=f"the run was stopped: {error}")
    trace = "".join(traceback.format_exception(error)[-8:])
    return Attempt(Ending.ERROR, message=f"the harness failed: {trace}")
