"""`python -m reports REPORT.json --out DIR`: renders a report again, or compares it with an earlier one."""

from pathlib import Path
from typing import Final

import click

from reports import badge, compare, html, junit, markdown, sarif
from reports.results import ReportError

RENDERERS: Final = {
    "html": html.render,
    "junit": junit.render,
    "markdown": markdown.render,
    "sarif": sarif.render,
    "badge": badge.render,
}
PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument("report", type=PATH)
@click.option("--out", type=PATH, help="Folder to write into; the report's own by default.")
@click.option("--format", "formats", type=click.Choice(list(RENDERERS)), multiple=True, help="All by default.")
@click.option("--compare-with", "earlier", type=PATH, help="Print what changed since this earlier report instead.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the comparison as Markdown.")
def main(report: Path, out: Path | None, formats: tuple[str, ...], earlier: Path | None, *, as_markdown: bool) -> None:
    """Turn REPORT, the report.json of a finished run, into what people and CI use."""
    if earlier and (out or formats):
        raise click.UsageError("--compare-with prints; it takes neither --out nor --format")
    if as_markdown and not earlier:
        raise click.UsageError("--markdown goes with --compare-with; for a summary of one run use --format markdown")
    out_dir = out or report.parent
    try:
        if earlier:
            click.echo((compare.markdown if as_markdown else compare.text)(earlier, report), nl=False)
        else:
            for name in formats or RENDERERS:
                click.echo(RENDERERS[name](report, out_dir))
    except ReportError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"cannot write into {out_dir}: {error.strerror or error}") from error


if __name__ == "__main__":
    main(prog_name="python -m reports")
