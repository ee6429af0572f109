"""`batchproof baseline` and `batchproof compare`: what is made of reports that are there already."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import click

from conformance import baseline as baselines
from conformance.catalogue import load as load_catalogue
from conformance.options import UsageError
from conformance.report import FORMAT
from conformance.summary import printable

COMPARERS: Final = "batchproof.comparers"
_REPORT: Final = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("report", type=_REPORT, metavar="REPORT")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there. [default: print it]")
@click.option(
    "--merge",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Keep the reasons that this baseline gives for what is still broken.",
)
@click.option("--warnings", is_flag=True, help="Take broken shoulds in, too.")
def baseline(report: Path, output: Path | None, merge: Path | None, *, warnings: bool) -> None:
    """Write a baseline of what a report (or its directory) found broken, for `check --baseline`.

    Every entry needs a reason: what is filled in is what was seen, and asks to be replaced.
    """
    wanted = {"fail", "intermittent", *(["warn"] if warnings else [])}
    try:
        told = baselines.load(merge, load_catalogue()).known if merge else {}
        broken = [one for one in _requirements(_file(report)) if one["verdict"] in wanted]
        text = baselines.text_of(
            (one["id"], printable(one["text"]), told.get(one["id"], f"Seen: {printable(one['reason'])}"))
            for one in broken
        )
        if output is None:
            click.echo(text, nl=False)
        else:
            output.write_text(text, "utf-8")
            click.echo(f"{len(broken)} known violations written to {output}")
    except (UsageError, OSError) as error:
        raise click.UsageError(str(error)) from None


def _requirements(path: Path) -> list[dict[str, str]]:
    try:
        document = json.loads(path.read_text("utf-8"))
        form, requirements = document["format"], document["requirements"]
        found = [{key: str(one[key]) for key in ("id", "text", "verdict", "reason")} for one in requirements]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{path} is no report of `batchproof check --report DIR`: {error}") from error
    if form != FORMAT:
        raise UsageError(f"{path} is of the format {form!r}; this version reads {FORMAT}")
    return found


def _file(place: Path) -> Path:
    """Return the report's file: its directory may be named as well."""
    return place / "report.json" if place.is_dir() else place


@click.command()
@click.argument("old", type=_REPORT)
@click.argument("new", type=_REPORT)
@click.option("--format", "format_", default="text", show_default=True, metavar="NAME", help="text or markdown.")
def compare(old: Path, new: Path, format_: str) -> None:
    """Show which verdicts differ between two reports (or their directories), and whether for better or worse."""
    known = {entry.name: entry for entry in entry_points(group=COMPARERS)}
    if format_ not in known:
        named = f"there are: {', '.join(sorted(known))}" if known else "no comparer is installed"
        raise click.UsageError(f"--format {format_}: {named}")
    try:
        click.echo(known[format_].load()(_file(old), _file(new)), nl=False)
    except Exception as error:  # noqa: BLE001  - a comparer is a guest, and says so of files that are no reports
        raise click.UsageError(str(error)) from None
