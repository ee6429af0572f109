"""CO: several ways of saying the same: parameters (CO-06), methods (CO-07), null and unknown keys (CO-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.checks import requirement
from conformance.rules import listed_items
from conformance.run_reader import GOING_ON, Result
from conformance.suite.creations import ask_for_session
from conformance.suite.programs import by_hand
from conformance.target import parameters

if TYPE_CHECKING:
    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target


def names(exchange: Exchange) -> set[str]:
    """Return the names that a listing holds; empty where it is none."""
    return {item["filename"] for item in listed_items(exchange) or () if isinstance(item, dict) and "filename" in item}


@requirement("CO-06")
def test_where_a_get_takes_its_parameters_from(session: Session, client: Client, judge: Judge) -> None:
    """A GET takes its parameters from the JSON body, from the query string, or from both, one of them first."""
    session.upload({"one/a.txt": b"a", "two/b.txt": b"b"})
    path = session.path("/files")
    body = client.get(path, json={"path": "one"}, operation="listFiles")
    query = client.get(path, query=[("path", "one")], operation="listFiles")
    taken = {"body": names(body) == {"a.txt"}, "query": names(query) == {"a.txt"}}
    if not any(taken.values()):
        raise judge.unmet("LS-01", expected="a listing of the folder one", actual=body.got, exchange=(body, query))
    style = "both" if all(taken.values()) else next(name for name, takes in taken.items() if takes)
    judge.reading("CO-06", "get-parameters", style, (body, query))
    if style == "both":
        split = client.get(path, json={"path": "one"}, query=[("path", "two")], operation="listFiles")
        if split.refused or names(split):
            taken_from = "body" if "a.txt" in names(split) else "query"
            judge.reading("CO-06", "precedence", "refused" if split.refused else taken_from, split)


@requirement("CO-07")
def test_a_post_may_name_another_method(sessions: Sessions, client: Client, judge: Judge) -> None:
    """A POST with `X-Method-Override` is served as the method that the header names."""
    session = sessions.create()
    plain = session.try_info()
    if not plain.ok:
        raise judge.unmet("SE-05", expected="status 200", actual=plain.got, exchange=plain)
    info = client.post(session.path(), headers={"X-Method-Override": "GET"}, operation="getSession")
    same = info.ok and set(plain.json_object()) == set(info.json_object())
    judge.require("CO-07", same, expected=f"what a GET gets: {plain.got}", actual=info.got, exchange=(plain, info))
    session.upload({"here.txt": b"here"})
    if names(session.try_list()) >= {"here.txt"}:
        listing = client.post(session.path("/files"), headers={"X-Method-Override": "GET"}, operation="listFiles")
        there = "here.txt" in names(listing)
        judge.expect("CO-07", there, expected="a listing of here.txt", actual=listing.got, exchange=listing)
    ended = client.post(session.path(), headers={"X-Method-Override": "DELETE"}, operation="destroySession")
    judge.accepted("CO-07", ended)
    after = session.try_info()
    judge.status("CO-07", after, 404, expected="status 404: the session was deleted")


NULLS: Final[dict[str, Any]] = {
    "tag": None,
    "config": {
        "environ": None,
        "mounts": None,
        "instanceMemory": None,
        "clusterSize": None,
        "resources": {"cpu": None, "mem": None},
        "bpUnknown": [1],
    },
    "bpUnknown": {"deep": [None, True]},
}


@requirement("CO-13", tier="smoke")
def test_a_creation_may_hold_nulls_and_unknown_keys(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A create call with null values and unknown keys creates a session as one without them does."""
    plain = sessions.create()
    plain.delete()
    for more in (NULLS, {"config": None}):
        token = sessions.new_token()
        exchange = ask_for_session(sessions, target.creation(token) | more)
        judge.accepted("CO-13", exchange)
        sessions.adopt(exchange, token).delete()


@requirement("CO-13", tier="smoke")
@pytest.mark.parametrize(
    "more",
    [
        {"options": {"exec": "printf ran", "build": None, "clean": None, "buildLog": None}},
        {"options": {"exec": "printf ran", "buildLog": True, "bpUnknown": {"a": [1]}}},
        {"options": {"exec": "printf ran"}, "bpUnknown": 5, "another": None},
        {"options": {"exec": "printf ran"}, "code": None},
    ],
    ids=["null-commands", "unknown-options", "unknown-keys", "null-code"],
)
def test_an_execute_call_may_hold_nulls_and_unknown_keys(session: Session, judge: Judge, more: dict[str, Any]) -> None:
    """A batch call with null commands, `buildLog` and unknown keys runs as one without them does."""
    plain = session.run("printf ran")
    if plain.stdout != "ran":
        raise judge.unmet("CN-06", expected="ran", actual=plain.stdout, exchange=plain.exchanges)
    body: dict[str, Any] = {"mode": "batch", "code": "", "runId": "co13"}
    results = by_hand(session, body | more)
    output = "".join(result.stdout for result in results)
    judge.require("CO-13", output == "ran", expected="ran", actual=output, exchange=[one.exchange for one in results])


@requirement("CO-13")
def test_a_continue_may_hold_nulls_and_unknown_keys(session: Session, judge: Judge) -> None:
    """A `continue` with null options and an unknown key goes on with its run."""
    body: dict[str, Any] = {"code": "", "runId": "co13-goes-on"}
    commands = {"clean": "true", "build": "sleep 0.4", "exec": "sleep 0.4; printf ran"}
    results = [Result.of(session.try_execute(body | {"mode": "batch", "options": commands}))]
    while results[-1].exchange.ok and results[-1].status in GOING_ON:
        more = {"mode": "continue", "options": None, "bpUnknown": [None]}
        results.append(Result.of(session.try_execute(body | more)))
    exchanges = [one.exchange for one in results]
    if len(results) > 1 and not exchanges[-1].ok and session.try_execute(body | {"mode": "continue"}).refused:
        raise judge.unmet("EX-12", expected="the run to go on", actual=exchanges[-1].got, exchange=exchanges)
    output = "".join(result.stdout for result in results)
    judge.require("CO-13", output == "ran", expected="ran", actual=exchanges[-1].got, exchange=exchanges)


@requirement("CO-13")
def test_a_listing_may_hold_a_null_path(session: Session, client: Client, judge: Judge) -> None:
    """A null path in the body of a listing is one that is absent, where bodies of GETs are read."""
    session.upload({"one/a.txt": b"a"})
    path = session.path("/files")
    named = client.get(path, json={"path": "one"}, operation="listFiles")
    if names(named) != {"a.txt"}:
        raise judge.not_offered("parameters in the body of a GET", "it reads the query string (CO-06)", named)
    null = client.get(path, json={"path": None}, operation="listFiles")
    judge.require("CO-13", "one" in names(null), expected="a listing of /home/work", actual=null.got, exchange=null)


@requirement("CO-13")
def test_a_listing_may_hold_unknown_keys(session: Session, client: Client, target: Target, judge: Judge) -> None:
    """A listing with an unknown key lists what one without it does."""
    session.upload({"one/a.txt": b"a"})
    if names(session.try_list("one")) != {"a.txt"}:
        exchange = session.try_list("one")
        raise judge.unmet("LS-05", expected="a listing of one/a.txt", actual=exchange.got, exchange=exchange)
    extra = parameters(target.list_style, {"path": "one", "bpUnknown": "x"})
    exchange = client.get(session.path("/files"), operation="listFiles", **extra)
    judge.require("CO-13", names(exchange) == {"a.txt"}, expected="a.txt", actual=exchange.got, exchange=exchange)
