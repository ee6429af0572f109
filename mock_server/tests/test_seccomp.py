"""The filter that stops system calls: what it stops, and that a stopped program goes on."""

import os
import platform
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.adapters import seccomp
from mock_server.adapters.ordering import TURNING_POINTS
from mock_server.adapters.seccomp import ARCHITECTURES, Architecture, Listener, SeccompUnavailableError, Stop

DEADLINE_S = 30

machines = st.sampled_from(list(ARCHITECTURES.values()))
arguments = st.lists(st.integers(0, 3) | st.integers(500, 520) | st.integers(0, 2**32 - 1), min_size=6, max_size=6)


def interpret(program: bytes, number: int, architecture: int, arguments: list[int]) -> int:
    """Return what a BPF program answers for one system call."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *arguments)
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == seccomp.RETURN:
            return int(value)
        if code == seccomp.LOAD_WORD:
            (accumulator,) = struct.unpack_from("=I", data, value)
        else:
            holds = {seccomp.JUMP_IF_EQUAL: accumulator == value, seccomp.JUMP_IF_AT_LEAST: accumulator >= value}[code]
            at += if_true if holds else if_false


def is_stopped(stop: Stop, call: str, arguments: list[int]) -> bool:
    """Say whether `stop` means this call."""
    below = stop.below is None or arguments[0] < stop.below
    return stop.call == call and arguments[stop.argument] == stop.equals and below


@given(machines, st.data(), arguments)
def test_the_filter_stops_just_the_calls_it_is_told_to_stop(
    machine: Architecture, data: st.DataObject, arguments: list[int]
) -> None:
    """Every other call, and every other argument, is allowed."""
    call = data.draw(st.sampled_from(list(machine.numbers)))
    answer = interpret(
        seccomp.compile_filter(TURNING_POINTS, machine), machine.numbers[call], machine.audit_arch, arguments
    )
    stopped = any(is_stopped(stop, call, arguments) for stop in TURNING_POINTS)
    assert answer == (seccomp.SECCOMP_RET_USER_NOTIF if stopped else seccomp.SECCOMP_RET_ALLOW)


@given(machines, st.integers(0, 600), st.integers(0, 2**32 - 1), arguments)
def test_calls_of_other_architectures_and_other_numbers_are_allowed(
    machine: Architecture, number: int, architecture: int, arguments: list[int]
) -> None:
    """A 32-bit program has other numbers for its calls."""
    if architecture == machine.audit_arch and number in machine.numbers.values():
        return
    program = seccomp.compile_filter(TURNING_POINTS, machine)
    assert interpret(program, number, architecture, arguments) == seccomp.SECCOMP_RET_ALLOW


def in_a_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread of its own, for a filter cannot be taken off again."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  - handed to the test's thread
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.fixture(name="listen")
def fixture_listen() -> Callable[[], Listener]:
    """Give a way to stop writes to stderr, on machines that can."""

    def listen() -> Listener:
        return Listener.install([Stop("write", 0, 2)])

    try:
        in_a_thread(lambda: listen().close())
    except SeccompUnavailableError as error:
        pytest.skip(str(error))
    return listen


def next_call(listener: Listener) -> int:
    """Wait for a stopped call; return its id."""
    assert select.select([listener], [], [], DEADLINE_S)[0], "no call was stopped"
    call_id = listener.receive()
    assert call_id is not None
    return call_id


def complain(pipe: int, words: str) -> "subprocess.Popen[bytes]":
    """Start a program that writes each word to stderr by a call of its own."""
    script = f"import os\nfor word in {words.split()!r}: os.write(2, word.encode())"
    return subprocess.Popen([sys.executable, "-S", "-c", script], stderr=pipe)


def test_a_stopped_program_goes_on_when_it_is_released(listen: Callable[[], Listener]) -> None:
    """Nothing of a write is there before, all of it after, and so with the next one."""

    def work() -> None:
        read_end, write_end = os.pipe()
        listener = listen()
        with complain(write_end, "one two") as program:
            os.close(write_end)
            for word in (b"one", b"two"):
                call_id = next_call(listener)
                assert select.select([read_end], [], [], 0)[0] == []
                listener.release(call_id)
                assert os.read(read_end, 100) == word
            assert program.wait(DEADLINE_S) == 0
        listener.close()
        os.close(read_end)

    in_a_thread(work)


def test_releasing_the_call_of_a_dead_program_is_no_error(listen: Callable[[], Listener]) -> None:
    """Programs are killed at any moment."""

    def work() -> None:
        listener = listen()
        with complain(subprocess.DEVNULL, "never") as program:
            call_id = next_call(listener)
            program.kill()
            assert program.wait(DEADLINE_S) == -signal.SIGKILL
            listener.release(call_id)
        listener.close()

    in_a_thread(work)


def test_an_unknown_machine_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server then falls back to best effort, and can say why."""
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with pytest.raises(SeccompUnavailableError, match="pdp11"):
        seccomp.architecture()


def test_a_kernel_that_lets_no_call_go_on_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a stopped program would wait for ever."""
    monkeypatch.setattr(platform, "release", lambda: "5.4.0-150-generic")
    with pytest.raises(SeccompUnavailableError, match=r"5\.4\.0"):
        seccomp.architecture()
