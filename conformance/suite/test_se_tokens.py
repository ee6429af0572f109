"""SE: the names of sessions (SE-04)."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final
from uuid import UUID

import pytest

from conformance.checks import requirement
from conformance.suite.creations import ask_for_session, other_langs, settled, token_of

if TYPE_CHECKING:
    from random import Random

    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.sessions import Sessions
    from conformance.target import Target

OTHERS: Final = ("a b c", "abc/def", "abc\u00e9def", "abc!def", "-abcdef", "abcdef-", "abc\ndef", "abcdef\n")


@requirement("SE-04", tier="smoke")
def test_tokens_of_the_shortest_and_longest_length_are_taken(
    sessions: Sessions, target: Target, limits: Limits, rng: Random, judge: Judge
) -> None:
    """Tokens of 4, 5, 63 and 64 characters name sessions."""
    for length in (
        limits.min_token_chars,
        limits.min_token_chars + 1,
        limits.max_token_chars - 1,
        limits.max_token_chars,
    ):
        token = token_of(length, rng)
        exchange = ask_for_session(sessions, target.creation(token))
        judge.accepted("SE-04", exchange, expected=f"a token of {length} characters to be taken")
        sessions.adopt(exchange, token).delete()


@requirement("SE-04", tier="smoke")
def test_tokens_of_another_length_are_refused(
    sessions: Sessions, target: Target, limits: Limits, rng: Random, judge: Judge
) -> None:
    """Tokens of fewer than 4 or more than 64 characters are refused."""
    for length in (limits.min_token_chars - 1, 1, limits.max_token_chars + 1, 2 * limits.max_token_chars, 1000):
        exchange = sessions.try_create(target.creation(token_of(length, rng)))
        judge.refused("SE-04", exchange, expected=f"a refusal (4xx) of a token of {length} characters")


@requirement("SE-04")
def test_tokens_of_letters_digits_and_inner_hyphens_are_taken(
    sessions: Sessions, target: Target, rng: Random, judge: Judge
) -> None:
    """Letters of both cases, digits alone, and hyphens in the middle, several in a row too, make a token."""
    unique = token_of(8, rng)
    tokens = (
        f"{token_of(4, rng, string.ascii_uppercase)}{unique}",
        token_of(12, rng, string.digits),
        f"a--{unique}-Z-9",
        str(UUID(int=rng.getrandbits(128), version=4)),  # what clients like to name sessions by
        UUID(int=rng.getrandbits(128), version=4).hex,
    )
    for token in tokens:
        exchange = ask_for_session(sessions, target.creation(token))
        judge.accepted("SE-04", exchange, expected=f"the token {token!r} to be taken")
        session = sessions.adopt(exchange, token)
        info = session.try_info()
        judge.require("SE-04", info.ok, expected="it to name the session", actual=info.got, exchange=(exchange, info))
        session.delete()


@requirement("SE-04")
def test_tokens_that_differ_little_name_two_sessions(
    sessions: Sessions, target: Target, limits: Limits, rng: Random, judge: Judge
) -> None:
    """Tokens that differ in their last character only, in letter case, or in hyphens, name two sessions."""
    stem = token_of(limits.max_token_chars - 1, rng)
    mixed = f"bp-Mixed-{token_of(8, rng)}a"
    for one, other in ((f"{stem}1", f"{stem}2"), (mixed, mixed.swapcase()), (mixed, mixed.replace("-", ""))):
        with judge.under_test("SE-04"):
            first = sessions.create(token=one)
        exchange = ask_for_session(sessions, target.creation(other))
        judge.accepted("SE-04", exchange, expected=f"the token {other} to be taken")
        second = sessions.adopt(exchange, other)
        apart = exchange.json_object().get("created") is not False and first.id != second.id
        evidence = (first.creation, exchange)
        judge.require("SE-04", apart, expected="a session of its own", actual=exchange.got, exchange=evidence)
        first.delete()
        second.delete()


@requirement("SE-04")
def test_a_token_can_be_used_again_after_termination(sessions: Sessions, target: Target, judge: Judge) -> None:
    """The token of a terminated session creates a new one, several times over."""
    token = sessions.new_token()
    for _ in range(3):
        exchange = ask_for_session(sessions, target.creation(token))
        judge.accepted("SE-04", exchange, expected="the token to be taken again")
        created = exchange.json_object().get("created")
        judge.require("SE-04", created is True, expected="created: true", actual=exchange.got, exchange=exchange)
        session = settled(sessions, exchange, token)
        session.sh("true")
        session.delete()
    hold_other_lang(sessions, target, judge, token)


def hold_other_lang(sessions: Sessions, target: Target, judge: Judge, token: str) -> None:
    """Judge that the token of a terminated session may name one of another `lang`, where the target has one."""
    for lang in other_langs(target):
        name = sessions.new_token()
        exchange = sessions.try_create(target.creation(name, lang))
        if exchange.ok:
            sessions.adopt(exchange, name).delete()
            again = ask_for_session(sessions, target.creation(token, lang))
            judge.accepted("SE-04", again, expected=f"the token to be taken with {lang!r}, as another is")
            sessions.adopt(again, token).delete()
            return


@requirement("SE-04")
def test_what_a_null_token_gets(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A null token is the same as none, or refused."""
    exchange = ask_for_session(sessions, target.creation(None) | {target.name_key: None})
    if exchange.ok or exchange.refused:
        judge.reading("SE-04", "null-token", "absent" if exchange.ok else "refused", exchange)
    judge.require(
        "SE-04", not exchange.broke_down, expected="a session, or 4xx", actual=exchange.got, exchange=exchange
    )


@requirement("SE-04a")
@pytest.mark.parametrize("token", OTHERS, ids=ascii)
def test_tokens_with_other_characters_are_refused(sessions: Sessions, target: Target, judge: Judge, token: str) -> None:
    """Blanks, slashes, letters beyond ASCII, and hyphens at an end are refused."""
    judge.refused("SE-04a", sessions.try_create(target.creation(token)))
