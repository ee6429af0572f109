"""Servers that break authentication (AU) and rate limits (RL)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.access import CREDENTIAL
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect, knob

if TYPE_CHECKING:
    from conformance.selftests.reference.sessions import Session


@defect("AU-01", also=("AU-03",))
class SignedDeletesRefused(Behaviour):
    """A DELETE that is signed by the rule is refused."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        return request.method != "DELETE" and super().is_signature(request, secret, signature)


@defect("AU-01", also=("AU-05",))
class AnySchemeIsAccepted(Behaviour):
    """The scheme and the signing method are not looked at."""

    def read_credential(self, header: str) -> re.Match[str] | None:
        credential = header.rpartition("credential=")[2]
        return CREDENTIAL.fullmatch(f"BackendAI signMethod=HMAC-SHA256, credential={credential}")


@defect("AU-02")
class HostHasNoPort(Behaviour):
    """A key derived from the host without its port is accepted as well."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        if super().is_signature(request, secret, signature):
            return True
        bare = BareHost(keys=self.keys)
        try:
            return Behaviour.is_signature(bare, request, secret, signature)
        finally:
            bare.close()


class BareHost(Behaviour):
    """What HostHasNoPort accepts too: key and signed text name the host without its port."""

    def signing_key(self, secret: str, date: datetime, host: str) -> bytes:
        return super().signing_key(secret, date, host.partition(":")[0])

    def string_to_sign(self, request: Request, host: str, body_hash: str) -> str:
        return super().string_to_sign(request, host.partition(":")[0], body_hash)


@defect("AU-02")
class KeyIsOfTheLocalDay(Behaviour):
    """The signing key is derived from the day that the client's clock shows, not the one in UTC."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        try:
            local = datetime.fromisoformat(self.date_text(request)).date()
        except ValueError:
            local = self.request_date(request).date()
        same_day = local == self.request_date(request).date()
        return same_day and super().is_signature(request, secret, signature)


@defect("AU-03")
class QueryIsNotSigned(Behaviour):
    """The query string is left out of the signed text."""

    def signed_target(self, request: Request) -> str:
        return request.path


@defect("AU-03", also=("UP-01",))
class TypeIsSignedWithParameters(Behaviour):
    """The signed content type keeps its parameters, so signed uploads are refused."""

    def signed_content_type(self, request: Request) -> str:
        return request.headers.get("Content-Type", "application/octet-stream")


@defect("AU-03")
class DateHeaderOnly(Behaviour):
    """X-BackendAI-Date is not read."""

    def date_text(self, request: Request) -> str:
        return request.headers.get("Date") or ""


@defect("AU-03", also=("AU-05",))
class QueryIsSignedOptionally(Behaviour):
    """A signature over the path without its query is accepted."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        bare = replace(request, target=request.path)
        return super().is_signature(request, secret, signature) or super().is_signature(bare, secret, signature)


@defect("AU-03", also=("AU-05",))
class MethodIsNotSigned(Behaviour):
    """A signature made for another method is accepted."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        methods = ("GET", "POST", "PATCH", "DELETE", "PUT")
        verify = super().is_signature
        return any(verify(replace(request, method=method), secret, signature) for method in methods)


knob("four-minutes", "AU-04", "A date 14 minutes off is refused.", clock_skew=timedelta(minutes=4))
knob("an-hour", "AU-04", "A date 16 minutes off is accepted.", clock_skew=timedelta(hours=1))
knob("a-day", "AU-04", "Any date of the last years is accepted.", clock_skew=timedelta(days=10_000))


@defect("AU-04")
class FutureIsAccepted(Behaviour):
    """Only old dates are refused."""

    def check_date(self, date: datetime) -> None:
        super().check_date(min(date, datetime.now(UTC)))


@defect("AU-04")
class PastIsAccepted(Behaviour):
    """Only dates in the future are refused: a request can be replayed for ever."""

    def check_date(self, date: datetime) -> None:
        super().check_date(max(date, datetime.now(UTC)))


@defect("AU-04")
class HttpDateIsRefused(Behaviour):
    """The HTTP form of a date is not understood."""

    def request_date(self, request: Request) -> datetime:
        if "," in self.date_text(request):
            raise self.refusal("not ISO 8601")
        return super().request_date(request)


@defect("AU-04")
class CompactDateIsRefused(Behaviour):
    """ISO 8601 without separators is not understood."""

    def request_date(self, request: Request) -> datetime:
        if "," not in self.date_text(request) and "-" not in self.date_text(request)[:5]:
            raise self.refusal("no separators")
        return super().request_date(request)


@defect("AU-04")
class MissingDateIsNow(Behaviour):
    """A request without a date is taken as sent now."""

    def request_date(self, request: Request) -> datetime:
        return super().request_date(request) if self.date_text(request) else datetime.now(UTC)


@defect("AU-04")
class UnreadableDateCrashes(Behaviour):
    """A date that can not be read answers 500."""

    def request_date(self, request: Request) -> datetime:
        try:
            return super().request_date(request)
        except Problem as problem:
            raise ValueError(problem.detail) from None


@defect("AU-05")
class UnsignedIsForbidden(Behaviour):
    """A request without Authorization answers 403."""

    def authenticate(self, request: Request) -> str:
        if "Authorization" not in request.headers:
            raise Problem(403, "Forbidden")
        return super().authenticate(request)


@defect("AU-05")
class UnsignedReadsAreServed(Behaviour):
    """A GET without Authorization is served with the first key's sessions."""

    def authenticate(self, request: Request) -> str:
        if request.method == "GET" and "Authorization" not in request.headers:
            return next(iter(self.keys))
        return super().authenticate(request)


@defect("AU-05")
class UnknownKeyIsNotFound(Behaviour):
    """An unknown access key answers 404."""

    def secret_of(self, access_key: str) -> str | None:
        if access_key not in self.keys:
            raise Problem(404, "No such key")
        return super().secret_of(access_key)


@defect("AU-05")
class UnknownKeyCrashes(Behaviour):
    """An unknown access key answers 500."""

    def secret_of(self, access_key: str) -> str | None:
        return self.keys[access_key]


@defect("AU-05")
class WrongSignatureIsForbidden(Behaviour):
    """A wrong signature answers 403."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        if not super().is_signature(request, secret, signature):
            raise Problem(403, "Forbidden", "wrong signature")
        return True


@defect("AU-05")
class SignatureIsNotChecked(Behaviour):
    """Any signature of a known key is accepted."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        return True


@defect("AU-05")
class LastDigitIsNotChecked(Behaviour):
    """The signature is compared without its last digit."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        verify = super().is_signature
        return any(verify(request, secret, signature[:-1] + digit) for digit in "0123456789abcdef")


@defect("AU-05")
class SecretsAreInterchangeable(Behaviour):
    """A signature made with another key's secret is accepted."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        verify = super().is_signature
        return any(verify(request, other, signature) for other in self.keys.values())


@defect("AU-05")
class UnsignedUploadsAreServed(Behaviour):
    """Only the signature of uploads is not checked."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        return request.path.endswith("/upload") or super().is_signature(request, secret, signature)


@defect("AU-05")
class MalformedHeaderCrashes(Behaviour):
    """A malformed Authorization header answers 500."""

    def read_credential(self, header: str) -> re.Match[str] | None:
        match = super().read_credential(header)
        if match is None:
            raise IndexError(header)
        return match


@defect("AU-05", intermittent=True)
class EveryThirdSignaturePasses(Behaviour):
    """One wrong signature in three is accepted."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        return super().is_signature(request, secret, signature) or self.turn("signature")


@defect("CO-08", needs=("keys",))
class VersionNeedsASignature(Behaviour):
    """The version of the major revision is told to signed requests only."""

    def is_public(self, request: Request) -> bool:
        return request.path == "/"


@defect("AU-07")
class SessionsAreShared(Behaviour):
    """Every key sees every key's sessions."""

    def visible(self, owner: str) -> list[Session]:
        return list(self.sessions.values())


@defect("AU-07")
class OthersSessionsAreForbidden(Behaviour):
    """Another key's session answers 403: its existence is told."""

    def unknown(self, identifier: str) -> Problem:
        if any(identifier in self.ids_of(session) for session in self.sessions.values()):
            return Problem(403, "Forbidden")
        return super().unknown(identifier)


@defect("RL-01")
class NoRateHeaders(Behaviour):
    """The limit is kept but not told."""

    def rate_headers(self, who: str) -> dict[str, str]:
        return {}


@defect("RL-01")
class WindowIsInMilliseconds(Behaviour):
    """The window is told in milliseconds."""

    def rate_headers(self, who: str) -> dict[str, str]:
        return {**super().rate_headers(who), "X-RateLimit-Window": str(self.rate_window_s * 1000)}


@defect("RL-01")
class RemainingStandsStill(Behaviour):
    """The remaining number never falls."""

    def rate_headers(self, who: str) -> dict[str, str]:
        return {**super().rate_headers(who), "X-RateLimit-Remaining": str(self.rate_limit)}


@defect("RL-02")
class OneMoreIsAllowed(Behaviour):
    """One request over the limit is served."""

    def over_limit(self, count: int) -> Problem | None:
        return super().over_limit(count - 1)


@defect("RL-02")
class OneLessIsAllowed(Behaviour):
    """The last request within the limit is refused."""

    def over_limit(self, count: int) -> Problem | None:
        return super().over_limit(count + 1)


@defect("RL-02")
class LimitIsNotKept(Behaviour):
    """The limit is told and not kept."""

    def over_limit(self, count: int) -> Problem | None:
        return None


@defect("RL-02")
class OverLimitIsUnavailable(Behaviour):
    """Past the limit the answer is 503."""

    def over_limit(self, count: int) -> Problem | None:
        return Problem(503, "Service unavailable") if super().over_limit(count) else None


@defect("RL-02")
class FailuresAreFree(Behaviour):
    """Failed requests do not count."""

    def respond(self, request: Request) -> Response:
        response = super().respond(request)
        if 400 <= response.status < 500 and response.status != 429:  # noqa: PLR2004  - HTTP's classes
            with self.lock:
                for key in self.counts:
                    if key.startswith("rate "):
                        self.counts[key] -= 1
        return response


@defect("RL-02")
class ReadsAreFree(Behaviour):
    """GET requests do not count."""

    def call(self, request: Request, owner: str) -> Response:
        if request.method == "GET":
            with self.lock:
                for key in self.counts:
                    if key.startswith("rate "):
                        self.counts[key] -= 1
        return super().call(request, owner)
