"""UP-01: what an upload request may look like, and how its success is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.suite.stored import expect_contents
from conformance.suite.uploads import measured, spread, upload_body, upload_chunked

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session


def expect_taken(judge: Judge, session: Session, parts: list[Part], boundary: str | None = None) -> None:
    """Judge UP-01: the upload is accepted, and every file in it is stored."""
    form = Form(tuple(parts), boundary) if boundary else Form(tuple(parts))
    exchange = session.try_upload(form)
    if judge.expect("UP-01", exchange.ok, expected="success: status 204", actual=exchange.got, exchange=exchange):
        files = {part.filename: part.content for part in parts if part.filename}
        expect_contents(judge, "UP-01", session, files, exchange)


@requirement("UP-01", tier="smoke")
def test_an_upload_answers_204_without_a_body(session: Session, judge: Judge) -> None:
    """An upload of one file, and one of several, is answered with 204 and no body."""
    for names in (["one.txt"], ["two.txt", "three.txt"]):
        exchange = session.try_upload(spread(names))
        judge.status("UP-01", exchange, 204)
        length = exchange.header("Content-Length") or "0"
        empty = not exchange.response_body and length == "0"
        judge.expect("UP-01", empty, expected="no body", actual=f"Content-Length: {length}", exchange=exchange)
        expect_contents(judge, "UP-01", session, spread(names), exchange)


@requirement("UP-01")
def test_field_names_do_not_matter(session: Session, judge: Judge) -> None:
    """File parts are taken whatever their field names: the usual one, other ones, equal and different ones."""
    for number, fields in enumerate(
        (("src", "src", "src"), ("file", "upload", "x"), ("files[]", "a b", "src"), ("0",))
    ):
        names = [f"field-{number}-{position}.txt" for position in range(len(fields))]
        parts = [Part(name, name.encode(), name=field) for name, field in zip(names, fields, strict=True)]
        expect_taken(judge, session, parts)


@requirement("UP-01")
def test_part_headers_of_real_clients_are_taken(session: Session, judge: Judge) -> None:
    """Parts are taken with a Content-Length of their own, without a Content-Type, and with that of a text."""
    expect_taken(judge, session, [measured("measured-1.txt", b"abc"), measured("measured-2.txt", b"")])
    expect_taken(judge, session, [Part(f"untyped-{n}.txt", b"abc", content_type=None) for n in range(2)])
    kinds = ("text/plain", "text/plain; charset=utf-8", "application/json", "image/png", "application/gzip")
    expect_taken(judge, session, [Part(f"kind-{n}", b"\x00\xff{", content_type=kind) for n, kind in enumerate(kinds)])


@requirement("UP-01")
def test_boundaries_of_any_form_are_taken(session: Session, judge: Judge) -> None:
    """A boundary may be one character or seventy long, and look like those of browsers."""
    for number, boundary in enumerate(
        ("x", "b" * 70, "----WebKitFormBoundary7MA4YWxkTrZu0gW", "-" * 29 + "9051914041")
    ):
        expect_taken(
            judge, session, [Part(f"boundary-{number}-{n}.txt", b"content %d" % n) for n in range(2)], boundary
        )


@requirement("UP-01")
def test_headers_may_be_spelt_otherwise(session: Session, judge: Judge) -> None:
    """A boundary may stand in quotes, or behind another parameter, and the headers of parts have no letter case."""
    form = Form((Part("spelt.txt", b"content"), Part("again.txt", b"more")), "bp-boundary")
    body = form.encode()
    lower = body.replace(b"Content-Disposition", b"content-disposition").replace(b"Content-Type", b"content-type")
    kinds = ('boundary="bp-boundary"', "charset=utf-8; boundary=bp-boundary", "boundary=bp-boundary; charset=utf-8")
    spellings = [(body, f"multipart/form-data; {kind}") for kind in kinds] + [(lower, form.content_type)]
    for sent, content_type in spellings:
        exchange = upload_body(session, sent, content_type)
        judge.expect("UP-01", exchange.ok, expected="success: status 204", actual=exchange.got, exchange=exchange)
        files = {part.filename: part.content for part in form.parts if part.filename}
        expect_contents(judge, "UP-01", session, files if exchange.ok else {}, exchange)


@requirement("UP-01")
def test_an_upload_in_chunks_is_taken(session: Session, judge: Judge) -> None:
    """An upload in the chunked transfer coding, where it is accepted, is stored whole, whatever the chunks' size."""
    for chunk_bytes in (4093, 61):
        files = spread([f"chunked-{chunk_bytes}-{number}.bin" for number in range(3)], bytes(range(256)) * 8)
        exchange = upload_chunked(session, [Part(*item) for item in files.items()], chunk_bytes)
        if not exchange.ok:  # no document speaks of transfer codings: who takes them, takes them whole
            raise judge.not_offered("chunked uploads", f"it answers {exchange.got}", exchange)
        expect_contents(judge, "UP-01", session, files, exchange)
