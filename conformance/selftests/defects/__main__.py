"""Serve one of them until interrupted: ``python -m conformance.selftests.defects NAME [--port N]``."""

from __future__ import annotations

import threading

import click

from conformance.selftests.reference import serve

from . import ACCESS_KEY, DEFECTS, SECRET_KEY, VARIANTS, Defect, Variant


@click.command()
@click.argument("name", required=False)
@click.option("--port", default=0, show_default="a free one", help="The loopback port to listen on.")
def main(name: str | None, port: int) -> None:
    """Serve the defect or variant called NAME; without a name, list them all."""
    known: dict[str, Defect | Variant] = {**VARIANTS, **DEFECTS}
    if name is None:
        for one in known.values():
            click.echo(f"{one.name:40} {getattr(one, 'breaks', 'right'):7} {one.summary}")
        return
    if name not in known:
        raise click.BadParameter(f"{name!r} is neither a defect nor a variant; without a name all are listed")
    with serve(known[name].server(), port) as url:
        keys = f" (keys {ACCESS_KEY} {SECRET_KEY})" if "keys" in known[name].needs else ""
        click.echo(f"{name} listening on {url}{keys}")
        threading.Event().wait()


if __name__ == "__main__":
    main()
