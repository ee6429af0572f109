"""Looks after sessions from time to time: ends the forgotten ones, and stops programs that fill the disk."""

import contextlib
import sys
import threading
import time
from typing import Final, Self

from mock_server.adapters.sessions import Session, SessionRegistry
from mock_server.domain.errors import UnknownSession

ROUND_S: Final = 1.0
_REST: Final = 5  # how many times as long as a round took it rests after it


class Caretaker:
    """A thread that goes round the sessions. `idle_timeout_s` of 0 lets them live on."""

    def __init__(self, sessions: SessionRegistry, idle_timeout_s: float) -> None:
        self._sessions = sessions
        self._idle_timeout_s = idle_timeout_s
        self._measured: dict[str, int] = {}  # by session: its execute calls when it was last measured
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caretaker")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        took_s = 0.0
        while not self._stop.wait(max(ROUND_S, _REST * took_s)):
            started_s = time.monotonic()
            living = self._sessions.living()
            for session in living:
                if not self._stop.is_set():
                    self._try_to_look_after(session)
            self._measured = {each.session_id: self._measured.get(each.session_id, 0) for each in living}
            took_s = time.monotonic() - started_s

    def _try_to_look_after(self, session: Session) -> None:
        try:
            self._look_after(session)
        except Exception as error:  # noqa: BLE001  - one session's fault must not end the care for all
            print(f"batchproof-mock: looking after {session.session_id} failed: {error!r}", file=sys.stderr)  # noqa: T201  - the log

    def _look_after(self, session: Session) -> None:
        if 0 < self._idle_timeout_s <= session.activity.idle_s:
            with contextlib.suppress(UnknownSession):
                self._sessions.end(session)
        elif session.runs.busy or session.queries != self._measured.get(session.session_id, 0):
            self._measured[session.session_id] = session.queries
            too_much = [account.measure() for account in (session.account, *session.mounted.accounts)]
            if any(too_much):
                session.runs.stop_step(f"batchproof-mock: killed: {next(filter(None, too_much))}")
