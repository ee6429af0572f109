"""Run the suite against every known server: ``python -m conformance.selftests.matrix [NAME...]``."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Final

import click

from conformance.selftests.defects import DEFECTS, VARIANTS
from conformance.selftests.matrix.campaign import Store, conduct
from conformance.selftests.matrix.publish import Matrix, uncovered, write
from conformance.selftests.matrix.trial import Settings, Trial

PUBLISHED: Final = Path("reports/published")
STORE: Final = Path("build/matrix.jsonl")


@click.command()
@click.argument("patterns", nargs=-1)
@click.option("--processes", default=2, show_default=True, help="Trials at the same time.")
@click.option("--jobs", default=6, show_default=True, help="Checks at the same time in each trial.")
@click.option("--seed", default=1, show_default=True, help="The seed of the checks' generated input.")
@click.option("--resume", is_flag=True, help="Keep the trials of an earlier campaign, and make those that are missing.")
@click.option("--again", is_flag=True, help="With --resume: make those anew that were not as they should be.")
@click.option("--store", type=click.Path(path_type=Path), default=STORE, help="Where trials are kept.")
@click.option("--out", type=click.Path(path_type=Path), default=PUBLISHED, help="Where the matrix is written.")
@click.option("--narrow", is_flag=True, help="Ask right servers with few differences about those.")
@click.option("--until-killed", is_flag=True, help="End a defect's trial as soon as its clause is seen broken.")
@click.option("--dry", is_flag=True, help="Write no matrix: only say what was seen.")
def main(  # noqa: PLR0913, PLR0917  - the options of a command
    patterns: tuple[str, ...],
    processes: int,
    jobs: int,
    seed: int,
    resume: bool,  # noqa: FBT001  - a flag
    again: bool,  # noqa: FBT001  - a flag
    store: Path,
    out: Path,
    narrow: bool,  # noqa: FBT001  - a flag
    until_killed: bool,  # noqa: FBT001  - a flag
    dry: bool,  # noqa: FBT001  - a flag
) -> None:
    """Try the suite on every right server, then on every defect; PATTERNS (of names or clauses) select some.

    Exits with 1 where a defect survived, a wrong clause or a right server was blamed, or a must has no killed defect.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # begun in the background: no command would see an interrupt
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if missing := uncovered():
        raise click.ClickException(f"no defect breaks {', '.join(missing)}: nothing shows that their checks can fail")
    kept = Store(store)
    if not resume:
        kept.clear()
    done = {name: one for name, one in kept.trials().items() if one.clean or not again}
    names = [name for name in chosen(patterns) if name not in done or (patterns and not resume)]
    settings = Settings(seed=seed, jobs=jobs, narrow=narrow, until_killed=until_killed)
    for count, trial in enumerate(conduct(names, settings, processes), 1):
        kept.add(trial)
        click.echo(f"[{count}/{len(names)}] {line_of(trial)}")
    matrix = Matrix({name: one for name, one in kept.trials().items() if name in {*DEFECTS, *VARIANTS}}, settings)
    if not dry:
        write(matrix, out)
    levels = (
        f"{level}: {one['killed']} of {one['tried']}" for level, one in matrix.to_json()["summary"]["levels"].items()
    )
    click.echo(f"killed {', '.join(levels)}; {sum(bool(one.faults) for one in matrix.variants)} right servers blamed")
    if not matrix.sound:
        raise SystemExit(1)


def chosen(patterns: tuple[str, ...]) -> list[str]:
    """Return the servers whose name or clause a pattern matches from its beginning; without patterns, all."""
    most_different_first = sorted(VARIANTS.values(), key=lambda one: -len(one.readings))
    labels = {one.name: ("right", one.name) for one in most_different_first} | {
        one.name: (one.breaks, one.name) for one in DEFECTS.values()
    }
    return [
        name
        for name, label in labels.items()
        if not patterns or any(re.match(one, text) for one in patterns for text in label)
    ]


def line_of(trial: Trial) -> str:
    """Say in a line what came of a trial, and in further lines what is wrong with it."""
    if trial.name in VARIANTS:
        head, wrong = ("blamed  " if trial.faults else "right   "), trial.faults
        label = trial.name
    else:
        known = DEFECTS[trial.name]
        head, wrong = ("killed  " if trial.killed else "SURVIVED"), trial.misattributed
        label = f"{known.breaks} {trial.name}"
        if not trial.killed:
            wrong = {known.breaks: trial.verdicts.get(known.breaks, "pass"), **wrong}
    more = (
        f"\n    {clause}: {said}: {trial.reasons.get(clause, trial.unusable)[:300]}" for clause, said in wrong.items()
    )
    return head + " " + label + "".join(more)


if __name__ == "__main__":
    main()
