"""`python -m benchmarks`: the server's figures beside this machine's limits, each held against its goal."""

import json
import os
import platform
import time
from pathlib import Path

import click

from benchmarks import engine_figures, http_figures
from benchmarks.figures import Figure


@click.command()
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def main(path: Path | None) -> None:
    """Measure the server and the machine side by side, in about a minute where nothing else runs.

    Goals that are missed are shown, and are no failure: on a busy machine they say little.
    """
    started = time.monotonic()
    load = os.getloadavg()[0]
    figures: list[Figure] = []
    for source in (engine_figures.measure, http_figures.measure):
        for figure in source():
            click.echo(f"measured: {figure.name}", err=True)
            figures.append(figure)
    _show(figures, f"Load {load:.1f} on {os.cpu_count()} processors, measured in {time.monotonic() - started:.0f} s")
    if path:
        machine = {"processors": os.cpu_count(), "load": load, "kernel": platform.release()}
        path.write_text(json.dumps({"machine": machine, "figures": [each.document() for each in figures]}, indent=1))


def _show(figures: list[Figure], caption: str) -> None:
    from rich.console import Console  # noqa: PLC0415  - what is measured should not share its memory
    from rich.table import Table  # noqa: PLC0415  - same

    table = Table("what", "server", "limit here", "value", "goal", "holds", title="Medians", caption=caption)
    for each in figures:
        limit = "" if each.limit is None else f"{each.limit:,.1f} {each.unit}"
        value = "" if each.limit is None else f"{each.value:.2f} x"
        holds = "[green]yes[/]" if each.holds else "[red]no[/]"
        table.add_row(each.name, f"{each.ours:,.2f} {each.unit}", limit, value, each.goal, holds)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
