"""Every level of the sandbox that works on this machine keeps its promises, and nothing outlives its step."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mock_server.adapters.runner import NoSandboxError, Runner, RunSession, Sandbox, choose_level
from mock_server.adapters.sandbox_levels import LEVELS, Level
from mock_server.domain.lifecycle import Status
from mock_server.domain.runs import Commands
from mock_server.tests.engine import eventually, new_place, new_session, processes_with, rest, run, text

# Ways to slip away: each leaves a process that has MARK among its arguments and would sleep on.
_ESCAPES = {
    "background": "bash -c 'sleep 300; :' MARK &",
    "nohup": "nohup bash -c 'sleep 300; :' MARK > /dev/null 2>&1 &",
    "setsid": "setsid bash -c 'sleep 300; :' MARK > /dev/null 2>&1 < /dev/null &",
    "daemon": "(setsid bash -c '(bash -c \"sleep 300; :\" MARK &) ; exit' &) > /dev/null 2>&1;",
    "deaf": "bash -c 'trap \"\" TERM INT HUP QUIT; sleep 300; :' MARK &",
    "tree": "f() { (( $1 )) && { f $(( $1 - 1 )) & f $(( $1 - 1 )) & }; bash -c 'sleep 300; :' MARK; }; f 3 &",
    "bare": "env -i setsid bash -c 'exec >&- 2>&- <&-; sleep 300; :' MARK &",
}


def _sandbox(level: Level) -> Sandbox:
    try:
        return choose_level([level])
    except NoSandboxError as error:
        pytest.skip(f"level {level.number} does not work on this machine: {error}")


@pytest.fixture(scope="module", name="runner", params=LEVELS, ids=lambda level: str(level.name))
def fixture_runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Give an engine for each level."""
    with Runner(_sandbox(request.param)) as runner:
        yield runner


@pytest.fixture(name="session")
def fixture_session(runner: Runner) -> Iterator[RunSession]:
    """Give a session at that level."""
    with new_session(runner) as session:
        yield session


@pytest.fixture(name="mark")
def fixture_mark() -> str:
    """Give a word that no other process has."""
    return f"mark-{secrets.token_hex(6)}"


def test_commands_are_not_root_and_cannot_become_it(session: RunSession) -> None:
    """The uid is not 0 inside or outside, there are no capabilities, and set-user-id programs give none (EX-21)."""
    seen = text(run(session, "id -u; id -ru; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status")).split()
    assert "0" not in seen[:2]
    assert seen[seen.index("CapEff:") + 1] == "0" * 16
    assert seen[seen.index("NoNewPrivs:") + 1] == "1"
    assert run(session, "sudo -n true || su -c true < /dev/null")[-1].exit_code != 0


def test_what_background_children_used_counts(session: RunSession) -> None:
    """CPU time of processes that outlived their shell, and were killed for it, is the session's (SE-05)."""
    burn = "import time\nwhile time.process_time() < 0.5: pass\nopen('burnt', 'w').write('yes')\nwhile True: pass"
    run(session, f'mkfifo burnt; (setsid python3 -c "{burn}" > /dev/null 2>&1 &); read < burnt')
    assert session.usage().cpu_ms >= 500


def test_ptrace_is_refused(runner: Runner, session: RunSession) -> None:
    """A program cannot be traced, not even one's own child (EX-21)."""
    if not runner.sandbox.ptrace_blocked:
        pytest.skip("the filter does not know this machine's system calls")
    script = "import ctypes as c; libc = c.CDLL(None, use_errno=True); print(libc.ptrace(0, 0, 0, 0), c.get_errno())"
    assert text(run(session, f"/usr/bin/env python3 -c '{script}'")).split() in (["-1", "1"], [])
    assert "TracerPid:\t0" in text(run(session, "cat /proc/self/status"))


def test_a_command_runs_in_its_workspace(runner: Runner, session: RunSession) -> None:
    """In /home/work where the level has it, and its files belong to the owner on the host (EX-19, UP-16, EX-24)."""
    with new_place(runner.sandbox) as place:
        other = runner.open_session(place)
        seen = text(run(other, "pwd; echo $HOME; echo made > here; echo $(< given)", build="echo x > given")).split()
        assert (place.home / "here").read_text() == "made\n"
        status = (place.home / "here").stat()
        other.close()
    home = "/home/work" if runner.sandbox.chosen.real_home else str(place.home)
    assert seen == [home, home, "x"]
    assert (status.st_uid, status.st_gid) == runner.sandbox.owner
    assert text(run(session, "ls -A")) == ""


def test_the_system_cannot_be_written(runner: Runner, session: RunSession) -> None:
    """Neither / nor what is below it, the workspace and /tmp aside."""
    wanted = "for each in / /usr /etc /var /opt; do (: > $each/made-by-test) 2>/dev/null && echo $each; done"
    assert text(run(session, wanted)) == ""
    assert run(session, "echo x > ${TMPDIR:-/tmp}/x && mktemp")[-1].exit_code == 0, runner.sandbox.name


def test_sessions_do_not_see_each_others_files(runner: Runner, session: RunSession) -> None:
    """Where folders are hidden, the other workspaces are not there at all."""
    if not runner.sandbox.chosen.real_home:
        pytest.skip("the plain level hides nothing: commands share one uid and the host's file system")
    root = Path(tempfile.gettempdir())
    hiding = Runner(replace(runner.sandbox, hidden=(root,)))
    with hiding, new_session(hiding) as other, new_place(runner.sandbox) as place:
        (place.home / "secret").write_text("x")
        assert run(other, f"cat {place.home}/secret")[-1].exit_code != 0
    assert run(session, f"ls {root} | grep batchproof-test")[-1].exit_code != 0


def test_processes_of_the_host_are_out_of_reach(runner: Runner, session: RunSession) -> None:
    """A command sees itself as one of the first processes, and the server is not to be killed."""
    if runner.sandbox.level <= 5:
        assert int(text(run(session, "echo $$"))) < 50
    run(session, f"kill -9 {os.getpid()}; kill -9 -1")
    assert text(run(session, "echo still here")) == "still here\n"


def test_the_network_is_off_where_the_level_says_so(runner: Runner, session: RunSession) -> None:
    """Levels 1, 3 and 5 have no interface but loopback."""
    if runner.sandbox.level not in {1, 3, 5}:
        pytest.skip(f"level {runner.sandbox.name} leaves the network on")
    lines = text(run(session, "cat /proc/self/net/dev")).splitlines()[2:]
    assert [line.split(":")[0].strip() for line in lines] in (["lo"], [])


def test_no_descriptor_of_the_server_is_inherited(session: RunSession) -> None:
    """A command has its three streams and no other open file."""
    assert text(run(session, "ls /proc/self/fd")).split() in (["0", "1", "2", "3"], ["0", "1", "2"])


@pytest.mark.parametrize("escape", _ESCAPES)
def test_nothing_outlives_its_step(session: RunSession, mark: str, escape: str) -> None:
    """When a step's shell has ended, so have its background children: before the result is out."""
    results = run(session, _ESCAPES[escape].replace("MARK", mark) + " sleep 0.05; exit 3")
    assert results[-1].exit_code == 3
    assert processes_with(mark) == []


@pytest.mark.parametrize("escape", _ESCAPES)
def test_nothing_outlives_its_session(runner: Runner, mark: str, escape: str) -> None:
    """After `close` has returned no process is left."""
    with new_session(runner) as session:
        session.batch(Commands(build=_ESCAPES[escape].replace("MARK", mark) + " echo; sleep 300"), "r", lambda: True)
        eventually(lambda: bool(processes_with(mark)), "the daemon never began")
    assert processes_with(mark) == []


def test_nothing_outlives_a_restart_or_a_timeout(runner: Runner, mark: str) -> None:
    """Both kill daemons too (SE-07, EX-23)."""
    slipping = _ESCAPES["daemon"].replace("MARK", mark) + " sleep 300"
    limits = replace(runner.sandbox.limits, wall_s=1)
    with Runner(replace(runner.sandbox, limits=limits), poll_s=0.1) as short, new_session(short) as session:
        assert rest(session, session.batch(Commands(exec=slipping), None))[-1].status is Status.EXEC_TIMEOUT
        assert processes_with(mark) == []
        first = session.batch(Commands(exec=slipping), None)
        session.restart()
        assert processes_with(mark) == []
        assert rest(session, session.resume(first.run_id))[-1].exit_code == 137


def test_closing_at_once_leaves_nothing(runner: Runner, mark: str) -> None:
    """However early the kill comes, while the sandbox is being made too."""
    command = _ESCAPES["daemon"].replace("MARK", mark) + " sleep 300"
    for _ in range(10):
        with new_session(runner) as session:
            session.batch(Commands(exec=command), None, client_gone=lambda: True)
    eventually(lambda: processes_with(mark) == [], "something was left")


def test_a_killed_server_leaves_no_process(runner: Runner, mark: str) -> None:
    """SIGKILL to the server ends all that it ran, daemons too."""
    server = textwrap.dedent(f"""
        from mock_server.adapters.runner import Runner, choose_level
        from mock_server.domain.runs import Commands
        from mock_server.tests.engine import new_session
        with Runner(choose_level(force={runner.sandbox.name!r}), poll_s=60) as runner, new_session(runner) as session:
            session.batch(Commands(build={_ESCAPES["daemon"].replace("MARK", mark) + " sleep 300"!r}), None)
    """)
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o711)
        process = subprocess.Popen([sys.executable, "-c", server], env={**os.environ, "TMPDIR": scratch})
        eventually(lambda: bool(processes_with(mark)), "the daemon never began")
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(lambda: processes_with(mark) == [], "a daemon outlived its server")


def test_the_first_level_that_works_is_chosen_and_says_why_not_a_better_one() -> None:
    """A level whose program fails is passed over, with the reason; a forced one that is not there is refused."""
    broken = replace(LEVELS[0], name="broken", argv=lambda _job: ["false"])
    rooted = replace(LEVELS[0], name="rooted", argv=lambda _job: ["sh", "-c", "echo /home/work; echo 0"])
    blind = replace(LEVELS[0], name="blind", argv=lambda _job: ["sh", "-c", "echo /home/work; echo 1"])
    chosen = choose_level([broken, rooted, blind, LEVELS[5]])
    assert chosen.name == "plain"
    assert [line.partition(":")[0] for line in chosen.why_not_better] == ["broken", "rooted", "blind"]
    with pytest.raises(NoSandboxError, match="broken: exit code 1"):
        choose_level([broken])
    with pytest.raises(NoSandboxError, match="the levels are: 1 bwrap-full"):
        choose_level(force="best")


def test_a_program_that_is_not_installed_is_a_reason() -> None:
    """A missing bwrap is told, not raised."""
    missing = replace(LEVELS[0], argv=lambda _job: ["no-such-sandbox"])
    with pytest.raises(NoSandboxError, match="No such file"):
        choose_level([missing])
