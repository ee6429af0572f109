"""How long sessions and their files last, and how much of both there may be."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mock_server.adapters.leftovers import own_root, sweep
from mock_server.adapters.storage import MIB, Storage, StorageLimits, disk_usage_bytes
from mock_server.app import Mock, Settings, start
from mock_server.domain.errors import WorkspaceFull
from mock_server.domain.limits import Allowance
from mock_server.tests.support import Client, form

HOLDER = """
import sys
from pathlib import Path
from mock_server.adapters.leftovers import own_root
with own_root(Path(sys.argv[1])) as root:
    (root / "session" / "home").mkdir(parents=True)
    (root / "session" / "home" / "file").write_text("x")
    print(root, flush=True)
    sys.stdin.read()
"""


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait until a condition holds."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        pause.wait(0.05)


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    """Run a server that gives little."""
    limits = StorageLimits(session_mib=8, total_mib=12)
    settings = Settings(poll_s=0.5, exec_timeout_s=60, allowance=Allowance(max_sessions=3), storage=limits)
    with start(settings) as running:
        yield running


def test_a_user_has_a_bounded_number_of_sessions(client: Client) -> None:
    """One session more than allowed is a 412; a known one is still given, and an ended one makes room."""
    paths = [client.create() for _ in range(3)]
    refused = client.send("POST", "/kernel", json={"lang": "c"})
    assert (refused.status_code, refused.json()["type"]) == (412, "urn:batchproof:problem:too-many-sessions")
    known = {"lang": "c", "clientSessionToken": paths[0].rpartition("/")[2]}
    assert client.send("POST", "/kernel", json=known).status_code == 200
    client.send("DELETE", paths.pop())
    paths.append(client.create())
    for path in paths:
        client.send("DELETE", path)


def test_an_unused_session_is_ended() -> None:
    """A session that nobody uses for its time is gone with its files; one in use stays."""
    with start(Settings(poll_s=0.2, exec_timeout_s=60, idle_timeout_s=4)) as mock, Client(mock) as client:
        forgotten, used = client.create(), client.create()
        home = mock.sessions.find(forgotten.rpartition("/")[2]).workspace.home
        until(lambda: client.send("GET", used).status_code == 200 and not home.exists())
        assert client.send("GET", forgotten).status_code == 404
        assert client.send("GET", used).status_code == 200


def test_uploads_end_where_the_workspace_is_full(client: Client, session: str) -> None:
    """An upload beyond the session's space is a 507 and stores nothing; deleting files makes room again."""
    files = [(f"f{number}", os.urandom(MIB)) for number in range(5)]
    assert client.upload(session, *files).status_code == 204
    more = [(f"g{number}", content) for number, (_, content) in enumerate(files)]
    refused = client.upload(session, *more)
    assert (refused.status_code, refused.json()["type"]) == (507, "urn:batchproof:problem:workspace-full")
    assert client.names(session) == {f"f{number}" for number in range(5)}
    client.run(session, "rm f*")
    until(lambda: client.upload(session, *more).status_code == 204)


def test_an_upload_over_itself_takes_no_more_space(client: Client, session: str) -> None:
    """Files that replace others are not counted twice for long."""
    content = os.urandom(MIB)
    for _ in range(20):
        until(lambda: client.upload(session, ("same", content)).status_code == 204)


def test_a_program_that_fills_the_disk_is_killed(client: Client, session: str) -> None:
    """A step that writes beyond the session's space ends with 137 and the reason on stderr."""
    result = client.run(session, "for i in $(seq 20); do head -c 1000000 /dev/zero > f$i; done; sleep 50")
    assert result["exitCode"] == 137
    assert "killed: more than 8 MiB of files" in result["console"]
    assert client.run(session, "rm f*")["exitCode"] == 0


def test_a_virtual_folder_has_a_bounded_size_too(client: Client) -> None:
    """What is uploaded to a folder, and what a program writes where it is mounted, is counted for the folder."""
    assert client.send("POST", "/folders", json={"name": "bounded"}).status_code == 201
    body, content_type = form(*((f"f{number}", os.urandom(MIB)) for number in range(5)))
    headers = {"Content-Type": content_type}
    statuses = [client.send("POST", "/folders/bounded/upload", data=body, headers=headers).status_code for _ in "ab"]
    assert statuses == [201, 507]
    path = client.create(config={"mounts": ["bounded"]})
    result = client.run(path, "for i in $(seq 5); do head -c 1000000 /dev/zero > bounded/g$i; done; sleep 50")
    assert "killed: more than 8 MiB of files" in result["console"]
    assert client.upload(path, ("own", bytes(MIB))).status_code == 204
    client.send("DELETE", path)
    assert client.send("DELETE", "/folders/bounded").status_code == 204


def test_all_sessions_share_a_bounded_space(client: Client) -> None:
    """Where all sessions together are over the limit, uploads and new sessions are a 507 until something is ended."""
    paths = [client.create(), client.create()]
    files = [(f"f{number}", os.urandom(MIB)) for number in range(7)]
    statuses = [client.upload(path, *files).status_code for path in paths]
    assert statuses == [204, 507]
    for path in paths:
        client.send("DELETE", path)
    path = client.create()
    assert client.upload(path, *files).status_code == 204
    client.send("DELETE", path)


def test_the_disk_is_measured_through_any_tree(tmp_path: Path) -> None:
    """Deep trees, links that lead out, holes and names that are no text are measured; what is gone counts nothing."""
    deep = tmp_path
    for _ in range(200):
        deep /= "directory"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(bytes(5 * MIB))
    (deep / "out").symlink_to("/usr")
    (tmp_path / os.fsdecode(b"\xff\n")).write_bytes(b"x")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1024 * MIB)
    measured = disk_usage_bytes(tmp_path)
    assert disk_usage_bytes(tmp_path / "gone") == 0
    assert measured is not None
    assert 5 * MIB <= measured < 10 * MIB


def test_what_cannot_be_measured_in_time_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of too many files to count counts as too much."""
    account = Storage(StorageLimits(session_mib=8)).open(tmp_path)
    monkeypatch.setattr("mock_server.adapters.storage._MEASURE_TIMEOUT_S", 0)
    assert account.measure() == "more than 8 MiB of files"
    with pytest.raises(WorkspaceFull):
        account.take(1)


def test_a_killed_servers_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    """The next server removes what a killed one left; a living one's, and what only has the name, stay."""
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    roots = [Path(holder.stdout.readline().strip()) for holder in holders if holder.stdout]
    holders[0].send_signal(signal.SIGKILL)
    holders[0].communicate()
    others = [tmp_path / "batchproof-mock-notes", tmp_path / "else"]
    for other in others:
        other.mkdir()
    (others[1] / ".lock").touch()
    (tmp_path / "batchproof-mock-link").symlink_to(others[1])
    with own_root(tmp_path) as own:
        until(lambda: not roots[0].exists())
        assert roots[1].is_dir()
        sweep(tmp_path)
        assert own.is_dir()
    holders[1].communicate("")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batchproof-mock-link", "batchproof-mock-notes", "else"]
