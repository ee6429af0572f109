"""What passes between the transport and the behaviour: a request, a response, a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True)
class Request:
    """One request, read whole: ``target`` is the path with its query exactly as sent."""

    method: str
    target: str
    headers: Message
    body: bytes
    peer: str
    cut_short: bool = False

    @property
    def path(self) -> str:
        """The path as sent, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query string, decoded: every value of every key."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Response:
    """One response; the transport adds what frames it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Problem(Exception):  # noqa: N818  - the word of RFC 7807
    """A refusal: it becomes a problem object (CO-02) with this status."""

    status: int
    title: str
    detail: str = ""

    @property
    def slug(self) -> str:
        """The last part of the problem's ``type``."""
        return self.title.lower().replace(" ", "-")
