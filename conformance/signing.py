"""Signatures of requests (AU-01 to AU-03), with the conventions of the real clients.

Date is ISO 8601 with microseconds and offset; the body counts as empty for multipart, and for every body from API
version v4.20181215 on.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

EMPTY_HASH_SINCE: Final = (4, "20181215")  # AU-03: from here on real clients hash the empty string
_VERSION: Final = re.compile(r"v(\d+)\.(\d{8})")


@dataclass(frozen=True)
class Signable:
    """What of a request is signed. `target` is path and query as sent; `host` has the port where the header has it."""

    method: str
    target: str
    host: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Signer:
    """One key pair and the API version in whose manner it signs. `dated` fixes the date text, for checks of AU-04."""

    access_key: str
    secret_key: str = field(repr=False)
    api_version: str = "v4.20181215"
    dated: str | None = None
    day: str | None = None  # YYYYMMDD of the signing key, where `dated` is not ISO 8601
    empty_later: bool = True  # AU-03 (open): False where the target wants the hash of later versions' bodies,
    empty_multipart: bool = True  # or of multipart ones

    def headers(self, request: Signable) -> dict[str, str]:
        """Return `Authorization`, `Date` and `X-BackendAI-Version` for a request."""
        date = self.dated if self.dated is not None else datetime.now(UTC).isoformat()
        return {
            "Date": date,
            "X-BackendAI-Version": self.api_version,
            "Authorization": (
                f"BackendAI signMethod=HMAC-SHA256, credential={self.access_key}:{self.signature(request, date)}"
            ),
        }

    def signature(self, request: Signable, date: str) -> str:
        """Return the hex signature of a request that is sent with this date text."""
        media_type = request.content_type.partition(";")[0].strip().lower()
        hashed = b"" if self.hashes_nothing(media_type) else request.body
        text = "\n".join(
            (
                request.method.upper(),
                request.target,
                date,
                f"host:{request.host}",
                f"content-type:{media_type}",
                f"x-backendai-version:{self.api_version}",
                hashlib.sha256(hashed).hexdigest(),
            )
        )
        return signed(self.secret_key, self.day or _day(date), request.host, text)

    def hashes_nothing(self, media_type: str) -> bool:
        """Tell whether the body counts as empty in the signature."""
        found = _VERSION.fullmatch(self.api_version)
        modern = found is not None and (int(found[1]), found[2]) >= EMPTY_HASH_SINCE
        multipart = media_type.startswith("multipart/")
        return self.empty_multipart if multipart else modern and self.empty_later


def signed(secret_key: str, day: str, host: str, text: str) -> str:
    """Return the hex signature of a text by the key of a day (YYYYMMDD in UTC) and a host (AU-02)."""
    return _hmac(_hmac(_hmac(secret_key.encode(), day), host), text).hex()


def _day(date: str) -> str:
    """Return the UTC day YYYYMMDD of an ISO 8601 date text; of any other text, today's."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        moment = datetime.now(UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y%m%d")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
