"""Uploads as clients in the wild send them, byte for byte: framings, part headers, bodies that end early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.judge import Finding, Unmet
from conformance.multipart import Form, Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.exchange import Exchange
    from conformance.session import Session

CHUNK_BYTES: Final = 4093  # a prime: chunks and the parts within them never end together


def measured(filename: str, content: bytes, length: int | None = None) -> Part:
    """Return a part with a Content-Length of its own, as clients up to 21.03 send; `length` makes it a wrong one."""
    announced = len(content) if length is None else length
    disposition = f'form-data; name="src"; filename="{filename}"\r\nContent-Length: {announced}'
    return Part(filename, content, disposition=disposition)


def starred(filename: str, extended: str, content: bytes) -> Part:
    """Return a part whose name is told twice: `filename`, and `filename*` in UTF-8 (already percent-encoded)."""
    return Part(
        filename, content, disposition=f'form-data; name="src"; filename="{filename}"; filename*=utf-8\'\'{extended}'
    )


def upload_chunked(session: Session, parts: Sequence[Part], chunk_bytes: int = CHUNK_BYTES) -> Exchange:
    """Upload in the chunked transfer coding, its length told nowhere."""
    form = Form(tuple(parts))
    body = form.encode()
    pieces = (body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes))
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return _raw(session, form.content_type, "Transfer-Encoding: chunked", body, framed + b"0\r\n\r\n")


def upload_unheeding(session: Session, parts: Sequence[Part]) -> Exchange:
    """Upload without a look at what comes back before all is sent, and no patience with a broken connection."""
    form = Form(tuple(parts))
    body = form.encode()
    return _raw(session, form.content_type, f"Content-Length: {len(body)}", body, body)


def upload_abandoned(session: Session, parts: Sequence[Part], sent_bytes: int) -> Exchange:
    """Announce a whole upload, send its first bytes and close the sending side, as a client that is cut off does."""
    form = Form(tuple(parts))
    body = form.encode()
    return _raw(session, form.content_type, f"Content-Length: {len(body)}", body, body[:sent_bytes], half_close=True)


def upload_body(session: Session, body: bytes, content_type: str | None) -> Exchange:
    """Upload any body at all; return whatever came back."""
    return session.bench.client.post(
        session.path("/upload"), body=body, content_type=content_type, operation="uploadFiles", observed=False
    )


def spread(names: Sequence[str], content: bytes = b"") -> dict[str, bytes]:
    """Return a file for each name, each with content of its own."""
    return {name: b"%d: %s\n" % (number, name.encode()) + content for number, name in enumerate(names)}


def overwrite(session: Session, files: Mapping[str, bytes]) -> Exchange:
    """Upload files that are there already (UP-03)."""
    exchange = session.try_upload(files)
    if not exchange.ok:
        raise Unmet(Finding("UP-03", "existing files to be overwritten", exchange.got, (exchange,)))
    return exchange


def numbered(count: int, pattern: str = "n{:02}.txt") -> list[str]:
    """Return that many file names."""
    return [pattern.format(number) for number in range(count)]


def _raw(
    session: Session, content_type: str, framing: str, body: bytes, framed: bytes, *, half_close: bool = False
) -> Exchange:
    client = session.bench.client
    path = session.path("/upload")
    headers = {
        "Host": client.transport.host,
        "Content-Type": content_type,
        "Connection": "close",
        **client.signed_headers("POST", path, content_type, body),
    }
    lines = [
        f"POST {client.transport.base_path}{path} HTTP/1.1",
        *(f"{key}: {value}" for key, value in headers.items()),
    ]
    head = "\r\n".join([*lines, framing, "", ""]).encode()
    return client.raw(head + framed, timeout_s=30.0, half_close=half_close)
