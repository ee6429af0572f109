"""The tail of what a session's commands printed, for `GET .../logs`; bounded, so that a flood costs a fixed amount."""

from collections import deque
from typing import Final

LOG_CHARS: Final = 262_144  # ours: the documents name no bound


class SessionLog:
    """Keeps the last `limit_chars` characters that were added. Not for several threads at once."""

    def __init__(self, limit_chars: int = LOG_CHARS) -> None:
        self._limit_chars = limit_chars
        self._pieces: deque[str] = deque()
        self._chars = 0

    def add(self, text: str) -> None:
        """Append; the oldest characters make room."""
        self._pieces.append(text)
        self._chars += len(text)
        while (surplus := self._chars - self._limit_chars) > 0:
            oldest = self._pieces.popleft()
            kept = oldest[surplus:]
            self._chars -= len(oldest) - len(kept)
            if kept:
                self._pieces.appendleft(kept)

    @property
    def text(self) -> str:
        """All that is kept, oldest first."""
        return "".join(self._pieces)
