"""UP-09 and UP-10: how many files one upload may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.multipart import Part
from conformance.suite.stored import Stored, expect_contents, look
from conformance.suite.uploads import numbered, spread, upload_chunked

if TYPE_CHECKING:
    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session

PATTERNS = {"flat": "n{:02}.txt", "one-folder": "d/n{:02}.txt", "folders": "d{:02}/n.txt", "hidden": ".n{:02}"}


def upload_in_halves(session: Session, files: dict[str, bytes]) -> None:
    """Upload the very same files in two requests: what refuses them all together refuses their number."""
    items = list(files.items())
    session.upload(dict(items[: len(items) // 2]))
    session.upload(dict(items[len(items) // 2 :]))


def expect_too_many(judge: Judge, exchange: Exchange, count: int) -> None:
    """Judge UP-10: the upload was answered with 400."""
    expected = f"status 400 for {count} files in one upload"
    judge.expect("UP-10", exchange.status == 400, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("UP-09", tier="smoke")
def test_as_many_files_as_the_limit_are_accepted(session: Session, judge: Judge, limits: Limits) -> None:
    """Up to and including 20 files in one upload are accepted and stored, time after time."""
    session.upload(spread(["control-1.txt", "control-2.txt"]))
    for turn, count in enumerate((limits.max_files, limits.max_files - 1, limits.max_files)):
        files = spread(numbered(count, f"c{turn}-{{:02}}.txt"))
        exchange = session.try_upload(files)
        judge.accepted("UP-09", exchange, expected=f"{count} files to be accepted")
        expect_contents(judge, "UP-09", session, files, exchange)


@requirement("UP-01", "UP-09")
def test_a_session_takes_more_uploads_than_files_in_one(session: Session, judge: Judge, limits: Limits) -> None:
    """How many files a request may hold says nothing of how many requests a session takes."""
    names = numbered(limits.max_files + 2, "turn{:02}.txt")
    exchanges = [session.try_upload({name: b"x"}) for name in names]
    for exchange in exchanges:
        judge.accepted("UP-01", exchange, expected=f"each of {len(names)} uploads of one file to be accepted")
    expect_contents(judge, "UP-09", session, dict.fromkeys(names, b"x"), exchanges[-1])


@requirement("UP-09")
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_the_limit_of_files_is_reached_in_every_form(
    session: Session, judge: Judge, limits: Limits, pattern: str
) -> None:
    """20 files are accepted in one directory and in many, empty ones and those with field names of their own."""
    for number, content in enumerate((b"x", b"")):
        names = [f"{number}/{name}" for name in numbered(limits.max_files, pattern)]
        parts = [Part(name, content, name=f"f{n}" if number else "src") for n, name in enumerate(names)]
        exchange = session.try_upload(parts)
        judge.accepted("UP-09", exchange, expected=f"{len(parts)} files to be accepted")
        expect_contents(judge, "UP-09", session, dict.fromkeys(names, content), exchange)


@requirement("UP-09")
def test_files_are_counted_anew_in_each_upload(session: Session, judge: Judge, limits: Limits) -> None:
    """The limit is one of a request, not of a session: 20 further files are accepted, and 20 more."""
    for turn in range(3):
        names = numbered(limits.max_files, f"turn-{turn}-{{:02}}.txt")
        exchange = session.try_upload(spread(names))
        judge.accepted("UP-09", exchange, expected=f"{len(names)} further files to be accepted in upload {turn + 1}")
        expect_contents(judge, "UP-09", session, spread(names), exchange)


@requirement("UP-09")
def test_as_many_files_as_the_limit_are_accepted_in_chunks(session: Session, judge: Judge, limits: Limits) -> None:
    """20 files are accepted in the chunked transfer coding, where fewer files are taken in it."""
    files = spread(numbered(limits.max_files))
    parts = [Part(*item) for item in files.items()]
    control = upload_chunked(session, parts[:2])
    if not control.ok:  # no document speaks of transfer codings
        raise judge.not_offered("chunked uploads", f"it answers {control.got}", control)
    exchange = upload_chunked(session, parts)
    judge.accepted("UP-09", exchange, expected=f"{len(parts)} files to be accepted")
    expect_contents(judge, "UP-09", session, files, exchange)


@requirement("UP-10")
def test_more_files_than_the_limit_are_refused_in_chunks(session: Session, judge: Judge, limits: Limits) -> None:
    """An upload of 21 files in the chunked transfer coding is answered with 400, where fewer files are taken in it."""
    parts = [Part(*item) for item in spread(numbered(limits.max_files + 1)).items()]
    control = upload_chunked(session, parts[:2])
    if not control.ok:  # no document speaks of transfer codings
        raise judge.not_offered("chunked uploads", f"it answers {control.got}", control)
    expect_too_many(judge, upload_chunked(session, parts), len(parts))


@requirement("UP-10", tier="smoke")
def test_more_files_than_the_limit_are_refused(session: Session, judge: Judge, limits: Limits) -> None:
    """An upload of more than 20 files is answered with 400, while the same files in two uploads are accepted."""
    for count in (limits.max_files + 1, limits.max_files + 2, limits.max_files * 2 - 1):
        files = spread(numbered(count, f"c{count}-{{:02}}.txt"))
        upload_in_halves(session, files)
        expect_too_many(judge, session.try_upload(files), count)


@requirement("UP-10")
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_too_many_files_are_refused_in_every_form(session: Session, judge: Judge, limits: Limits, pattern: str) -> None:
    """21 files are refused in one directory and in many, empty ones and those with field names of their own."""
    names = numbered(limits.max_files + 1, pattern)
    upload_in_halves(session, dict.fromkeys(names, b"x"))
    for number, content in enumerate((b"x", b"")):
        parts = [Part(name, content, name=f"f{n}" if number else "src") for n, name in enumerate(names)]
        expect_too_many(judge, session.try_upload(parts), len(parts))


@requirement("UP-10")
def test_far_too_many_files_are_refused(session: Session, judge: Judge, limits: Limits) -> None:
    """An upload of a hundred small files is answered with 400."""
    names = numbered(limits.max_files * 5)
    session.upload(spread(names[:2]))
    expect_too_many(judge, session.try_upload(dict.fromkeys(names, b"")), len(names))


@requirement("UP-10")
def test_whether_plain_fields_count_is_recorded(session: Session, judge: Judge, limits: Limits) -> None:
    """20 files and a form field that is no file are accepted, or refused with 400 where fields count."""
    names, others = numbered(limits.max_files), numbered(limits.max_files, "other-{:02}.txt")
    field = Part(None, b"no file", name="comment", content_type=None)
    few = session.try_upload([field, Part("few-1.txt", b"few"), Part("few-2.txt", b"few")])
    if few.refused:
        judge.reading("UP-10", "plain-fields", "refused", few)
        return
    judge.require("UP-10", few.ok, expected="success, or a refusal (4xx)", actual=few.got, exchange=few)
    exchange = session.try_upload([*(Part(*item) for item in spread(names).items()), field])
    if exchange.ok:
        judge.reading("UP-10", "plain-fields", "not-counted", exchange)
        return
    without = session.try_upload(spread(others))
    if not without.ok:
        raise judge.unmet("UP-09", expected=f"{len(names)} files to be accepted", actual=without.got, exchange=without)
    judge.require("UP-10", exchange.status == 400, expected="success or 400", actual=exchange.got, exchange=exchange)
    judge.reading("UP-10", "plain-fields", "counted", exchange)


@requirement("UP-10")
def test_plain_fields_are_no_way_around_the_limit(session: Session, judge: Judge, limits: Limits) -> None:
    """21 files with a form field before, between and after them are refused."""
    files = spread(numbered(limits.max_files + 1))
    upload_in_halves(session, files)
    parts = [Part(*item) for item in files.items()]
    for position in (0, 10, len(parts)):
        field = Part(None, b"no file", name="comment", content_type=None)
        with_field = [*parts[:position], field, *parts[position:]]
        exchange = session.try_upload(with_field)
        expected = "a refusal (4xx) of 21 files and a form field"
        judge.expect("UP-10", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("UP-03", "UP-10")
def test_whether_repeated_names_count_is_recorded(session: Session, judge: Judge, limits: Limits) -> None:
    """21 files of 20 names are refused with 400, or accepted where a name counts once and its last content stays."""
    pair = session.try_upload([("twice.txt", b"first"), ("twice.txt", b"second")])
    if pair.refused:
        judge.reading("UP-10", "repeated-names", "refused", pair)
        return
    judge.require("UP-10", pair.ok, expected="success, or a refusal (4xx)", actual=pair.got, exchange=pair)
    names = numbered(limits.max_files)
    session.upload(spread(numbered(limits.max_files, "control-{:02}.txt")))
    items = [*((name, b"before") for name in names), (names[0], b"last")]
    exchange = session.try_upload(items)
    accepted = exchange.ok or exchange.status == 400
    judge.require("UP-10", accepted, expected="400, or success", actual=exchange.got, exchange=exchange)
    judge.reading("UP-10", "repeated-names", "once" if exchange.ok else "each", exchange)
    found = look(session, ["twice.txt"])["twice.txt"]
    one_of = found in {Stored.of(b"first"), Stored.of(b"second")}
    judge.expect("UP-03", one_of, expected="one of the two contents", actual=found, exchange=pair)
