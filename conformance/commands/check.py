"""`batchproof check URL`: run the suite against a target."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from conformance.baseline import NONE as NO_BASELINE
from conformance.baseline import Baseline
from conformance.baseline import load as load_baseline
from conformance.catalogue import CatalogueError
from conformance.catalogue import load as load_catalogue
from conformance.commands.check_options import check_options, options_from
from conformance.gathering import run_pytest
from conformance.judge import HarnessError
from conformance.options import UsageError
from conformance.plugin import SuitePlugin
from conformance.progress import shown
from conformance.report import Report, render_all, write
from conformance.stream import Stream
from conformance.summary import lines
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.options import Options
    from conformance.outcomes import CheckOutcome
    from conformance.progress import View


@click.command()
@check_options
def check(baseline: Path | None, **told: Any) -> None:
    """Check the implementation at URL (or BACKEND_ENDPOINT).

    Exit codes: 0 it conforms; 1 a must is broken; 2 wrong arguments, an unreachable target, or one that is no such
    API; 3 incomplete; 4 the baseline is stale.
    """
    console = Console(highlight=False, markup=False)
    try:
        options = options_from(told)
        known = load_baseline(baseline, load_catalogue()) if baseline else NO_BASELINE
        only = load_catalogue().matching(options.only) if options.only else None
    except (UsageError, CatalogueError) as error:
        raise click.UsageError(str(error)) from None
    try:
        if options.report_dir:
            options.report_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--report {options.report_dir}: {error.strerror}") from None
    with _terminated_like_interrupted():
        sys.exit(int(run_suite(options, only, known, console)))


def run_suite(options: Options, only: frozenset[str] | None, known: Baseline, console: Console) -> ExitCode:
    """Run the suite, show and write what it found, and return the exit code."""
    with ExitStack() as stack:
        stream = stack.enter_context(Stream(options.report_dir)) if options.report_dir else None
        view = stack.enter_context(shown(console))
        suite = _collected_and_run(options, view, stream)
        if suite.record is None:
            return _explain_no_record(suite)
        report = Report.of(suite.record, only, known)
        if stream:
            stream.footer(report)
    for text, style in lines(report):
        console.print(Text(text, style=style), soft_wrap=True)
    return _written(report, options.report_dir, console)


def _collected_and_run(options: Options, view: View, stream: Stream | None) -> SuitePlugin:
    def ready(total: int) -> None:
        view.begin(total)
        if stream:
            stream.header(suite.engine, total)

    def done(outcome: CheckOutcome) -> None:
        view.finished(outcome)
        if stream:
            stream.outcome(outcome)

    suite = SuitePlugin(options, whole_suite=True, on_ready=ready, on_start=view.started, on_outcome=done)
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


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Make SIGTERM what Ctrl-C is: the run ends early, cleans up, and reports what it has."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
