"""`batchproof-mock doctor` tells which level works on this machine, and what would help where one does not."""

import pytest
from click.testing import CliRunner

from mock_server.adapters import diagnosis
from mock_server.adapters.runner import choose_level
from mock_server.adapters.sandbox_levels import LEVELS
from mock_server.cli import main


def test_every_level_is_judged_on_its_own() -> None:
    """The table names all levels, and the one that the server would use; the exit code says that there is one."""
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0, result.output
    for level in LEVELS:
        assert level.name in result.output
    best = choose_level()
    assert f"The server uses level {best.level}, {best.name}." in result.output


def test_a_better_level_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only a worse one works, the exit code is 1, and the output says what was asked for."""
    found = [diagnosis.Finding(level, "" if level.number == 6 else "broken") for level in LEVELS]
    monkeypatch.setattr("mock_server.cli_doctor.examine_levels", lambda: found)
    result = CliRunner().invoke(main, ["doctor", "--at-least", "unshare"])
    assert result.exit_code == 1
    assert "Level 5, unshare, was asked for." in result.output


def test_no_level_at_all_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, with the reasons and remedies of each."""
    found = [diagnosis.Finding(level, "no", "do something") for level in LEVELS]
    monkeypatch.setattr("mock_server.cli_doctor.examine_levels", lambda: found)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "No sandbox works here" in result.output
    assert "do something" in result.output


@pytest.mark.parametrize(
    ("why_not", "remedy"),
    [
        ("[Errno 2] No such file or directory: 'bwrap'", "install bubblewrap"),
        ("[Errno 2] No such file or directory: 'setpriv'", "install util-linux"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "systempaths=unconfined"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "NET_ADMIN"),
        ("bwrap: Unknown option --json-status-fd", "too old"),
        ("bwrap: No permissions to create new namespace", "namespaces|container"),
        ("unshare: unshare failed: Operation not permitted", "namespaces|container"),
        ("the working directory was not /home/work", ""),
    ],
)
def test_what_helps_is_told(why_not: str, remedy: str) -> None:
    """Each known failure has its remedy, and an unknown one has none."""
    told = diagnosis.remedy(why_not)
    assert any(word in told for word in remedy.split("|")) if remedy else told == ""
