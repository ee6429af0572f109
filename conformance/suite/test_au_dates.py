"""AU: when a request may have been signed (AU-04)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.multipart import Form, Part
from conformance.suite.letters import Desk, compact, extended, http_date, zulu

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from conformance.client import Client
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.target import Target

FORMS: Final[dict[str, Callable[[datetime], str]]] = {
    "iso-8601": extended,
    "iso-8601-zulu": zulu,
    "iso-8601-compact": compact,
    "http": http_date,
}
HEADERS: Final = ("Date", "X-BackendAI-Date")
TAKEN_MINUTES: Final = (0, -14, 14)
TOO_FAR: Final = tuple(
    sign * gap
    for gap in (timedelta(minutes=16), timedelta(hours=3), timedelta(days=1), timedelta(days=400))
    for sign in (1, -1)
)  # fmt: skip  - one gap a pair
UNREADABLE: Final = ("yesterday", "2026-99-99T99:99:99+00:00", "????", "Xyz, 99 Abc 2026 99:99:99 GMT")


@requirement("AU-04", tier="smoke", needs="keys")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_dates_up_to_14_minutes_off_are_accepted(
    session: Session, client: Client, target: Target, judge: Judge, form: Callable[[datetime], str]
) -> None:
    """A date in any of the three forms, now and 14 minutes before and after, in either header, is accepted."""
    desk = Desk.of(client, target)
    for minutes in TAKEN_MINUTES:
        moment = desk.now() + timedelta(minutes=minutes)
        letter = desk.letter("GET", session.path(), moment=moment, date=form(moment))
        exchange = letter.send()
        judge.expect(
            "AU-04", exchange.ok, expected=f"the date {letter.date} accepted", actual=exchange.got, exchange=exchange
        )
    letter = desk.letter("GET", session.path(), date=form(desk.now()))
    exchange = letter.saying(Date=None, X_BackendAI_Date=letter.date).send()
    expected = f"the date {letter.date} in X-BackendAI-Date accepted"
    judge.expect("AU-04", exchange.ok, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("AU-04", tier="smoke", needs="keys")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_dates_over_15_minutes_off_are_refused(
    session: Session, client: Client, target: Target, judge: Judge, form: Callable[[datetime], str]
) -> None:
    """A date in any of the three forms that is 16 minutes or more before or after is refused, in either header."""
    desk = Desk.of(client, target)
    fresh = desk.letter("GET", session.path(), date=form(desk.now())).send()
    if not fresh.ok:
        raise judge.unmet("AU-04", expected="the date of now accepted", actual=fresh.got, exchange=fresh)
    for gap in TOO_FAR:
        moment = desk.now() + gap
        letter = desk.letter("GET", session.path(), moment=moment, date=form(moment))
        for sent in (letter, letter.saying(Date=None, X_BackendAI_Date=letter.date)):
            exchange = sent.send()
            expected = f"a refusal (401) of the date {letter.date}"
            judge.expect("AU-04", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("AU-04", needs="keys")
def test_old_requests_of_every_kind_are_refused(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """A call that is dated an hour ago is refused whatever it asks for, and does nothing."""
    desk = Desk.of(client, target)
    fresh = desk.letter("GET", session.path()).send()
    if not fresh.ok:
        raise judge.unmet("AU-01", expected="success for what is signed by the rule", actual=fresh.got, exchange=fresh)
    moment = desk.now() - timedelta(hours=1)
    run = {"mode": "batch", "code": "", "runId": None, "options": {"exec": "touch /home/work/old.txt"}}
    for what, letter in {
        "run": desk.letter(
            "POST", session.path(), body=json.dumps(run).encode(), content_type="application/json", moment=moment
        ),
        "upload": desk.letter("POST", session.path("/upload"), form=Form((Part("old.txt", b"old"),)), moment=moment),
        "listing": desk.letter("GET", session.path("/files"), moment=moment),
        "restart": desk.letter("PATCH", session.path(), moment=moment),
        "termination": desk.letter("DELETE", session.path(), moment=moment),
    }.items():
        exchange = letter.send()
        expected = f"a refusal (401) of a {what} dated {letter.date}"
        judge.expect("AU-04", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("AU-04", needs="keys")
def test_a_missing_date_is_refused(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """A request without any date is refused, whatever date is signed."""
    desk = Desk.of(client, target)
    right = desk.letter("GET", session.path())
    control = right.send()
    if not control.ok:
        raise judge.unmet(
            "AU-01", expected="success for what is signed by the rule", actual=control.got, exchange=control
        )
    for letter in (
        right.saying(Date=None),
        right.line("date", "").saying(Date=None),
        right.line("date", None).saying(Date=None),
    ):
        exchange = letter.send()
        judge.expect("AU-04", exchange.refused, expected="a refusal (401)", actual=exchange.got, exchange=exchange)


@requirement("AU-04", needs="keys")
@pytest.mark.parametrize("header", HEADERS)
def test_an_unreadable_date_is_refused(
    session: Session, client: Client, target: Target, judge: Judge, header: str
) -> None:
    """A date that is none is refused, and breaks nothing."""
    desk = Desk.of(client, target)
    for date in UNREADABLE:
        letter = desk.letter("GET", session.path(), date=date)
        exchange = letter.saying(**{"Date": None, header.replace("-", "_"): date}).send()
        expected = f"a refusal (4xx) of the date {date!r}"
        judge.expect("AU-04", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    after = session.try_info()
    judge.expect("AU-04", after.ok, expected="a well dated request accepted", actual=after.got, exchange=after)
