"""The published matrix: what it must hold, and that its page shows what was seen."""

from pathlib import Path

from mock_server.tests.clients import publishing
from mock_server.tests.clients.matrix import trials
from mock_server.tests.clients.publishing import Key, Row
from mock_server.tests.clients.running import API_VERSIONS

SEEN = {
    Key("v4.20181215", "SDK", "sorna-client==0.9.8"): Row("Python 3.11", {"create": "", "upload": "refused:\nno"}),
    Key("v4.20181215", "SDK", "backend.ai-client==1.1.11"): Row("Python 3.7", {"create": ""}),
}


def test_the_page_is_what_the_data_say() -> None:
    """Nobody edits docs/clients.md by hand."""
    written = (publishing.DOCS / "clients.md").read_text(encoding="utf-8")
    assert written == publishing.page(publishing.read(publishing.DOCS))


def test_every_client_was_tried_in_every_way() -> None:
    """A client that is added, or a new API version, has to be tried before it is published."""
    wanted = {trial.key for version in API_VERSIONS for trial in trials(version)}
    assert wanted == publishing.read(publishing.DOCS).keys()


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    """A stopped run goes on from what it had seen."""
    publishing.write(tmp_path, SEEN)
    assert publishing.read(tmp_path) == SEEN


def test_a_step_is_right_wrong_or_not_offered() -> None:
    """The three are told apart, and a failure is told in words as well."""
    page = publishing.page(SEEN)
    assert "| sorna-client 0.9.8 | Python 3.11 | + | **FAIL** |" in page
    assert "| backend.ai-client 1.1.11 | Python 3.7 | + | . |" in page
    assert "upload: refused: no" in page
    assert "2 releases, 2 rows, 3 steps: 2 right, 1 failed." in page
