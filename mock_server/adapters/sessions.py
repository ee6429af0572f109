"""The sessions of one server, in memory: found by name or by UUID, created and ended exactly once (SE)."""

import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from mock_server.adapters.activity import Activity
from mock_server.adapters.folders import FolderStore, Mounted
from mock_server.adapters.runner import RunSession
from mock_server.adapters.sandbox import SessionPlace
from mock_server.adapters.storage import Account, Storage
from mock_server.adapters.walk import Owner
from mock_server.adapters.workspaces import Workspace
from mock_server.domain.access_errors import TooManySessions
from mock_server.domain.console import STREAMS
from mock_server.domain.errors import NameInUse, UnknownSession
from mock_server.domain.limits import Allowance
from mock_server.domain.requests import SessionRequest
from mock_server.domain.runs import RunResult
from mock_server.domain.session_log import SessionLog

MIN_MEMORY_MIB: Final = 64  # ours: with less, not even a shell is sure to start


class RunEngine(Protocol):
    """What the registry needs of the run engine."""

    def open_session(self, place: SessionPlace) -> RunSession:
        """Return the runs of a new session; starts no process."""


def _new_context() -> str:
    return secrets.token_hex(8)


@dataclass
class Session:
    """One living session. `name` is what its client calls it, `session_id` its UUID; every path takes either."""

    name: str
    session_id: str
    lang: str
    workspace: Workspace
    runs: RunSession
    memory_limit_kib: int
    account: Account
    mounted: Mounted = field(default_factory=Mounted)
    user: str = ""  # whose it is: an access key; empty where the server asks for no signatures
    started_s: float = field(default_factory=time.monotonic)
    queries: int = 0
    query_context: str = field(default_factory=_new_context)  # what snippets share (EX-28)
    activity: Activity = field(default_factory=Activity)
    _log: SessionLog = field(default_factory=SessionLog)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def age_ms(self) -> int:
        """Milliseconds since it was created; a restart does not reset it (SE-07)."""
        return int((time.monotonic() - self.started_s) * 1000)

    def count_query(self) -> None:
        """Count one execute call (SE-05)."""
        with self._lock:
            self.queries += 1

    def log(self, result: RunResult) -> None:
        """Keep what a result hands over for `log_text`."""
        with self._lock:
            for kind, text in result.console:
                if kind in STREAMS and isinstance(text, str):
                    self._log.add(text)

    @property
    def log_text(self) -> str:
        """The tail of what its runs printed, as far as it was handed over."""
        with self._lock:
            return self._log.text

    def restart(self) -> None:
        """End its runs, and forget what snippets shared (SE-07)."""
        self.query_context = _new_context()
        self.runs.restart()

    def end(self) -> None:
        """Kill its processes, then delete its files (SE-06, UP-12)."""
        self.runs.close()
        self.workspace.remove()


class SessionRegistry:
    """All living sessions. Every method may be called from any thread."""

    def __init__(
        self,
        engine: RunEngine,
        root: Path,
        owner: Owner,
        folders: FolderStore,
        storage: Storage,
        allowance: Allowance,
    ) -> None:
        self._engine = engine
        self._folders = folders
        self._root = root
        self._owner = owner
        self._storage = storage
        self._allowance = allowance
        self._lock = threading.Lock()
        self._by_name: dict[tuple[str, str], Session] = {}  # by user and name
        self._by_id: dict[str, Session] = {}

    def create(self, request: SessionRequest, user: str = "") -> tuple[Session, bool]:
        """Return the user's session and whether it is new (SE-01, SE-02).

        Raises NameInUse (SE-03), UnknownFolder (SE-10), TooManySessions, WorkspaceFull.
        """
        with self._lock:
            known = self._known(request.name or "", user)
            if known is not None:
                if known.lang != request.lang:
                    raise NameInUse(known.name, known.lang)
                return known, False
            if sum(owner == user for owner, _ in self._by_name) >= self._allowance.max_sessions:
                raise TooManySessions(self._allowance.max_sessions)
            session = self._new(request, user)
            self._by_name[user, session.name] = session
            self._by_id[session.session_id] = session
            return session, True

    def find(self, name_or_id: str, user: str = "") -> Session:
        """Return the user's living session that is called so. Raises UnknownSession (CO-11, AU-07)."""
        session = self._known(name_or_id, user)
        if session is None:
            raise UnknownSession(name_or_id)
        return session

    def end(self, session: Session) -> None:
        """End a session; its name is free at once. Raises UnknownSession to all but the first who ask."""
        with self._lock:
            if self._by_id.pop(session.session_id, None) is None:
                raise UnknownSession(session.name)
            del self._by_name[session.user, session.name]
        self._end(session)

    def close(self) -> None:
        """End every session."""
        with self._lock:
            sessions = list(self._by_id.values())
            self._by_id.clear()
            self._by_name.clear()
        for session in sessions:
            self._end(session)

    def living(self) -> tuple[Session, ...]:
        """Return a snapshot of all sessions."""
        with self._lock:
            return tuple(self._by_id.values())

    def _end(self, session: Session) -> None:
        session.end()
        session.account.close()
        self._folders.release(session.mounted)

    def _known(self, name_or_id: str, user: str) -> Session | None:
        """Return the user's session; to everybody else it does not exist (AU-07)."""
        named, by_id = self._by_name.get((user, name_or_id)), self._by_id.get(name_or_id)
        return named or (by_id if by_id is not None and by_id.user == user else None)

    def _new(self, request: SessionRequest, user: str) -> Session:
        with self._folders.mounting(user, request.mounts) as mounted:
            session_id = str(uuid.uuid4())
            account = self._storage.open(self._root / session_id)
            workspace = Workspace(self._root / session_id, self._owner, mounted.paths)
            memory_mib = max(request.memory_mib or self._allowance.default_memory_mib, MIN_MEMORY_MIB)
            memory_bytes = int(memory_mib * 1024) * 1024
            place = SessionPlace(workspace.home, workspace.tmp, request.environ, mounted.paths, memory_bytes)
            return Session(
                name=request.name or f"session-{secrets.token_hex(8)}",
                session_id=session_id,
                lang=request.lang,
                workspace=workspace,
                runs=self._engine.open_session(place),
                memory_limit_kib=memory_bytes // 1024,
                account=account,
                mounted=mounted,
                user=user,
            )
