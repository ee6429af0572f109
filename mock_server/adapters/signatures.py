"""Finds out whose a request is: checks its signature against the keys that the server knows (AU).

Access keys are names, not secrets: an unknown one is refused as a wrong signature is, in the same words, but without
reading the body. A body is read before it is trusted only where the signature can be of it and of nothing less, and
then into a bounded spool that the handlers read instead.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mock_server.domain.access_errors import BadDate, StaleDate, WrongSignature
from mock_server.domain.errors import BodyTooLarge
from mock_server.domain.signatures import (
    EMPTY_BODY,
    RELAXED_HOST,
    VERSION_HEADERS,
    Credential,
    Signable,
    Version,
    matches,
    read_date,
    sign,
)

SENT_METHOD: Final = "batchproof.sent_method"  # in the environ: the request's own method, where another overrides it
SPOOL: Final = "batchproof.spool"  # in the environ: a body that was read already; to be closed with the answer
MAX_SIGNED_BODY_BYTES: Final = 64 * 1024 * 1024  # ours: three times the largest upload that is accepted
_MEMORY_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 65536
_DATES: Final = ("HTTP_DATE", "HTTP_X_BACKENDAI_DATE", "HTTP_X_SORNA_DATE")
_VERSIONS: Final = ("HTTP_X_BACKENDAI_VERSION", "HTTP_X_SORNA_VERSION")

Environ = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Signatures:
    """The rules of one server: secrets by access key, and how strictly signatures are read.

    `relaxed_hosts` are accepted in a signature besides the Host header; None is the strict rule. With any, the host
    may also lack its port, and the version's line may have either name: what the Java and PHP clients need. A
    signature made for one of these hosts can then be sent to this server by whoever sees it, as long as its date holds.
    """

    secrets: Mapping[str, str] = field(repr=False)
    max_skew_s: int
    relaxed_hosts: Iterable[str] | None = None
    now: Callable[[], datetime] = field(default=_now)

    def identify(self, environ: Environ) -> str:
        """Return the access key that signed the request.

        Raises NotSigned, MalformedAuthorization, WrongSignature, BadDate, StaleDate, InvalidParameter (the version),
        BodyTooLarge, MalformedBody, BodyTimedOut.
        """
        credential = Credential.parse(environ.get("HTTP_AUTHORIZATION", ""))
        signable = self._signable(environ)
        moment = self._timely(signable.date)
        hosts = self._hosts(environ.get("HTTP_HOST", ""))
        wrong = WrongSignature(f"{moment.astimezone(UTC):%Y%m%d}", hosts[0], signable.shown(hosts[0]))
        secret = self.secrets.get(credential.access_key)
        if secret is None:
            raise wrong

        def fits(body_hash: str) -> bool:
            expected = (sign(secret, moment, host, text) for host in hosts for text in signable.texts(host, body_hash))
            return any(matches(credential.signature, each) for each in expected)

        if not (signable.may_hash_empty and fits(EMPTY_BODY)) and not fits(_hash_body(environ)):
            raise wrong
        return credential.access_key

    def _signable(self, environ: Environ) -> Signable:
        named = [name for name in _VERSIONS if name in environ] or [_VERSIONS[0]]
        headers = tuple(VERSION_HEADERS[_VERSIONS.index(name)] for name in named[:1])
        meant: str = environ["REQUEST_METHOD"]
        return Signable(
            methods=(environ.get(SENT_METHOD, meant), meant),  # CO-07: deployed servers sign the overriding one
            target=environ["REQUEST_URI"],
            date=next((environ[name] for name in _DATES if name in environ), ""),
            content_type=environ.get("CONTENT_TYPE"),
            version=Version.parse(environ.get(named[0], "")),
            version_headers=headers if self.relaxed_hosts is None else VERSION_HEADERS,
        )

    def _timely(self, date: str) -> datetime:
        moment = read_date(date)
        try:
            skew_s = (self.now() - moment).total_seconds()
        except OverflowError:
            raise BadDate(date[:60]) from None
        if abs(skew_s) > self.max_skew_s:
            raise StaleDate(skew_s, self.max_skew_s)
        return moment

    def _hosts(self, host: str) -> tuple[str, ...]:
        if self.relaxed_hosts is None:
            return (host,)
        name, colon, port = host.rpartition(":")
        without_port = name if colon and port.isdigit() else host
        return tuple(dict.fromkeys((host, without_port, RELAXED_HOST, *self.relaxed_hosts)))


def _hash_body(environ: Environ) -> str:
    """Hash the whole body, and leave it to be read again. Raises BodyTooLarge, MalformedBody, BodyTimedOut."""
    stream, digest, size_bytes = environ["wsgi.input"], hashlib.sha256(), 0
    spool = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115  - handlers read it; closed with the answer
    while piece := stream.read(_READ_BYTES):
        size_bytes += len(piece)
        if size_bytes > MAX_SIGNED_BODY_BYTES:
            spool.close()
            raise BodyTooLarge(MAX_SIGNED_BODY_BYTES)
        digest.update(piece)
        spool.write(piece)
    spool.seek(0)
    environ["wsgi.input"] = environ[SPOOL] = spool
    return digest.hexdigest()
