"""Reading report.json: what is accepted, and how the rest is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reports.results import ReportError, load
from reports.tests import sample
from reports.tests.sample import Raw


def test_a_report_is_read_whole(tmp_path: Path) -> None:
    """Every requirement, check, reading and exchange of the file is in the loaded value."""
    raw = sample.report()
    report = load(sample.written(raw, tmp_path))
    assert [member.id for member in report.requirements] == [entry["id"] for entry in raw["requirements"]]
    assert sum(len(member.checks) for member in report.requirements) == sum(
        len(r["checks"]) for r in raw["requirements"]
    )
    assert set(report.exchanges) == set(raw["exchanges"])
    assert report.exchanges["e7"].response_body.content == b"\xff\xfe\x00caf\xe9" * 3
    assert report.exchanges["e7"].response_body.text is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b'{"format": "batchproof-report/1", "target": {', "if it breaks off in the middle"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[]", "is no batchproof report"),
        (b'{"tests": 3}', 'an object with "format": "batchproof-report/1"'),
        (b'{"format": "batchproof-report/2"}', 'this version reads "batchproof-report/1"'),
        (b'{"format": "batchproof-report/1"}', "required property"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(tmp_path: Path, content: bytes, told: str) -> None:
    """A file that is no report is named, and the message says what is wrong with it."""
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ReportError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A path that leads nowhere gives the system's reason."""
    with pytest.raises(ReportError, match=r"nowhere\.json: cannot be read: No such file"):
        load(tmp_path / "nowhere.json")


def _unknown_verdict(raw: Raw) -> None:
    raw["requirements"][3]["verdict"] = "perhaps"


def _broken_base64(raw: Raw) -> None:
    raw["exchanges"]["e7"]["response_body"]["base64"] = "é=="


def _same_twice(raw: Raw) -> None:
    raw["requirements"].append(raw["requirements"][0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_unknown_verdict, r"\$\.requirements\[3\]\.verdict: 'perhaps' is not one of"),
        (_broken_base64, "base64 of a body cannot be decoded"),
        (_same_twice, "these come twice: CO-01"),
    ],
)
def test_a_flaw_in_the_content_is_pointed_at(tmp_path: Path, change: Callable[[Raw], None], told: str) -> None:
    """A report that breaks the format's own rules is refused at the place where it does."""
    with pytest.raises(ReportError, match=told):
        load(sample.written(sample.report(), tmp_path, change=change))
