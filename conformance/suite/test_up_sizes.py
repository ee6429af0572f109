"""UP-07 and UP-08: how large a file may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.multipart import Part
from conformance.suite.stored import HOME, expect_contents
from conformance.suite.uploads import measured, numbered, upload_chunked

if TYPE_CHECKING:
    import random

    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session

ODD_NAMES = ("na\u00efve \U0001f642.bin", ".hid den's.bin")
TOO_LARGE = "status 400 for a file over the limit"


def filler(size_bytes: int, pattern: bytes = b"0123456789abcde\n") -> bytes:
    """Return that many bytes, a pattern over and over."""
    return (pattern * (size_bytes // len(pattern) + 1))[:size_bytes]


def expect_fits(judge: Judge, session: Session, name: str, content: bytes, exchange: Exchange) -> None:
    """Judge UP-07: the file was accepted, and is there in full."""
    expected = f"{name} of {len(content):,} bytes to be accepted"
    if judge.expect("UP-07", exchange.ok, expected=expected, actual=exchange.got, exchange=exchange):
        expect_contents(judge, "UP-07", session, {name: content}, exchange)


def expect_chunks_taken(judge: Judge, session: Session) -> None:
    """Go on where the target takes small uploads of the chunked transfer coding, of which no document speaks."""
    control = upload_chunked(session, [Part("chunked-control.bin", b"small")])
    if not control.ok:
        raise judge.not_offered("chunked uploads", f"it answers {control.got}", control)


@requirement("UP-07", tier="smoke")
def test_a_file_up_to_the_limit_is_accepted(session: Session, judge: Judge, limits: Limits) -> None:
    """A file of up to and including 1 MiB is accepted, and is there in full."""
    for size_bytes in (limits.max_file_bytes, limits.max_file_bytes - 1, limits.max_file_bytes * 96 // 100):
        name, content = f"ladder-{size_bytes}.bin", filler(size_bytes)
        expect_fits(judge, session, name, content, session.try_upload({name: content}))


@requirement("UP-07")
def test_a_file_at_the_limit_is_accepted_in_every_form(session: Session, judge: Judge, limits: Limits) -> None:
    """A file of exactly 1 MiB is accepted in a directory, by its absolute path, as a text, and with its length told."""
    full = limits.max_file_bytes
    forms = [
        Part("sub/ladder.bin", filler(full)),
        Part(f"{HOME}/absolute.bin", filler(full, b"\0")),
        Part("text.txt", filler(full, b"line\r\n"), content_type="text/plain; charset=utf-8"),
        measured("measured.bin", filler(full, b"\xff\r\n--")),
        Part("untyped.bin", filler(full, "é".encode()), content_type=None),
        Part("l" * 150, filler(full, b"\r")),
        Part("ladder.bin", filler(full, b"\n"), name="x" * 60),
    ]
    session.upload(dict.fromkeys(ODD_NAMES, b"small"))
    for part in (*forms, *(Part(name, filler(full)) for name in ODD_NAMES)):
        expect_fits(judge, session, part.filename or "", part.content, session.try_upload([part]))


@requirement("UP-07")
def test_a_file_at_the_limit_is_accepted_in_chunks(session: Session, judge: Judge, limits: Limits) -> None:
    """A file of exactly 1 MiB is accepted in a request of the chunked transfer coding."""
    expect_chunks_taken(judge, session)
    content = filler(limits.max_file_bytes)
    exchange = upload_chunked(session, [Part("chunked.bin", content)], 65_521)
    expect_fits(judge, session, "chunked.bin", content, exchange)


@requirement("UP-07")
def test_the_limit_is_one_of_each_file_not_of_the_request(session: Session, judge: Judge, limits: Limits) -> None:
    """Files that together are larger than 1 MiB are accepted: two small ones, and three of the limit each."""
    for sizes in ((limits.max_file_bytes * 6 // 10,) * 2, (limits.max_file_bytes,) * 3):
        files = {f"sum-{len(sizes)}-{number}.bin": filler(size, b"%d" % number) for number, size in enumerate(sizes)}
        exchange = session.try_upload(files)
        expected = f"{len(sizes)} files of {sizes[0]:,} bytes each to be accepted"
        judge.accepted("UP-07", exchange, expected=expected)
        expect_contents(judge, "UP-07", session, files, exchange)


@requirement("UP-07", "UP-09")
def test_a_full_request_of_full_files_is_accepted(session: Session, judge: Judge, limits: Limits) -> None:
    """The greatest number of files, each of the greatest size, is accepted in one request."""
    names = numbered(limits.max_files, "full-{:02}.bin")
    files = {name: filler(limits.max_file_bytes, b"%d!" % number) for number, name in enumerate(names)}
    session.upload({"one.bin": files[names[0]]})
    session.upload({f"small-{name}": b"small" for name in names})
    exchange = session.try_upload(files)
    expected = f"{len(files)} files of {limits.max_file_bytes:,} bytes each to be accepted"
    judge.accepted("UP-07", exchange, expected=expected)
    expect_contents(judge, "UP-07", session, files, exchange)


@requirement("UP-08", tier="smoke")
@pytest.mark.parametrize("above", [1, 2, 1024, 1024 * 1024], ids=["1", "2", "1024", "1-mib"])
def test_a_file_over_the_limit_is_refused(session: Session, judge: Judge, limits: Limits, above: int) -> None:
    """A file of more than 1 MiB is answered with 400, while a smaller one of the same name was accepted."""
    session.upload({"ladder.bin": filler(limits.max_file_bytes // 2)})
    exchange = session.try_upload({"ladder.bin": filler(limits.max_file_bytes + above)})
    judge.status("UP-08", exchange, 400, expected=f"{TOO_LARGE} by {above:,} bytes")


@requirement("UP-08")
def test_a_file_over_the_limit_is_refused_in_every_form(session: Session, judge: Judge, limits: Limits) -> None:
    """A file one byte over the limit is refused in a directory, as a text, with its length told, even wrongly."""
    over = limits.max_file_bytes + 1
    text = f"x{'é' * (over // 2)}".encode()  # half as many characters
    forms = [
        Part("sub/ladder.bin", filler(over)),
        Part(f"{HOME}/absolute.bin", filler(over, b"\0")),
        Part("text.txt", filler(over, b"line\r\n"), content_type="text/plain; charset=utf-8"),
        measured("measured.bin", filler(over)),
        measured("understated.bin", filler(over), length=10),
        Part("untyped.bin", filler(over, "é".encode()), content_type=None),
        Part("few-characters.txt", text, content_type="text/plain; charset=utf-8"),
        Part("blank.txt", filler(over, b" \n"), content_type="text/plain"),
        Part("ends-in-newlines", filler(over - 2) + b"\r\n"),
        *(Part(name, filler(over)) for name in ODD_NAMES),
    ]
    for part in forms:
        name = part.filename or ""
        session.upload({name: b"small"})
        exchange = session.try_upload([part])
        judge.expect(
            "UP-08", exchange.status == 400, expected=f"{TOO_LARGE} ({name})", actual=exchange.got, exchange=exchange
        )


@requirement("UP-08")
def test_one_file_over_the_limit_among_others_is_refused(session: Session, judge: Judge, limits: Limits) -> None:
    """An upload with one file over the limit is refused wherever in the request that file stands."""
    small = [(f"among-{number}.bin", b"small") for number in range(4)]
    session.upload([*small, ("over.bin", b"small")])
    for position in range(len(small) + 1):
        files = list(small)
        files.insert(position, ("over.bin", filler(limits.max_file_bytes + 1)))
        exchange = session.try_upload(files)
        expected = f"{TOO_LARGE}, number {position + 1} of {len(files)}"
        judge.expect("UP-08", exchange.status == 400, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("UP-08")
def test_a_file_over_the_limit_is_refused_in_chunks(session: Session, judge: Judge, limits: Limits) -> None:
    """A file over the limit is refused in the chunked transfer coding as well, if a smaller one is accepted so."""
    expect_chunks_taken(judge, session)
    exchange = upload_chunked(session, [Part("chunked.bin", filler(limits.max_file_bytes + 1))], 65_521)
    if exchange.status is None:
        raise judge.unmet("UP-18", expected="an answer", actual=exchange.got, exchange=exchange)
    judge.status("UP-08", exchange, 400, expected=TOO_LARGE)


@requirement("UP-07", "UP-08", tier="full")
def test_the_limit_holds_time_after_time(session: Session, judge: Judge, limits: Limits, rng: random.Random) -> None:
    """Files at the limit and over it, in random order and of random bytes, are told apart every time."""
    for number in range(12):
        over = rng.randrange(2)
        content = rng.randbytes(limits.max_file_bytes + over)
        exchange = session.try_upload({"random.bin": content})
        if over:
            judge.status("UP-08", exchange, 400, expected=f"{TOO_LARGE}, in upload {number + 1}")
        else:
            expect_fits(judge, session, "random.bin", content, exchange)


@requirement("UP-08", tier="full")
def test_a_full_request_with_one_file_over_is_refused(session: Session, judge: Judge, limits: Limits) -> None:
    """The greatest number of full files is refused where the last, or one in the middle, is one byte over."""
    for position in (limits.max_files - 1, limits.max_files // 2):
        names = numbered(limits.max_files, "full-{:02}.bin")
        files = {name: filler(limits.max_file_bytes + (n == position)) for n, name in enumerate(names)}
        exchange = session.try_upload(files)
        if exchange.status is None:
            raise judge.unmet("UP-18", expected="an answer", actual=exchange.got, exchange=exchange)
        judge.status("UP-08", exchange, 400, expected=f"{TOO_LARGE}, number {position + 1}")
