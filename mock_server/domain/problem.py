"""The problem document (CO-02, CO-03): the one shape of every refusal that leaves the server."""

from dataclasses import dataclass
from typing import Final

MEDIA_TYPE: Final = "application/problem+json"
_URN: Final = "urn:batchproof:problem:"


@dataclass(frozen=True)
class Problem:
    """One refusal as its client sees it; `kind` is the last part of the `type` URN."""

    status: int
    kind: str
    title: str
    detail: str

    def document(self) -> dict[str, object]:
        """Give the JSON object of RFC 9457, plus `msg`, where deployed clients look for the detail."""
        return {
            "type": _URN + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "msg": self.detail,
        }
