"""The print order between stdout and stderr (CN-04, CN-08), with real programs in the best sandbox of this machine."""

import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from itertools import cycle, groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server.adapters import seccomp
from mock_server.adapters.ordering import PrintOrder
from mock_server.adapters.runner import Runner, RunSession, Sandbox, SessionPlace, choose_level
from mock_server.domain.runs import RunResult
from mock_server.tests.engine import new_place, new_session, run, text

Piece = tuple[str, str]  # (stream, text), as in a console

C_WRITER = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    for (int at = 1; at + 1 < count; at += 2) {
        const char *text = words[at + 1];
        for (size_t left = strlen(text); left;) {
            ssize_t written = write(atoi(words[at]), text, left);
            if (written < 0) return 1;
            text += written, left -= written;
        }
    }
}
"""
PYTHON_WRITER = r"""
import os, sys
for fd, text in zip(sys.argv[1::2], sys.argv[2::2]):
    while text:
        text = text[os.write(int(fd), text.encode()):]
"""
FDS = {"stdout": 1, "stderr": 2}


@pytest.fixture(scope="module", name="sandbox")
def fixture_sandbox() -> Sandbox:
    """Choose the best sandbox of this machine."""
    return choose_level()


@pytest.fixture(scope="module", name="runner")
def fixture_runner(sandbox: Sandbox) -> Iterator[Runner]:
    """Give an engine that keeps exact order."""
    with Runner(sandbox) as runner:
        kept, why_not = runner.print_order_kept
        if kept is not PrintOrder.EXACT:
            pytest.skip(f"no exact print order here: {why_not}")
        yield runner


@pytest.fixture(scope="module", name="place")
def fixture_place(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionPlace]:
    """Give a session's folders with the writers in them; the one in C only where there is a compiler."""
    with new_place(sandbox) as place:
        (place.home / "writer.py").write_text(PYTHON_WRITER)
        (place.home / "writer.py").chmod(0o644)
        if shutil.which("gcc"):
            source = tmp_path_factory.mktemp("writer") / "writer.c"
            source.write_text(C_WRITER)
            subprocess.run(["gcc", "-o", place.home / "writer", source], check=True)  # noqa: S607
        yield place


@pytest.fixture(scope="module", name="session")
def fixture_session(runner: Runner, place: SessionPlace) -> Iterator[RunSession]:
    """Give a session in that place."""
    session = runner.open_session(place)
    yield session
    session.close()


def merged(pieces: list[Piece]) -> list[Piece]:
    """Join neighbours of one stream, as a console does (CN-05)."""
    return [(stream, "".join(each for _, each in group)) for stream, group in groupby(pieces, lambda piece: piece[0])]


def printed(results: list[RunResult]) -> list[Piece]:
    """Return what a run printed, over all its results."""
    return merged([(str(stream), str(data)) for result in results for stream, data in result.console])


def quoted(text: str) -> str:
    """Quote letters for bash."""
    return f"'{text}'"


def by_shell(pieces: list[Piece]) -> str:
    """Let bash's own printf write them."""
    return "; ".join(f"printf %s {quoted(each)} >&{FDS[stream]}" for stream, each in pieces)


def by_program(program: str, pieces: list[Piece]) -> str:
    """Let a program write them that takes pairs of descriptor and text."""
    return " ".join([program, *(f"{FDS[stream]} {quoted(each)}" for stream, each in pieces)])


def by_python(pieces: list[Piece]) -> str:
    """Let one Python program write them."""
    return by_program("python3 -S writer.py", pieces)


def by_c(pieces: list[Piece]) -> str:
    """Let one C program write them, unbuffered."""
    return by_program("./writer", pieces) if shutil.which("gcc") else by_python(pieces)


def by_coreutils(pieces: list[Piece]) -> str:
    """Let a program for each write it."""
    return "; ".join(f"{shutil.which('printf')} %s {quoted(each)} >&{FDS[stream]}" for stream, each in pieces)


def with_stderr_first(pieces: list[Piece]) -> str:
    """Exchange the two descriptors, then exchange them again for each piece that asks for it."""
    swapped = [("stderr" if stream == "stdout" else "stdout", each) for stream, each in pieces]
    return f"{{ {by_shell(swapped)}; }} 3>&1 1>&2 2>&3"


WRITERS = (by_shell, by_python, by_c, by_coreutils, with_stderr_first)
SIZES = st.integers(1, 5) | st.integers(1, 30_000) | st.sampled_from([65_536, 70_000])
WRITES = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), SIZES), min_size=1, max_size=10)
# What one command line holds has to stay below the kernel's 128 KiB.
JOBS = st.lists(
    st.tuples(st.sampled_from(WRITERS), WRITES.filter(lambda writes: sum(size for _, size in writes) < 110_000)),
    min_size=1,
    max_size=3,
).filter(lambda jobs: sum(size for _, writes in jobs for _, size in writes) < 120_000)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(JOBS)
def test_any_sequence_of_writes_is_printed_in_its_order(
    session: RunSession, jobs: list[tuple[Callable[[list[Piece]], str], list[tuple[str, int]]]]
) -> None:
    """By bash itself, by C, by Python, by programs one after the other, few bytes or more than a pipe holds (CN-08)."""
    letters = cycle("abcdefghijklmnopqrstuvwxyz")
    works = [(writer, [(stream, size * next(letters)) for stream, size in writes]) for writer, writes in jobs]
    results = run(session, "\n".join(writer(pieces) for writer, pieces in works))
    expected = merged([piece for _, pieces in works for piece in pieces])
    seen = printed(results)
    assert [(stream, len(each)) for stream, each in seen] == [(stream, len(each)) for stream, each in expected]
    assert seen == expected


@pytest.mark.parametrize(
    "command",
    [
        "for ((i = 0; i < 200; i++)); do echo o$i; echo e$i >&2; done",
        'python3 -c \'import os\nfor i in range(200): os.write(1, b"o%d\\n" % i); os.write(2, b"e%d\\n" % i)\'',
        "for ((i = 0; i < 200; i++)); do echo o$i > /dev/stdout; echo e$i > /dev/stderr; done",
        "for ((i = 0; i < 200; i++)); do echo o$i; { echo e$i; } 1>&2; done",
        "exec 7>&2; for ((i = 0; i < 200; i++)); do echo o$i; echo e$i >&7; done",
    ],
    ids=["shell", "python", "reopened", "group", "duplicated"],
)
def test_back_to_back_writes_are_in_order_every_time(session: RunSession, command: str) -> None:
    """Twenty times four hundred writes without a pause (CN-08)."""
    expected = [piece for i in range(200) for piece in (("stdout", f"o{i}\n"), ("stderr", f"e{i}\n"))]
    for _ in range(20):
        assert printed(run(session, command)) == expected


def test_one_stream_sent_to_the_other_stays_there(session: RunSession) -> None:
    """`2>&1` and `1>&2` join streams in the order of the writes."""
    assert printed(run(session, "{ echo a; echo b >&2; echo c; } 2>&1")) == [("stdout", "a\nb\nc\n")]
    assert printed(run(session, "{ echo a; echo b >&2; echo c; } 1>&2")) == [("stderr", "a\nb\nc\n")]


def test_all_of_a_long_output_arrives(session: RunSession) -> None:
    """More than a pipe holds, on both streams at once, waits for nobody (CN-06)."""
    results = run(session, "head -c 300000 /dev/zero >&2 & head -c 300000 /dev/zero; wait")
    assert [len(text(results, stream)) for stream in ("stdout", "stderr")] == [300_000, 300_000]


def test_a_program_killed_while_it_complains_stops_nobody(session: RunSession) -> None:
    """The held write goes with its program."""
    noisy = "while :; do echo x; done >&2 | cat >&2"
    results = run(session, f"for i in 1 2 3 4 5; do timeout -s KILL 0.05 bash -c '{noisy}'; done; echo done")
    assert printed(results)[-1] == ("stdout", "done\n")


def test_sessions_do_not_disturb_each_other(runner: Runner) -> None:
    """Each run's order is its own, while others print as well (EX-22)."""
    command = "for ((i = 0; i < 300; i++)); do echo {0}o$i; echo {0}e$i >&2; done"
    seen: dict[str, list[Piece]] = {}

    def work(name: str) -> None:
        with new_session(runner) as session:
            seen[name] = printed(run(session, command.replace("{0}", name)))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "abc":
        assert seen[name] == [p for i in range(300) for p in (("stdout", f"{name}o{i}\n"), ("stderr", f"{name}e{i}\n"))]


def check_best_effort(runner: Runner) -> None:
    """Check that commands run, nothing is lost, and each stream is in order."""
    with new_session(runner) as session:
        results = run(session, "for ((i = 0; i < 100; i++)); do echo $i; echo $i >&2; done")
    lines = "".join(f"{i}\n" for i in range(100))
    assert [text(results, stream) for stream in ("stdout", "stderr")] == [lines, lines]


def test_best_effort_can_be_asked_for(sandbox: Sandbox) -> None:
    """Then no program is stopped, and the server says so."""
    with Runner(sandbox, print_order=PrintOrder.BEST_EFFORT) as runner:
        assert runner.print_order_kept == (PrintOrder.BEST_EFFORT, "best effort was asked for")
        check_best_effort(runner)


def test_where_the_kernel_refuses_order_is_best_effort(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server runs all the same, and can say why."""
    monkeypatch.setattr(seccomp, "ARCHITECTURES", {})
    with Runner(sandbox) as runner:
        kept, why_not = runner.print_order_kept
        assert (kept, "no system call numbers" in why_not) == (PrintOrder.BEST_EFFORT, True)
        check_best_effort(runner)


def test_where_the_server_may_open_few_files_order_is_best_effort(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child's pipe could not have the number that keeps the child from being stopped."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    with Runner(sandbox) as runner:
        kept, why_not = runner.print_order_kept
        assert (kept, "may not open" in why_not) == (PrintOrder.BEST_EFFORT, True)
        check_best_effort(runner)


def test_an_engine_may_be_closed_twice(sandbox: Sandbox) -> None:
    """Whoever cleans up need not know who did before."""
    with Runner(sandbox) as runner:
        runner.close()
    runner.close()
