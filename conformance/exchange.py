"""One HTTP exchange as it happened: what was sent, what came back, when. The evidence of every verdict."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datetime import datetime

Headers = tuple[tuple[str, str], ...]
Manner = Literal["plain", "signed", "raw", "half-closed"]  # how it was sent; signed: by the run's own keys
KEPT_BODY_BYTES: Final = 64 * 1024  # of each body, once its check is over
REPORTED_BODY_BYTES: Final = 16 * 1024  # of each body, in report.json
_SIGNATURE: Final = re.compile(r"(credential=[^:\s]+:)[^\s\"']+")
_SIGNED_BYTES: Final = re.compile(rb"(credential=[^:\s]+:)[^\s\"']+")
_SECRET_HEADERS: Final = frozenset({"cookie", "set-cookie", "proxy-authorization", "x-backendai-token"})
_SHOWN_TEXT: Final = 200
_SHOWN_BYTES: Final = 100


class NotJSONError(ValueError):
    """A body that should be JSON is not."""


@dataclass(frozen=True)
class Exchange:
    """A request and its response (`status` None and an `error` where none came)."""

    id: str
    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    status: int | None
    response_headers: Headers
    response_body: bytes
    error: str | None
    started: datetime
    duration_ms: float
    operation: str = ""  # the operationId of spec/openapi.yaml, where it is a call of one
    request_size_bytes: int = 0  # of the whole body, also after `clipped`
    response_size_bytes: int = 0
    manner: Manner = "plain"

    @property
    def ok(self) -> bool:
        """Whether it was answered 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  - HTTP's own classes

    @property
    def refused(self) -> bool:
        """Whether it was answered 4xx: the server understood it and says no."""
        return self.status is not None and 400 <= self.status < 500  # noqa: PLR2004  - HTTP's own classes

    @property
    def broke_down(self) -> bool:
        """Whether it was answered 5xx, or not at all."""
        return self.status is None or self.status >= 500  # noqa: PLR2004  - HTTP's own classes

    def header(self, name: str) -> str | None:
        """Return the first response header of that name, or None."""
        return next((value for key, value in self.response_headers if key.lower() == name.lower()), None)

    @property
    def media_type(self) -> str:
        """The response's media type in lower case, without parameters; empty where there is none."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The response body as text; bytes that are not UTF-8 are replaced."""
        return self.response_body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the response body parsed; raise NotJSONError where it is not strict JSON in UTF-8."""
        try:
            return json.loads(self.response_body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise NotJSONError(f"the body is not JSON: {error}") from error

    def json_object(self) -> dict[str, Any]:
        """Return the response body where it is a JSON object; an empty dict otherwise."""
        try:
            value = self.json()
        except NotJSONError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def sent(self) -> str:
        """One line on the request, for messages."""
        target = urlsplit(self.url)
        path = f"{target.path}?{target.query}" if target.query else target.path
        body = f", body {_shown(self.request_body, self.request_size_bytes)}" if self.request_body else ""
        return f"{self.method} {path or '/'}{body}"

    @property
    def got(self) -> str:
        """One line on the response, for messages."""
        if self.status is None:
            return f"no response ({self.error})"
        if not self.response_body:
            return f"{self.status}, no body"
        return f"{self.status}, body {_shown(self.response_body, self.response_size_bytes)}"

    def clipped(self) -> Exchange:
        """Return the exchange with bodies short enough to keep many of them."""
        if max(len(self.request_body), len(self.response_body)) <= KEPT_BODY_BYTES:
            return self
        return replace(
            self,
            request_body=self.request_body[:KEPT_BODY_BYTES],
            response_body=self.response_body[:KEPT_BODY_BYTES],
        )

    def to_report(self, sent_bytes: int = REPORTED_BODY_BYTES, got_bytes: int = REPORTED_BODY_BYTES) -> dict[str, Any]:
        """Return it as `report.json` has it: secrets redacted, longer bodies cut."""
        return {
            "id": self.id,
            "method": self.method,
            "url": self.url,
            "request_headers": _redacted(self.request_headers),
            "request_body": _body(self.request_body[:sent_bytes], self.request_size_bytes),
            "status": self.status,
            "response_headers": _redacted(self.response_headers),
            "response_body": _body(self.response_body[:got_bytes], self.response_size_bytes),
            "error": self.error,
            "started": self.started.isoformat(),
            "duration_ms": round(self.duration_ms, 3),
        }


def shorten(text: str, limit: int = _SHOWN_TEXT) -> str:
    """Return the text in at most `limit` characters, saying how much was cut; lone surrogates as escapes."""
    short = text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"
    return short.encode("utf-8", "backslashreplace").decode("utf-8")


def show(value: object, limit: int = _SHOWN_TEXT) -> str:
    """Return any value as one short line for a message: JSON where possible."""
    if isinstance(value, str):
        return shorten(value, limit)
    if isinstance(value, bytes):
        return _shown(value)
    try:
        return shorten(json.dumps(value, ensure_ascii=False), limit)
    except (TypeError, ValueError, RecursionError):
        return shorten(object.__repr__(value) if isinstance(value, (dict, list)) else repr(value), limit)


def _shown(body: bytes, size_bytes: int = 0) -> str:
    """Return a body as a message shows it; `size_bytes` is that of the whole, where `body` was clipped."""
    size = max(size_bytes, len(body))
    try:
        return (
            shorten(body[: _SHOWN_TEXT * 4].decode("utf-8")) if len(body) <= _SHOWN_TEXT * 2 else _measured(body, size)
        )
    except UnicodeDecodeError:
        return _measured(body, size)


def _measured(body: bytes, size_bytes: int) -> str:
    return f"of {size_bytes:,} bytes starting {body[:_SHOWN_BYTES].decode('utf-8', 'replace')!r}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _redacted(headers: Headers) -> list[list[str]]:
    return [
        [name or "?", "[redacted]" if name.lower() in _SECRET_HEADERS else _SIGNATURE.sub(r"\1[redacted]", value)]
        for name, value in headers
    ]


def _body(body: bytes, size_bytes: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"size_bytes": size_bytes, "truncated": size_bytes > len(body)}
    kept = _SIGNED_BYTES.sub(rb"\1[redacted]", body)
    try:
        return {"text": kept.decode("utf-8"), **facts}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(kept).decode("ascii"), **facts}
