"""A run while it goes on: one execute call after another, until it ends or its deadline passes."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.exchange import show
from conformance.judge import Finding, Unmet
from conformance.run_reader import STATUSES, Result, Run, read_run
from conformance.run_spans import MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.session import Session

QUICK_ANSWER_MS: Final = 100.0  # a `continued` that comes sooner is no long poll: do not hammer the target
PACE_S: Final = 0.1
_TOO_MANY: Final = 429


class OpenRun:
    """A started run. `results` holds what was read so far; `step()` makes the next call, `finish()` all of them."""

    def __init__(self, session: Session, body: Mapping[str, Any], deadline_s: float) -> None:
        self.session = session
        self.body = dict(body)
        self.asked_run_id: str | None = body.get("runId")
        self.results: list[Result] = []
        self._deadline_s = deadline_s
        self._deadline = monotonic() + deadline_s
        self._disturbances = session.disturbances
        self._began_s = monotonic()
        self._read(self.body)

    @property
    def last(self) -> Result:
        """The newest result."""
        return self.results[-1]

    @property
    def run_id(self) -> str | None:
        """What the run is called: the client's own id, or the one in the first result."""
        return self.asked_run_id or self.results[0].run_id

    def step(self, answer: str | None = None) -> Result:
        """Make the next call (`continue`, or `input` with the answer) and return its result.

        Raise Unmet (EX-12) where the deadline has passed.
        """
        self._keep_pace()
        mode, code = ("continue", "") if answer is None else ("input", answer)
        return self._read({"mode": mode, "code": code, "runId": self.run_id, "options": {}})

    def finish(self, inputs: Iterable[str] = ()) -> Run:
        """Read the run to its end and show it to the observers; `inputs` answer `waiting-input` in turn."""
        answers = iter(inputs)
        rest = read_run(self.last, lambda last: self._proceed(last, answers), self.body.get("options") or {})
        run = Run(
            results=(*self.results[: -len(rest.results)], *rest.results),
            asked_run_id=self.asked_run_id,
            commands=self.body.get("options") or {},
            disturbed=self.session.disturbances != self._disturbances or self._may_be_cut_off(),
        )
        self.session.bench.observers.run(run)
        return run

    def _may_be_cut_off(self) -> bool:
        """EX-23: whether the target's time limit, where it was told, may have ended the run."""
        limit_s = self.session.bench.target.exec_timeout_s
        return limit_s is not None and monotonic() - self._began_s >= limit_s * MARGIN

    def _proceed(self, last: Result, answers: Iterator[str]) -> Result:
        return self.step(next(answers, "") if last.status == "waiting-input" else None)

    def _read(self, body: Mapping[str, Any]) -> Result:
        exchange = self.session.try_execute(body)
        result = Result.of(exchange)
        if exchange.ok:
            self.session.bench.observers.result(result)
        if not exchange.ok or result.status not in STATUSES:
            misnamed = exchange.ok and result.status is not None
            expected = "a status that the documents name" if misnamed else "status 200 with an execution result"
            transient = exchange.status is None or exchange.status == _TOO_MANY
            unknown = exchange.refused and bool(self.results)  # a run that has not ended goes on
            clause = "EX-02" if misnamed else "EX-12" if unknown else "EX-01"
            raise Unmet(Finding(clause, expected, exchange.got, (exchange,)), transient=transient)
        self.results.append(result)
        return result

    def _keep_pace(self) -> None:
        if monotonic() > self._deadline:
            shown = " > ".join(str(result.status) for result in self.results[-8:])
            evidence = tuple(result.exchange for result in (self.results[0], *self.results[-2:]))
            expected = f"the run of {show(self.body.get('options'))} to end within {self._deadline_s:g} s"
            raise Unmet(Finding("EX-12", expected, f"{len(self.results)} results, the last: {shown}", evidence))
        if self.last.status == "continued" and self.last.exchange.duration_ms < QUICK_ANSWER_MS:
            self.session.bench.client.transport.budget.pause(PACE_S)
