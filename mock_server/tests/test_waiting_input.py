"""Programs that wait for input (EX-18): real ones, unchanged, in the best sandbox of this machine."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.adapters import input_blocks
from mock_server.adapters.runner import NoSandboxError, PrintOrder, Runner, RunSession, choose_level
from mock_server.adapters.sandbox_levels import LEVELS, Level
from mock_server.adapters.terminal import lines
from mock_server.domain.lifecycle import Status
from mock_server.domain.runs import Commands, NotWaitingForInput, RunResult
from mock_server.tests.engine import DEADLINE_S, new_place, new_session, rest, run, text

POLL_S = 0.2
SCANF = r"""
#include <stdio.h>
int main(void) {
    int left, right;
    printf("two numbers: "), fflush(stdout);
    if (scanf("%d %d", &left, &right) != 2) return 1;
    printf("%d\n", left + right);
}
"""
BETWEEN = {Status.CONTINUED, Status.BUILD_FINISHED, Status.CLEAN_FINISHED}


@pytest.fixture(scope="module", name="runner")
def fixture_runner() -> Iterator[Runner]:
    """Give an engine of the best level whose calls answer soon."""
    if not input_blocks.known_here():
        pytest.skip("this kernel does not tell who reads its terminal")
    with Runner(choose_level(), poll_s=POLL_S) as runner:
        yield runner


@pytest.fixture(name="session")
def fixture_session(runner: Runner) -> Iterator[RunSession]:
    """Give a session of its own."""
    with new_session(runner) as session:
        yield session


def settle(session: RunSession, first: RunResult) -> list[RunResult]:
    """Fetch results until the run ends or asks; return them all."""
    results = [first]
    until = time.monotonic() + DEADLINE_S
    while results[-1].status in BETWEEN:
        assert time.monotonic() < until, f"the run neither ended nor asked: {results[-1]}"
        results.append(session.resume(first.run_id))
    return results


def start(session: RunSession, command: str, *, build: str = "") -> list[RunResult]:
    """Start a run and fetch results until it ends or asks."""
    return settle(session, session.batch(Commands(None, build, command), None))


def answer(session: RunSession, before: list[RunResult], typed: str) -> list[RunResult]:
    """Answer the last question; fetch results until the run ends or asks again."""
    return settle(session, session.give_input(before[-1].run_id, typed))


def is_question(result: RunResult, *, is_password: bool = False) -> bool:
    """Say whether a result is `waiting-input` with these options, and without an exit code (EX-13)."""
    expected = (Status.WAITING_INPUT, {"is_password": is_password}, None)
    return (result.status, result.options, result.exit_code) == expected


def is_end(result: RunResult) -> bool:
    """Say whether a result is a good end."""
    return (result.status, result.exit_code, result.options) == (Status.FINISHED, 0, None)


def program_in_c(session_home: Path, tmp_path: Path) -> str:
    """Compile the program that reads by scanf; return the command that runs it."""
    if not shutil.which("gcc"):
        pytest.skip("there is no C compiler here")
    (tmp_path / "ask.c").write_text(SCANF)
    subprocess.run(["gcc", "-o", session_home / "ask", tmp_path / "ask.c"], check=True)  # noqa: S607
    return "./ask"


@pytest.mark.parametrize(
    ("command", "prompt", "typed", "printed"),
    [
        ("read x; echo got $x", "", "an answer", "got an answer\n"),
        ("read -p 'name? ' x; echo hello $x", "name? ", "Bob", "hello Bob\n"),
        ("select x in red blue; do echo $x; break; done", "1) red\n2) blue\n#? ", "2", "blue\n"),
        ("read -n 1 x; echo got $x", "", "yes", "got y\n"),
        ("read -t 20 x; echo got $x", "", "soon", "got soon\n"),
        ("read x < /dev/stdin; echo got $x", "", "it", "got it\n"),
        ("read x < /dev/tty; echo got $x", "", "it", "got it\n"),
        ("head -n 1", "", "line", "line\n"),
        ("bash -c 'bash -c \"read x; echo \\$x\"'", "", "deep", "deep\n"),
        ("read x | cat; echo over", "", "any", "over\n"),
        ("""python3 -c 'print(input("? ").upper())'""", "? ", "abc", "ABC\n"),
        ("""python3 -c 'import sys; print(sys.stdin.readline().upper())'""", "", "abc", "ABC\n\n"),
        ("""python3 -c 'import select; select.select([0], [], []); print(input())'""", "", "abc", "abc\n"),
        (
            """python3 -c 'import select as s; p = s.poll(); p.register(0, 1); p.poll(); print(input())'""",
            "",
            "a",
            "a\n",
        ),
        (
            """python3 -c 'import select as s; p = s.epoll(); p.register(0, 1); p.poll(); print(input())'""",
            "",
            "a",
            "a\n",
        ),
    ],
    ids=lambda value: value.replace("/", "-") if value.startswith(("read", "select", "head", "bash", "python")) else "",
)
def test_a_program_that_reads_gets_the_answer(
    session: RunSession, command: str, prompt: str, typed: str, printed: str
) -> None:
    """The prompt comes with the question, the answer with a newline, and no echo of it is printed."""
    asked = start(session, command)
    assert is_question(asked[-1])
    assert text(asked, "stdout") + text(asked, "stderr") == prompt
    ended = answer(session, asked, typed)
    assert is_end(ended[-1])
    assert text(ended) == printed


@pytest.mark.parametrize(
    ("command", "prompt"),
    [
        ("read -s -p 'secret: ' x; echo $x", "secret: "),
        ("python3 -c 'import getpass; print(getpass.getpass(\"secret: \"))'", "secret: "),
        ("stty -echo; echo -n 'secret: ' >&2; read x; stty echo; echo $x", "secret: "),
    ],
    ids=["bash", "getpass", "stty"],
)
def test_a_password_is_told_from_other_input(session: RunSession, command: str, prompt: str) -> None:
    """Where the program turned echo off, `is_password` is true."""
    asked = start(session, command)
    assert is_question(asked[-1], is_password=True)
    assert text(asked, "stderr") == prompt
    ended = answer(session, asked, "hush")
    assert is_end(ended[-1])
    assert text(ended) == "hush\n"


def test_a_program_in_c_reads_by_scanf(runner: Runner, tmp_path: Path) -> None:
    """Also over two lines, for scanf goes on reading."""
    with new_place(runner.sandbox) as place:
        command = program_in_c(place.home, tmp_path)
        session = runner.open_session(place)
        asked = start(session, command)
        assert is_question(asked[-1])
        assert text(asked) == "two numbers: "
        again = answer(session, asked, "40")
        assert is_question(again[-1])
        ended = answer(session, again, "2")
        session.close()
    assert is_end(ended[-1])
    assert text(ended) == "42\n"


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: str(level.name))
def test_every_level_has_a_terminal_and_exact_order(level: Level) -> None:
    """What is promised of reading and of print order holds in each sandbox that works here (CN-08)."""
    try:
        sandbox = choose_level([level])
    except NoSandboxError as error:
        pytest.skip(f"level {level.number} does not work on this machine: {error}")
    with Runner(sandbox, poll_s=POLL_S) as runner, new_session(runner) as session:
        asked = start(session, "read x; read -s y < /dev/tty; for i in 1 2 3; do echo $x; echo $y >&2; done")
        again = answer(session, asked, "o")
        ended = answer(session, again, "e")
        kept, _ = runner.print_order_kept
    assert is_question(asked[-1])
    assert is_question(again[-1], is_password=True)
    assert is_end(ended[-1])
    if kept is PrintOrder.EXACT:
        printed = [piece for each in ended for piece in each.console]
        assert printed == [("stdout", "o\n"), ("stderr", "e\n")] * 3


def test_each_question_is_asked_once(session: RunSession) -> None:
    """Name, password, name: three questions, each with its own prompt and option."""
    results = start(session, "read -p 'a? ' a; read -s -p 'b? ' b; read -p 'c? ' c; echo $a-$b-$c")
    for prompt, is_password, typed in (("a? ", False, "one"), ("b? ", True, "two"), ("c? ", False, "three")):
        assert is_question(results[-1], is_password=is_password)
        assert text(results, "stderr") == prompt
        results = answer(session, results, typed)
    assert is_end(results[-1])
    assert text(results) == "one-two-three\n"


def test_a_loop_asks_for_every_line(session: RunSession) -> None:
    """`while read` waits again after each."""
    results = start(session, "while read -r x && [[ $x != stop ]]; do echo got $x; done")
    for typed in ("one", "two", "three"):
        assert is_question(results[-1])
        results = answer(session, results, typed)
        assert text(results) == f"got {typed}\n"
    assert is_end(answer(session, results, "stop")[-1])


def test_lines_given_together_are_read_one_by_one(session: RunSession) -> None:
    """By different programs too: none swallows the next one's line."""
    asked = start(session, "read a; head -n 1; python3 -c 'print(input())'; echo $a")
    ended = answer(session, asked, "one\ntwo\nthree\n")
    assert is_end(ended[-1])
    assert text(ended) == "two\nthree\none\n"


def test_silence_after_an_answer_is_not_a_question(session: RunSession) -> None:
    """A program that works on is `continued`."""
    asked = start(session, "read x; sleep 1; echo $x")
    assert is_question(asked[-1])
    results = [session.give_input(asked[-1].run_id, "it")]
    results += rest(session, results[-1])[1:]
    assert {each.status for each in results} == {Status.CONTINUED, Status.FINISHED}
    assert text(results) == "it\n"


@pytest.mark.parametrize(
    "command",
    [
        "sleep 1",
        "sleep 1 | cat",
        "(sleep 1; echo x) | { read x; echo $x; }",
        "cat & sleep 1; wait",
        "while read x; do sleep 1; done < /etc/hostname",
        "exec 0< /dev/null; read x; sleep 1",
        "read -t 0.01 x; sleep 1",
        "mkfifo pipe; (sleep 1; echo x > pipe) & read x < pipe",
        "for i in {1..20}; do sleep 0.05; echo $i; done",
        "python3 -c 'import time, sys; sys.stdin.fileno(); time.sleep(1)'",
    ],
)
def test_a_program_that_does_not_read_its_stdin_is_not_asked_for(session: RunSession, command: str) -> None:
    """A pipeline's inner reader, a background job, a sleeper, a file, a read that gave up: none is a question."""
    results = run(session, command)
    assert {each.status for each in results} <= {Status.CONTINUED, Status.BUILD_FINISHED, Status.FINISHED}
    assert results[-1].status is Status.FINISHED


def test_a_question_stays_until_it_is_answered(session: RunSession) -> None:
    """`continue` answers `waiting-input` again, after its poll; then the answer still comes through."""
    asked = start(session, "read -p '? ' x; echo $x")
    for _ in range(3):
        again = session.resume(asked[-1].run_id)
        assert is_question(again)
        assert again.console == ()
    assert text(answer(session, asked, "late")) == "late\n"


def test_a_build_may_ask_too(session: RunSession) -> None:
    """Its question comes before `build-finished`."""
    asked = start(session, "echo exec", build="read -p '? ' x; echo $x")
    assert [each.status for each in asked if each.status is not Status.CONTINUED] == [Status.WAITING_INPUT]
    results = answer(session, asked, "built")
    told = [(each.status, text([each])) for each in results if each.status is not Status.CONTINUED]
    assert told == [(Status.BUILD_FINISHED, "built\n"), (Status.FINISHED, "exec\n")]


@pytest.mark.parametrize(
    "typed", ["", "\n", "ctrl-c \x03 ctrl-d \x04 ctrl-z \x1a ctrl-s \x13 del \x7f", "tab\tcr\rnul", "ä€𝄞"]
)
def test_an_answer_arrives_byte_for_byte(session: RunSession, typed: str) -> None:
    """No control character is taken for a command, nothing is edited."""
    asked = start(session, "head -n 1 | od -An -v -tx1 | tr -d ' \\n'")
    ended = answer(session, asked, typed)
    assert bytes.fromhex(text(ended)) == (typed if typed.endswith("\n") else typed + "\n").encode()


def test_a_long_answer_arrives_whole(session: RunSession) -> None:
    """More than the kernel keeps for a terminal, read slowly or fast."""
    for command in ("read x; echo ${#x}", "python3 -c 'print(len(input()))'"):
        asked = start(session, command)
        assert text(answer(session, asked, "x" * 200_000)) == "200000\n"


def test_waiting_is_not_counted_in_the_time_limit(runner: Runner) -> None:
    """EX-23: the program's own time is, before and after."""
    limits = replace(runner.sandbox.limits, wall_s=1.0)
    sandbox = replace(runner.sandbox, limits=limits)
    with Runner(sandbox, poll_s=2.0) as slow, new_session(slow) as session:
        asked = start(session, "read x; echo $x; sleep 60")
        assert is_question(session.resume(asked[-1].run_id))  # after its poll: twice the limit
        results = answer(session, asked, "still here")
    assert text(results) == "still here\n"
    assert results[-1].status is Status.EXEC_TIMEOUT


def test_a_program_that_stops_waiting_is_waited_for_no_more(session: RunSession) -> None:
    """`read -t` gives up after its time, and the run goes on by itself."""
    asked = start(session, "read -t 1 x; echo gave up; sleep 0.5")
    assert is_question(asked[-1])
    results = rest(session, session.resume(asked[-1].run_id))
    assert results[-1].status is Status.FINISHED
    assert text(results) == "gave up\n"


def test_input_that_nobody_waits_for_is_refused(session: RunSession) -> None:
    """The text is not kept for later."""
    first = session.batch(Commands(exec="sleep 1"), None)
    while first.status is not Status.CONTINUED:
        first = session.resume(first.run_id)
    with pytest.raises(NotWaitingForInput):
        session.give_input(first.run_id, "too early")
    assert rest(session, first)[-1].exit_code == 0


def test_a_waiting_run_can_be_cut_off(session: RunSession) -> None:
    """By a restart, as any other run (SE-07)."""
    asked = start(session, "read x")
    session.restart()
    last = session.resume(asked[-1].run_id)
    assert (last.status, last.exit_code) == (Status.FINISHED, 137)
    assert text(run(session, "echo on")) == "on\n"


def test_without_input_programs_read_nothing(runner: Runner) -> None:
    """Then stdin is empty, there is no terminal, and no run waits."""
    with Runner(runner.sandbox, poll_s=POLL_S, takes_input=False) as deaf, new_session(deaf) as session:
        results = run(session, "read x || echo empty; [[ -t 0 ]] || echo no terminal; : < /dev/tty")
    assert {each.status for each in results} <= {Status.CONTINUED, Status.BUILD_FINISHED, Status.FINISHED}
    assert text(results) == "empty\nno terminal\n"


@given(st.text())
def test_every_text_is_typed_as_lines(typed: str) -> None:
    """Joined they are the text with a newline at its end; each but its own end holds no newline."""
    sent = list(lines(typed))
    whole = typed.encode(errors="replace")
    assert b"".join(sent) == whole + (b"" if typed.endswith("\n") else b"\n")
    assert all(line.index(b"\n") == len(line) - 1 for line in sent)


def test_a_forgotten_question_ends_when_others_wait_for_the_session(
    session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that waits for input, and that nobody asks about, gives way to the next run, and says so (EX-31)."""
    monkeypatch.setattr("mock_server.adapters.runner_session.ABANDONED_S", 0.5)
    asking = settle(session, session.batch(Commands(exec="read -r line"), "forgotten"))[-1]
    assert asking.status is Status.WAITING_INPUT
    assert text(run(session, "echo next")) == "next\n"
    last = rest(session, session.resume("forgotten"))[-1]
    assert (last.status, last.exit_code) == (Status.FINISHED, 137)
    assert "nobody asked about it" in text([last], "stderr")


def test_a_question_that_is_asked_about_stays(session: RunSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody asks about it, a run that waits for input keeps its place before the others (EX-18, EX-22)."""
    monkeypatch.setattr("mock_server.adapters.runner_session.ABANDONED_S", 2 * POLL_S)
    asking = settle(session, session.batch(Commands(exec="read -r line; echo $line"), "asking"))[-1]
    queued = session.batch(Commands(exec="echo next"), "queued")
    for _ in range(10):
        asking = session.resume("asking")
        assert asking.status is Status.WAITING_INPUT
    assert text(rest(session, session.give_input("asking", "yes"))) == "yes\n"
    assert text(rest(session, queued)) == "next\n"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give up a capability")
def test_root_without_ptrace_looks_as_the_commands_user() -> None:
    """Where root may not look at others' processes, as in many containers, input is noticed all the same."""
    program = textwrap.dedent("""
        from mock_server.adapters.runner import Runner, choose_level
        from mock_server.domain.runs import Commands
        from mock_server.tests.engine import new_session, rest, text
        from mock_server.tests.test_waiting_input import settle
        with Runner(choose_level(), poll_s=0.2) as runner, new_session(runner) as session:
            settle(session, session.batch(Commands(exec="read -r x; echo got $x"), "a"))
            print(text(rest(session, session.give_input("a", "it"))))
    """)
    without = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", "--"]
    done = subprocess.run(
        [*without, sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("got it", 0), done.stderr
