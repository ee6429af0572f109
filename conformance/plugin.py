"""The pytest plugin: collects checks, holds them to the catalogue, and hands them to the engine.

    pytest --pyargs conformance.suite -p conformance.plugin --target http://127.0.0.1:8090

The engine runs the checks; pytest collects, selects (`-k`), reports (`--junitxml`) and sets the exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance import catalogue as catalogues
from conformance import contract as contracts
from conformance.attempt import TOOLS, Check
from conformance.checks import included, terms_of
from conformance.discovery import TargetError
from conformance.engine import Engine, RunRecord
from conformance.gate import citation_faults
from conformance.options import Options, UsageError
from conformance.verdicts import WORST_FIRST, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.outcomes import CheckOutcome, ClauseOutcome

_BROKEN: Final = frozenset({Verdict.FAIL, Verdict.WARN, Verdict.INTERMITTENT})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--target URL` for runs without the `batchproof` command."""
    group = parser.getgroup("batchproof")
    group.addoption("--target", metavar="URL", help="check the implementation at this URL")
    group.addoption("--lang", metavar="NAME", help="the image that the target's sessions are created with")


def pytest_configure(config: pytest.Config) -> None:
    """Set up the suite where `--target` asks for it; `batchproof check` registers its own plugin object instead."""
    url = config.getoption("--target")
    if url is None or config.pluginmanager.has_plugin("batchproof-suite"):
        return
    try:
        suite = SuitePlugin(Options(url=url, lang=config.getoption("--lang")))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(suite, "batchproof-suite")


class SuitePlugin:
    """One run of the suite within one run of pytest."""

    def __init__(
        self,
        options: Options,
        *,
        on_collected: Callable[[Engine, list[Check]], None] = lambda _engine, _checks: None,
        on_start: Callable[[Check], None] = lambda _: None,
        on_outcome: Callable[[CheckOutcome], None] = lambda _: None,
    ) -> None:
        self.options = options
        self.catalogue = catalogues.load()
        self.engine = Engine(options, self.catalogue, contracts.load())
        self.record: RunRecord | None = None
        self.problem: str | None = None
        self.target_error: TargetError | None = None
        self.selected: tuple[Check, ...] = ()
        self._on_collected = on_collected
        self._on_start = on_start
        self._on_outcome = on_outcome
        self._checks: dict[str, Check] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Turn test functions into checks, hold them to the catalogue, and leave out what was not asked for."""
        try:
            self._checks = {item.nodeid: check_of(item) for item in items}
        except UsageError as error:
            self._refuse([str(error)])
        if not config.getoption("keyword", ""):  # with -k the suite is not all there, and the gate cannot judge it
            self._refuse(citation_faults(self._checks.values(), self.catalogue))
        wanted = self.catalogue.matching(self.options.only) if self.options.only else None
        dropped = [item for item in items if not self._is_wanted(self._checks[item.nodeid], wanted)]
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)
        self.selected = tuple(self._checks[item.nodeid] for item in items)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all checks by the engine, reporting each to pytest's own hooks from this thread."""
        if session.config.option.collectonly:
            return False
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted("errors during collection")
        items = {item.nodeid: item for item in session.items}
        try:
            self.engine.discover()
        except TargetError as error:
            self.target_error = error
            raise pytest.UsageError(str(error)) from None
        self._on_collected(self.engine, list(self.selected))

        def started(check: Check) -> None:
            item = items[check.name]
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            self._on_start(check)

        def finished(outcome: CheckOutcome) -> None:
            item = items[outcome.name]
            for report in reports_of(item, outcome):
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            session.testsfailed += any(one.verdict in _BROKEN for one in outcome.clauses.values())
            self._on_outcome(outcome)

        self.record = self.engine.run(self.selected, started, finished)
        return True

    def _is_wanted(self, check: Check, wanted: frozenset[str] | None) -> bool:
        if wanted is not None:
            return bool(wanted & set(check.terms.clauses))
        return included(check.terms.tier, self.options.tier)

    def _refuse(self, faults: list[str]) -> None:
        if faults:
            self.problem = "the suite does not match its catalogue:\n" + "\n".join(f"  {one}" for one in faults)
            raise pytest.UsageError(self.problem)


def check_of(item: pytest.Item) -> Check:
    """Return the check that a collected function is; raise UsageError where it is none, saying what is missing."""
    function = getattr(item, "function", None)
    terms = terms_of(function)
    if not isinstance(item, pytest.Function) or function is None or terms is None:
        raise UsageError(f"{item.nodeid} cites no requirement: put @requirement('UP-08') above it")
    title = " ".join((function.__doc__ or "").split())
    if not title:
        raise UsageError(f"{item.nodeid} has no docstring: one sentence that says what is true of a right target")
    params: dict[str, Any] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    wanted = _arguments(item)
    unknown = [name for name in wanted if name not in TOOLS and name not in params]
    if unknown:
        raise UsageError(f"{item.nodeid} asks for {', '.join(unknown)}; checks are given: {', '.join(TOOLS)}")
    return Check(item.nodeid, title, function, terms, tuple(name for name in wanted if name in TOOLS), params)


def _arguments(item: pytest.Function) -> Iterable[str]:
    """Return the parameters that are to be filled; those that Hypothesis fills are not among them."""
    return item._fixtureinfo.argnames  # noqa: SLF001  - pytest tells them nowhere else


def reports_of(item: pytest.Item, outcome: CheckOutcome) -> list[pytest.TestReport]:
    """Return what pytest is told of a check: passed, failed, skipped, each with its reasons."""
    worst = _worst(outcome)
    told: Any = None
    state = "passed"
    if worst.verdict in _BROKEN or worst.verdict is Verdict.ERROR:
        state, told = "failed", f"{worst.clause}: expected {worst.expected}; got {worst.actual}. {worst.message}"
    elif worst.verdict in {Verdict.NOT_TESTABLE, Verdict.NOT_APPLICABLE}:
        state, told = "skipped", (str(item.path), 0, f"{worst.clause} {worst.verdict}: {worst.message}")
    report = {"nodeid": item.nodeid, "location": item.location, "keywords": {}, "sections": []}
    call = pytest.TestReport(outcome=state, longrepr=told, when="call", duration=outcome.duration_s, **report)  # type: ignore[arg-type]
    after = pytest.TestReport(outcome="passed", longrepr=None, when="teardown", duration=0.0, **report)  # type: ignore[arg-type]
    return [call, after]


def _worst(outcome: CheckOutcome) -> ClauseOutcome:
    return min(outcome.clauses.values(), key=lambda one: WORST_FIRST.index(one.verdict))
