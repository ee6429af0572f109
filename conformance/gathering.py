"""The suite's checks, collected by pytest with the suite's own settings, wherever it is called from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

import pytest

from conformance.collection import check_of
from conformance.plugin import SUITE

if TYPE_CHECKING:
    from conformance.attempt import Check

# No terminal, no cache, no rewriting, no plugins of others: nothing of the user's pytest reaches the suite, no litter.
# Nothing is captured, for pytest runs nothing.
_SETTINGS: Final = (
    "-p",
    "no:terminal",
    "-p",
    "no:cacheprovider",
    "-p",
    "conformance.plugin",
    "--assert=plain",
    "--capture=no",
)


def run_pytest(plugin: object, *more: str) -> None:
    """Run pytest over the suite in this process, with one plugin object; what it finds is the plugin's business."""
    os.environ.pop("PYTEST_ADDOPTS", None)  # the user's own habits are not meant for this suite
    with as_file(files("conformance.suite")) as folder:
        place = [str(folder), "-c", str(folder / "pytest.ini"), "--rootdir", str(folder)]
        named: list[object] = [_Named(plugin)]
        pytest.main([*place, *_SETTINGS, "--disable-plugin-autoload", *more], plugins=named)


def gather() -> tuple[Check, ...]:
    """Return all checks of the suite, for callers that drive an `Engine` themselves.

    Raise SuiteError where a file of the suite cannot be loaded: part of a suite is none.
    """
    collector = _Collector()
    run_pytest(collector, "--collect-only")
    if collector.problem or not collector.checks:
        raise SuiteError(collector.problem or "the suite holds no checks")
    return tuple(collector.checks)


class SuiteError(Exception):
    """The suite itself is not whole: no target can be judged with it."""


@dataclass(frozen=True)
class _Named:
    """Registers a plugin object under the name by which `conformance.plugin` knows that a suite is there."""

    plugin: object

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register it."""
        config.pluginmanager.register(self.plugin, SUITE)


class _Collector:
    """Keeps what pytest collects."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self.problem = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a suite that is not whole."""
        if report.failed:
            self.problem = f"{report.nodeid} cannot be loaded: {report.longreprtext}"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep every item as a check."""
        self.checks = [check_of(item) for item in items]
