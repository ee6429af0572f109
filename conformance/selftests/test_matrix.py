"""The suite catches each known defect and blames no right server: a rotating part of what ``make matrix`` tries.

The first defect of every must is always tried. Of the others, and of the right servers, some are: a seed chooses, and
``BATCHPROOF_MATRIX_SEED`` sets another one.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any, Final

import pytest

from conformance.selftests.defects import DEFECTS, VARIANTS
from conformance.selftests.matrix.campaign import Store
from conformance.selftests.matrix.publish import Matrix, uncovered, write
from conformance.selftests.matrix.trial import Settings, Trial, suite, try_out
from conformance.selftests.reference import sandbox
from conformance.verdicts import Level

PUBLISHED: Final = Path(__file__).parents[2] / "reports" / "published" / "matrix.json"
SEED: Final = int(os.environ.get("BATCHPROOF_MATRIX_SEED") or 20181215)
MORE_DEFECTS: Final = 8
MORE_VARIANTS: Final = 1

needs_sandbox = pytest.mark.skipif(not sandbox.way(), reason="neither bwrap nor unshare runs a command here")


def killed_before() -> set[str]:
    """Return the defects that the published matrix calls killed: its survivors are known, and no news."""
    published: dict[str, Any] = json.loads(PUBLISHED.read_text("utf-8"))
    return {one["name"] for row in published["requirements"] for one in row["defects"] if one["killed"]}


def part_of_the_defects() -> list[str]:
    """Return the first defect of every must, and some of the others."""
    first: dict[str, str] = {}
    for one in DEFECTS.values():
        if suite().catalogue[one.breaks].level is Level.MUST:
            first.setdefault(one.breaks, one.name)
    rest = sorted(killed_before() & set(DEFECTS) - set(first.values()))
    return [*first.values(), *random.Random(SEED).sample(rest, min(len(rest), MORE_DEFECTS))]  # noqa: S311  - a choice, no secret


def part_of_the_variants() -> list[str]:
    """Return the reference itself and some right servers that differ."""
    others = sorted(one.name for one in VARIANTS.values() if not one.needs and one.name != "as-documented")
    return ["as-documented", *random.Random(SEED).sample(others, MORE_VARIANTS)]  # noqa: S311  - a choice, no secret


def test_every_must_has_a_defect() -> None:
    """No must is checked without a server that breaks it: a check that nothing shows to fail proves nothing."""
    assert uncovered() == []


@needs_sandbox
@pytest.mark.parametrize("name", part_of_the_defects())
def test_a_defect_is_caught(name: str) -> None:
    """The clause that a server breaks is reported broken; a busy machine gets three trials to see it."""
    trials = (
        try_out(name, Settings(seed=SEED + more, repeats=0, until_killed=True, defect_seconds=90.0))
        for more in range(3)
    )
    seen: list[Trial] = []
    while not (seen and seen[-1].killed) and len(seen) < 3:
        seen.append(next(trials))
    broken = DEFECTS[name].breaks
    again = f"BATCHPROOF_MATRIX_SEED={SEED} shows it again"
    assert seen[-1].killed, f"{broken} was {[one.verdicts.get(broken, 'pass') for one in seen]} with {name}; {again}"


@needs_sandbox
@pytest.mark.timeout(600)  # it is a run of the suite, on a machine that may be busy
@pytest.mark.parametrize("name", part_of_the_variants())
def test_a_right_server_is_not_blamed(name: str) -> None:
    """A server that keeps every clause in its own way is found to keep them."""
    trial = try_out(name, Settings(tier="smoke", seed=SEED))
    assert trial.faults == {}, f"{trial.reasons}; BATCHPROOF_MATRIX_SEED={SEED} shows it again"


def trials() -> dict[str, Trial]:
    """One killed defect, one that survived, one with the wrong clause blamed, and two right servers."""
    names = [one.name for one in DEFECTS.values() if one.breaks == "UP-08"][:3]
    broken = {"UP-08": "fail"}
    made = [
        Trial(names[0], broken),
        Trial(names[1]),
        Trial(names[2], {**broken, "UP-01": "fail"}, {"UP-01": "expected 204; got 200"}),
        Trial("as-documented", {"CN-08": "warn"}),
        Trial("reuse-is-201", {"UP-07": "intermittent"}, readings={"SE-02 reuse-status": ["200"]}),
    ]
    return {one.name: one for one in made}


def test_the_matrix_counts_what_was_seen() -> None:
    """Kills, survivors, wrong attributions and wrong blame are counted apart; excused clauses are no blame."""
    matrix = Matrix(trials(), Settings())
    summary = matrix.to_json()["summary"]
    assert summary["levels"]["must"] == {"clauses": 1, "tried": 3, "killed": 2}
    assert summary["misattributed"] == 1
    assert summary["right_servers_blamed"] == 1
    assert "UP-07" in summary["musts_without_a_killed_defect"]
    assert "UP-08" not in summary["musts_without_a_killed_defect"]
    assert not matrix.sound
    assert matrix.trials["reuse-is-201"].faults == {"UP-07": "intermittent", "SE-02": "read as 200, not 201"}


def test_the_matrix_is_written_alike(tmp_path: Path) -> None:
    """The same trials in another order make the same files."""
    made = trials()
    one = [path.read_text("utf-8") for path in write(Matrix(made, Settings()), tmp_path)]
    other = write(Matrix(dict(reversed(made.items())), Settings()), tmp_path)
    assert [path.read_text("utf-8") for path in other] == one


def test_a_campaign_is_taken_up_where_it_was_cut_off(tmp_path: Path) -> None:
    """Of a stored campaign, whole lines count and the last of one server counts; half a line does not."""
    store = Store(tmp_path / "kept" / "trials.jsonl")
    for trial in (Trial("a", {"UP-08": "fail"}), Trial("b"), Trial("a", {"UP-08": "warn"})):
        store.add(trial)
    with store.path.open("a", encoding="utf-8") as file:
        file.write('{"name": "c", "verd')
    assert store.trials() == {"a": Trial("a", {"UP-08": "warn"}), "b": Trial("b")}
