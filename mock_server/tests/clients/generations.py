"""Which published clients there are, on which Pythons they run, and how each generation is spoken to. Data only.

The ranges of Pythons were found by installing and importing each release. Where a release is expected on a Python
and cannot be installed there, that is a failure; elsewhere it is skipped with the reason.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

PythonVersion = tuple[int, int]

SDK_STEPS: Final = (
    "create", "reuse", "upload", "batch", "defaults", "clean", "patience", "failed-build", "input", "query", "list",
    "download", "download-binary", "info", "logs", "complete", "interrupt", "restart", "too-large", "too-many",
    "destroy", "unknown",
)  # fmt: skip


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
    flavour: Literal["waiting", "asyncio"] = "waiting"  # which of the SDK's two faces is meant
    edition: str = ""  # tells apart the environments of one release, where there are several
    remark: str = ""  # what a reader of the matrix should know: why steps are missing

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
_QUERY_ONLY: Final = frozenset({"create", "query", "info", "destroy", "unknown"})
_OLDEST_ALSO: Final = ("async-timeout<5",)  # once came with aiohttp
_OLDER_YARL: Final = ("yarl<1.16",)  # they read an attribute of its URLs that is gone since
_NAIVE: Final = frozenset({"download-binary"})
_NAIVE_SAYS: Final = "splits archives at line ends: its binary files come out damaged, from any server"
_NO_FILES: Final = frozenset({"clean", "list", "download", "download-binary"})
_HANGS: Final = frozenset({"destroyed"})
_NO_RUN_CALLS: Final = (
    "knows no clean, input, listing and downloads; its runs go on by the same call again; on asyncio its uploads fail "
    "before anything is sent, with the last aiohttp that it runs on, 2.3"
)
_NO_FILES_SAYS: Final = "knows no clean, listing and downloads"

CLIENTS: Final = (
    Client(
        "sorna-client", "0.8.3", ((3, 6), (3, 12)), "sorna-functions", CommandLine(program=()),
        frozenset(SDK_STEPS) - _QUERY_ONLY, also=_OLDEST_ALSO,
        remark="query mode alone; has no command line, and takes a session that is there already for an error",
    ),
    Client(
        "sorna-client", "0.9.8", ((3, 6), (3, 12)), "sorna", _SORNA, _SORNA_LACK, also=_OLDEST_ALSO, in_ci=True,
        remark=_NO_RUN_CALLS,
    ),
    Client(
        "backend.ai-client", "1.0.6", ((3, 6), (3, 12)), "one-zero", _ONE_ZERO, _ONE_ZERO_LACK, also=_OLDEST_ALSO,
        remark=_NO_RUN_CALLS,
    ),
    Client("backend.ai-client", "1.1.11", ((3, 6), (3, 7)), "one", _ONE, _NO_FILES, remark=_NO_FILES_SAYS),
    Client("backend.ai-client", "1.2.1", ((3, 6), (3, 7)), "one", _ONE, _NO_FILES, remark=_NO_FILES_SAYS),
    Client(
        "backend.ai-client", "1.3.7", ((3, 6), (3, 7)), "one", _ONE, _NO_FILES | _HANGS,
        remark=_NO_FILES_SAYS + "; told that a session is gone, its command line says so and never ends",
    ),
    Client(
        "backend.ai-client", "1.4.2", ((3, 6), (3, 7)), "session-kernel", _ONE_FOUR, _NO_FILES - {"list"},
        remark="knows no clean; its download fails before it reads the answer",
    ),
    Client(
        "backend.ai-client", "1.5.1", ((3, 6), (3, 7)), "session-kernel", _ONE_FOUR, _NO_FILES - {"download"},
        remark="knows no clean; asks for listings in a form of its own, which real servers refuse; " + _NAIVE_SAYS,
    ),
    Client("backend.ai-client", "18.12.3", ((3, 6), (3, 7)), "session-kernel", _FLAT, _NAIVE, remark=_NAIVE_SAYS),
    Client("backend.ai-client", "19.3.2", ((3, 6), (3, 7)), "session-kernel", _FLAT, _NAIVE, remark=_NAIVE_SAYS),
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


def _on_asyncio(client: Client) -> Client:
    """Return the same release, spoken to through its asyncio face. The first ones need the aiohttp of their time."""
    if client.version not in _OLD_AIOHTTP:
        return replace(client, flavour="asyncio", in_ci=False)
    return replace(
        client, flavour="asyncio", in_ci=False, lacks=client.lacks | _NO_UPLOAD_ON_ASYNCIO, pythons=((3, 6), (3, 6)),
        also=("aiohttp<3", "async-timeout<3"), edition="-aiohttp2",
    )  # fmt: skip


# They fail before anything is sent, by what aiohttp has changed in 2.0; so there is nothing to build either.
_NO_UPLOAD_ON_ASYNCIO: Final = frozenset({"upload", "batch", "defaults", "restart", "too-large", "too-many"})
_OLD_AIOHTTP: Final = ("0.8.3", "0.9.8", "1.0.6")
ASYNCIO_CLIENTS: Final = tuple(map(_on_asyncio, CLIENTS))
