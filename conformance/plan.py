"""What a run would do (`--plan`): said without sending anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Need
from conformance.collection import chosen
from conformance.needs import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.attempt import Check
    from conformance.catalogue import Catalogue
    from conformance.options import Options


def lines(
    options: Options, checks: Sequence[Check], catalogue: Catalogue, only: frozenset[str] | None
) -> Iterator[str]:
    """Yield the plan, line by line."""
    asked = chosen(checks, only, options.tier)
    clauses = {clause for check in asked for clause in check.terms.clauses if only is None or clause in only}
    alone = sum(check.terms.exclusive for check in asked)
    yield f"Nothing is sent. `batchproof check` would check {options.url}:"
    yield _row("checks", f"{len(asked)} of {len(clauses)} clauses ({_choice(options)}), {options.parallel} at a time")
    if alone:
        yield _row("alone", f"{alone} checks of the request limit, last")
    for need, names in _lacking(options, asked).items():
        yield _row("not tested", f"{', '.join(names)}, in part or wholly: {need.advice}")
    if excluded := [one.id for one in catalogue if one.excluded and (only is None or one.id in only)]:
        yield _row("excluded", f"{', '.join(excluded)} (`batchproof explain {excluded[0]}` says why)")
    pace = f"{options.pace:g} requests a second" if options.pace else "no pace"
    spent = f"{options.max_requests:,} requests, {options.max_seconds:g} s, {options.max_sessions:,} sessions, {pace}"
    yield _row("at most", spent)
    yield _row("sessions", _sessions(options))
    yield _row("seed", f"{options.seed} (--seed {options.seed} gives the same generated inputs)")
    yield _row("written", f"to {options.report_dir}" if options.report_dir else "nothing (--report DIR)")


def _choice(options: Options) -> str:
    return f"--only {','.join(options.only)}" if options.only else f"tier {options.tier}"


def _sessions(options: Options) -> str:
    if options.read_only:
        named = f"{options.session} is looked at" if options.session else "none is looked at (--session ID)"
        return f"none is created, and nothing that may change the target is sent (--read-only); {named}"
    return f"named bp-{options.run_id}-<n>, each deleted after its check, and all asked for again in the end"


def _lacking(options: Options, checks: Sequence[Check]) -> dict[Need, list[str]]:
    known = told(options)
    lacking: dict[Need, list[str]] = {}
    for check in checks:
        for need in check.terms.needs:
            if not known.get(need, True):
                names = lacking.setdefault(need, [])
                names += [clause for clause in check.terms.clauses if clause not in names]
    return lacking


def _row(name: str, text: str) -> str:
    return f"  {name:<11}{text}"
