"""What a session used, and how much it may: measured, and enforced (SE-05, SE-06)."""

import resource
from typing import Any, Final

import pytest

from mock_server.tests.support import Client

TAKE: Final = "python3 -c 'import sys; held = b\"x\" * (int(sys.argv[1]) << 20); print(len(held) >> 20)' {}"


def stats(client: Client, path: str) -> dict[str, Any]:
    """End a session; give what it used."""
    used: dict[str, Any] = client.send("DELETE", path).json()["stats"]
    return used


def test_the_end_of_a_session_tells_what_it_used(client: Client) -> None:
    """CPU time of finished runs, the largest process, and runs are counted, over a restart too (SE-06, SE-07)."""
    path = client.create()
    own_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10  # below it, a child's peak cannot be told
    taken_mib = own_mib + 200
    client.run(path, TAKE.format(taken_mib))
    client.send("PATCH", path)
    client.run(path, "for ((i=0; i<100000; i++)); do :; done")
    credit_ms = client.send("GET", path).json()["cpuCreditUsed"]
    used = stats(client, path)
    assert used["num_runs"] == 2
    assert used["cpu_used"] == credit_ms > 0
    assert used["mem_max_bytes"] >= taken_mib << 20


def test_a_session_that_did_nothing_used_nothing(client: Client) -> None:
    """What was not used is zero, and what was not measured is left out (SE-06)."""
    assert stats(client, client.create()) == {"cpu_used": 0, "io_read_bytes": 0, "io_write_bytes": 0, "num_runs": 0}


def test_cpu_time_of_killed_processes_counts(client: Client) -> None:
    """What a run uses counts while it goes on, and after a restart cut it off (SE-05, SE-07)."""
    path = client.create()
    script = "import time\nwhile time.process_time() < 0.2: pass\nprint('burnt', flush=True)\nwhile True: pass"
    body = {"mode": "batch", "runId": None, "options": {"exec": f'python3 -c "{script}" & wait'}}
    result = client.execute(path, body)
    while ["stdout", "burnt\n"] not in result["console"]:
        assert result["status"] in {"build-finished", "continued"}
        result = client.execute(path, {"mode": "continue", "runId": result["runId"]})
    running_ms = client.send("GET", path).json()["cpuCreditUsed"]
    client.send("PATCH", path)
    assert client.send("GET", path).json()["cpuCreditUsed"] >= running_ms >= 100
    client.send("DELETE", path)


@pytest.mark.parametrize(("asked", "given_mib"), [({"instanceMemory": 128}, 128), ({"instanceMemory": 1}, 64)])
def test_the_memory_limit_is_kept(client: Client, asked: dict[str, Any], given_mib: int) -> None:
    """A process cannot take more memory than `memoryLimit`: what was asked, but 64 MiB at least (SE-05)."""
    path = client.create(config=asked)
    assert client.send("GET", path).json()["memoryLimit"] == given_mib * 1024
    assert client.run(path, TAKE.format(given_mib // 4))["console"] == f"{given_mib // 4}\n"
    assert "MemoryError" in client.run(path, TAKE.format(given_mib + 1))["console"]
    client.send("DELETE", path)
