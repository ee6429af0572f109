"""The options of the command line that limit what a run's commands may use, and how exactly they are listened to."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from mock_server.adapters.runner import Limits, PrintOrder

Command = TypeVar("Command", bound=Callable[..., Any])

_MIB: Final = 1024 * 1024
_DEFAULT: Final = Limits()


def _limit(name: str, most: int, default: int, unit: str, help_: str) -> Callable[[Command], Command]:
    return click.option(
        name, type=click.IntRange(1, most), default=default, show_default=True, metavar=unit, help=help_
    )


_OPTIONS: Final = (
    _limit("--max-cpu", 86400, _DEFAULT.cpu_s, "S", "Seconds of CPU time of one process; then it is killed: 152."),
    _limit(
        "--max-memory-mb",
        10**6,
        _DEFAULT.memory_bytes // _MIB,
        "N",
        "MiB of address space of one process; then its allocations fail.",
    ),
    _limit(
        "--max-processes",
        10**5,
        _DEFAULT.processes,
        "N",
        "Processes and threads of one run, of all runs together at the plain level; then forks fail.",
    ),
    _limit("--max-open-files", 10**5, _DEFAULT.open_files, "N", "Files that one process has open; then opening fails."),
    _limit(
        "--max-file-mb",
        10**6,
        _DEFAULT.file_size_bytes // _MIB,
        "N",
        "MiB of one file; a process that writes on is killed: 153.",
    ),
    _limit(
        "--max-output-mb",
        10**7,
        _DEFAULT.output_bytes // _MIB,
        "N",
        "MiB of one run's output, what no client is shown included; then the run is killed: 137.",
    ),
    click.option(
        "--print-order",
        type=click.Choice([order.value for order in PrintOrder]),
        default=PrintOrder.EXACT.value,
        show_default=True,
        help="Whether each write to stderr waits until all that came before it was read; best-effort is quicker for "
        "programs that write to stderr in many small pieces.",
    ),
)


def limit_options(command: Command) -> Command:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def limit_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings they make."""
    return {
        "limits": Limits(
            cpu_s=options["max_cpu"],
            memory_bytes=options["max_memory_mb"] * _MIB,
            processes=options["max_processes"],
            open_files=options["max_open_files"],
            file_size_bytes=options["max_file_mb"] * _MIB,
            output_bytes=options["max_output_mb"] * _MIB,
        ),
        "print_order": PrintOrder(options["print_order"]),
    }
