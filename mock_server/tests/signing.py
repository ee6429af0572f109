"""Signs requests as the documents say, written from them and not from the server's code."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

ALICE, BOB = ("AKALICE", "alice's-secret"), ("AKBOB", "bob's-secret")
OLD, NEW = "v2.20170315", "v4.20181215"
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Signing(requests.auth.AuthBase):
    """Signs as the documents say, written here from them; every part can be replaced to spoil just that."""

    pair: tuple[str, str] = ALICE
    version: str = NEW
    moment: datetime | None = None
    write: Callable[[datetime], str] = datetime.isoformat
    date_header: str = "Date"
    host: str | None = None
    method: str | None = None
    content_type: str | None = None
    whole_body: bool = False
    family: str = "BackendAI"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the three headers."""
        url = urlsplit(request.url or "")
        host, moment = self.host or str(url.netloc), self.moment or datetime.now(UTC)
        body = request.body or b""
        content = body if isinstance(body, bytes) else str(body).encode()
        content_type = self.content_type or request.headers.get("Content-Type", "application/octet-stream")
        date, target = self.write(moment), f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        lines = (
            self.method or str(request.method), target, date, f"host:{host}",
            f"content-type:{content_type.partition(';')[0]}", f"x-{self.family.lower()}-version:{self.version}",
            hashlib.sha256(content).hexdigest() if self.whole_body else EMPTY,
        )  # fmt: skip
        day = moment.astimezone(UTC).strftime("%Y%m%d")
        digest = self._hmac(self._hmac(self._hmac(self.pair[1].encode(), day), host), "\n".join(lines)).hex()
        request.headers["Authorization"] = f"{self.family} signMethod=HMAC-SHA256, credential={self.pair[0]}:{digest}"
        request.headers[self.date_header] = date
        request.headers[f"X-{self.family}-Version"] = self.version
        return request

    @staticmethod
    def _hmac(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()
