"""How requests are signed (AU-01 to AU-04, AU-06): the header, the date, the text, the key. Pure; no clock, no keys.

A signature covers method, path with query, date, host, content type, version and body. What a client may leave to
convention has more than one reading, so `Signable.texts` gives every text that a right client may have signed.
"""

import hashlib
import hmac
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from mock_server.domain.access_errors import BadDate, MalformedAuthorization, NotSigned
from mock_server.domain.errors import InvalidParameter

EMPTY_BODY: Final = hashlib.sha256(b"").hexdigest()
VERSION_HEADERS: Final = ("x-backendai-version", "x-sorna-version")  # AU-03, and what clients up to 0.9 sign
RELAXED_HOST: Final = "api.backend.ai"  # what the Java client signs, whatever its endpoint is
_SCHEMES: Final = ("backendai", "sorna")
_METHOD: Final = "HMAC-SHA256"
_PAIR: Final = re.compile(r"\s*([A-Za-z]+)\s*=\s*(\S+)\s*")
_CREDENTIAL: Final = re.compile(r"([^:\s]{1,128}):([0-9a-fA-F]{1,128})")
_VERSION: Final = re.compile(r"v([1-9]\d?)\.(\d{8})")
_ISO: Final = re.compile(r"(\d{8}|\d{4}-\d\d-\d\d)[T ]\d\d.*", re.ASCII)
_HTTP: Final = re.compile(r"[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d.*", re.ASCII)
_EMPTY_SINCE: Final = (4, "20181215")  # AU-03: from this version on clients hash the empty string
_NO_TYPE: Final = "application/octet-stream"  # what HTTP takes an unnamed type for, and WebSocket clients sign


@dataclass(frozen=True)
class Credential:
    """What `Authorization` says: whose key, and the signature in hex."""

    access_key: str
    signature: str

    @classmethod
    def parse(cls, header: str) -> "Credential":
        """Read the header (AU-01). Raises NotSigned for none or another scheme, MalformedAuthorization."""
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() not in _SCHEMES:
            raise NotSigned(scheme[:40])
        matches = [_PAIR.fullmatch(pair) for pair in rest.split(",")]
        pairs = {match[1].lower(): match[2] for match in matches if match}
        credential = _CREDENTIAL.fullmatch(pairs.get("credential", ""))
        if len(pairs) < len(matches) or pairs.keys() != {"signmethod", "credential"} or credential is None:
            raise MalformedAuthorization(f"write it as `BackendAI signMethod={_METHOD}, credential=ACCESS-KEY:HEX`")
        if pairs["signmethod"] != _METHOD:
            raise MalformedAuthorization(f"signMethod {pairs['signmethod'][:40]!r} is not known; use {_METHOD}")
        return cls(credential[1], credential[2])


@dataclass(frozen=True)
class Version:
    """The API version that a signed request names (AU-06)."""

    text: str
    hashes_empty: bool  # whether clients of it sign the hash of the empty string, whatever they send

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read `v4.20181215`. Raises InvalidParameter."""
        match = _VERSION.fullmatch(text)
        if match is None:
            why = f"{text[:40]!r} is no version; a signed request names one, such as v4.20181215" if text else "missing"
            raise InvalidParameter("X-BackendAI-Version", why)
        return cls(text, (int(match[1]), match[2]) >= _EMPTY_SINCE)


@dataclass(frozen=True)
class Signable:
    """The signed parts of one request, as they were sent; `content_type` is None where there is no such header."""

    methods: tuple[str, ...]
    target: str
    date: str
    content_type: str | None
    version: Version
    version_headers: tuple[str, ...]

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return (self.content_type or "").partition(";")[0].strip()

    @property
    def may_hash_empty(self) -> bool:
        """Whether the body may count as empty: multipart, and from v4.20181215 on (AU-03)."""
        return self.version.hashes_empty or self.media_type.lower().startswith("multipart/")

    def texts(self, host: str, body_hash: str) -> Iterator[str]:
        """Give every text that a right client may have signed, the likeliest first."""
        types = (_NO_TYPE, "") if self.content_type is None else (self.media_type, self.media_type.lower())
        for method, media_type, header in itertools.product(
            dict.fromkeys(self.methods), dict.fromkeys(types), self.version_headers
        ):
            lines = (method, self.target, self.date, f"host:{host}", f"content-type:{media_type}")
            yield "\n".join((*lines, f"{header}:{self.version.text}", body_hash))

    def shown(self, host: str) -> str:
        """Give the text that is likeliest, for people to compare theirs with."""
        return next(self.texts(host, EMPTY_BODY if self.may_hash_empty else "<hex SHA-256 of the body>"))


def read_date(text: str) -> datetime:
    """Read a request's date: ISO 8601 with or without separators, or the HTTP form; UTC where it names no zone.

    Raises BadDate (AU-04).
    """
    try:
        if _ISO.fullmatch(text):
            moment = datetime.fromisoformat(text)
        elif _HTTP.fullmatch(text):
            moment = parsedate_to_datetime(text)
        else:
            raise BadDate(text[:60])
    except (ValueError, OverflowError):
        raise BadDate(text[:60]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def sign(secret: str, moment: datetime, host: str, text: str) -> str:
    """Return the signature of a text in lower-case hex, by the key of the moment's day in UTC and the host (AU-02)."""
    day = f"{moment.astimezone(UTC):%Y%m%d}"
    key = _hmac(_hmac(secret.encode(), day), host)
    return _hmac(key, text).hex()


def matches(signature: str, expected: str) -> bool:
    """Compare in a time that does not tell how much of it is right."""
    return hmac.compare_digest(signature.encode("latin-1"), expected.encode("latin-1"))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode("latin-1", "replace"), hashlib.sha256).digest()
