"""Requests signed by hand, part by part, so that a check can spoil exactly one part (AU-01 to AU-05)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from conformance.client import BODYLESS_TYPE
from conformance.signing import signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.multipart import Form
    from conformance.signing import Signer
    from conformance.target import Target

METHOD_PREFIX: Final = "BackendAI signMethod=HMAC-SHA256, credential="
EMPTY_HASH: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Letter:
    """One request and everything that its signature is made of.

    `lines` is the string to sign by line: method, target, date, host, type, version, body. `day` (YYYYMMDD) and
    `key_host` are what the signing key is derived from.
    """

    client: Client
    signer: Signer
    method: str
    path: str
    body: bytes
    content_type: str
    date: str  # as it is sent
    lines: Mapping[str, str]
    day: str
    key_host: str
    headers: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """The signature in lower-case hex."""
        return signed(self.signer.secret_key, self.day, self.key_host, "\n".join(self.lines.values()))

    def line(self, name: str, text: str | None) -> Letter:
        """Return the letter with another text signed in that line (None: without the line); it is sent as before."""
        lines = {key: text if key == name else kept for key, kept in self.lines.items()}
        return replace(self, lines={key: kept for key, kept in lines.items() if kept is not None})

    def saying(self, **headers: str | None) -> Letter:
        """Return the letter with other headers (underscores are hyphens; None: without it); signed as before."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    def credential(self, access_key: str | None = None, signature: str | None = None) -> Letter:
        """Return the letter with another access key or signature in its `Authorization`."""
        named = self.signer.access_key if access_key is None else access_key
        return self.saying(Authorization=f"{METHOD_PREFIX}{named}:{signature or self.signature}")

    def send(self, **more: Any) -> Exchange:
        """Send it; return whatever came back."""
        headers = {
            "Date": self.date,
            "X-BackendAI-Version": self.signer.api_version,
            "Authorization": f"{METHOD_PREFIX}{self.signer.access_key}:{self.signature}",
        } | dict(self.headers)
        call: dict[str, Any] = {"body": self.body, "content_type": self.content_type, "headers": headers, **more}
        return self.client.call(self.method, self.path, signer=None, **call)


@dataclass(frozen=True)
class Desk:
    """Where letters are written: with the key pair of a run, by a clock that shows what the target's does."""

    client: Client
    signer: Signer

    @classmethod
    def of(cls, client: Client, target: Target, signer: Signer | None = None) -> Desk:
        """Return a desk for the run's own key pair, or another; only checks that need keys may ask."""
        found = signer or target.signer
        if found is None:
            raise TypeError("a check that signs by hand needs keys: @requirement(..., needs='keys')")
        return cls(client, found)

    def letter(  # noqa: PLR0913  - what a request may say, by keyword
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        content_type: str = BODYLESS_TYPE,
        form: Form | None = None,
        moment: datetime | None = None,
        date: str | None = None,
    ) -> Letter:
        """Return a request that is signed by the rule at a moment, its date written as `date` (ISO 8601 if not given).

        `path` is relative to the endpoint and holds the query.
        """
        when = (moment or datetime.now(UTC)).astimezone(UTC)
        content, kind = (form.encode(), form.content_type) if form is not None else (body, content_type)
        media_type = kind.partition(";")[0].strip().lower()
        host = self.client.transport.host
        written = when.isoformat() if date is None else date
        lines = {
            "method": method,
            "target": self.client.transport.base_path + path,
            "date": written,
            "host": f"host:{host}",
            "type": f"content-type:{media_type}",
            "version": f"x-backendai-version:{self.signer.api_version}",
            "body": EMPTY_HASH if self.signer.hashes_nothing(media_type) else hashlib.sha256(content).hexdigest(),
        }
        return Letter(self.client, self.signer, method, path, content, kind, written, lines, f"{when:%Y%m%d}", host)

    def now(self) -> datetime:
        """Return the time by the target's clock, as its `Date` headers tell it; by ours where they do not."""
        theirs = next((one for one in map(_answered, reversed(self.client.exchanges)) if one is not None), timedelta())
        return datetime.now(UTC) + (theirs if abs(theirs) > timedelta(seconds=30) else timedelta())


def _answered(exchange: Exchange) -> timedelta | None:
    """Return how far the target's clock was ahead of ours when it answered; None where it did not tell."""
    try:
        theirs = parsedate_to_datetime(exchange.header("Date") or "")
    except ValueError:
        return None
    sent = exchange.started + timedelta(milliseconds=exchange.duration_ms)
    return (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - sent


def extended(moment: datetime) -> str:
    """Return ISO 8601 with separators, as the Python clients have it: `2026-11-23T06:30:37.140484+00:00`."""
    return moment.astimezone(UTC).isoformat()


def zulu(moment: datetime) -> str:
    """Return ISO 8601 with separators and `Z`, as the JavaScript client has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def compact(moment: datetime) -> str:
    """Return ISO 8601 without separators: `20261123T063037Z`."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def http_date(moment: datetime) -> str:
    """Return the HTTP form: `Mon, 23 Nov 2026 06:30:37 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
