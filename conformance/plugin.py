"""The pytest plugin: collects checks, holds them to the catalogue, and hands them to the engine.

    pytest --pyargs conformance.suite -p conformance.plugin --target http://127.0.0.1:8090

The engine runs the checks; pytest collects, selects (`-k`), reports (`--junitxml`) and sets its exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance import catalogue as catalogues
from conformance import contract as contracts
from conformance.checks import terms_of
from conformance.collection import check_of, chosen, is_broken, name_of, reports_of
from conformance.discovery import TargetError
from conformance.engine import Engine, RunRecord
from conformance.gate import citation_faults
from conformance.options import Options, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.attempt import Check
    from conformance.journal import Journal
    from conformance.outcomes import CheckOutcome


SUITE: Final = "batchproof-suite"  # the plugin object's name


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what runs without the `batchproof` command need."""
    group = parser.getgroup("batchproof")
    group.addoption("--target", metavar="URL", help="check the implementation at this URL")
    group.addoption("--lang", metavar="NAME", help="the image that the target's sessions are created with")


def pytest_configure(config: pytest.Config) -> None:
    """Set up the suite where `--target` asks for it; `batchproof check` brings its own plugin object instead."""
    url = config.getoption("--target")
    if url is None:
        return
    try:
        suite = SuitePlugin(Options(url=url.rstrip("/"), lang=config.getoption("--lang")), whole_suite=False)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(suite, SUITE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Explain what is missing where checks are to run, and nobody said against what."""
    suite = config.pluginmanager.has_plugin(SUITE) or config.option.collectonly
    if not suite and any(terms_of(getattr(item, "function", None)) for item in items):
        raise pytest.UsageError("the checks need a target: --target http://127.0.0.1:8090")


class SuitePlugin:
    """One run of the suite within one run of pytest.

    `whole_suite`: everything was collected, so the citation gate can judge what is missing. Then `problem` and
    `target_error` tell the caller what kept the run from starting; otherwise pytest tells its user.
    """

    def __init__(
        self,
        options: Options,
        *,
        whole_suite: bool,
        on_ready: Callable[[int], None] = lambda _: None,
        on_start: Callable[[Check], None] = lambda _: None,
        on_outcome: Callable[[CheckOutcome], None] = lambda _: None,
        journal: Journal | None = None,
    ) -> None:
        self.options = options
        self.catalogue = catalogues.load()
        self.engine = Engine(options, self.catalogue, contracts.load(), journal)
        self.record: RunRecord | None = None
        self.problem: str | None = None
        self.target_error: TargetError | None = None
        self._whole_suite = whole_suite
        self._tell = (on_ready, on_start, on_outcome)
        self._selected: dict[str, Check] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the reason of a check file that cannot be loaded: the command shows it where pytest does not."""
        if report.failed:
            self.problem = f"{report.nodeid} cannot be loaded: {report.longreprtext[-2000:]}"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Turn test functions into checks, hold them to the catalogue, and leave out what was not asked for."""
        try:
            checks = {name_of(item): check_of(item) for item in items}
        except UsageError as error:
            self._refuse([str(error)])
            return
        only = self.catalogue.matching(self.options.only) if self.options.only else None
        self._refuse(citation_faults(checks.values(), self.catalogue, only if self._whole_suite else ()))
        self._selected = {check.name: check for check in chosen(checks.values(), only, self.options.tier)}
        config.hook.pytest_deselected(items=[item for item in items if name_of(item) not in self._selected])
        items[:] = [item for item in items if name_of(item) in self._selected]

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all checks by the engine, reporting each to pytest's own hooks from this thread."""
        if session.config.option.collectonly or (session.testsfailed and not self._whole_suite):
            return None  # pytest has its own way with both
        if self.problem is None and self._discovered():
            self._run(session)
        return True

    def _discovered(self) -> bool:
        try:
            self.engine.discover()
        except TargetError as error:
            self.target_error = error
            if not self._whole_suite:
                raise pytest.UsageError(str(error)) from None
            return False
        return True

    def _run(self, session: pytest.Session) -> None:
        items = {name_of(item): item for item in session.items}
        on_ready, on_start, on_outcome = self._tell

        def started(check: Check) -> None:
            item = items[check.name]
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            on_start(check)

        def finished(outcome: CheckOutcome) -> None:
            item = items[outcome.name]
            for report in reports_of(item, outcome):
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            session.testsfailed += is_broken(outcome)
            on_outcome(outcome)

        on_ready(len(items))
        self.record = self.engine.run(list(self._selected.values()), started, finished)

    def _refuse(self, faults: list[str]) -> None:
        if not faults:
            return
        self.problem = "the suite does not match its catalogue:\n" + "\n".join(f"  {one}" for one in faults)
        if not self._whole_suite:
            raise pytest.UsageError(self.problem)
