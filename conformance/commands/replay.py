"""`batchproof replay CLAUSE`: send what broke a clause once more, and show what came back then and now."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from conformance import recordings
from conformance.budget import Budget, Stopped
from conformance.client import Client
from conformance.commands.connection import connection_options, signer_of, trust_of, warn_of_secrets
from conformance.exchange import shorten
from conformance.journal import open_journal
from conformance.judge import Unmet
from conformance.ledger import Ledger
from conformance.options import UsageError
from conformance.recordings import Recording, RecordingError
from conformance.replay import Replay, Step, resource_of, spoken_in
from conformance.signals import terminated_like_interrupted
from conformance.summary import printable
from conformance.transport import Transport
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from conformance.journal import Journal

_MAX_REQUESTS: Final = 5_000
_MAX_SECONDS: Final = 600.0
_TIMEOUT_S: Final = 30.0


@click.command()
@click.argument("wanted", metavar="CLAUSE|CHECK|EXCHANGE")
@click.option(
    "--report",
    "report_dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="report",
    show_default=True,
    help="The directory that `check --report` wrote.",
)
@click.option("--url", help="Send it to this target. [default: the one that was checked]")
@connection_options
def replay(wanted: str, report_dir: Path, url: str | None, **told: Any) -> None:
    """Send a failure's recorded exchanges again, with sessions made anew, and show what came back then and now.

    What is replayed is named by a clause (UP-08), a check, or one of the exchanges (e17) of the failure.
    Exit codes: 0 all is answered as it was then; 1 something is answered otherwise; 2 there is nothing to send, or
    nobody to send it to; 3 it came to no end.
    """
    warn_of_secrets()
    try:
        recording = recordings.find(report_dir, wanted)
        with terminated_like_interrupted():
            sys.exit(int(_replayed(recording, (url or recording.url).rstrip("/"), told)))
    except (RecordingError, UsageError) as error:
        raise click.UsageError(str(error)) from None


def _replayed(recording: Recording, url: str, told: dict[str, Any]) -> ExitCode:
    run = secrets.token_hex(3)
    transport = Transport(url, Budget(_MAX_REQUESTS, _MAX_SECONDS), trust=trust_of(told))
    journal, problem = open_journal(url, run, None)
    if problem:
        click.echo(f"Warning: {problem}", err=True)
    with journal:
        try:
            return _shown(recording, transport, run, told, journal)
        finally:
            transport.close()


def _shown(recording: Recording, transport: Transport, run: str, told: dict[str, Any], journal: Journal) -> ExitCode:
    resource = resource_of(recording)
    api_version = told["api_version"] or spoken_in(recording)
    signer = signer_of(told, api_version)
    if signer is None and any(one["manner"] == "signed" for one in recording.exchanges):
        raise UsageError("the requests were signed: tell the keys by BACKEND_ACCESS_KEY and BACKEND_SECRET_KEY")
    client = Client(transport, signer, api_version=api_version, timeout_s=_TIMEOUT_S)
    ledger = Ledger(resource, journal)
    _introduce(recording)
    steps: list[Step] = []
    again = Replay(recording, client, ledger, run)
    try:
        for step in again.steps():
            steps.append(step)
            click.echo("\n".join(_lines(step)))
            if len(steps) == 1 and step.now is not None and step.now.status is None:
                click.echo(f"Error: nothing answers at {transport.base_url}: {step.now.error}", err=True)
                return ExitCode.USAGE
    except (KeyboardInterrupt, Stopped, Unmet) as error:
        click.echo(f"Error: the replay came to no end: {error or 'interrupted'}", err=True)
        return ExitCode.INCOMPLETE
    finally:
        client.clean_up = True
        for left in ledger.audit(client):
            click.echo(f"left on the target: {left}", err=True)
    return _concluded(steps, list(again.run_differences()))


def _introduce(recording: Recording) -> None:
    for clause, verdict in recording.clauses.items():
        click.echo(f"{clause} {verdict}: {recording.title}")
    click.echo(f"  {recording.check}, run {recording.run} against {recording.url}")
    if not recording.whole:
        click.echo("  only the evidence is known, not what came before it: sessions of then are not there any more")
    click.echo()


def _lines(step: Step) -> list[str]:
    then, now = step.then, step.now
    head = f"{then.id:<6} {then.method:<6} {shorten(printable(then.url), 100)}"
    if now is None:
        return [f"{head}\n         not sent: {step.note}"]
    if step.note:
        return [f"         {step.note}"]
    mark = "as then" if not step.differences else "OTHERWISE"
    told = f"{head}\n         then {then.status or then.error}, now {now.status or now.error}: {mark}"
    return [told, *(f"         {printable(one)}" for one in step.differences)]


def _concluded(steps: list[Step], of_runs: list[str]) -> ExitCode:
    for one in of_runs:
        click.echo(f"OTHERWISE {printable(one)}")
    sent = [step for step in steps if step.now is not None]
    changed = sum(bool(step.differences) for step in sent)
    runs = f", {len(of_runs)} things reported otherwise of whole runs" if of_runs else ""
    click.echo(f"\n{len(sent)} sent, {len(steps) - len(sent)} not sent, {changed} answered otherwise than then{runs}")
    if not sent:
        return ExitCode.USAGE
    return ExitCode.VIOLATIONS if changed or of_runs else ExitCode.CONFORMS
