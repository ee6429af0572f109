"""UP-14 and UP-17: names with spaces, beyond ASCII, and percent-encoded ones."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.stored import HOME, Stored, expect_contents, look, names_in
from conformance.suite.uploads import spread, starred

if TYPE_CHECKING:
    import random

    from conformance.judge import Judge
    from conformance.session import Session

SPACED = (
    "two words.txt",
    "many  spaces   in a row.txt",
    "folder with spaces/a file.txt",
    "a b/c d/e f.txt",
    "1 + 1+1.txt",
    " led by a blank.txt",
    "ending in blanks  ",
)
COMPOSED = unicodedata.normalize("NFC", "Café-Ü.txt")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
FOREIGN = (
    "naïve.txt",
    "Grüße/Straße.c",
    "файл.txt",
    "世界.txt",
    "日本 語/ファイル.txt",
    "🙂.txt",
    "ﬁ-ligature.txt",
    "½²ª.txt",
    "ÀÉÎ.TXT",
    "\U0001f469\u200d\U0001f4bb.txt",  # one picture of two, joined by a character that prints nothing
    "no\u00a0break\u3000wide.txt",
)
MIXED = "aé世🙂 .-_+~"


@requirement("UP-14", tier="smoke")
def test_names_with_spaces_are_kept(session: Session, judge: Judge) -> None:
    """Names and directories with spaces in them, and plus signs, are kept as they are."""
    before = names_in(session)
    with judge.under_test("UP-14"):
        exchange = session.upload(spread(SPACED))
    expect_contents(judge, "UP-14", session, spread(SPACED), exchange, "under its name")
    new = names_in(session) - before
    wanted = {name.partition("/")[0] for name in SPACED}
    judge.expect("UP-14", new <= wanted, expected="no other names", actual=sorted(new - wanted), exchange=exchange)


@requirement("UP-14", tier="smoke")
def test_names_beyond_ascii_are_kept(session: Session, judge: Judge) -> None:
    """Names in raw UTF-8 are kept byte for byte, as relative and as absolute paths."""
    names = (*FOREIGN, COMPOSED, f"{HOME}/naïve absolute.txt")
    with judge.under_test("UP-14"):
        exchange = session.upload(spread(names))
    expect_contents(judge, "UP-14", session, spread(names), exchange, "under its name")


@requirement("UP-14")
def test_composed_and_decomposed_names_stay_apart(session: Session, judge: Judge) -> None:
    """A name of composed characters and the one of decomposed characters are two names, each with its own file."""
    both = {COMPOSED: b"composed", DECOMPOSED: b"decomposed", f"d/{DECOMPOSED}": b"in a folder"}
    with judge.under_test("UP-14"):
        exchange = session.upload(both)
    expect_contents(judge, "UP-14", session, both, exchange, "under its name")


@requirement("UP-14")
def test_long_names_beyond_ascii_are_kept(session: Session, judge: Judge) -> None:
    """A long name of characters that take several bytes each is kept whole."""
    names = ("é" * 100, "世" * 60 + ".txt", "🙂" * 50)
    with judge.under_test("UP-14"):
        exchange = session.upload(spread(names))
    expect_contents(judge, "UP-14", session, spread(names), exchange, "under its name")


@requirement("UP-14", tier="full")
def test_random_names_are_kept(session: Session, judge: Judge, rng: random.Random) -> None:
    """Random names of letters in and beyond ASCII, spaces and punctuation are kept."""
    for turn in range(10):
        names = [f"{turn}{''.join(rng.choices(MIXED, k=rng.randrange(1, 30)))}{n}" for n in range(15)]
        with judge.under_test("UP-14"):
            exchange = session.upload(spread(names))
        expect_contents(judge, "UP-14", session, spread(names), exchange, "under its name")


@requirement("UP-02", "UP-17")
def test_where_percent_encoded_names_land_is_recorded(session: Session, judge: Judge) -> None:
    """A percent-encoded path is decoded, or taken as it is, or refused."""
    session.upload({"control.txt": b"control"})
    exchange = session.try_upload({"sub%2Fanswer.h": b"encoded"})
    if exchange.refused:
        judge.reading("UP-17", "percent-encoded", "refused", exchange)
        return
    wanted = Stored.of(b"encoded")
    places = {"sub/answer.h": "decoded", "sub%2Fanswer.h": "literal", "sub%2fanswer.h": "literal"}
    seen = look(session, places)
    landed = next((reading for place, reading in places.items() if seen[place] == wanted), None)
    expected = "the file at sub/answer.h, or at a name with the %2F in it"
    judge.require("UP-02", landed, expected=expected, actual=exchange.got, exchange=exchange)
    judge.reading("UP-17", "percent-encoded", str(landed), exchange)


@requirement("UP-02", "UP-17")
def test_which_of_two_names_counts_is_recorded(session: Session, judge: Judge) -> None:
    """Where `filename*` differs from `filename`, the file lands at the path of one of the two, or is refused."""
    session.upload({"control.txt": b"control"})
    exchange = session.try_upload([starred("plain-name.txt", "extended%20n%C3%A4me.txt", b"two names")])
    if exchange.refused:
        judge.reading("UP-17", "filename-star", "refused", exchange)
        return
    wanted = Stored.of(b"two names")
    places = {
        "extended näme.txt": "filename-star",
        "extended%20n%C3%A4me.txt": "filename-star",
        "plain-name.txt": "filename",
    }
    seen = look(session, places)
    landed = next((reading for place, reading in places.items() if seen[place] == wanted), None)
    judge.require("UP-02", landed, expected="the file at one of its names", actual=exchange.got, exchange=exchange)
    judge.reading("UP-17", "filename-star", str(landed), exchange)


@requirement("UP-02", "UP-17")
def test_names_told_twice_alike_are_taken(session: Session, judge: Judge) -> None:
    """A file whose `filename*` says the same as its `filename`, as clients of 2018 to 2021 send it, lands there."""
    exchange = session.try_upload([starred("alike.txt", "alike.txt", b"alike")])
    if exchange.refused:
        judge.reading("UP-17", "filename-star", "refused", exchange)
        return
    expect_contents(judge, "UP-02", session, {"alike.txt": b"alike"}, exchange)
    judge.reading("UP-17", "filename-star", "filename-star", exchange)
