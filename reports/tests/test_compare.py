"""Comparing two runs: what broke, what was mended, what is not known any more."""

from pathlib import Path

import pytest

from reports import compare
from reports.results import load
from reports.tests import sample


def written(folder: Path, name: str, verdicts: dict[str, str], *, reading: str = "200") -> Path:
    """Write a report of some requirements with the verdicts given."""
    entries = [entry for entry in sample.catalogue() if entry["id"] in verdicts]
    raw = [sample.requirement(entry, verdicts[entry["id"]], []) for entry in entries]
    for entry in raw:
        for told in entry["readings"]:
            told["reading"] = reading
    (folder / name).mkdir()
    return sample.written(sample.assembled(raw, {}), folder / name)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pass", "fail", "regressed"),
        ("not-testable", "intermittent", "regressed"),
        ("fail", "pass", "improved"),
        ("pass", "not-testable", "lost"),
        ("pass", "error", "lost"),
        ("fail", "intermittent", "other"),
        ("fail", "error", "other"),
    ],
)
def test_a_change_is_of_one_kind(tmp_path: Path, before: str, after: str, kind: str) -> None:
    """Newly broken, newly kept, no longer known, or changed otherwise."""
    old, new = written(tmp_path, "old", {"UP-08": before}), written(tmp_path, "new", {"UP-08": after})
    (change,) = compare.compare(load(old), load(new)).changes
    assert (change.before, change.after, change.kind) == (before, after, kind)


def test_a_report_does_not_differ_from_itself(report_path: Path) -> None:
    """The same report twice has no change, and says how much was compared."""
    comparison = compare.compare(load(report_path), load(report_path))
    assert (comparison.changes, comparison.readings, comparison.same) == ((), (), len(sample.catalogue()))
    assert "nothing changed" in compare.text(report_path, report_path)


def test_requirements_of_one_report_only_are_told(tmp_path: Path) -> None:
    """What the other report does not have is absent there, which is neither better nor worse than nothing."""
    old = written(tmp_path, "old", {"UP-07": "pass", "UP-08": "fail"})
    new = written(tmp_path, "new", {"UP-08": "fail", "UP-09": "fail"})
    changes = {
        change.id: (change.before, change.after, change.kind)
        for change in compare.compare(load(old), load(new)).changes
    }
    assert changes == {"UP-07": ("pass", "absent", "lost"), "UP-09": ("absent", "fail", "regressed")}


def test_another_reading_is_told(tmp_path: Path) -> None:
    """A target that answers an open question otherwise than before did change."""
    old = written(tmp_path, "old", {"SE-02": "pass"})
    new = written(tmp_path, "new", {"SE-02": "pass"}, reading="201")
    (change,) = compare.compare(load(old), load(new)).readings
    assert (change.id, change.before, change.after) == ("SE-02", "200", "201")
    assert "1 read differently" in compare.text(old, new)
    assert "| SE-02 |" in compare.markdown(old, new)


def test_both_outputs_tell_regressions_first(tmp_path: Path) -> None:
    """The text and the Markdown begin with what broke."""
    old = written(tmp_path, "old", {"UP-07": "fail", "UP-08": "pass"})
    new = written(tmp_path, "new", {"UP-07": "pass", "UP-08": "fail"})
    for told in (compare.text(old, new), compare.markdown(old, new)):
        assert "1 newly broken, 1 newly kept" in told
        assert told.rindex("UP-08") < told.rindex("UP-07")
