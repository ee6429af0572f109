"""Each limit of a run ends it, or fails a program's call, in a way of its own that can be told from the others."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mock_server.adapters.runner import Limits, NoSandboxError, Runner, Sandbox, choose_level
from mock_server.domain.lifecycle import Status
from mock_server.domain.runs import Commands, RunResult
from mock_server.tests.engine import new_place, new_session, rest, run, text

_MIB = 1024 * 1024
_LEVELS = ("best", "plain")


@pytest.fixture(scope="module", name="sandbox", params=_LEVELS)
def fixture_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Give the best level of this machine, and the one that works everywhere."""
    try:
        yield choose_level(force=None if request.param == "best" else request.param)
    except NoSandboxError as error:
        pytest.skip(str(error))


def limited(sandbox: Sandbox, limits: Limits, command: str) -> tuple[RunResult, str, str]:
    """Run a command under some limits; return its last result, and all that it wrote to stdout and to stderr."""
    with Runner(replace(sandbox, limits=limits), poll_s=0.5) as runner, new_session(runner) as session:
        results = run(session, command)
        return results[-1], text(results), text(results, "stderr")


def test_wall_time(sandbox: Sandbox) -> None:
    """`exec-timeout`, no code, and a line that names the limit (EX-23)."""
    last, _, said = limited(sandbox, Limits(wall_s=1), "sleep 100")
    assert (last.status, last.exit_code) == (Status.EXEC_TIMEOUT, None)
    assert said == "batchproof-mock: killed: the run took more than 1 s\n"


def test_cpu_time(sandbox: Sandbox) -> None:
    """152, as SIGXCPU ends a process, and a line that names the limit."""
    last, _, said = limited(sandbox, Limits(cpu_s=1), "exec python3 -S -c 'while True: pass'")
    assert last.exit_code == 152
    assert "batchproof-mock: killed: more than 1 s of CPU time" in said


def test_memory(sandbox: Sandbox) -> None:
    """The program's allocation fails, and it says so itself; the next one gets memory again."""
    _, out, said = limited(
        sandbox, Limits(memory_bytes=256 * _MIB), "python3 -S -c 'bytearray(10**9)' || echo failed; echo on"
    )
    assert "MemoryError" in said
    assert out == "failed\non\n"


def test_processes(sandbox: Sandbox) -> None:
    """A fork bomb cannot fork beyond the limit, and is gone with its run."""
    last, _, said = limited(sandbox, Limits(processes=30, wall_s=4), "f() { f | f & }; f; sleep 1; wait; exit 0")
    assert last.status in {Status.FINISHED, Status.EXEC_TIMEOUT}
    assert "Resource temporarily unavailable" in said


def test_file_size(sandbox: Sandbox) -> None:
    """153, as SIGXFSZ ends a process, and a line that names the limit."""
    last, _, said = limited(sandbox, Limits(file_size_bytes=_MIB), "exec head -c 2M /dev/zero > big")
    assert last.exit_code == 153
    assert f"batchproof-mock: killed: a file of more than {_MIB} bytes" in said


@pytest.mark.parametrize("code", [137, 152, 153])
def test_a_program_that_chooses_such_a_code_itself_is_not_explained(sandbox: Sandbox, code: int) -> None:
    """Nothing is added to what a program wrote where no limit ended it (CN-06)."""
    last, out, said = limited(sandbox, Limits(), f"echo mine; exit {code}")
    assert (last.exit_code, out, said) == (code, "mine\n", "")


def test_open_files(sandbox: Sandbox) -> None:
    """Opening one more fails, and the program says so itself."""
    source = 'files = []\nwhile len(files) < 100: files.append(open("/dev/null"))'
    last, _, said = limited(sandbox, Limits(open_files=64), f"python3 -S -c '{source}'")
    assert last.exit_code == 1
    assert "Too many open files" in said


def test_output(sandbox: Sandbox) -> None:
    """137, and a line that names the limit."""
    last, _, said = limited(sandbox, Limits(output_bytes=_MIB), "yes")
    assert last.exit_code == 137
    assert said.endswith(f"batchproof-mock: killed: more than {_MIB} bytes of output\n")


def test_a_sandbox_that_cannot_be_set_up_is_the_servers_fault(sandbox: Sandbox) -> None:
    """A negative code, which no program ends with, and the reason (EX-16); a program's own 1 stays a 1."""
    if not sandbox.chosen.real_home:
        pytest.skip("nothing is mounted at this level")
    with Runner(sandbox) as runner, new_place(sandbox) as place:
        session = runner.open_session(place)
        assert run(session, "exit 1")[-1].exit_code == 1
        place.home.rmdir()
        results = rest(session, session.batch(Commands(exec="true"), None))
        session.close()
        place.home.mkdir()
    assert results[-1].exit_code == -1
    assert "the sandbox could not be set up" in text(results, "stderr")


def test_all_that_can_be_written_is_in_the_workspace(sandbox: Sandbox) -> None:
    """No memory file system takes files that nobody counts."""
    if not sandbox.chosen.real_home:
        pytest.skip("commands see the host's file systems at this level")
    tries = "for each in $(awk '{print $2}' /proc/mounts); do (: > $each/made) 2>/dev/null && echo $each; done"
    _, out, _ = limited(sandbox, Limits(), tries)
    assert set(out.split()) <= {"/home/work", "/tmp", "/var/tmp", "/dev/shm"}
    _, out, _ = limited(
        sandbox, Limits(), "for each in /tmp /var/tmp /dev/shm; do ls $each; done; touch /dev/shm/x; ls /tmp"
    )
    assert out == "x\n"
