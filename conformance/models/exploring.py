"""Hypothesis as the suite uses it: seeded, bounded, and done before anything is sent.

Values are drawn first and examined after, in order, up to the first that goes wrong: nothing is sent twice, what is
shown is what happened, and no answer of a target changes what comes next. Only when asked does Hypothesis look for a
smaller value, which repeats calls by the hundred.
"""

from __future__ import annotations

import atexit
import gzip
import json
import shutil
import sys
import tempfile
import threading
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir

from conformance.judge import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

_T = TypeVar("_T")
SIMPLEST: Final = 5  # Hypothesis begins with the simplest values: where few are asked for, they are left out
_ONE_AT_A_TIME: Final = threading.Lock()


def explore(
    strategy: SearchStrategy[_T],
    examine: Callable[[_T], None],
    *,
    seed_value: int,
    examples: int,
    shrink: bool = False,
) -> None:
    """Give `examine` up to `examples` generated values, the same ones for the same seed; what it raises goes through.

    `shrink` has the value of a Violation made smaller, by as many further calls as that takes.
    """
    values: list[_T] = []
    drawn = examples + (SIMPLEST if examples < SIMPLEST else 0)
    _given(strategy, values.append, seed_value, drawn, (Phase.generate,))
    try:
        for value in values[-examples:]:
            examine(value)
    except Violation:
        if shrink:
            _given(strategy, examine, seed_value, drawn, (Phase.generate, Phase.shrink))
        raise


def _given(
    strategy: SearchStrategy[_T],
    receive: Callable[[_T], None],
    seed_value: int,
    examples: int,
    phases: tuple[Phase, ...],
) -> None:
    """Run Hypothesis, one thread at a time: the checks run in several, and generation shares state between them."""
    bounded = settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )

    def once(value: _T) -> None:
        receive(value)

    with _ONE_AT_A_TIME:
        _keep_out_of_the_way()
        seed(seed_value)(bounded(given(strategy)(once)))()


@cache
def _keep_out_of_the_way() -> None:
    """Have Hypothesis keep its notes in a folder that goes with the process, and none in the user's directory."""
    folder = Path(tempfile.mkdtemp(prefix="batchproof-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    set_hypothesis_home_dir(folder)
    # Which characters UTF-8 has, Hypothesis finds out by trying a million of them and notes here: it is known.
    notes = folder / "unicode_data" / unicodedata.unidata_version / "codec-v2-utf-8.json.gz"
    notes.parent.mkdir(parents=True)
    encodable = [[0, 0xD7FF], [0xE000, sys.maxunicode]]
    notes.write_bytes(gzip.compress(json.dumps([encodable, []]).encode()))
