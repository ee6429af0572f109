"""AU and RL: who asks, and how often."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, ClassVar, Final

from .conventions import Conventions
from .message import Problem, Response

if TYPE_CHECKING:
    from .message import Request

CREDENTIAL: Final = re.compile(r"BackendAI\s+signMethod=(HMAC-SHA256)\s*,\s*credential=([^:\s]+):([0-9a-f]{64})")
EMPTY_HASH: Final = hashlib.sha256(b"").hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


class Access(Conventions):
    """Signatures where ``keys`` (access key to secret key) are given, and a rate limit always."""

    keys: ClassVar[dict[str, str]] = {}
    rate_limit = 50_000
    rate_window_s = 900
    clock_skew = timedelta(minutes=15)
    body_hash_of = "either"  # AU-03 (open): "body", "empty" or "either"

    def answer(self, request: Request) -> Response:
        """Authenticate, count, call: refusals count too (RL-02)."""
        who = request.peer
        try:
            owner = self.admit(request)
        except Problem as problem:
            response = self.problem(self.spend(who) or problem)
        else:
            who = owner or who
            response = self.counted_call(request, who, owner)
        return replace(response, headers={**response.headers, **self.rate_headers(who)})

    def counted_call(self, request: Request, who: str, owner: str) -> Response:
        """RL-02: one call, within the limit."""
        limited = self.spend(who)
        try:
            return self.problem(limited) if limited else self.call(request, owner)
        except Problem as problem:
            return self.problem(problem)

    def admit(self, request: Request) -> str:
        """The access key that signed the request; "" where no key is asked for."""
        if not self.keys or self.is_public(request):
            return ""
        return self.authenticate(request)

    def is_public(self, request: Request) -> bool:
        """CO-08: the version is told to everybody."""
        return request.method == "GET" and re.fullmatch(r"/(v\d+)?/?", request.path) is not None

    # -- AU

    def authenticate(self, request: Request) -> str:
        """AU-05, AU-06: the access key of a request that is well signed and dated."""
        header = request.headers.get("Authorization")
        if header is None:
            raise self.refusal("no Authorization header")
        match = self.read_credential(header)
        if match is None:
            raise Problem(400, "Malformed authorization", "want BackendAI signMethod=..., credential=KEY:SIGNATURE")
        self.check_version_named(request)
        access_key, signature = match[2], match[3]
        secret = self.secret_of(access_key)
        if secret is None:
            raise self.refusal("unknown access key")
        self.check_date(self.request_date(request))
        if not self.is_signature(request, secret, signature):
            raise self.refusal("wrong signature")
        return access_key

    def refusal(self, reason: str) -> Problem:
        """AU-05."""
        return Problem(401, "Unauthorized", reason)

    def read_credential(self, header: str) -> re.Match[str] | None:
        """AU-01."""
        return CREDENTIAL.fullmatch(header.strip())

    def secret_of(self, access_key: str) -> str | None:
        """The secret key that belongs to an access key."""
        return self.keys.get(access_key)

    def check_version_named(self, request: Request) -> None:
        """AU-06 (open)."""
        if "X-BackendAI-Version" not in request.headers:
            raise Problem(400, "Version missing", "signed requests name their X-BackendAI-Version")

    def date_text(self, request: Request) -> str:
        """AU-03: the date as sent."""
        return request.headers.get("Date") or request.headers.get("X-BackendAI-Date") or ""

    def request_date(self, request: Request) -> datetime:
        """AU-04: the date, ISO 8601 with or without separators, or in the HTTP form."""
        text = self.date_text(request)
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            try:
                date = parsedate_to_datetime(text)
            except ValueError:
                raise self.refusal("the date is missing or unreadable") from None
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)

    def check_date(self, date: datetime) -> None:
        """AU-04."""
        if abs(datetime.now(UTC) - date) > self.clock_skew:
            raise self.refusal("the date is more than 15 minutes off")

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        """AU-02, AU-03."""
        host = request.headers.get("Host", "")
        key = self.signing_key(secret, self.request_date(request), host)
        return any(
            hmac.compare_digest(_hmac(key, self.string_to_sign(request, host, body_hash)).hex(), signature)
            for body_hash in self.body_hashes(request)
        )

    def signing_key(self, secret: str, date: datetime, host: str) -> bytes:
        """AU-02."""
        return _hmac(_hmac(secret.encode(), date.strftime("%Y%m%d")), host)

    def string_to_sign(self, request: Request, host: str, body_hash: str) -> str:
        """AU-03."""
        lines = [
            request.method,
            self.signed_target(request),
            self.date_text(request),
            f"host:{host}",
            f"content-type:{self.signed_content_type(request)}",
            f"x-backendai-version:{self.signed_version(request)}",
            body_hash,
        ]
        return "\n".join(lines)

    def signed_target(self, request: Request) -> str:
        """The path with its query string."""
        return request.target

    def signed_content_type(self, request: Request) -> str:
        """The media type; without the header, what clients that send no body name."""
        return request.content_type or "application/octet-stream"

    def signed_version(self, request: Request) -> str:
        """The version that the client named."""
        return request.headers.get("X-BackendAI-Version", self.version)

    def body_hashes(self, request: Request) -> list[str]:
        """AU-03 (open): the hashes that may stand for the body."""
        real = hashlib.sha256(request.body).hexdigest()
        return {"body": [real], "empty": [EMPTY_HASH], "either": [real, EMPTY_HASH]}[self.body_hash_of]

    # -- RL

    def spend(self, who: str) -> Problem | None:
        """RL-02: count one request; the refusal if it is one too many."""
        with self.lock:
            key = f"rate {who} {int(time.monotonic()) // self.rate_window_s}"
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.over_limit(self.counts[key])

    def over_limit(self, count: int) -> Problem | None:
        """RL-02."""
        return Problem(429, "Rate limit exceeded") if count > self.rate_limit else None

    def rate_headers(self, who: str) -> dict[str, str]:
        """RL-01."""
        key = f"rate {who} {int(time.monotonic()) // self.rate_window_s}"
        return {
            "X-RateLimit-Limit": str(self.rate_limit),
            "X-RateLimit-Remaining": str(max(0, self.rate_limit - self.counts.get(key, 0))),
            "X-RateLimit-Window": str(self.rate_window_s),
        }
