"""Workspaces that hostile programs filled: listing, download and removal neither hang nor fail nor lead out."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mock_server.adapters.storage import StorageLimits
from mock_server.app import Mock, Settings, start
from mock_server.tests.engine import eventually
from mock_server.tests.support import Client, archives

_PYTHON = "python3 -S - <<'END'\nimport os\n{}\nEND"
# Each leaves something hostile in /home/work, and ends with code 0 where it could.
_HOSTILE = {
    "many files": "seq 5000 | xargs touch",
    "deep tree": _PYTHON.format("for _ in range(5000): os.mkdir('d'); os.chdir('d')"),
    "deep .output": _PYTHON.format(
        "os.mkdir('.output'); os.chdir('.output')\nfor _ in range(2000): os.mkdir('d'); os.chdir('d')"
    ),
    "sparse file": "truncate -s 64M sparse",
    "fifo": "mkfifo fifo .output",
    "socket": _PYTHON.format("import socket; socket.socket(socket.AF_UNIX).bind('socket')"),
    "strange names": _PYTHON.format(
        "for n in (b'a\\nb', b'\\xff\\xfe', b'-rf', b'\\\\', b'\"', b'\\x1b[31m', b'%2e%2e', b'n' * 255):\n"
        "    open(n, 'w').close()"
    ),
    "links out": "ln -s /etc/passwd passwd; ln -s / root; ln -s ../../.. up; ln -s /proc/self/root proc",
    "links round": "ln -s a b; ln -s b a; ln -s . self; mkdir d; ln -s ../d d/d; ln -s nowhere dangling",
    "closed modes": "mkdir closed; touch closed/in file; chmod 0 closed file",
    "closed home": "touch in; chmod 0 .",
    "set-user-id": "cp /bin/true run; chmod 6777 run",
    "hard links": "touch f; seq 1000 | xargs -I{} ln f l{}",
    "changed while read": "(while :; do rm -rf d; mkdir -p d/e; touch d/e/f; ln -s / d/g; done) & sleep 0.5",
    "a full temporary folder": "seq 5000 | sed s,^,/tmp/, | xargs touch; chmod 0 /tmp",
}


@pytest.fixture(scope="module", name="root")
def fixture_root() -> Iterator[Path]:
    """Give a folder that holds nothing but the server's workspaces, and that its commands can pass through."""
    with TemporaryDirectory(prefix="batchproof-test-") as name:
        root = Path(name)
        root.chmod(0o711)
        yield root


@pytest.fixture(scope="module", name="hostile_mock")
def fixture_hostile_mock(root: Path) -> Iterator[Mock]:
    """Run a server of these tests' own."""
    with start(Settings(poll_s=0.5, exec_timeout_s=25, workspace_root=root)) as running:
        yield running


@pytest.fixture(name="hostile_client")
def fixture_hostile_client(hostile_mock: Mock) -> Iterator[Client]:
    """Give a client of it, whose requests all have to be answered within 30 seconds."""
    with Client(hostile_mock) as connected:
        yield connected


@pytest.mark.parametrize("kind", _HOSTILE)
def test_hostile_workspaces_are_listed_downloaded_and_removed(kind: str, hostile_client: Client, root: Path) -> None:
    """Whatever a program leaves: answers come, nothing from outside is in them, and nothing is left in the end."""
    path = hostile_client.create()
    identity = hostile_client.send("POST", "/kernel", json={"lang": "c", "clientSessionToken": path.split("/")[-1]})
    result = hostile_client.run(path, _HOSTILE[kind])
    assert result["exitCode"] in {0, None}, result
    _check_listing(hostile_client, path)
    _check_download(hostile_client, path)
    assert hostile_client.send("DELETE", path).status_code == 200
    eventually(lambda: not list(root.glob(f"*/{identity.json()['sessionId']}*")), "the workspace was not removed")


def _check_listing(client: Client, path: str) -> None:
    response = client.send("GET", f"{path}/files")
    if response.status_code == 400:  # the server is no root, and its home was closed to it
        return
    assert response.status_code == 200
    for entry in json.loads(response.json()["files"]):
        name = entry["filename"]
        answer = client.send("GET", f"{path}/files", params={"path": f"/home/work/{name}"})
        assert answer.status_code in {200, 400, 404}, answer.text
        if answer.status_code == 200:
            assert "/passwd" not in answer.json()["files"]
        if name.startswith("l") or name.isdigit():
            break  # one of thousands alike


def _check_download(client: Client, path: str) -> None:
    response = client.send("GET", f"{path}/download", params={"files": ["."]})
    if response.status_code == 400:
        return
    assert response.status_code == 200
    (archive,) = archives(response)
    for member in archive:
        assert not member.name.startswith("/")
        assert ".." not in member.name.split("/")
        assert member.isfile() or member.isdir() or member.issym()
        if member.issym():
            assert not member.linkname.startswith("/")
        if member.isfile() and member.size < 10**6:
            content = archive.extractfile(member)
            assert content is not None
            assert b"root:" not in content.read()


def test_a_download_of_anything_special_is_refused(hostile_client: Client) -> None:
    """A FIFO, a socket, a link that leads out or round, asked for by name: a 4xx at once."""
    path = hostile_client.create()
    hostile_client.run(
        path, f"{_HOSTILE['fifo']}; {_HOSTILE['socket']}; {_HOSTILE['links out']}; {_HOSTILE['links round']}"
    )
    for name in ("fifo", "socket", "passwd", "root", "root/etc/passwd", "up", "proc", "a", "dangling", "d/d/d/nothing"):
        response = hostile_client.send("GET", f"{path}/download", params={"files": [name]})
        assert 400 <= response.status_code < 500, (name, response.status_code)
    hostile_client.send("DELETE", path)


def test_a_disk_filler_is_stopped(root: Path) -> None:
    """A program that writes more than a workspace may hold is killed, with a line that says so."""
    with (
        start(Settings(poll_s=0.5, workspace_root=root, storage=StorageLimits(session_mib=30))) as mock,
        Client(mock) as client,
    ):
        path = client.create()
        result = client.run(path, "for i in $(seq 1000); do head -c 10M /dev/zero > f$i; done; sleep 20")
        assert result["exitCode"] == 137, result
        assert "batchproof-mock: killed: more than 30 MiB of files" in result["console"]
