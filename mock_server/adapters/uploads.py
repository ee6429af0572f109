"""Reads an upload: multipart from a stream straight into staged files, every limit enforced while reading (UP)."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from mock_server.adapters.staging import Staging
from mock_server.domain.errors import (
    BodyTooLarge,
    FileTooLarge,
    MalformedBody,
    NoFile,
    TooManyFiles,
    UnsupportedBody,
    WorkspaceFull,
)
from mock_server.domain.limits import Limits

# One parameter of Content-Disposition. The library's own pattern knows neither `filename*` nor an unquoted slash.
_OPTION: Final = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')
_ESCAPED: Final = re.compile(r'\\(["\\])')
_READ_BYTES: Final = 262144
_MAX_BOUNDARY_CHARS: Final = 256  # ours: RFC 2046 has 70
_MAX_PARTS: Final = 1000  # ours: files and plain fields together
_MAX_FIELD_BYTES: Final = 1024 * 1024  # ours: plain fields are read and dropped, all of them together
_MAX_HEADER_BYTES: Final = 32768  # a path of 4,095 bytes, percent-encoded twice over (UP-17)


class ByteStream(Protocol):
    """Where a body is read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; empty at the end."""


def boundary_of(content_type: str) -> str:
    """Return the multipart boundary. Raises UnsupportedBody where the body is no form, MalformedBody without one."""
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data":
        raise UnsupportedBody(content_type, "multipart/form-data")
    boundary = options.get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY_CHARS or not boundary.isascii():
        raise MalformedBody("Content-Type names no usable boundary; send multipart/form-data; boundary=...")
    return str(boundary)


def receive(stream: ByteStream, content_type: str, staging: Staging, limits: Limits) -> list[str]:
    """Stage every file part, in order; give the paths that their filenames name.

    Only parts with a filename are files (UP-10), whatever their field names. Raises TooManyFiles, FileTooLarge,
    NoFile, MalformedBody, UnsupportedBody; nothing is stored by then.
    """
    parser = PushMultipartParser(
        boundary_of(content_type), max_segment_count=_MAX_PARTS, max_header_size=_MAX_HEADER_BYTES
    )
    try:
        targets = _Receiver(staging, limits).take(_events(parser, stream.read))
    except MultipartError as error:
        raise MalformedBody(f"The multipart body cannot be read: {error}.") from error
    if not targets:
        raise NoFile
    return targets


_Event: TypeAlias = MultipartSegment | bytes | bytearray | None


def _events(parser: PushMultipartParser, read: Callable[[int], bytes]) -> Iterator[_Event]:
    with parser:
        while not parser.closed:
            chunk = read(_READ_BYTES)
            yield from parser.parse(chunk)
            if not chunk:
                return


class _Receiver:
    """Turns the parser's events into staged files."""

    def __init__(self, staging: Staging, limits: Limits) -> None:
        self._staging = staging
        self._limits = limits
        self._targets: list[str] = []
        self._field_bytes = 0

    def take(self, events: Iterator[_Event]) -> list[str]:
        for event in events:
            if isinstance(event, MultipartSegment):
                target = filename_of(event)
                if target is None:
                    self._skip_field(events)
                else:
                    self._take_file(target, events)
        return self._targets

    def _take_file(self, target: str, events: Iterator[_Event]) -> None:
        if len(self._targets) == self._limits.max_upload_files:
            raise TooManyFiles(self._limits.max_upload_files)
        self._targets.append(target)
        size_bytes = 0
        with self._staging.new_file() as fd:
            for chunk in _payload(events):
                size_bytes += len(chunk)
                if size_bytes > self._limits.max_file_bytes:
                    raise FileTooLarge(target, self._limits.max_file_bytes)
                _write(fd, chunk)

    def _skip_field(self, events: Iterator[_Event]) -> None:
        for chunk in _payload(events):
            self._field_bytes += len(chunk)
            if self._field_bytes > _MAX_FIELD_BYTES:
                raise BodyTooLarge(_MAX_FIELD_BYTES)


def _payload(events: Iterator[_Event]) -> Iterator[bytes | bytearray]:
    """Give the part's content; ends with the part, `events` goes on behind it."""
    for event in events:
        if event is None or isinstance(event, MultipartSegment):
            return
        yield event


def _write(fd: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise WorkspaceFull from error


def filename_of(part: MultipartSegment) -> str | None:
    """Return the path a part names: `filename*` first, else `filename` percent-decoded (UP-17); None for no file.

    Raises MalformedBody where the bytes it decodes to are not UTF-8.
    """
    header = part.header("Content-Disposition", "")
    options = {name.lower(): _unquoted(value) for name, value in _OPTION.findall(header)}
    try:
        if "filename*" in options:
            return _extended(options["filename*"])
        if "filename" in options:
            return unquote_to_bytes(options["filename"]).decode()
    except UnicodeDecodeError:
        raise MalformedBody(f"The filename in {header!r} is not UTF-8.") from None
    return None


def _unquoted(value: str) -> str:
    """Undo quoting: within quotes a backslash takes the next quote or backslash as it is (RFC 7578, 4.2)."""
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value.strip()


def _extended(value: str) -> str:
    """Decode RFC 8187: charset'language'percent-encoded."""
    charset, _, rest = value.partition("'")
    _, separator, encoded = rest.partition("'")
    if not separator or charset.lower() not in ("utf-8", "iso-8859-1"):
        raise MalformedBody(f"filename*={value} is not of the form UTF-8''name.")
    return unquote_to_bytes(encoded).decode(charset)
