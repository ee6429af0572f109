"""One full sample report, rendered once for all tests that only look at it."""

from pathlib import Path

import pytest
from hypothesis import settings

from reports import html
from reports.results import Report, load
from reports.tests import sample

# Repeatable, and no example is judged by how long a loaded machine takes for it.
settings.register_profile("reports", deadline=None, derandomize=True)
settings.load_profile("reports")


@pytest.fixture(scope="session")
def report_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the sample report once."""
    return sample.written(sample.report(), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def report(report_path: Path) -> Report:
    """Load the sample report."""
    return load(report_path)


@pytest.fixture(scope="session")
def page_path(report_path: Path) -> Path:
    """Render the page of the sample report."""
    return html.render(report_path, report_path.parent)
