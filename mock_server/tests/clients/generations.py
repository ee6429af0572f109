"""Which published clients there are, on which Pythons they run, and how each generation is spoken to. Data only.

The ranges of Pythons were found by installing and importing each release. Where a release is expected on a Python
and cannot be installed there, that is a failure; elsewhere it is skipped with the reason.
"""

from dataclasses import dataclass
from typing import Final

PythonVersion = tuple[int, int]


@dataclass(frozen=True)
class CommandLine:
    """How one generation's command line spells the steps; empty where it has no such command.

    `program` is what is run, relative to the environment's `bin`; each step's words may hold the placeholders
    `{name}` (the session) and `{image}`.
    """

    program: tuple[str, ...] = ("backend.ai",)
    run: tuple[str, ...] = ("run", "-t", "{name}", "{image}")
    build: str = "--build"
    execute: str = "--exec"
    clean: str = "--clean"
    upload: tuple[str, ...] = ("upload", "{name}")
    list: tuple[str, ...] = ("ls", "{name}", ".")
    download: tuple[str, ...] = ("download", "{name}")
    logs: tuple[str, ...] = ("logs", "{name}")
    destroy: tuple[str, ...] = ("terminate", "{name}")


@dataclass(frozen=True)
class Client:
    """One release: where it installs, and what it can do."""

    distribution: str
    version: str
    pythons: tuple[PythonVersion, PythonVersion]  # oldest and newest it installs and imports on, both included
    dialect: str  # which part of scenarios/sdk.py speaks to it
    command_line: CommandLine
    lacks: frozenset[str] = frozenset()  # steps that this release cannot do by itself
    also: tuple[str, ...] = ()  # requirements that it has but does not declare
    revived_pythons: tuple[PythonVersion, ...] = ()  # runs there once names that Python dropped are given back
    in_ci: bool = False

    @property
    def name(self) -> str:
        """Distribution and version, as a requirement pins it."""
        return f"{self.distribution}=={self.version}"

    @property
    def asks_version(self) -> bool:
        """Whether what the server says of its version matters to this release: from 18.12 on it does."""
        return self.distribution != "sorna-client" and not self.version.startswith("1.")

    def runs_on(self, python: PythonVersion) -> bool:
        """Whether this release is expected to install and import on that Python."""
        return self.pythons[0] <= python <= self.pythons[1] or python in self.revived_pythons


_SORNA: Final = CommandLine(
    program=("python", "-m", "sorna.cli"),
    clean="", upload=(), list=(), download=(), logs=(), destroy=(), build="-b", execute="-e",
)  # fmt: skip
_ONE_ZERO: Final = CommandLine(clean="", upload=(), list=(), download=(), logs=(), destroy=(), build="-b", execute="-e")
_ONE: Final = CommandLine(clean="", upload=(), list=(), download=())
_ONE_FOUR: Final = CommandLine(clean="")
_FLAT: Final = CommandLine()
_SESSION: Final = CommandLine(
    upload=("session", "upload", "{name}"),
    list=("session", "ls", "{name}", "."),
    download=("session", "download", "{name}"),
    logs=("session", "logs", "{name}"),
    destroy=("session", "destroy", "{name}"),
)

_ONE_ZERO_LACK: Final = frozenset({"clean", "input", "list", "download", "download-binary", "logs"})
_SORNA_LACK: Final = _ONE_ZERO_LACK | {"complete", "interrupt"}
_OLDEST_ALSO: Final = ("async-timeout<5",)  # once came with aiohttp
_OLDER_YARL: Final = ("yarl<1.16",)  # they read an attribute of its URLs that is gone since
_NAIVE: Final = frozenset({"download-binary"})  # they split archives at line ends: binary files come out damaged
_NO_FILES: Final = frozenset({"clean", "list", "download", "download-binary"})
_HANGS: Final = frozenset({"destroyed"})  # its command line says why, and then never ends, whatever the server

CLIENTS: Final = (
    Client("sorna-client", "0.9.8", ((3, 6), (3, 12)), "sorna", _SORNA, _SORNA_LACK, also=_OLDEST_ALSO, in_ci=True),
    Client("backend.ai-client", "1.0.6", ((3, 6), (3, 12)), "one-zero", _ONE_ZERO, _ONE_ZERO_LACK, also=_OLDEST_ALSO),
    Client("backend.ai-client", "1.1.11", ((3, 6), (3, 7)), "one", _ONE, _NO_FILES),
    Client("backend.ai-client", "1.2.1", ((3, 6), (3, 7)), "one", _ONE, _NO_FILES),
    Client("backend.ai-client", "1.3.7", ((3, 6), (3, 7)), "one", _ONE, _NO_FILES | _HANGS),
    Client("backend.ai-client", "1.4.2", ((3, 6), (3, 7)), "session-kernel", _ONE_FOUR, _NO_FILES - {"list"}),
    Client("backend.ai-client", "1.5.1", ((3, 6), (3, 7)), "session-kernel", _ONE_FOUR, _NO_FILES - {"download"}),
    Client("backend.ai-client", "18.12.3", ((3, 6), (3, 7)), "session-kernel", _FLAT, _NAIVE),
    Client("backend.ai-client", "19.3.2", ((3, 6), (3, 7)), "session-kernel", _FLAT, _NAIVE),
    Client(
        "backend.ai-client", "19.9.10", ((3, 6), (3, 9)), "session-kernel", _FLAT,
        revived_pythons=((3, 10), (3, 11)), in_ci=True,
    ),
    Client("backend.ai-client", "20.3.10", ((3, 7), (3, 10)), "compute-session", _FLAT, also=_OLDER_YARL),
    Client("backend.ai-client", "20.9.9", ((3, 7), (3, 11)), "compute-session", _FLAT, also=_OLDER_YARL, in_ci=True),
    Client("backend.ai-client", "21.3.11", ((3, 7), (3, 11)), "compute-session", _FLAT, also=_OLDER_YARL),
    Client("backend.ai-client", "21.9.5", ((3, 8), (3, 11)), "compute-session", _SESSION, also=_OLDER_YARL, in_ci=True),
    Client("backend.ai-client", "22.3.2", ((3, 8), (3, 11)), "compute-session", _SESSION, also=_OLDER_YARL),
    Client("backend.ai-client", "22.9.23", ((3, 10), (3, 10)), "compute-session", _SESSION, also=_OLDER_YARL),
    Client("backend.ai-client", "23.3.12", ((3, 11), (3, 11)), "compute-session", _SESSION, also=_OLDER_YARL),
    Client(
        "backend.ai-client", "23.9.10", ((3, 11), (3, 11)), "compute-session", _SESSION, also=_OLDER_YARL, in_ci=True,
    ),
    Client("backend.ai-client", "24.3.11", ((3, 12), (3, 12)), "compute-session", _SESSION, also=_OLDER_YARL),
    Client("backend.ai-client", "24.9.14", ((3, 12), (3, 12)), "compute-session", _SESSION),
    Client("backend.ai-client", "25.5.2", ((3, 12), (3, 12)), "compute-session", _SESSION, in_ci=True),
    Client("backend.ai-client", "25.6.17", ((3, 13), (3, 13)), "compute-session", _SESSION),
    Client("backend.ai-client", "25.19.2", ((3, 13), (3, 13)), "compute-session", _SESSION),
    Client("backend.ai-client", "26.4.16", ((3, 13), (3, 13)), "compute-session", _SESSION),
    Client("backend.ai-client", "26.9.6", ((3, 13), (3, 13)), "compute-session", _SESSION, in_ci=True),
)  # fmt: skip
