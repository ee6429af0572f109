"""SE: sessions in memory."""

from __future__ import annotations

import re
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from . import sandbox
from .access import Access
from .message import Problem, Response

if TYPE_CHECKING:
    from pathlib import Path

    from .message import Request
    from .runs import Run

RESERVED: Final = frozenset({"TERM", "LANG", "SHELL", "USER", "HOME", "PATH"})
TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]")


@dataclass(eq=False)
class Session:
    """A live session; ``place`` is the host's directory that holds its home and its /tmp."""

    name: str
    uuid: str
    lang: str
    owner: str
    place: Path
    environ: dict[str, str]
    mounts: dict[str, Path]  # name below /home/work -> the folder's directory
    born_s: float = field(default_factory=time.monotonic)
    queries: dict[str, int] = field(default_factory=lambda: {"calls": 0, "runs": 0, "neither": 0})
    cpu_ms: int = 0
    runs: dict[str, Run] = field(default_factory=dict)
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)  # the last result of every run
    last_run: Run | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    outputs: dict[str, Path] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The host's directory that is /home/work inside."""
        return self.place / "home"


class Sessions(Access):
    """Create, show, restart, destroy."""

    min_token = 4
    max_token = 64
    max_memory_mib = 65_536
    max_cores = 64
    max_gpus = 0
    max_cluster_size = 1
    max_mounts = 5
    reuse_status = 200  # SE-02 (open)
    destroy_status = 200  # SE-06 (open)
    queries_counted = "calls"  # SE-05 (open): or "runs", or "neither"
    null_name = "absent"  # SE-04 (open): or "refused"
    reserved_environ = "changed"  # SE-09 (open): or "kept", or "refused"
    ids = "name"  # what kernelId is: the token, or the session's "uuid", which then is all that paths take
    restart_clears_files = False  # SE-07 (open)
    starts_pending_s = 0.0  # a deployed server may take seconds until a session is RUNNING

    def __init__(self, **knobs: Any) -> None:
        super().__init__(**knobs)
        self.sessions: dict[tuple[str, str], Session] = {}

    def close(self) -> None:
        """Kill every run, then remove everything."""
        for session in list(self.sessions.values()):
            self.kill_runs(session)
        super().close()

    # -- create

    def create_session(self, request: Request, owner: str) -> Response:
        """SE-01 to SE-04."""
        wanted = self.read_object(request)
        lang = self.read_lang(wanted)
        name = self.read_token(wanted)
        config = self.typed(wanted, "config", dict, {})
        self.check_limits(config)
        environ, mounts = self.read_environ(config), self.read_mounts(config, owner)
        with self.lock:
            living = self.sessions.get((owner, name))
            if living is not None:
                return self.reuse(living, lang)
            session = self.open_session(name, lang, owner, environ, mounts)
            self.sessions[owner, name] = session
        return self.json(201, self.created_body(session, created=True))

    def read_lang(self, wanted: dict[str, Any]) -> str:
        """SE-01: `lang`, later called `image`."""
        lang = self.typed(wanted, "lang", str, "") or self.typed(wanted, "image", str, "")
        if not lang:
            raise Problem(400, "Language missing", "name the lang")
        return lang

    def read_token(self, wanted: dict[str, Any]) -> str:
        """SE-04: the token; absent and null (open) give a random name."""
        token = self.typed(wanted, "clientSessionToken", str, "") if "clientSessionToken" in wanted else None
        if token is None:
            token = self.typed(wanted, "name", str, "") or None
        elif wanted["clientSessionToken"] is None:
            token = None
            if self.null_name == "refused":
                raise Problem(400, "Bad token", "a token is a text")
        if token is None:
            return uuid.uuid4().hex[:16]
        self.check_token(token)
        return token

    def check_token(self, token: str) -> None:
        """SE-04."""
        if not self.min_token <= len(token) <= self.max_token:
            raise Problem(400, "Bad token", f"a token has {self.min_token} to {self.max_token} characters")
        if not TOKEN.fullmatch(token):
            raise Problem(400, "Bad token", "a token has ASCII letters, digits, and hyphens in the middle")

    def check_limits(self, config: dict[str, Any]) -> None:
        """SE-08."""
        resources = self.typed(config, "resources", dict, {})
        asked = (
            (config.get("instanceMemory"), self.max_memory_mib),
            (config.get("instanceCores"), self.max_cores),
            (config.get("instanceGPUs"), self.max_gpus),
            (config.get("clusterSize"), self.max_cluster_size),
            (resources.get("cpu"), self.max_cores),
            (self.mebibytes(resources.get("mem")), self.max_memory_mib),
        )
        if any(self.quantity(wanted) > limit for wanted, limit in asked):
            raise self.too_much()

    def too_much(self) -> Problem:
        """SE-08."""
        return Problem(406, "Not acceptable", "more than this server has")

    def quantity(self, wanted: object) -> float:
        """A number, or a text that holds one; null is none."""
        try:
            return 0 if wanted is None else float(wanted)  # type: ignore[arg-type]  # the except clause judges it
        except (TypeError, ValueError, OverflowError):
            raise Problem(400, "Wrong type", f"{wanted!r} is no quantity") from None

    def mebibytes(self, wanted: object) -> object:
        """An amount of memory in MiB: bytes, or a text with a unit, as `1g`."""
        text = str(wanted or 0).strip().lower().removesuffix("b").removesuffix("i")
        unit = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50, "e": 2**60}.get(text[-1:], 0)
        return self.quantity(text[:-1] if unit else text) * (unit or 1) / 2**20

    def read_environ(self, config: dict[str, Any]) -> dict[str, str]:
        """SE-09."""
        environ: dict[str, str] = {}
        for name, value in self.typed(config, "environ", dict, {}).items():
            if not isinstance(value, str) or "\0" in name + value or "=" in name or not name:
                raise Problem(400, "Wrong type", "environ is an object of strings")
            environ[name] = value
        if self.reserved_environ == "refused" and RESERVED & set(environ):
            raise Problem(400, "Reserved name", f"environ may not set any of {', '.join(sorted(RESERVED))}")
        return environ

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        """SE-10."""
        mounts = self.typed(config, "mounts", list, [])
        if len(mounts) > self.max_mounts:
            raise Problem(400, "Too many mounts", f"at most {self.max_mounts}")
        found: dict[str, Path] = {}
        for mount in mounts:
            if not isinstance(mount, str):
                raise Problem(400, "Wrong type", "mounts is a list of names")
            name, _, alias = mount.partition(":")
            alias = alias.removeprefix("/home/work/") or name
            if "/" in alias or alias in {"", ".", ".."}:
                raise Problem(400, "Bad mount", f"{alias!r} is no name")
            found[alias] = self.folder_directory(owner, name)
        return found

    def folder_directory(self, owner: str, name: str) -> Path:
        """The directory of a virtual folder: see folders.py."""
        raise Problem(400, "No such folder", f"{owner}{name}")

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        """A new session with an empty home, owned by the user that runs its commands (UP-16)."""
        identifier = str(uuid.uuid4())
        session = Session(name, identifier, lang, owner, self.root / identifier, environ, mounts)
        for directory in (session.place, session.home, session.place / "tmp", *(session.home / m for m in mounts)):
            directory.mkdir(mode=0o755)
            sandbox.give(directory)
        return session

    def reuse(self, living: Session, lang: str) -> Response:
        """SE-02, SE-03."""
        if living.lang != lang:
            raise Problem(409, "Session exists", f"{living.name} runs {living.lang}")
        return self.json(self.reuse_status, self.created_body(living, created=False))

    def created_body(self, session: Session, *, created: bool) -> dict[str, Any]:
        """SE-01, in the words of every version."""
        return {
            "kernelId": self.ids_of(session)[0],
            "sessId": self.ids_of(session)[0],
            "sessionId": session.uuid,
            "status": self.session_status(session),
            "servicePorts": [],
            "created": created,
        }

    def session_status(self, session: Session) -> str:
        """PENDING until the session may be used."""
        return "RUNNING" if time.monotonic() - session.born_s >= self.starts_pending_s else "PENDING"

    # -- find

    def find(self, owner: str, identifier: str) -> Session:
        """CO-11, AU-07: the session that this key knows by name or UUID."""
        with self.lock:
            for session in self.visible(owner):
                if identifier in self.ids_of(session):
                    return session
        raise self.unknown(identifier)

    def visible(self, owner: str) -> list[Session]:
        """AU-07: the sessions of a key."""
        return [session for session in self.sessions.values() if session.owner == owner]

    def ids_of(self, session: Session) -> tuple[str, ...]:
        """What a session answers to."""
        return (session.uuid,) if self.ids == "uuid" else (session.name, session.uuid)

    def unknown(self, identifier: str) -> Problem:
        """CO-11."""
        return Problem(404, "Session not found", f"no session {identifier!r}")

    # -- show, restart, destroy

    def show_session(self, request: Request, owner: str, identifier: str) -> Response:
        """SE-05."""
        return self.json(200, self.session_info(self.find(owner, identifier)))

    def session_info(self, session: Session) -> dict[str, Any]:
        """SE-05: milliseconds and KiB."""
        return {
            "lang": session.lang,
            "age": self.age_ms(session),
            "memoryLimit": 1_048_576,
            "numQueriesExecuted": session.queries[self.queries_counted],
            "cpuCreditUsed": session.cpu_ms,
            "status": self.session_status(session),
        }

    def age_ms(self, session: Session) -> int:
        """SE-05: since creation, restarts included (SE-07)."""
        return int((time.monotonic() - session.born_s) * 1000)

    def restart_session(self, request: Request, owner: str, identifier: str) -> Response:
        """SE-07."""
        session = self.find(owner, identifier)
        self.restart(session)
        return Response(204)

    def restart(self, session: Session) -> None:
        """SE-07: processes and /tmp are gone, files stay unless the variant clears them."""
        self.kill_runs(session)
        self.empty(session.place / "tmp")
        if self.restart_clears_files:
            self.empty(session.home)

    def empty(self, directory: Path) -> None:
        """Remove what a directory holds."""
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        """SE-06."""
        session = self.find(owner, identifier)
        self.destroy(session)
        if self.destroy_status == 204:  # noqa: PLR2004  - SE-06 (open)
            return Response(204)
        return self.json(200, {"stats": {"cpu_used": session.cpu_ms}})

    def destroy(self, session: Session) -> None:
        """SE-06, UP-12: forgotten first, then killed and removed."""
        with self.lock:
            self.sessions.pop((session.owner, session.name), None)
        self.kill_runs(session)
        shutil.rmtree(session.place, ignore_errors=True)

    def kill_runs(self, session: Session) -> None:
        """End every run of a session, and wait until it has ended."""
        with session.lock:
            runs = list(session.runs.values())
        for run in runs:
            run.cut.set()
            sandbox.kill(run.process)
        for run in runs:
            run.done.wait(10)
