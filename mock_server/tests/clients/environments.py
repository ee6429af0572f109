"""Virtual environments for the published clients: made once under `.clients/`, reused afterwards.

`python -m mock_server.tests.clients.environments` (what `make clients` runs) makes those that CI needs. The folder can
be moved with `BATCHPROOF_CLIENTS_DIR`. Safe to call from several processes at once: each environment has a lock.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import click

from mock_server.tests.clients.generations import CLIENTS, Client, PythonVersion

REPOSITORY: Final = Path(__file__).parents[3]
INSTALL_TIMEOUT_S: Final = 540
_PINS: Final = Path(__file__).parent / "pins"
_NEWEST_PIP_OF: Final[dict[PythonVersion, str]] = {(3, 6): "21.3.1", (3, 7): "24.0"}
# Also holds for what pip builds in isolation. PyYAML 5 builds with the old Cython only; newer setuptools have no
# pkg_resources, which clients up to 21.09 import.
_CONSTRAINTS: Final = ("cython<3", "setuptools<81")
# The speed-ups in C of old HTTP libraries do not compile for newer Pythons; all of them can do without.
_PURE_PYTHON: Final = {f"{library}_NO_EXTENSIONS": "1" for library in ("AIOHTTP", "MULTIDICT", "YARL", "FROZENLIST")}
JAVASCRIPT_CLIENT: Final = "backend.ai-client@21.3.1"
_OLDEST_NODE: Final = 18
_NODE_PINS: Final = {"backend.ai-client": "21.3.1", "node-fetch": "2.7.0", "@types/node": "16.18.126"}
_REVIVAL: Final = '''\
"""Give back what asyncio lost up to Python 3.11 and aiohttp 3.6 still looks for. The client itself is unchanged."""
import asyncio
import inspect
import types

def coroutine(function):
    if inspect.isgeneratorfunction(function):
        return types.coroutine(function)
    async def plain(*args, **named):
        return function(*args, **named)
    return plain

shield = asyncio.shield
asyncio.shield = lambda awaitable, loop=None: shield(awaitable)
asyncio.coroutine = coroutine
asyncio.coroutines._DEBUG = False
'''


class NotForThisMachine(Exception):  # noqa: N818  - a reason to skip, not a fault
    """No interpreter found here is one that the client is published for."""


class InstallFailed(Exception):  # noqa: N818  - says what happened
    """A client that is expected to install here did not; holds the end of the installer's log."""


@dataclass(frozen=True)
class Environment:
    """A client's own Python, ready to run."""

    client: Client
    python: PythonVersion
    folder: Path

    @property
    def is_revived(self) -> bool:
        """Whether names that Python dropped have to be given back in it."""
        return self.python in self.client.revived_pythons

    def program(self, name: str) -> Path:
        """Give the path of one of its programs, such as `python` or `backend.ai`."""
        return self.folder / "bin" / name


def cache_folder() -> Path:
    """Where the environments live."""
    return Path(os.environ.get("BATCHPROOF_CLIENTS_DIR") or REPOSITORY / ".clients")


@cache
def interpreters() -> dict[PythonVersion, str]:
    """Every Python found on this machine: the running one, those on PATH, those of pyenv."""
    found = {sys.version_info[:2]: sys.executable}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(6, 16):
        version = (3, minor)
        path = shutil.which(f"python3.{minor}") if not pyenv.is_dir() else None
        candidates = [*sorted(pyenv.glob(f"3.{minor}.*/bin/python")), *([Path(path)] if path else [])]
        if candidates:
            found.setdefault(version, str(candidates[-1]))
    return found


def python_for(client: Client, allowed: dict[PythonVersion, str]) -> PythonVersion:
    """Choose the newest of those Pythons that runs the client as published, else one that needs names given back.

    Raises `NotForThisMachine`.
    """
    usable = sorted((version for version in allowed if client.runs_on(version)),
                    key=lambda version: (version not in client.revived_pythons, version))  # fmt: skip
    if not usable:
        oldest, newest = (f"{major}.{minor}" for major, minor in client.pythons)
        have = ", ".join(f"{major}.{minor}" for major, minor in sorted(allowed))
        raise NotForThisMachine(f"{client.name} runs on Python {oldest} to {newest}; here is {have}")
    return usable[-1]


def provide(client: Client, *, any_python: bool = False) -> Environment:
    """Provide the client's environment, made now unless it is there already.

    Only the running Python is used unless `any_python`. Raises `NotForThisMachine` or `InstallFailed`.
    """
    allowed = interpreters() if any_python else {sys.version_info[:2]: sys.executable}
    python = python_for(client, allowed)
    folder = cache_folder() / f"py{python[0]}.{python[1]}-{client.distribution}-{client.version}{client.edition}"
    environment = Environment(client, python, folder)
    recipe = _recipe(client, python)
    with _locked(folder.with_suffix(folder.suffix + ".lock")):
        if not _is_complete(environment, recipe):
            _make(environment, allowed[python], recipe)
    return environment


def _recipe(client: Client, python: PythonVersion) -> tuple[str, ...]:
    """Tell pip what to install: every package pinned where we hold pins for this Python, else the client alone."""
    pins = _PINS / f"py{python[0]}.{python[1]}-{client.distribution}-{client.version}{client.edition}.txt"
    if pins.exists():
        return ("--no-deps", *pins.read_text(encoding="utf-8").split())
    return (client.name, "setuptools<81", *client.also)


def _is_complete(environment: Environment, recipe: tuple[str, ...]) -> bool:
    stamp = environment.folder / "complete"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _fingerprint(environment, recipe)


def _fingerprint(environment: Environment, recipe: tuple[str, ...]) -> str:
    """Tell whether an environment was made as it would be made now; only what concerns it counts."""
    revival = (_REVIVAL,) if environment.is_revived else ()
    return hashlib.sha256("\n".join((*recipe, *_CONSTRAINTS, *revival)).encode()).hexdigest()


def _make(environment: Environment, interpreter: str, recipe: tuple[str, ...]) -> None:
    folder = environment.folder
    shutil.rmtree(folder, ignore_errors=True)
    constraints = folder.with_suffix(folder.suffix + ".constraints")
    constraints.write_text("\n".join(_CONSTRAINTS) + "\n", encoding="utf-8")
    variables = os.environ | _PURE_PYTHON | {"PIP_CONSTRAINT": str(constraints), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    deadline = time.monotonic() + INSTALL_TIMEOUT_S
    _call([interpreter, "-m", "venv", str(folder)], variables, environment.client.name, deadline)
    pip = [str(environment.program("python")), "-m", "pip", "install", "-qq"]
    if environment.python in _NEWEST_PIP_OF:
        _call([*pip, f"pip=={_NEWEST_PIP_OF[environment.python]}"], variables, environment.client.name, deadline)
    _call([*pip, *recipe], variables, environment.client.name, deadline)
    if environment.is_revived:
        packages = next(folder.glob("lib/python*/site-packages"))
        (packages / "sitecustomize.py").write_text(_REVIVAL, encoding="utf-8")
    module = "sorna.kernel" if environment.client.distribution == "sorna-client" else "ai.backend.client"
    _call([str(environment.program("python")), "-c", f"import {module}"], variables, environment.client.name, deadline)
    (folder / "complete").write_text(_fingerprint(environment, recipe), encoding="utf-8")


def _call(argv: list[str], variables: dict[str, str], what: str, deadline: float, folder: Path | None = None) -> None:
    limit_s = max(1.0, deadline - time.monotonic())
    try:
        done = subprocess.run(argv, env=variables, cwd=folder, check=False, timeout=limit_s, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"{what}: not installed within {INSTALL_TIMEOUT_S} s") from error
    if done.returncode:
        log = done.stdout.decode(errors="replace").splitlines()[-25:]
        raise InstallFailed("\n".join([f"{what}: {' '.join(argv[:4])} failed:", *log]))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def provide_javascript() -> Path:
    """Provide the folder of the JavaScript client's modules, made now unless it is there already.

    Raises `NotForThisMachine` where Node 18 or npm is missing, `InstallFailed` where npm fails.
    """
    if not (shutil.which("npm") and _node_major() >= _OLDEST_NODE):
        raise NotForThisMachine(f"the JavaScript client needs node {_OLDEST_NODE} or newer, and npm")
    folder = cache_folder() / f"node-{JAVASCRIPT_CLIENT}"
    with _locked(folder.with_suffix(folder.suffix + ".lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": _NODE_PINS}))
            argv = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
            _call(argv, dict(os.environ), JAVASCRIPT_CLIENT, time.monotonic() + INSTALL_TIMEOUT_S, folder)
            (folder / "complete").touch()
    return folder / "node_modules"


@cache
def _node_major() -> int:
    node = shutil.which("node")
    if node is None:
        return 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    return int(said.removeprefix("v").partition(".")[0] or 0)


def _report(name: str, make: Callable[[], object]) -> bool:
    """Provide one client and say how it went; whether nothing failed."""
    start = time.monotonic()
    try:
        make()
    except NotForThisMachine as reason:
        click.echo(f"skipped  {reason}")
    except InstallFailed as failure:
        click.echo(f"FAILED   {failure}")
        return False
    else:
        click.echo(f"ready    {name} ({time.monotonic() - start:.0f} s)")
    return True


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every client that some Python of this machine runs.")
def main(*, everything: bool) -> None:
    """Make the environments of the published clients that CI uses."""
    wanted = [client for client in CLIENTS if client.in_ci or everything]
    makers: dict[str, Callable[[], object]] = {
        client.name: partial(provide, client, any_python=everything) for client in wanted
    }
    makers[JAVASCRIPT_CLIENT] = provide_javascript
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(_report, makers, makers.values()))
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()
