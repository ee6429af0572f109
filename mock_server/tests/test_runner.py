"""The run engine, with real processes in the best sandbox of this machine."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import pytest

from mock_server.adapters.runner import Limits, Runner, RunSession, choose_level
from mock_server.domain.lifecycle import Status
from mock_server.domain.runs import Commands, NotWaitingForInput, SessionEnded, UnknownRun
from mock_server.tests.engine import new_session, rest, run, text

_SHORT_POLL_S = 0.1


@pytest.fixture(scope="module", name="runner")
def fixture_runner() -> Iterator[Runner]:
    """Give an engine of the best level."""
    with Runner(choose_level()) as runner:
        yield runner


@pytest.fixture(name="session")
def fixture_session(runner: Runner) -> Iterator[RunSession]:
    """Give a session of its own."""
    with new_session(runner) as session:
        yield session


@pytest.fixture(name="hasty")
def fixture_hasty(runner: Runner) -> Iterator[RunSession]:
    """Give a session whose calls answer after a tenth of a second."""
    with Runner(runner.sandbox, poll_s=_SHORT_POLL_S) as other, new_session(other) as session:
        yield session


def _limited(runner: Runner, limits: Limits) -> Runner:
    return Runner(replace(runner.sandbox, limits=limits), poll_s=_SHORT_POLL_S)


def test_steps_run_in_order_and_say_so(session: RunSession) -> None:
    """Clean, build, exec, each with its own output and its own code (EX-06, EX-10, EX-14)."""
    results = run(session, "echo e; exit 7", build="echo b", clean="echo c; exit 3")
    assert [(each.status, each.exit_code, each.console) for each in results] == [
        (Status.CLEAN_FINISHED, 3, (("stdout", "c\n"),)),
        (Status.BUILD_FINISHED, 0, (("stdout", "b\n"),)),
        (Status.FINISHED, 7, (("stdout", "e\n"),)),
    ]


def test_a_skipped_build_is_reported_and_a_skipped_clean_is_not(session: RunSession) -> None:
    """EX-11, as the mock reads it."""
    assert [each.status for each in run(session, "true")] == [Status.BUILD_FINISHED, Status.FINISHED]


def test_a_failed_build_ends_with_127_and_runs_no_exec(session: RunSession) -> None:
    """EX-15, with and without an exec."""
    for command in ("echo no", ""):
        results = run(session, command, build="exit 4")
        assert [each.exit_code for each in results] == [4, 127]
        assert text(results) == ""


def test_nothing_to_run_finishes_with_0(session: RunSession) -> None:
    """A skipped exec after a good build (EX-07, EX-27)."""
    assert [each.exit_code for each in run(session, "")] == [0, 0]
    assert [each.exit_code for each in run(session, "", build="true")] == [0, 0]


@pytest.mark.parametrize(("command", "code"), [("kill -9 $$", 137), ("kill -SEGV $$", 139), ("no-such-program", 127)])
def test_the_code_of_a_killed_program_is_128_and_the_signal(session: RunSession, command: str, code: int) -> None:
    """EX-14, EX-16."""
    assert run(session, command)[-1].exit_code == code


def test_the_environment_is_the_documented_one_and_the_sessions_own(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EX-20 and SE-09, names that mean something to bash included, and nothing of the server's."""
    monkeypatch.setenv("SERVER_SECRET", "leaked")
    own = {"PLAIN": "a b\n'c'", "BASH_ENV": "/dev/null", "UID": "7", "not-a-name": "x", "LD_PRELOAD": ""}
    with new_session(runner, **own) as session:
        seen = dict(line.split("=", 1) for line in text(run(session, "env -0")).split("\0") if line)
    expected = {"TERM": "xterm", "LANG": "C.UTF-8", "SHELL": "/bin/bash", "USER": "work"} | own
    del expected["UID"]  # bash gives its own
    assert {key: seen.get(key) for key in expected} == expected
    assert "SERVER_SECRET" not in seen


def test_a_start_up_file_named_by_the_session_is_read_once(runner: Runner) -> None:
    """Of all bashes between the server and the command, only the command's reads BASH_ENV (SE-09)."""
    with new_session(runner, BASH_ENV="rc") as session:
        run(session, "echo 'echo started' > rc")
        assert text(run(session, "echo ran")) == "started\nran\n"


def test_a_long_step_answers_meanwhile_with_what_it_wrote(hasty: RunSession) -> None:
    """`continued`, with each piece of output exactly once (EX-17)."""
    results = run(hasty, "for i in 1 2 3 4; do echo $i; read -t 0.15 < <(sleep 1) || :; done")
    assert Status.CONTINUED in {each.status for each in results}
    assert text(results) == "1\n2\n3\n4\n"


def test_a_character_split_over_two_writes_arrives_whole(hasty: RunSession) -> None:
    """Even with a call between its bytes (CN-02); one that never ends becomes U+FFFD."""
    slow = r"printf '\xe2\x82'; read -t 0.3 < <(sleep 1) || :; printf '\xac\r\0 \xed\xa0\x80 \xe2\x82'"
    joined = text(run(hasty, slow))
    assert joined.startswith("€\r\0 ")
    assert joined.endswith(" \ufffd")
    joined.encode()


def test_output_past_the_limit_is_dropped_for_each_stream(session: RunSession) -> None:
    """524,288 characters of either stream, and the run goes on (CN-03)."""
    flood = "head -c 600000 /dev/zero | tr '\\0' "
    last = run(session, f"{flood} a; {flood} b >&2; exit 5")[-1]
    assert (last.status, last.exit_code) == (Status.FINISHED, 5)
    assert [(kind, len(data)) for kind, data in last.console] == [("stdout", 524_288), ("stderr", 524_288)]


def test_order_is_kept_between_commands(session: RunSession) -> None:
    """Writes of separate commands, milliseconds apart, keep their order across the two streams (CN-04, CN-05)."""
    gap = "read -t 0.02 < <(sleep 1) || :"
    last = run(session, f"for i in 1 2 3 4; do echo o$i; {gap}; echo e$i >&2; {gap}; done")[-1]
    assert [data for _, data in last.console] == [f"{kind}{i}\n" for i in (1, 2, 3, 4) for kind in "oe"]
    assert all(len(list(group)) == 1 for _, group in groupby(kind for kind, _ in last.console))


def test_output_can_be_opened_again_by_name(session: RunSession) -> None:
    """`> /dev/stdout` and `> /dev/stderr` work, though another user made the pipes."""
    results = run(session, "echo a > /dev/stdout; echo b > /dev/stderr")
    assert (text(results), text(results, "stderr")) == ("a\n", "b\n")


def test_two_clients_of_one_run_share_its_output(hasty: RunSession) -> None:
    """Concurrent calls get every piece exactly once between them, and both learn the end (EX-17)."""
    first = hasty.batch(Commands(exec="for i in {1..300}; do echo $i; read -t 0.002 < <(sleep 1) || :; done"), "r")
    parts = [[first], []]

    def fetch(mine: list[object]) -> None:
        while True:
            try:
                mine.append(hasty.resume("r"))
            except UnknownRun:
                return

    threads = [threading.Thread(target=fetch, args=(mine,)) for mine in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for mine in parts for each in mine for line in text([each]).split("\n") if line]
    assert sorted(lines, key=int) == [str(i) for i in range(1, 301)]


def test_output_for_a_client_that_left_goes_to_the_next_call(session: RunSession) -> None:
    """Nothing is taken for a client that is gone (EX-17, EX-31)."""
    gone = session.batch(Commands(build="echo kept"), "r", client_gone=lambda: True)
    assert (gone.status, gone.console) == (Status.CONTINUED, ())
    assert text(rest(session, session.resume("r"))) == "kept\n"


def test_overlapping_runs_are_processed_in_turn(hasty: RunSession) -> None:
    """First in, first out, each with its own output only (EX-22)."""
    script = "echo $0 {0} >> log; read -t 0.3 < <(sleep 1) || :; echo {0}; echo done {0} >> log"
    firsts = [hasty.batch(Commands(exec=script.format(name)), name) for name in "abc"]
    outputs = [text(rest(hasty, first)) for first in firsts]
    assert outputs == ["a\n", "b\n", "c\n"]
    words = [line.split()[-1] for line in text(run(hasty, "cat log")).splitlines()]
    assert words == list("aabbcc")


def test_an_unfinished_runs_id_goes_on_with_it_and_a_finished_ones_starts_anew(session: RunSession) -> None:
    """EX-29: the same batch call again is a poll, until the end."""
    again = Commands(build="echo x >> count", exec="wc -l < count")
    results = [session.batch(again, "r")]
    assert session.newest_unfinished() == "r"
    results.append(session.batch(again, "r"))
    assert [each.status for each in results] == [Status.BUILD_FINISHED, Status.FINISHED]
    assert session.newest_unfinished() is None
    assert text(results) == "1\n"
    assert text(rest(session, session.batch(again, "r"))) == "2\n"


def test_a_run_that_is_not_there_is_refused(session: RunSession) -> None:
    """EX-25, for ids never given and for runs that were fetched to their end; input only where it was asked for."""
    with pytest.raises(UnknownRun):
        session.resume("nobody")
    done = run(session, "true")[-1]
    with pytest.raises(UnknownRun):
        session.resume(done.run_id)
    waiting = session.batch(Commands(exec="true"), None)
    with pytest.raises(NotWaitingForInput):
        session.give_input(waiting.run_id, "text")


def test_abandoned_runs_leave_the_session_usable(session: RunSession) -> None:
    """A hundred runs that nobody fetched stop none after them (EX-31)."""
    for _ in range(100):
        session.batch(Commands(), None)
    assert text(run(session, "echo here")) == "here\n"


def test_a_run_past_its_time_ends_as_a_timeout(runner: Runner) -> None:
    """`exec-timeout`, no code, what it wrote so far (EX-13, EX-23); the next run is not affected."""
    with _limited(runner, Limits(wall_s=1)) as short, new_session(short) as session:
        results = run(session, "echo begun; trap '' TERM INT; while :; do sleep 100; done")
        assert (results[-1].status, results[-1].exit_code) == (Status.EXEC_TIMEOUT, None)
        assert text(results) == "begun\n"
        assert text(run(session, "echo next")) == "next\n"


def test_waiting_in_the_queue_is_not_counted(runner: Runner) -> None:
    """A run that waited longer than the limit still has all its time (EX-23)."""
    with _limited(runner, Limits(wall_s=1.5)) as short, new_session(short) as session:
        firsts = [session.batch(Commands(exec="read -t 0.8 < <(sleep 9) || :; echo ok"), str(i)) for i in range(3)]
        assert [text(rest(session, first)) for first in firsts] == ["ok\n"] * 3


def test_a_flood_past_the_output_limit_is_killed_with_a_reason(runner: Runner) -> None:
    """The limit of output ends the step with 137 and a line on stderr."""
    with _limited(runner, Limits(output_bytes=1_000_000)) as small, new_session(small) as session:
        results = run(session, "yes")
    assert results[-1].exit_code == 137
    assert "more than 1000000 bytes of output" in text(results, "stderr")


@pytest.mark.parametrize(
    ("limits", "command", "code", "reason"),
    [
        (Limits(cpu_s=1), "while :; do :; done", 152, "more than 1 s of CPU time"),
        (Limits(cpu_s=1), "trap '' XCPU; while :; do :; done", 137, "more than 1 s of CPU time"),
        (Limits(file_size_bytes=4096), "exec head -c 9000 /dev/zero > big", 153, "a file of more than 4096 bytes"),
    ],
)
def test_a_limit_names_itself(runner: Runner, limits: Limits, command: str, code: int, reason: str) -> None:
    """CPU time and file size end a program with their own code and a line on stderr."""
    with _limited(runner, limits) as small, new_session(small) as session:
        results = run(session, command)
    assert results[-1].exit_code == code
    assert reason in text(results, "stderr")


def test_memory_processes_and_open_files_are_limited(runner: Runner) -> None:
    """What asks for more than it may have fails, and the session goes on."""
    limits = Limits(memory_bytes=200_000_000, processes=12, open_files=20)
    with _limited(runner, limits) as small, new_session(small) as session:
        assert "alloc" in text(run(session, "x=$(head -c 300000000 /dev/zero | tr '\\0' a); echo ${#x}"), "stderr")
        assert "fork" in text(run(session, "for i in {1..30}; do sleep 5 & done"), "stderr")
        assert text(run(session, "ulimit -n")) == "20\n"
        assert text(run(session, "echo fine")) == "fine\n"


def test_a_restart_ends_the_running_and_the_queued(hasty: RunSession) -> None:
    """Each as `finished`, 137 (SE-07); then the session runs again."""
    hasty.batch(Commands(build="echo built", exec="echo begun; sleep 100"), "running")
    hasty.batch(Commands(exec="echo never"), "queued")
    hasty.restart()
    running, queued = rest(hasty, hasty.resume("running")), rest(hasty, hasty.resume("queued"))
    assert [results[-1].exit_code for results in (running, queued)] == [137, 137]
    assert text(queued) == ""
    assert text(run(hasty, "echo again")) == "again\n"


def test_closing_wakes_the_calls_that_wait(session: RunSession) -> None:
    """A session deleted during a call answers that call, and refuses all later ones (SE-06)."""
    caught: list[str] = []
    begun = threading.Event()

    def wait() -> None:
        try:
            session.batch(Commands(exec="sleep 100"), "r", client_gone=lambda: begun.set() is not None)  # type: ignore[func-returns-value]
            while True:
                session.resume("r")
        except SessionEnded as error:
            caught.append(error.detail)

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(30)
    session.close()
    thread.join(30)
    assert len(caught) == 1
    with pytest.raises(SessionEnded):
        session.batch(Commands(), None)


def test_an_interrupt_reaches_the_command(hasty: RunSession) -> None:
    """SIGINT, which a program may handle (SE-11)."""
    first = hasty.batch(Commands(exec="trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done"), "r")
    results = [first]
    while "ready" not in text(results):
        results.append(hasty.resume("r"))
    hasty.interrupt()
    results = rest(hasty, hasty.resume("r"))
    assert text(results) == "caught\n"
    assert results[-1].exit_code == 9


def test_files_left_for_the_client_are_named_with_the_last_result(session: RunSession) -> None:
    """New and changed regular files below `.output`, links and pipes not (EX-26)."""
    first = run(
        session,
        "mkdir -p .output/sub; echo 1 > .output/a; echo 2 > .output/sub/b; ln -s /etc .output/l; mkfifo .output/p",
    )
    assert first[-1].files == (".output/a", ".output/sub/b")
    assert run(session, "echo more >> .output/a")[-1].files == (".output/a",)


def test_usage_counts_runs_and_their_cpu_time(session: RunSession) -> None:
    """CPU time of all that a run started, over restarts too (SE-05, SE-07)."""
    run(session, "python3 -c 'import time\nwhile time.process_time() < 0.2: pass'")
    session.restart()
    run(session, "true")
    usage = session.usage()
    assert usage.runs_started == 2
    assert usage.cpu_ms >= 100


@pytest.mark.parametrize("command", ["echo a\0b", f": {'x' * 200_000}"], ids=["nul", "long"])
def test_a_command_that_cannot_be_started_ends_its_run_alone(session: RunSession, command: str) -> None:
    """What no program can be given fails with the reason on stderr, and later runs are as ever (EX-16, EX-31)."""
    failed = run(session, command)
    assert failed[-1].exit_code == -1
    assert "cannot start" in text(failed, "stderr")
    assert text(run(session, "echo fine")) == "fine\n"
