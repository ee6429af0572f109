"""`batchproof check URL`: run the suite against a target."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from conformance import plan as plans
from conformance.baseline import NONE as NO_BASELINE
from conformance.baseline import Baseline
from conformance.baseline import load as load_baseline
from conformance.catalogue import CatalogueError
from conformance.catalogue import load as load_catalogue
from conformance.commands.check_options import check_options, options_from
from conformance.commands.connection import warn_of_secrets
from conformance.gathering import SuiteError, gather, run_pytest
from conformance.journal import Journal, open_journal
from conformance.judge import HarnessError
from conformance.options import UsageError
from conformance.plugin import SuitePlugin
from conformance.progress import shown
from conformance.recordings import Recordings
from conformance.report import Report, render_all, write
from conformance.signals import terminated_like_interrupted
from conformance.stream import Stream
from conformance.summary import lines
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.options import Options
    from conformance.outcomes import CheckOutcome
    from conformance.progress import View


@click.command()
@check_options
def check(baseline: Path | None, *, plan: bool, **told: Any) -> None:
    """Check the implementation at URL (or BACKEND_ENDPOINT).

    Options may also stand in batchproof.toml, or under [tool.batchproof] in pyproject.toml, by the same names.
    Exit codes: 0 it conforms; 1 a must is broken; 2 wrong arguments, an unreachable target, or one that is no such
    API; 3 incomplete; 4 the baseline is stale.
    """
    console = Console(highlight=False, markup=False)
    warn_of_secrets()
    try:
        options = options_from(told)
        known = load_baseline(baseline, load_catalogue()) if baseline else NO_BASELINE
        only = load_catalogue().matching(options.only) if options.only else None
    except (UsageError, CatalogueError) as error:
        raise click.UsageError(str(error)) from None
    if plan:
        try:
            checks = gather()
        except SuiteError as error:
            raise click.UsageError(str(error)) from None
        click.echo("\n".join(plans.lines(options, checks, load_catalogue(), only)))
        return
    if options.report_dir:
        _make_writable(options.report_dir)
    try:
        with terminated_like_interrupted():
            sys.exit(int(run_suite(options, only, known, console)))
    except KeyboardInterrupt:
        click.echo("Error: interrupted again; no report was written, and `batchproof janitor` cleans up", err=True)
        sys.exit(int(ExitCode.INCOMPLETE))


def _make_writable(out_dir: Path) -> None:
    """Make the report's directory; refuse one that cannot be written to before anything is asked of the target."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=out_dir).close()
    except OSError as error:
        raise click.UsageError(f"--report {out_dir}: {error.strerror}") from None


def run_suite(options: Options, only: frozenset[str] | None, known: Baseline, console: Console) -> ExitCode:
    """Run the suite, show and write what it found, and return the exit code."""
    with ExitStack() as stack:
        stream = stack.enter_context(Stream(options.report_dir)) if options.report_dir else None
        recordings = stack.enter_context(_recordings(options, options.report_dir)) if options.report_dir else None
        journal, problem = open_journal(options.url, options.run_id, options.report_dir)
        if problem:
            click.echo(f"Warning: {problem}", err=True)
        stack.enter_context(journal)
        view = stack.enter_context(shown(console))
        suite = _collected_and_run(options, journal, view, stream, recordings)
        if suite.record is None:
            return _explain_no_record(suite)
        report = Report.of(suite.record, only, known)
        if stream and recordings:
            stream.footer(report)
            recordings.rest(report.records)
    for text, style in lines(report):
        console.print(Text(text, style=style), soft_wrap=True)
    return _written(report, options.report_dir, console)


def _recordings(options: Options, out_dir: Path) -> Recordings:
    return Recordings(out_dir, options.run_id, options.url)


def _collected_and_run(
    options: Options, journal: Journal, view: View, stream: Stream | None, recordings: Recordings | None
) -> SuitePlugin:
    def ready(total: int) -> None:
        view.begin(total)
        if stream:
            stream.header(suite.engine, total)

    def done(outcome: CheckOutcome) -> None:
        view.finished(outcome)
        if stream:
            stream.outcome(outcome)
        if recordings:
            recordings.outcome(outcome)

    suite = SuitePlugin(
        options, whole_suite=True, on_ready=ready, on_start=view.started, on_outcome=done, journal=journal
    )
    run_pytest(suite)
    return suite


def _explain_no_record(suite: SuitePlugin) -> ExitCode:
    if suite.target_error is not None:
        click.echo(f"Error: {suite.target_error}", err=True)
        return ExitCode.USAGE
    problem = suite.problem or "interrupted before any check ran; nothing was judged"
    click.echo(f"Error: {problem}", err=True)
    return ExitCode.INCOMPLETE


def _written(report: Report, out_dir: Path | None, console: Console) -> ExitCode:
    if out_dir is None:
        return report.exit_code
    try:
        path = write(report, out_dir)
    except (HarnessError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        return ExitCode.INCOMPLETE
    written, problems = render_all(path, out_dir)
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    console.print(Text(f"written to {out_dir}: {', '.join(one.name for one in (path, *written))}"), soft_wrap=True)
    return report.exit_code
