"""UP-11, UP-15, UP-18: what is refused, that it changes nothing, and that the refusal can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.multipart import Form, Part, parts_of
from conformance.suite.stored import expect_contents, expect_nothing, names_in
from conformance.suite.uploads import numbered, spread, upload_abandoned, upload_body, upload_unheeding

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session

Files = list[tuple[str, bytes]]
OLD = spread(["old.txt", "d/old.txt", "older.txt"], b"as it was\n" * 20)
NEW: Files = [
    ("new.txt", b"new"),
    ("old.txt", b"new"),
    ("fresh/er/new.txt", b"new"),
    ("d/old.txt", b""),
    ("d/new.txt", b"n"),
]
APPEARING = ("new.txt", "fresh", "d/new.txt", "over.bin", "n00.txt", "n20.txt", "bp-out")


def with_a_large_file(limits: Limits, position: int) -> Files:
    """Return files of which one is over the limit of size."""
    return [*NEW[:position], ("over.bin", b"x" * (limits.max_file_bytes + 1)), *NEW[position:]]


def with_too_many(limits: Limits, position: int) -> Files:
    """Return one file more than the limit."""
    more = list(spread(numbered(limits.max_files + 1 - len(NEW))).items())
    return [*more[:position], *NEW, *more[position:]]


def with_a_path_out(limits: Limits, position: int) -> Files:  # noqa: ARG001  - called like its siblings
    """Return files of which one leads out of /home/work."""
    return [*NEW[:position], ("../bp-out", b"out"), *NEW[position:]]


REASONS = {
    "too-large": ("UP-08", with_a_large_file),
    "too-many": ("UP-10", with_too_many),
    "outside": ("UP-06", with_a_path_out),
}


def expect_unchanged(judge: Judge, session: Session, before: set[str], exchange: Exchange) -> None:
    """Judge UP-11: old files are as they were, and nothing new appeared."""
    expect_contents(judge, "UP-11", session, OLD, exchange, "as it was before the refusal")
    expect_nothing(judge, "UP-11", session, APPEARING, exchange, "of a refused upload")
    new = sorted(names_in(session) - before)
    judge.expect("UP-11", not new, expected="no new name in /home/work", actual=new, exchange=exchange)


@requirement("UP-11")
@pytest.mark.parametrize("reason", REASONS)
def test_a_refused_upload_changes_nothing(session: Session, judge: Judge, limits: Limits, reason: str) -> None:
    """After a refusal, wherever its cause stands in the request, no file is new, changed or gone."""
    clause, build = REASONS[reason]
    session.upload(OLD)
    before = names_in(session)
    for position in (len(NEW), 0, 2):
        exchange = session.try_upload(build(limits, position))
        if exchange.ok:
            raise judge.unmet(clause, expected="a refusal", actual=exchange.got, exchange=exchange)
        expect_unchanged(judge, session, before, exchange)


@requirement("UP-11")
def test_a_path_that_cannot_be_changes_nothing(session: Session, judge: Judge) -> None:
    """Where a file stands at which a directory is needed, or the other way round, a refusal changes nothing."""
    session.upload(OLD)
    before = names_in(session)
    for path in ("old.txt/below.txt", "d"):
        for files in ([*NEW, (path, b"new")], [*NEW[:2], (path, b"new"), *NEW[2:]]):
            exchange = session.try_upload(files)
            if not exchange.refused:
                return  # that it must be refused is nowhere said
            expect_unchanged(judge, session, before, exchange)


@requirement("UP-11")
def test_what_was_refused_can_be_uploaded_after_all(session: Session, judge: Judge, limits: Limits) -> None:
    """After a refusal the session takes the same files without the one that was at fault."""
    session.upload(OLD)
    exchange = session.try_upload(with_a_large_file(limits, 1))
    if exchange.ok:
        raise judge.unmet("UP-08", expected="a refusal", actual=exchange.got, exchange=exchange)
    fresh = {name: content for name, content in NEW if name not in OLD}
    after = session.try_upload(fresh)
    judge.require("UP-11", after.ok, expected="success: status 204", actual=after.got, exchange=[exchange, after])
    expect_contents(judge, "UP-11", session, fresh, after, "stored after the refusal")


@requirement("UP-11")
@pytest.mark.parametrize("part", [0, 1], ids=["first-file", "second-file"])
def test_an_upload_that_is_cut_short_changes_nothing(session: Session, judge: Judge, part: int) -> None:
    """A body that ends within a file, its end announced elsewhere or not, leaves the session's files as they were."""
    session.upload(OLD)
    before = names_in(session)
    files = [Part("old.txt", b"new" * 3000), Part("new.txt", b"new" * 3000)]
    form = Form(tuple(files))
    body = form.encode()
    cut = body.find(b"newnewnew", len(body) // 2 if part else 0) + 1500
    for exchange in (upload_body(session, body[:cut], form.content_type), upload_abandoned(session, files, cut)):
        if exchange.ok:
            raise judge.unmet("UP-15", expected="a refusal", actual=exchange.got, exchange=exchange)
        expect_unchanged(judge, session, before, exchange)


def _form_body(parts: list[Part], change: Callable[[bytes], bytes]) -> tuple[bytes, str]:
    form = Form(tuple(parts))
    return change(form.encode()), form.content_type


FILE = Part("x.txt", b"content" * 50)
FIELD = Part(None, b"no file", name="comment", content_type=None)
NO_UPLOADS: dict[str, Callable[[], tuple[bytes, str | None]]] = {
    "nothing": lambda: (b"", None),
    "nothing-of-multipart": lambda: (b"", "multipart/form-data; boundary=bp"),
    "json": lambda: (b'{"x.txt": "content"}', "application/json"),
    "form": lambda: (b"src=content&filename=x.txt", "application/x-www-form-urlencoded"),
    "octets": lambda: (b"content", "application/octet-stream"),
    "text": lambda: (b"content", "text/plain"),
    "multipart-without-boundary": lambda: (Form((FILE,), "bp").encode(), "multipart/form-data"),
    "another-boundary": lambda: (Form((FILE,), "bp").encode(), "multipart/form-data; boundary=other"),
    "no-part": lambda: (b"--bp--\r\n", "multipart/form-data; boundary=bp"),
    "fields-only": lambda: _form_body([FIELD, FIELD], bytes),
    "text-as-multipart": lambda: (b"content", "multipart/form-data; boundary=bp"),
    "multipart-as-json": lambda: (Form((FILE,), "bp").encode(), "application/json"),
    "cut-in-a-file": lambda: _form_body([FILE], lambda body: body[: body.find(b"content") + 100]),
    "cut-in-the-second-file": lambda: _form_body([FILE, FILE], lambda body: body[: body.rfind(b"content")]),
    "cut-in-part-headers": lambda: _form_body([FILE, FILE], lambda body: body[: body.rfind(b"Content-Type") + 5]),
    "cut-before-the-last-boundary": lambda: _form_body([FILE], lambda body: body[: body.rfind(b"\r\n--")]),
}


@requirement("UP-15")
def test_what_is_no_upload_is_refused(session: Session, judge: Judge) -> None:
    """A body that is not multipart, has no file part or ends early is answered with 4xx, and nothing is stored."""
    session.upload({"control.txt": b"control"})
    before = names_in(session)
    for kind, make in NO_UPLOADS.items():
        exchange = upload_body(session, *make())
        expected = f"a refusal (4xx) of a body that is no upload: {kind}"
        judge.expect("UP-15", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    new = sorted(names_in(session) - before)
    evidence = session.bench.client.exchanges[-1]
    judge.expect("UP-15", not new, expected="nothing stored of them", actual=new, exchange=evidence)


@requirement("UP-15")
def test_a_session_takes_uploads_after_bad_ones(session: Session, judge: Judge) -> None:
    """After requests that were no uploads, one that is an upload is accepted."""
    for make in NO_UPLOADS.values():
        upload_body(session, *make())
    exchange = session.try_upload(spread(["after.txt"]))
    judge.accepted("UP-15", exchange)
    expect_contents(judge, "UP-15", session, spread(["after.txt"]), exchange)


@requirement("UP-18")
@pytest.mark.parametrize("kind", ["one-large-file", "many-files", "many-large-files"])
def test_the_refusal_of_a_large_upload_can_be_read(session: Session, judge: Judge, limits: Limits, kind: str) -> None:
    """A client that sends its whole body before it reads gets the refusal, not a broken connection."""
    large = b"x" * limits.max_file_bytes
    files = {
        "one-large-file": [("large.bin", large * 12)],
        "many-files": [(name, large) for name in numbered(limits.max_files + 1)],
        "many-large-files": [(name, large * 4) for name in numbered(4)],
    }[kind]
    session.upload({"control.bin": b"small"})
    for exchange in (session.try_upload(files), upload_unheeding(session, parts_of(files))):
        expected = "an answer that can be read"
        judge.require("UP-18", exchange.status is not None, expected=expected, actual=exchange.got, exchange=exchange)
    after = session.try_upload({"after.bin": b"after"})
    judge.accepted("UP-18", after, expected="the next upload to be accepted")
