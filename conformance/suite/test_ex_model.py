"""Generated runs against an oracle: any steps, any endings, any output, one after the other and overlapping."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from conformance.checks import requirement
from conformance.judge import Violation
from conformance.models.exploring import explore
from conformance.models.programs import NAMES, World
from conformance.models.run_oracle import Between, Outcome, Plan, histories, judged, outcome, plans
from conformance.session import AUTO
from conformance.suite.generated import amount, seed_of
from conformance.suite.programs import begin_each, gate, need_uncut, open_gate, read_together
from conformance.suite.stored import NOTHING, Stored, look

if TYPE_CHECKING:
    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.options import Options
    from conformance.run_reader import Run
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

OF_ONE_RUN = (
    "EX-01",
    "EX-02",
    "EX-04",
    "EX-05",
    "EX-06",
    "EX-07",
    "EX-10",
    "EX-11",
    "EX-12",
    "EX-13",
    "EX-14",
    "EX-15",
)
LONG_S = 600.0  # tier full has many runs
OF_CONSOLES = ("CN-01", "CN-02", "CN-03", "CN-06")


def hold(judge: Judge, plan: Plan, due: Outcome, run: Run, limits: Limits, own_output: str = "CN-06") -> None:
    """Judge a run by the oracle; the first thing that is broken ends the check."""
    found = [one for one in judged(plan, due, run, limits.max_stream_chars, own_output) if one.clause in judge.clauses]
    if found:
        need_uncut(judge, run)
        raise Violation(found[0])
    judge.shown.extend(run.exchanges[-1:])


def gated(plan: Plan, target: Target) -> dict[str, str | None]:
    """Return a plan's commands, the first of which waits at a gate: the runs after it do overlap it."""
    commands = plan.options
    first = next(name for name, text in commands.items() if text)
    return {**commands, first: f"{gate('go', target)}; {commands[first]}"}


def hold_files(judge: Judge, session: Session, world: World, last: Run) -> None:
    """EX-24: the session holds the files that its programs left, and no others of their names."""
    found = look(session, NAMES)
    wanted = {name: Stored.of(world.files[name].encode()) if name in world.files else NOTHING for name in NAMES}
    for name in NAMES:
        judge.require(
            "EX-24",
            found[name] == wanted[name],
            expected=f"{name}: {wanted[name]}",
            actual=str(found[name]),
            exchange=last.exchanges,
        )


class Story:
    """One session, what its programs have done, and whether it may be restarted."""

    def __init__(self, session: Session, judge: Judge, options: Options) -> None:
        self.session = session
        self.judge = judge
        self.world = World()
        self._restart = options.restart

    def act(self, between: Between) -> None:
        """Do what happens between two runs, and judge it."""
        match between:
            case Between.RESTART if self._restart:
                self._restarted()
            case Between.LISTING:
                listing = self.session.listing()
                for name in NAMES:
                    wanted, got = name in self.world.files, name in listing
                    self._require("EX-24", got == wanted, f"{name} in the listing: {wanted}", got, listing.exchange)
            case Between.DOWNLOAD:
                for name, text in self.world.files.items():
                    content = self.session.fetch(name)
                    last = self.session.bench.client.exchanges[-1]
                    self._require("EX-24", content == text.encode(), f"{name}: {text.encode()!r}", content, last)

    def _restarted(self) -> None:
        """SE-07: a session works on after a restart; each of its files is as it was, or gone."""
        restart = self.session.try_restart()
        self._require("SE-07", restart.status == 204, "status 204", restart.got, restart)
        with self.judge.under_test("SE-07"):
            found = look(self.session, NAMES)
        for name in NAMES:
            before = Stored.of(self.world.files[name].encode()) if name in self.world.files else NOTHING
            kept_or_gone = found[name] in {before, NOTHING}
            self._require("SE-07", kept_or_gone, f"{name}: {before}, or none", str(found[name]), restart)
            if found[name] == NOTHING:
                self.world.files.pop(name, None)

    def _require(self, clause: str, condition: bool, expected: str, actual: object, exchange: Exchange) -> None:  # noqa: FBT001  - what is judged
        self.judge.require(clause, condition, expected=expected, actual=actual, exchange=exchange)


@requirement(*OF_ONE_RUN, *OF_CONSOLES, "EX-24", "SE-07", slow=True, timeout_s=LONG_S)
@pytest.mark.parametrize("part", range(3))
def test_generated_runs_come_to_what_their_programs_do(
    sessions: Sessions, judge: Judge, limits: Limits, options: Options, part: int
) -> None:
    """Runs of generated programs, with other calls between them, print, end and leave behind what the programs do."""

    def examine(history: list[Plan | Between]) -> None:
        story = Story(sessions.create(), judge, options)
        for one in history:
            if isinstance(one, Between):
                story.act(one)
            else:
                due = outcome(one, story.world)
                run = story.session.run(options=one.options, run_id=AUTO if one.named else None)
                hold(judge, one, due, run, limits)
        hold_files(judge, story.session, story.world, run)
        story.session.delete()

    explore(histories(), examine, seed_value=seed_of(options, part), examples=amount(options, 1), shrink=options.shrink)


@requirement("EX-22", slow=True, timeout_s=LONG_S)
@pytest.mark.parametrize("part", range(4))
def test_generated_runs_that_overlap_keep_their_output(
    sessions: Sessions, judge: Judge, limits: Limits, options: Options, target: Target, part: int
) -> None:
    """Two or three generated runs at the same time each deliver the output of their own programs."""

    def examine(together: list[Plan]) -> None:
        session = sessions.create()
        mine = [replace(plan, named=True) for plan in together]
        dues = [outcome(plan, World()) for plan in mine]
        with judge.under_test("EX-22"):
            asked = [gated(mine[0], target), *(plan.options for plan in mine[1:])]
            begin = [partial(session.begin, options=one, run_id=f"bpm{secrets.token_hex(6)}") for one in asked]
            begun = begin_each(target, session.bench.client.transport.budget, *begin)
            open_gate(session, "go")
            runs = read_together(*begun)
        for plan, due, run in zip(mine, dues, runs, strict=True):
            hold(judge, plan, due, run, limits, "EX-22")
        session.delete()

    groups = st.lists(plans(files=False), min_size=2, max_size=3)
    explore(groups, examine, seed_value=seed_of(options, part), examples=amount(options, 1), shrink=options.shrink)
