"""`batchproof janitor`: remove from targets what killed runs have left there."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from conformance import journal
from conformance.budget import Budget
from conformance.client import Client
from conformance.commands.connection import connection_options, signer_of, trust_of, warn_of_secrets
from conformance.journal import JournalError, RunningError, State
from conformance.ledger import Ledger
from conformance.options import UsageError
from conformance.summary import printable
from conformance.transport import Transport
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.exchange import Exchange
    from conformance.journal import Leftovers, Thing

_TIMEOUT_S: Final = 30.0
_IN_FLIGHT_S: Final = 10.0  # a creation that was under way when its run was killed may still come to something
_PACE_S: Final = 1.0
_DEFAULT_VERSION: Final = {"/session": "v5.20191215"}


@click.command()
@click.argument("places", nargs=-1, metavar="[PLACE]...", type=click.Path(exists=True, path_type=Path))
@connection_options
def janitor(places: tuple[Path, ...], **told: Any) -> None:
    """Delete sessions and folders that killed runs have left, as their journals tell.

    PLACE is a report directory or a journal; without one, all journals of this user's runs. Runs that still go on are
    left alone. A session without a name of the run's giving, made in the very moment of the kill, it cannot know.

    Exit codes: 0 nothing is left; 2 a place is no journal; 3 something could not be removed.
    """
    warn_of_secrets()
    remains = 0
    for path in _journals(places):
        try:
            remains += _tidied(path, journal.read(path), told)
        except RunningError as running:
            click.echo(f"{running}: left alone")
        except (JournalError, UsageError) as error:
            raise click.UsageError(str(error)) from None
    sys.exit(int(ExitCode.INCOMPLETE if remains else ExitCode.CONFORMS))


def _journals(places: tuple[Path, ...]) -> Iterator[Path]:
    if not places:
        yield from sorted(journal.state_dir().glob("*.jsonl"))
    for place in places:
        if not place.is_dir():
            yield place
        elif (place / journal.FILE_NAME).exists():
            yield place / journal.FILE_NAME
        else:
            click.echo(f"{place}: no run has left anything (it holds no {journal.FILE_NAME})")


def _tidied(path: Path, left: Leftovers, told: dict[str, Any]) -> int:
    """Delete what is left, and the journal where nothing is; return how much remains."""
    transport = Transport(left.url, Budget(max(1, len(left.things)) * 16, 3_600.0), trust=trust_of(told))
    try:
        answers = {thing: _deleted(thing, transport, told) for thing in left.things}
        late = [thing for thing, (_, last) in answers.items() if thing.state is State.ASKED and not last.ok]
        while late and time.time() < left.ended + _IN_FLIGHT_S:
            transport.budget.pause(_PACE_S)
            answers |= {thing: _deleted(thing, transport, told) for thing in late}
            late = [thing for thing in late if not answers[thing][1].ok]
    finally:
        transport.close()
    remaining = [(thing, last) for thing, (gone, last) in answers.items() if not gone]
    click.echo(f"run {left.run} on {left.url}: {len(left.things) - len(remaining)} of {len(left.things)} removed")
    for thing, last in remaining:
        click.echo(f"  still there: {printable(f'{thing.resource}/{thing.id}: {last.got}')}")
    if not remaining:
        path.unlink(missing_ok=True)
    return len(remaining)


def _deleted(thing: Thing, transport: Transport, told: dict[str, Any]) -> tuple[bool, Exchange]:
    """Ask for a thing's deletion, twice if need be; return whether it is not there any more, and the last answer."""
    api_version = told["api_version"] or _DEFAULT_VERSION.get(thing.resource, "v4.20181215")
    client = Client(transport, signer_of(told, api_version), api_version=api_version, timeout_s=_TIMEOUT_S)
    client.clean_up = True
    ledger = Ledger(thing.resource)
    ledger.expect(thing.id, None if thing.resource in {"/kernel", "/session"} else thing.resource)
    gone = ledger.delete(thing.id, client)
    return gone, client.exchanges[-1]
