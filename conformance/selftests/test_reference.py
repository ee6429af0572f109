"""The reference is a right server, and the tables of defects and variants are complete."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests_toolbelt import MultipartDecoder

from conformance.selftests.defects import DEFECTS, VARIANTS
from conformance.selftests.reference import Behaviour, sandbox, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not sandbox.way(), reason="neither bwrap nor unshare runs a command here")
TIMEOUT_S = 30.0


def catalogue() -> list[dict[str, Any]]:
    """Every requirement, as it stands in the catalogue."""
    requirements: list[dict[str, Any]] = tomllib.loads(
        (files("spec") / "requirements.toml").read_text(encoding="utf-8")
    )["requirement"]
    return requirements


class Kernel:
    """One session of a server, by plain requests."""

    def __init__(self, url: str, name: str = "kernel-one", **config: object) -> None:
        self.http = requests.Session()
        made = self.http.post(
            f"{url}/kernel", json={"lang": "c", "clientSessionToken": name, "config": config}, timeout=TIMEOUT_S
        )
        assert made.status_code == 201, made.text
        self.url = f"{url}/kernel/{made.json()['kernelId']}"

    def call(self, **body: object) -> dict[str, Any]:
        """One execute call; its result."""
        answer = self.http.post(self.url, json=body, timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def run(self, **commands: str | None) -> list[dict[str, Any]]:
        """Fetch a run to its end; all results."""
        results = [self.call(mode="batch", runId=None, options=commands)]
        while results[-1]["status"] not in {"finished", "exec-timeout"}:
            results.append(self.call(mode="continue", runId=results[-1]["runId"]))
        return results

    def upload(self, *named: tuple[str, bytes]) -> int:
        """Upload files; the status."""
        parts = [("src", one) for one in named]
        return self.http.post(f"{self.url}/upload", files=parts, timeout=TIMEOUT_S).status_code

    def names(self, path: str = ".") -> list[str]:
        """List the names in a directory."""
        answer = self.http.get(f"{self.url}/files", params={"path": path}, timeout=TIMEOUT_S)
        return [entry["filename"] for entry in json.loads(answer.json()["files"])]

    def download(self, *paths: str) -> list[bytes]:
        """Fetch the first file of each part."""
        answer = self.http.get(f"{self.url}/download", json={"files": list(paths)}, timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        contents = []
        for part in MultipartDecoder.from_response(answer).parts:
            with tarfile.open(fileobj=io.BytesIO(part.content)) as tar:
                member = tar.extractfile(tar.getmembers()[0])
                assert member is not None
                contents.append(member.read())
        return contents


def text(results: list[dict[str, Any]], stream: str = "stdout") -> str:
    """Join what a run wrote to a stream."""
    return "".join(data for result in results for name, data in result["console"] if name == stream)


def endings(results: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Give the ends of a run's steps, each with its exit code; a slow machine may see `continued` between them."""
    return [(one["status"], one["exitCode"]) for one in results if one["status"] != "continued"]


@pytest.fixture
def url() -> Iterator[str]:
    """Serve a right server."""
    with serve(Behaviour(poll_s=0.2, exec_timeout_s=2.0)) as where:
        yield where


@pytest.fixture
def kernel(url: str) -> Kernel:
    """Open a session of a right server."""
    return Kernel(url)


def test_steps_run_in_order(kernel: Kernel) -> None:
    """Clean, build and exec run in this order, each with its exit code."""
    results = kernel.run(clean="echo 1; exit 3", build="echo 2", exec="echo 3; exit 7")
    assert text(results) == "1\n2\n3\n"
    assert endings(results) == [
        ("clean-finished", 3),
        ("build-finished", 0),
        ("finished", 7),
    ]


def test_failed_build_ends_with_127(kernel: Kernel) -> None:
    """After a failed build exec does not run and the run finishes with 127."""
    results = kernel.run(build="exit 2", exec="echo no")
    assert endings(results) == [("build-finished", 2), ("finished", 127)]


def test_commands_see_the_promised_world(kernel: Kernel) -> None:
    """Commands run by bash in /home/work, not as root, with the promised environment."""
    script = '[[ $EUID -ne 0 ]] && pwd && echo "$HOME $USER $TERM $LANG $SHELL"'
    assert text(kernel.run(exec=script)) == "/home/work\n/home/work work xterm C.UTF-8 /bin/bash\n"


def test_upload_run_download(kernel: Kernel) -> None:
    """What was uploaded or made comes back byte for byte, in the order asked for."""
    assert kernel.upload(("sub/\u00e9 1.bin", b"\0\r\n\xff"), ("/home/work/b", b"")) == 204
    kernel.run(exec="printf made > c")
    assert kernel.names() == ["b", "c", "sub"]
    assert kernel.download("c", "sub/\u00e9 1.bin", "b") == [b"made", b"\0\r\n\xff", b""]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "out/x", ""])
def test_outside_is_refused(kernel: Kernel, name: str) -> None:
    """No upload leads out of /home/work, through `..`, an absolute name or a link."""
    kernel.run(exec="ln -s /tmp out")
    assert 400 <= kernel.upload((name or "/", b"x")) < 500


def test_limits_are_exact(kernel: Kernel) -> None:
    """1 MiB and 20 files are accepted, a byte or a file more is not, and leaves nothing."""
    assert kernel.upload(("a", bytes(1024 * 1024)), *((f"n{n}", b"") for n in range(19))) == 204
    assert kernel.upload(("b", b"x"), ("c", bytes(1024 * 1024 + 1))) == 400
    assert kernel.upload(*((f"m{n}", b"") for n in range(21))) == 400
    assert len(kernel.names()) == 20


def test_time_limit_kills_everything(kernel: Kernel) -> None:
    """A run past the limit ends with exec-timeout, and its children are dead."""
    results = kernel.run(exec="(trap '' TERM; sleep 3; touch survived) & sleep 60")
    assert results[-1]["status"] == "exec-timeout"
    kernel.run(exec="sleep 1.5")
    assert kernel.names() == []


def test_each_piece_is_delivered_once(kernel: Kernel) -> None:
    """Joined over the calls, output is exactly what was written."""
    results = kernel.run(exec="for i in {1..60}; do echo $i; sleep 0.01; done")
    assert len(results) > 2
    assert text(results) == "".join(f"{n}\n" for n in range(1, 61))


def test_too_much_output_is_cut(kernel: Kernel) -> None:
    """Each stream keeps 524,288 characters of a call, and the run goes on."""
    script = "head -c 600000 /dev/zero | tr '\\0' x; head -c 600000 /dev/zero | tr '\\0' y >&2; exit 5"
    results = kernel.run(exec=script)
    assert (len(text(results)), len(text(results, "stderr"))) == (524_288, 524_288)
    assert results[-1]["exitCode"] == 5


def test_restart_and_delete_end_a_run(url: str) -> None:
    """A restart ends what runs; after a delete the session is unknown and its token free."""
    kernel = Kernel(url)
    run = kernel.call(mode="batch", options={"exec": "sleep 60"})
    while run["status"] == "build-finished":
        run = kernel.call(mode="continue", runId=run["runId"])
    assert kernel.http.patch(kernel.url, timeout=TIMEOUT_S).status_code == 204
    assert kernel.call(mode="continue", runId=run["runId"])["status"] == "finished"
    assert kernel.http.delete(kernel.url, timeout=TIMEOUT_S).status_code == 200
    assert kernel.http.get(kernel.url, timeout=TIMEOUT_S).status_code == 404
    assert Kernel(url).names() == []


def test_folders_outlive_sessions(url: str) -> None:
    """What a command wrote into a mounted folder is there for the next session; an upload can not write it."""
    requests.post(f"{url}/folders", json={"name": "data"}, timeout=TIMEOUT_S).raise_for_status()
    first = Kernel(url, "first-one", mounts=["data:box"])
    assert first.upload(("box/x", b"")) == 400
    first.run(exec="echo kept > box/file")
    first.http.delete(first.url, timeout=TIMEOUT_S)
    assert text(Kernel(url, "second-one", mounts=["data"]).run(exec="cat data/file")) == "kept\n"


def test_overlapping_runs_keep_apart(kernel: Kernel) -> None:
    """Overlapping runs go first in, first out, and each gets its own output."""
    ids = [kernel.call(mode="batch", runId=name, options={"exec": f"sleep 0.2; echo {name}"})["runId"] for name in "ab"]
    outputs = dict.fromkeys(ids, "")
    for run_id in ids:
        status = ""
        while status != "finished":
            result = kernel.call(mode="continue", runId=run_id)
            status, outputs[run_id] = result["status"], outputs[run_id] + text([result])
    assert outputs == {"a": "a\n", "b": "b\n"}


def test_nothing_is_left_behind() -> None:
    """A server that was stopped leaves neither its directory nor a process that it started."""
    behaviour = Behaviour(poll_s=0.1)
    with serve(behaviour) as where:
        Kernel(where).call(mode="batch", options={"exec": "sleep 60"})
        run = next(iter(behaviour.sessions["", "kernel-one"].runs.values()))
    assert run.done.is_set()
    assert not behaviour.root.exists()


# -- the tables


@pytest.mark.parametrize("clause", [one["id"] for one in catalogue() if one["level"] == "must"])
def test_every_must_has_a_defect(clause: str) -> None:
    """For every must clause there is a server that breaks it."""
    assert [one.name for one in DEFECTS.values() if one.breaks == clause]


def test_defects_break_known_clauses() -> None:
    """Every clause that a defect names is in the catalogue."""
    known = {one["id"] for one in catalogue()}
    assert not {clause for one in DEFECTS.values() for clause in (one.breaks, *one.also)} - known


def test_defects_are_told_apart() -> None:
    """No two defects are the same server, and each says in a sentence what it does wrong."""
    behaviours = [one.behaviour for one in DEFECTS.values()]
    assert len(set(behaviours)) == len(behaviours)
    assert all(one.summary.endswith(".") for one in DEFECTS.values())


def test_variants_answer_known_questions() -> None:
    """Every reading that a variant takes is a legal one of its question."""
    legal = {
        (one["id"], question, value)
        for one in catalogue()
        for question, table in one.get("readings", {}).items()
        for value in table["values"]
    }
    taken = {(*key, value) for one in VARIANTS.values() for key, value in one.readings.items()}
    assert not taken - legal


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_variants_serve(name: str) -> None:
    """Every variant answers its version, and closes."""
    with serve(VARIANTS[name].server()) as where:
        assert requests.get(f"{where}/v4", timeout=TIMEOUT_S).json()["version"].startswith("v")


@pytest.mark.parametrize("family", sorted({one.breaks[:2] for one in DEFECTS.values()}))
def test_defects_serve(family: str) -> None:
    """Every defect can be served: what it breaks is one clause, not the server."""
    for one in DEFECTS.values():
        if one.breaks.startswith(family):
            with serve(one.server()) as where:
                assert requests.get(where, timeout=TIMEOUT_S).status_code == 200
