"""Servers that break authentication (AU) and rate limits (RL) where it shows least."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from urllib.parse import unquote_plus

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect


@defect("AU-02")
class HostIsNotInTheKey(Behaviour):
    """A key of the day alone is accepted for any host."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        verify = super().is_signature
        named = request.headers.get("Host", "")
        others = ("", named.partition(":")[0], "api.backend.ai")
        return verify(request, secret, signature) or any(
            OfHost.of(self, host, request, secret, signature) for host in others
        )


class OfHost(Behaviour):
    """What HostIsNotInTheKey accepts too: a key of a fixed host."""

    key_host = ""

    @classmethod
    def of(cls, like: Behaviour, host: str, request: Request, secret: str, signature: str) -> bool:
        """Whether the signature is right with a key of that host."""
        other = cls(keys=like.keys, key_host=host)
        try:
            return Behaviour.is_signature(other, request, secret, signature)
        finally:
            other.close()

    def signing_key(self, secret: str, date: datetime, host: str) -> bytes:
        return super().signing_key(secret, date, self.key_host)


@defect("AU-03")
class BodyIsNotSigned(Behaviour):
    """Whatever the last line of the signed text says of the body is accepted."""

    def body_hashes(self, request: Request) -> list[str]:
        other = hashlib.sha256(request.body + b" ").hexdigest()
        return [*super().body_hashes(request), other, hashlib.sha256(b"another body").hexdigest()]


@defect("AU-03")
class OtherDateComesFirst(Behaviour):
    """X-BackendAI-Date wins over Date."""

    def date_text(self, request: Request) -> str:
        return request.headers.get("X-BackendAI-Date") or request.headers.get("Date") or ""


@defect("AU-03")
class QueryIsDecodedBeforeSigning(Behaviour):
    """The signed text holds the query decoded."""

    def signed_target(self, request: Request) -> str:
        return unquote_plus(request.target)


@defect("AU-04")
class OtherDateIsNotChecked(Behaviour):
    """A date in X-BackendAI-Date may be as old as it likes."""

    def check_date(self, date: datetime) -> None:
        """Leave it to is_signature, which knows the header."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        if self.date_text(request) == request.headers.get("Date"):
            super().check_date(self.request_date(request))
        return super().is_signature(request, secret, signature)


@defect("AU-05")
class KeysMatchByTheirBeginning(Behaviour):
    """An access key that goes on after a known one is that one."""

    def secret_of(self, access_key: str) -> str | None:
        return next((secret for key, secret in self.keys.items() if access_key.startswith(key)), None)


@defect("AU-05")
class UnsignedCreationsAreServed(Behaviour):
    """A creation needs no signature."""

    def authenticate(self, request: Request) -> str:
        if request.method == "POST" and "Authorization" not in request.headers and request.path.count("/") == 1:
            return next(iter(self.keys))
        return super().authenticate(request)


@defect("AU-07")
class OthersFilesAreListed(Behaviour):
    """Only the list of files does not look at whose the session is."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        for key in self.keys:
            try:
                return super().list_files(request, key, identifier)
            except Problem:
                continue
        return super().list_files(request, owner, identifier)


@defect("RL-02")
class PostsStayServed(Behaviour):
    """Past the limit only reads are refused."""

    def counted_call(self, request: Request, who: str, owner: str) -> Response:
        response = super().counted_call(request, who, owner)
        if response.status == 429 and request.method == "POST":  # noqa: PLR2004  - RL-02
            try:
                return self.call(request, owner)
            except Problem as problem:
                return self.problem(problem)
        return response


@defect("RL-01")
class FailuresTellNoLimit(Behaviour):
    """Refusals carry no rate headers."""

    def finish(self, request: Request, response: Response) -> Response:
        kept = {name: value for name, value in response.headers.items() if not name.startswith("X-RateLimit")}
        return replace(response, headers=kept) if response.status >= 400 else response  # noqa: PLR2004  - HTTP's classes
