"""UP-14: content is kept byte for byte."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.suite.stored import expect_contents

if TYPE_CHECKING:
    import random

    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.session import Session

BOUNDARY = "bpBoundary-7MA4YWxkTrZu0gW"
CONTENTS = {
    "empty": b"",
    "every-byte": bytes(range(256)) * 3,
    "every-byte-backwards": bytes(range(255, -1, -1)),
    "one-nul": b"\0",
    "nuls": b"a\0b\0\0c" + b"\0" * 1000,
    "no-newline": b"no newline at the end",
    "packed.gz": gzip.compress(b"to be kept as it is\n", mtime=0),
    "newline": b"one newline at the end\n",
    "newlines": b"\n\n\nnewlines around\n\n\n",
    "crlf": b"line\r\nline\r\n\r\n",
    "cr": b"line\rline\r",
    "mixed-ends": b"a\nb\r\nc\rd\n\re",
    "only-crlf": b"\r\n",
    "only-lf": b"\n",
    "blanks": b"  leading and trailing \t \x0b\x0c ",
    "invalid-utf-8": b"\xff\xfe\xc3\x28\xed\xa0\x80\xf0\x9f",
    "utf-8": "Grüße, 世界 🙂 e\u0301".encode(),
    "utf-16": "text".encode("utf-16"),
    "byte-order-mark": b"\xef\xbb\xbfmarked",
    "latin-1": "Grüße".encode("latin-1"),
    "escapes": b"100%25 %00 &amp; \\n \\u00e9 =3D +",
    "base64": b"aGVsbG8gd29ybGQ=\n",
    "gzip": gzip.compress(b"not to be unpacked", mtime=0),
    "json": b'{"a": 1}',
    "control-z": b"before\x1aafter\x04",
    "script.sh": b"#!/bin/sh\r\necho one \t\n\techo two \r\n",
    "source.c": b"int main(void)\r\n{\treturn 0; }  \r\n\r\n",
    "Makefile": b"all:\r\n\ttrue\r\n        # eight blanks",
    "page.html": b"<html><!-- &amp; --><script>x()</script>\r\n</html>",
    "table.csv": b'a;b\r\n"1\r\n2";3\r\n',
}
LOOKALIKES = {
    "hyphens": b"--",
    "a-boundary-of-another": b'\r\n--other\r\nContent-Disposition: form-data; name="x"\r\n\r\nno part\r\n--other--\r\n',
    "hyphen-lines": b"text\r\n--\r\n--text\r\n----\r\n",
    "almost-the-boundary": f"x\r\n--{BOUNDARY[:-1]}\r\ny\r\n--{BOUNDARY[:-1]}--\r\nz".encode(),
    "begins-almost-so": f"--{BOUNDARY[:-1]}\r\n".encode(),
    "boundary-without-hyphens": f"\r\n{BOUNDARY}\r\n{BOUNDARY}--\r\n".encode(),
    "boundary-within-a-line": f"text --{BOUNDARY}-- text".encode(),
    "upper-case-boundary": f"\r\n--{BOUNDARY.upper()}\r\n".encode(),
    "ends-in-cr": b"text\r",
    "ends-in-crlf": b"text\r\n",
    "ends-in-two-crlf": b"text\r\n\r\n",
    "ends-in-crlf-hyphen": b"text\r\n-",
    "ends-in-crlf-hyphens": b"text\r\n--",
    "ends-in-almost-all": f"text\r\n--{BOUNDARY[:-1]}".encode(),
    "cr-cr-lf": b"\r\r\n\r\r\n-\r\n",
}
TYPES = ("application/octet-stream", "text/plain", "application/json", "application/gzip", None)
BLOCKS = (1, 2, 511, 512, 513, 4095, 4096, 4097, 16_383, 16_384, 65_535, 65_536, 65_537, 131_072)


def expect_kept(judge: Judge, session: Session, parts: list[Part]) -> None:
    """Judge UP-14: files of these parts have the contents that were sent, up to the limit of files at a time."""
    limit = session.bench.limits.max_files
    for start in range(0, len(parts), limit):
        some = parts[start : start + limit]
        exchange = session.try_upload(Form(tuple(some), BOUNDARY))
        judge.accepted("UP-14", exchange, expected=f"files {[part.filename for part in some]} to be accepted")
        contents = {part.filename: part.content for part in some if part.filename}
        expect_contents(judge, "UP-14", session, contents, exchange, "kept byte for byte")


@requirement("UP-14", tier="smoke")
@pytest.mark.parametrize("kind", TYPES, ids=[str(kind).replace("/", "-") for kind in TYPES])
def test_content_is_kept_byte_for_byte(session: Session, judge: Judge, kind: str | None) -> None:
    """Content of any bytes is stored as it was sent, whatever media type its part names."""
    session.upload({"control.txt": b"control"})
    expect_kept(judge, session, [Part(name, content, content_type=kind) for name, content in CONTENTS.items()])


@requirement("UP-14")
def test_a_charset_changes_no_content(session: Session, judge: Judge) -> None:
    """Content is stored as it was sent, whatever charset the type of its part names, a wrong one too."""
    session.upload({"control.txt": b"control"})
    text = "Gr\u00fc\u00dfe\r\n"
    charsets = {"iso-8859-1": "latin-1", "us-ascii": "utf-8", "utf-16": "utf-16", "windows-1252": "cp1252"}
    contents = {f"{name}.txt": (name, text.encode(codec)) for name, codec in charsets.items()}
    parts = [
        Part(name, content, content_type=f"text/plain; charset={kind}") for name, (kind, content) in contents.items()
    ]
    expect_kept(judge, session, parts)


@requirement("UP-14")
def test_bytes_that_look_like_a_boundary_are_kept(session: Session, judge: Judge) -> None:
    """Content that resembles the request's own boundary or another, or ends as boundaries begin, is kept."""
    session.upload({"control.txt": b"control"})
    expect_kept(judge, session, [Part(*item) for item in LOOKALIKES.items()])
    expect_kept(judge, session, [Part(f"again-{name}", content * 40) for name, content in LOOKALIKES.items()])


@requirement("UP-14")
def test_content_of_any_size_is_kept(session: Session, judge: Judge, rng: random.Random) -> None:
    """Random content is kept at sizes around those of buffers and blocks."""
    parts = [Part(f"block-{size}", rng.randbytes(size)) for size in BLOCKS]
    parts += [Part(f"crlf-{size}", (b"\r\n" * size)[:size]) for size in (65_535, 65_536, 131_073, 400_000)]
    expect_kept(judge, session, parts)


@requirement("UP-14")
def test_the_same_content_is_kept_every_time(session: Session, judge: Judge) -> None:
    """The fifth upload keeps its content like the first."""
    for turn in range(5):
        expect_kept(judge, session, [Part(f"turn-{turn}-{n}", bytes([turn, n, 13, 10]) * 99) for n in range(3)])


@requirement("UP-14", tier="full")
def test_random_content_is_kept(session: Session, judge: Judge, rng: random.Random, limits: Limits) -> None:
    """Random mixtures of the bytes that parsers care for are kept, at random sizes."""
    pieces = (b"\r\n", b"--", BOUNDARY[:-1].encode(), b"\0", b"\xff", b"-", b"\r", b"\n", b"text", b":", b'"')
    for _ in range(10):
        contents = (b"".join(rng.choices(pieces, k=rng.randrange(3000))) for _ in range(limits.max_files))
        expect_kept(judge, session, [Part(f"random-{n}", content) for n, content in enumerate(contents)])
