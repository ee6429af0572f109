"""Multipart bodies: uploads built byte for byte (checks need control of every byte), download responses taken apart."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING

from requests_toolbelt.multipart.decoder import ImproperBodyPartContentException, MultipartDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from conformance.exchange import Exchange

FileList = "Mapping[str, bytes] | Sequence[tuple[str, bytes]]"


class NotMultipartError(ValueError):
    """A response that should be a multipart body is not."""


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; `filename` None makes it a plain form field."""

    filename: str | None
    content: bytes
    name: str = "src"
    content_type: str | None = "application/octet-stream"
    disposition: str | None = None  # the whole Content-Disposition, for odd spellings

    def header_block(self) -> bytes:
        """Return the part's header lines, names in raw UTF-8 (RFC 7578), ending with the empty line."""
        filename = "" if self.filename is None else f'; filename="{_quoted(self.filename)}"'
        disposition = self.disposition or f'form-data; name="{_quoted(self.name)}"{filename}'
        lines = [f"Content-Disposition: {disposition}"]
        lines += [f"Content-Type: {self.content_type}"] if self.content_type else []
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Form:
    """A multipart/form-data body; its boundary occurs in no part unless one is forced."""

    parts: tuple[Part, ...]
    boundary: str = field(default_factory=lambda: f"bp{secrets.token_hex(16)}")

    @property
    def content_type(self) -> str:
        """The request's Content-Type."""
        return f"multipart/form-data; boundary={self.boundary}"

    def encode(self) -> bytes:
        """Return the body."""
        line = f"--{self.boundary}".encode()
        pieces = [line + b"\r\n" + part.header_block() + part.content + b"\r\n" for part in self.parts]
        return b"".join([*pieces, line, b"--\r\n"])


def parts_of(files: Mapping[str, bytes] | Sequence[tuple[str, bytes]] | Iterable[Part]) -> tuple[Part, ...]:
    """Return parts for a mapping of names to contents, for pairs (a name may repeat), or for parts as they are."""
    items = files.items() if hasattr(files, "items") else files
    return tuple(one if isinstance(one, Part) else Part(one[0], one[1]) for one in items)


def split_response(exchange: Exchange) -> list[bytes]:
    """Return the contents of the parts of a multipart response, in order; raise NotMultipartError for anything else."""
    content_type = exchange.header("Content-Type") or ""
    boundary = _boundary(content_type)
    if not exchange.media_type.startswith("multipart/") or not boundary:
        raise NotMultipartError(f"Content-Type is {content_type or 'absent'}; expected multipart/... with a boundary")
    body, delimiter = b"\r\n" + exchange.response_body, b"\r\n--" + boundary.encode()
    if delimiter not in body or delimiter + b"--" not in body:  # the decoder takes both for granted
        raise NotMultipartError(f"the body lacks its boundary {boundary!r}, or the closing one")
    try:
        decoder = MultipartDecoder(_enclosed(body, delimiter), content_type, encoding="utf-8")
    except (ImproperBodyPartContentException, ValueError, IndexError) as error:
        raise NotMultipartError(f"the multipart body cannot be read: {error}") from error
    return [part.content for part in decoder.parts]


def _boundary(content_type: str) -> str | None:
    message = Message()
    message["Content-Type"] = content_type
    return message.get_boundary()


def _enclosed(body: bytes, delimiter: bytes) -> bytes:
    """Return the body from its first boundary to its closing one: preamble and epilogue are no parts (RFC 2046)."""
    closing = delimiter + b"--"
    return body[body.index(delimiter) + 2 : body.rindex(closing) + len(closing)] + b"\r\n"


def _quoted(text: str) -> str:
    """Escape as browsers do (RFC 7578, WHATWG): a quote and line ends become percent sequences."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
