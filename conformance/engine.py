"""Runs collected checks against a target: several at once, each looked at again where need be, nothing left behind.

Checks run in threads of this process (they mostly wait for the target), each attempt with its own client, judge and
sessions, so attribution never crosses. Only the calling thread reports, so callers need no locks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from conformance.attempt import Attempt, Check, Ending, World, attempt
from conformance.budget import Budget
from conformance.checks import Need
from conformance.client import Client
from conformance.discovery import KNOWN_C_LANGS, Discovery
from conformance.features import Features
from conformance.ledger import Ledger
from conformance.needs import Needs
from conformance.observers import Observation, Observers
from conformance.outcomes import CheckOutcome, ClauseOutcome, conclude, undisturbed, wants_another_look
from conformance.pool import BRISK_WORKERS, Pool
from conformance.restraint import Restraint
from conformance.room import Room
from conformance.time_limit import TimeLimit
from conformance.transport import Transport
from conformance.verdicts import Cause, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.catalogue import Catalogue
    from conformance.contract import Contract
    from conformance.journal import Journal
    from conformance.options import Options

LAST_PATIENCE_S: Final = 20.0  # for each 429 of the final audit


@dataclass(frozen=True)
class RunRecord:
    """All that a run of the suite came to."""

    world: World
    outcomes: tuple[CheckOutcome, ...]
    observations: tuple[Observation, ...]
    started: datetime
    finished: datetime
    stopped: str | None  # why it ended early, if it did
    sessions_left: tuple[str, ...]


class Engine:
    """One run of the suite against one target."""

    def __init__(
        self, options: Options, catalogue: Catalogue, contract: Contract, journal: Journal | None = None
    ) -> None:
        self.options = options
        self.catalogue = catalogue
        self.contract = contract
        self.budget = Budget(options.max_requests, options.max_seconds, options.pace, options.max_sessions)
        self.transport = Transport(options.url, self.budget, trust=options.trust)
        self.restraint = Restraint(options.read_only, options.rate_limit, self.transport.spent)
        self.ledger = Ledger(journal=journal, idle=options.read_only)
        self.started = datetime.now(UTC)
        self.world: World | None = None

    def discover(self) -> World:
        """Find out what the target is; raise TargetError where the suite cannot work with it."""
        try:
            target = Discovery(self.options, self.transport, self.ledger, self.restraint).target()
        except BaseException:
            self._clean_up()
            self.transport.close()
            raise
        observers = Observers(self.contract.limits.max_stream_chars)
        self.world = World(
            self.options,
            self.catalogue,
            self.contract,
            target,
            self.transport,
            self.ledger,
            observers,
            self.restraint,
            Room(),
        )
        return self.world

    def run(
        self,
        checks: Sequence[Check],
        started: Callable[[Check], None] = lambda _: None,
        finished: Callable[[CheckOutcome], None] = lambda _: None,
    ) -> RunRecord:
        """Run the checks; report each start and outcome from this thread. Ctrl-C ends the run early, tidily."""
        world = self.world or self.discover()
        outcomes: list[CheckOutcome] = []

        def keep(outcome: CheckOutcome) -> None:
            finished(outcome)
            outcomes.append(replace(outcome, history=()))  # the listener has written it down where it is wanted

        apart = [check for check in checks if check.terms.exclusive]
        together = sorted((check for check in checks if not check.terms.exclusive), key=self._turn)
        look = _Look(world, Features(world), Needs(world, KNOWN_C_LANGS), TimeLimit(world))
        pool = Pool(look, self.budget, started, keep)
        try:
            pool.run(together, self.options.parallel)
            pool.run(apart, 1)
        except KeyboardInterrupt:
            self.budget.stop("interrupted")
        finally:
            left = self._clean_up()
            self.transport.close()
        missing = _unrun(checks, outcomes, self.budget.stopped)
        return RunRecord(
            world=world,
            outcomes=(*outcomes, *missing),
            observations=world.observers.observations(),
            started=self.started,
            finished=datetime.now(UTC),
            stopped=self.budget.stopped,
            sessions_left=left,
        )

    def _turn(self, check: Check) -> bool:
        """Return a check's place: first what is about a told limit, which is soon used up."""
        return self.options.rate_limit is None or not any(one.startswith("RL-") for one in check.terms.clauses)

    def _clean_up(self) -> tuple[str, ...]:
        """Delete what is left of this run, ask for everything once more, and return what is left even then.

        A second Ctrl-C ends that, too: what is not known to be gone counts as left.
        """
        target = self.world.target if self.world else None
        signer = target.signer if target else None
        version = target.api_version if target else "v4.20181215"
        client = Client(self.transport, signer, api_version=version, timeout_s=self.options.timeout_s)
        client.clean_up, client.clean_up_patience_s = True, LAST_PATIENCE_S
        try:
            return self.ledger.audit(client, min(self.options.parallel, BRISK_WORKERS))
        except KeyboardInterrupt:
            self.budget.stop("interrupted")
            return self.ledger.alive()


@dataclass(frozen=True)
class _Look:
    """Looks at one check as often as it takes."""

    world: World
    features: Features
    needs: Needs
    time_limit: TimeLimit

    def __call__(self, check: Check) -> CheckOutcome:
        """Run a check with second looks; return what it came to."""
        clock = monotonic()
        declined = self._declined(check)
        asked = tuple(clause for clause in check.terms.clauses if clause not in declined)
        attempts = self._attempts(check) if asked else []
        narrowed = replace(check, terms=replace(check.terms, clauses=asked))
        duration_s = monotonic() - clock
        if not attempts:
            return CheckOutcome(check.name, check.title, declined, duration_s=duration_s)
        outcome = conclude(narrowed, attempts, self.world.catalogue, duration_s)
        return replace(outcome, clauses={**outcome.clauses, **declined})

    def _attempts(self, check: Check) -> list[Attempt]:
        attempts = [self._attempt(check)]
        while wants_another_look(attempts[0]) and len(attempts) <= self.world.options.repeats:
            again = self._attempt(check)
            if again.ending is Ending.STOPPED:
                break
            attempts.append(again)
        return undisturbed(attempts)

    def _attempt(self, check: Check) -> Attempt:
        about_limit = Need.EXEC_TIMEOUT in check.terms.needs
        with self.world.room.turn(self.world.transport.budget):
            made = attempt(check, self.world)
        return made if about_limit else self.time_limit.fair(made)

    def _declined(self, check: Check) -> dict[str, ClauseOutcome]:
        """Return the clauses that need not be asked: features that are not offered, limits that were not told."""
        lacking = self.needs.lacking(check.terms.needs)
        if lacking:
            return {
                clause: ClauseOutcome(clause, Verdict.NOT_TESTABLE, lacking, cause=Cause.UNTOLD)
                for clause in check.terms.clauses
            }
        offers = ((clause, self.world.catalogue[clause].feature) for clause in check.terms.clauses)
        return {clause: out for clause, name in offers if name and (out := self._not_offered(clause, name))}

    def _not_offered(self, clause: str, feature: str) -> ClauseOutcome | None:
        offer = self.features.offer(feature)
        if offer.offered:
            return None
        exchanges = (offer.exchange,) if offer.exchange else ()
        if offer.untold:
            return ClauseOutcome(clause, Verdict.NOT_TESTABLE, offer.evidence, exchanges=exchanges, cause=Cause.UNTOLD)
        message = f"the target does not offer {feature}: {offer.evidence}"
        return ClauseOutcome(clause, Verdict.NOT_APPLICABLE, message, exchanges=exchanges)


def _unrun(checks: Sequence[Check], outcomes: Sequence[CheckOutcome], stopped: str | None) -> list[CheckOutcome]:
    """Return outcomes for checks that never came to their turn, or whose thread did not come back."""
    done = {outcome.name for outcome in outcomes}
    message = f"the run was stopped: {stopped or 'for no known reason'}"
    return [
        CheckOutcome(
            check.name,
            check.title,
            {
                clause: ClauseOutcome(clause, Verdict.NOT_TESTABLE, message, cause=Cause.STOPPED)
                for clause in check.terms.clauses
            },
        )
        for check in checks
        if check.name not in done
    ]
