"""What a killed run leaves behind is known, and the janitor removes it: once, and never under a run that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from conformance import journal
from conformance.journal import Journal, JournalError, RunningError, State, Thing, state_dir
from conformance.selftests.scripted import Reply, Seen, problem, serve_script
from conformance.selftests.support import check, ran
from conformance.selftests.test_cli import batchproof
from conformance.verdicts import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.session import Session
    from conformance.sessions import Sessions


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """After SIGKILL sessions are left; the janitor deletes them, and has nothing to do when asked again."""
    reached, go_on = threading.Event(), threading.Event()

    def slow(seen: Seen) -> Reply | None:
        if seen.method == "POST" and seen.path.count("/") == 2:
            reached.set()
            go_on.wait(30)
        return None

    with serve_script(slow) as (url, target):
        command = [sys.executable, "-m", "conformance", "check", url, "--only", "EX-07", "--report", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ) as run:
            assert reached.wait(60)
            running = batchproof("janitor", str(tmp_path))
            run.send_signal(signal.SIGKILL)
        go_on.set()
        assert "still going on: left alone" in running.output
        assert target.sessions
        for place in ([str(tmp_path)], []):
            tidied = batchproof("janitor", *place)
            assert tidied.exit_code == ExitCode.CONFORMS, tidied.output
            assert "removed" in tidied.output
        assert target.sessions == set()
    assert list(state_dir().glob("*.jsonl")) == []
    assert batchproof("janitor").output == ""


def test_a_session_that_the_target_was_still_making_is_removed_when_it_is_there(tmp_path: Path) -> None:
    """Killed while a creation was under way: the janitor, told 404 at first, asks again for a while."""
    refused = threading.Event()

    def late(seen: Seen) -> Reply | None:
        if seen.method == "DELETE" and not refused.is_set():
            refused.set()
            return problem(404)
        return None

    with serve_script(late) as (url, target):
        with Journal([tmp_path / journal.FILE_NAME], url, "feed01") as kept:
            kept.note("/kernel", "bp-feed01-1", State.ASKED)
        target.sessions.add("bp-feed01-1")
        tidied = batchproof("janitor", str(tmp_path))
    assert tidied.exit_code == ExitCode.CONFORMS, tidied.output
    assert target.sessions == set()


def test_a_run_that_left_nothing_leaves_no_journal(tmp_path: Path) -> None:
    """In the end there is no journal of a run whose sessions are all gone."""
    with serve_script() as (url, _):
        batchproof("check", url, "--only", "CO-08", "--report", str(tmp_path))
    assert not (tmp_path / journal.FILE_NAME).exists()
    assert list(state_dir().iterdir()) == []


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    """A session that the target keeps is named, its journal stays, and the exit code is 3."""
    with serve_script(lambda seen: problem(500) if seen.method == "DELETE" else None) as (url, _):
        batchproof("check", url, "--only", "CO-08", "--report", str(tmp_path))
        outcome = batchproof("janitor", str(tmp_path))
    assert outcome.exit_code == ExitCode.INCOMPLETE
    assert "/kernel/bp-" in outcome.output
    assert (tmp_path / journal.FILE_NAME).exists()


def test_the_journal_names_what_may_exist_and_is_locked(tmp_path: Path) -> None:
    """Things are in the journal until they are gone; while it is written nobody else acts on it."""
    path = tmp_path / "j.jsonl"
    with Journal([path], "http://target.test", "feed01") as kept:
        kept.note("/kernel", "bp-feed01-1", State.MADE)
        kept.note("/folders", "bp-feed01-2", State.ASKED)
        kept.note("/kernel", "bp-feed01-1", State.GONE)
        with pytest.raises(RunningError):
            journal.read(path)
    assert journal.read(path).things == (Thing("/folders", "bp-feed01-2", State.ASKED),)


def test_a_line_cut_off_is_left_out(tmp_path: Path) -> None:
    """The last line of a journal may be cut off where the run was killed."""
    path = tmp_path / "j.jsonl"
    with Journal([path], "http://target.test", "feed01") as kept:
        kept.note("/kernel", "bp-feed01-1", State.MADE)
    path.write_text(path.read_text() + '{"record": "gone", "reso')
    assert journal.read(path).things == (Thing("/kernel", "bp-feed01-1", State.MADE),)


@pytest.mark.parametrize("text", ["", "{}\n", '{"format": "other/9"}\n', "no json\n", "[]\n"])
def test_what_is_no_journal_is_refused(text: str, tmp_path: Path) -> None:
    """Another file is not acted upon; exit code 2."""
    path = tmp_path / "j.jsonl"
    path.write_text(text)
    with pytest.raises(JournalError):
        journal.read(path)
    assert batchproof("janitor", str(path)).exit_code == ExitCode.USAGE


def test_a_lost_target_is_not_waited_for_again_and_again() -> None:
    """Where nothing answers the clean-up any more it ends, and what is not known to be gone counts as left."""

    def many(sessions: Sessions) -> None:
        for _ in range(12):
            sessions.create()
        target.script = lambda _: Reply(hang_up=True)

    with serve_script() as (url, target):
        run = ran(url, check(many, "UP-08"))
        asked = len(target.seen)
    assert len(run.sessions_left) == 12
    assert asked < 80


def test_the_session_budget_stops_the_run() -> None:
    """Past --max-sessions no session is created, the run says so, and nothing is left."""

    def greedy(session: Session, sessions: Sessions) -> None:
        assert session.id
        for _ in range(10):
            sessions.create()

    with serve_script() as (url, target):
        run = ran(url, check(greedy, "UP-08"), max_sessions=3)
        created = len(target.calls("POST", "/kernel"))
        assert target.sessions == set()
    assert created == 4  # discovery's own is not counted
    assert "--max-sessions" in (run.stopped or "")


def test_folders_are_in_the_ledger_too() -> None:
    """A virtual folder that a check could not delete is deleted by the audit."""
    folders: set[str] = set()

    def keeps_folders(seen: Seen) -> Reply | None:
        if not seen.path.startswith("/folders"):
            return None
        name = seen.path.rpartition("/")[2]
        if seen.method == "POST":
            folders.add(json.loads(seen.body)["name"])
            return Reply(201, {"id": "f", "name": "f"})
        if seen.method == "DELETE":
            folders.discard(name)
            return Reply(204)
        return Reply(200, {"item": {}}) if name in folders else problem(404)

    def forgets(sessions: Sessions) -> None:
        name = sessions.new_token()
        sessions.bench.ledger.expect(name, "/folders")
        sessions.bench.client.post("/folders", json={"name": name})

    with serve_script(keeps_folders) as (url, _):
        run = ran(url, check(forgets, "UP-08"))
    assert folders == set()
    assert run.sessions_left == ()
