"""SE: sessions: creating and reusing them (SE-01 to SE-03)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.suite.creations import IMAGE_SINCE, ask_for_session, at_least, ids, other_langs, settled, token_of

if TYPE_CHECKING:
    from random import Random

    from conformance.client import Client
    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.open_run import OpenRun
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

OVERLAPPING: Final = 4  # create calls at the same time


@requirement("SE-01", tier="smoke")
def test_a_new_token_creates_a_session(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A create call with a new token answers 201 with the session's id and `created: true`, and the session works."""
    token = sessions.new_token()
    exchange = ask_for_session(sessions, target.creation(token))
    judge.status("SE-01", exchange, 201)
    created = exchange.json_object().get("created")
    judge.require("SE-01", created is True, expected="created: true", actual=exchange.got, exchange=exchange)
    needed = ("kernelId",) if target.dialect == "kernel" else ("sessId", "sessionId")
    named = any(isinstance(exchange.json_object().get(key), str) for key in needed)
    judge.require("SE-01", named, expected=f"{' or '.join(needed)}, a text", actual=exchange.got, exchange=exchange)
    info = sessions.adopt(exchange, token).try_info()
    judge.require("SE-01", info.ok, expected="the id to name a session", actual=info.got, exchange=(exchange, info))


@requirement("SE-01")
def test_each_new_token_creates_a_session_of_its_own(sessions: Sessions, judge: Judge) -> None:
    """Two tokens make two sessions: other ids, other files."""
    with judge.under_test("SE-01"):
        one, two = sessions.create(), sessions.create()
    exchanges = (one.creation, two.creation)
    judge.require("SE-01", one.id != two.id, expected="two ids", actual=one.id, exchange=exchanges)
    one.upload({"only-one.txt": b"one"})
    listing = two.listing()
    judge.require(
        "SE-01",
        "only-one.txt" not in listing,
        expected="no file of the other session",
        actual="it",
        exchange=listing.exchange,
    )


@requirement("SE-01")
def test_a_session_may_be_created_without_a_token(sessions: Sessions, target: Target, judge: Judge) -> None:
    """Without a token the server names the session, each time anew."""
    created = [ask_for_session(sessions, target.creation(None)) for _ in range(2)]
    for exchange in created:
        judge.status("SE-01", exchange, 201)
        judge.require("SE-01", ids(exchange), expected="an id", actual=exchange.got, exchange=exchange)
        info = sessions.adopt(exchange).try_info()
        judge.require("SE-01", info.ok, expected="the id to name a session", actual=info.got, exchange=(exchange, info))
    one, two = (sessions.adopt(exchange).id for exchange in created)
    judge.require("SE-01", one != two, expected="two ids", actual=one, exchange=created)


@requirement("SE-01")
def test_a_creation_may_hold_a_tag_and_a_config(sessions: Sessions, target: Target, judge: Judge) -> None:
    """A create call with a tag and an empty config creates a session as one without them does."""
    sessions.create().delete()
    extras: list[dict[str, Any]] = [{"tag": "bp-tag"}, {"config": {}}, {"tag": "bp tag 2", "config": {}}]
    if target.dialect == "kernel":  # the least that can be asked for is no more than there is (SE-08)
        extras.append({"config": {"instanceCores": 1, "clusterSize": 1}})
    for more in extras:
        token = sessions.new_token()
        exchange = ask_for_session(sessions, target.creation(token, **more))
        judge.status("SE-01", exchange, 201, expected=f"status 201 with {more}")
        sessions.adopt(exchange, token).delete()


@requirement("SE-01")
def test_the_legacy_path_creates_sessions(sessions: Sessions, client: Client, target: Target, judge: Judge) -> None:
    """`POST /kernel/create` creates a session as `POST /kernel` does."""
    if target.dialect != "kernel":
        raise judge.not_offered("the kernel dialect", "sessions are created at /session", sessions.create().creation)
    token = sessions.new_token()
    client.await_turn("POST")
    sessions.bench.ledger.expect(token)
    exchange = client.post(f"{target.resource}/create", json=target.creation(token), operation="createSessionLegacy")
    session = sessions.adopt(exchange, token)
    sessions.bench.ledger.created(session.id, token)
    judge.status("SE-01", exchange, 201)
    shown = exchange.json_object()
    complete = shown.get("created") is True and isinstance(shown.get("kernelId"), str)
    judge.require("SE-01", complete, expected="kernelId and created: true", actual=exchange.got, exchange=exchange)
    info = session.try_info()
    judge.require("SE-01", info.ok, expected="the id to name a session", actual=info.got, exchange=(exchange, info))
    session.delete()


@requirement("SE-02", "SE-03", "SE-04", "SE-09")
def test_the_legacy_path_has_the_same_rules(
    session: Session, sessions: Sessions, client: Client, target: Target, limits: Limits, rng: Random, judge: Judge
) -> None:
    """`POST /kernel/create` finds living sessions, measures tokens and sets the environment as `POST /kernel` does."""

    def create(token: str, lang: str | None = None, **more: Any) -> Exchange:
        client.await_turn("POST")
        sessions.bench.ledger.expect(token)
        body = target.creation(token, lang or target.lang, **more)
        return client.post(f"{target.resource}/create", json=body, operation="createSessionLegacy")

    if target.dialect != "kernel":
        raise judge.not_offered("the kernel dialect", "sessions are created at /session", session.creation)
    token = sessions.new_token()
    made = create(token, config={"environ": {"BP_LEGACY": "legacy"}})
    if not made.ok:
        raise judge.not_offered("the legacy path", f"it answers {made.got}", made)
    other = settled(sessions, made, token)
    sessions.bench.ledger.created(other.id, token)
    info = other.try_info()
    if not info.ok:
        raise judge.unmet("SE-01", expected="the id to name a session", actual=info.got, exchange=(made, info))
    run = other.run("echo $BP_LEGACY")
    evidence = (made, *run.exchanges)
    judge.expect("SE-09", run.stdout == "legacy\n", expected="legacy", actual=run.stdout, exchange=evidence)
    other.delete()
    again = create(str(session.token))
    judge.accepted("SE-02", again, expected="success: 200 or 201")
    same = again.json_object().get("created") is False and ids(again) == ids(session.creation)
    judge.expect("SE-02", same, expected="created: false, and the same id", actual=again.got, exchange=again)
    for lang in other_langs(target)[:2]:
        judge.refused("SE-03", create(str(session.token), lang), expected=f"a refusal (4xx) of the token with {lang!r}")
    for length in (limits.min_token_chars - 1, limits.max_token_chars + 1):
        refused = create(token_of(length, rng))
        judge.refused("SE-04", refused, expected=f"a refusal (4xx) of a token of {length} characters")


@requirement("SE-01")
def test_later_versions_take_image_and_answer_in_full(sessions: Sessions, target: Target, judge: Judge) -> None:
    """From v4.20190315 `image` names the image; from v5 the answer also holds `status` and `servicePorts`."""
    if not at_least(target.version, IMAGE_SINCE):
        raise judge.not_offered(
            "a later version", f"the target names {target.version}, before {IMAGE_SINCE}", target.probes
        )
    token = sessions.new_token()
    exchange = ask_for_session(sessions, {target.name_key: token, "image": target.lang})
    judge.status("SE-01", exchange, 201)
    if target.dialect == "session":
        keys = {"status", "servicePorts", "created"} | ({"sessionId"} & set(exchange.json_object()) or {"sessId"})
        missing = sorted(keys - set(exchange.json_object()))
        judge.require("SE-01", not missing, expected=f"{sorted(keys)}", actual=f"no {missing}", exchange=exchange)
    again = ask_for_session(sessions, target.creation(token))  # by the key that the target was found to take
    found = again.ok and again.json_object().get("created") is False
    expected = f"that session: `{target.lang_key}` and `image` name the same"
    judge.require("SE-01", found, expected=expected, actual=again.got, exchange=(exchange, again))


@requirement("SE-02", tier="smoke")
def test_the_same_token_and_lang_give_the_same_session(
    session: Session, sessions: Sessions, target: Target, judge: Judge
) -> None:
    """The token of a living session, with its `lang`, gives that session: `created: false`, same id, same files."""
    session.upload({"mine.txt": b"mine"})
    run: OpenRun | None = None
    for turn in range(3):
        if turn == 1:  # while a run is going on
            run = session.begin("sleep 1; echo goes on")
        again = ask_for_session(sessions, target.creation(session.token))
        evidence = (session.creation, again)
        judge.accepted("SE-02", again, expected="success: 200 or 201")
        created = again.json_object().get("created")
        judge.require("SE-02", created is False, expected="created: false", actual=again.got, exchange=evidence)
        same = ids(again) == ids(session.creation)
        judge.require(
            "SE-02", same, expected=f"the same id: {ids(session.creation)}", actual=again.got, exchange=evidence
        )
    if again.status in {200, 201}:
        judge.reading("SE-02", "reuse-status", str(again.status), again)
    whole = run.finish() if run is not None else None
    if whole is not None and whole.status == "finished":
        judge.require(
            "SE-02", whole.stdout == "goes on\n", expected="its run to go on", actual=whole.console, exchange=evidence
        )
    listing = session.listing()
    judge.require(
        "SE-02", "mine.txt" in listing, expected="its files", actual=listing.exchange.got, exchange=listing.exchange
    )


@requirement("SE-02")
def test_overlapping_creations_of_one_token_give_one_session(sessions: Sessions, target: Target, judge: Judge) -> None:
    """Create calls of one token that overlap name one session, and at most one of them says that it created it."""
    token = sessions.new_token()
    with ThreadPoolExecutor(OVERLAPPING) as pool:
        exchanges = list(pool.map(lambda _: ask_for_session(sessions, target.creation(token)), range(OVERLAPPING)))
    told = [exchange for exchange in exchanges if exchange.ok]  # one that comes too soon may be refused
    if not told:
        raise judge.unmet("SE-01", expected="a session", actual=exchanges[0].got, exchange=exchanges)
    made = [exchange for exchange in told if exchange.json_object().get("created") is True]
    named = [ids(exchange) for exchange in told]
    judge.expect("SE-02", len(made) <= 1, expected="created: true once", actual=len(made), exchange=exchanges)
    judge.expect("SE-02", all(one == named[0] for one in named), expected="one id", actual=named, exchange=exchanges)
    for exchange in told:
        sessions.adopt(exchange, token).try_delete()


@requirement("SE-05", "SE-09")
def test_a_creation_that_finds_a_session_changes_nothing_of_it(
    sessions: Sessions, target: Target, judge: Judge
) -> None:
    """A create call that finds a living session, and names no config, leaves its environment and its age."""
    session = sessions.create(config={"environ": {"BP_KEPT": "kept"}})
    before = session.run("sleep 0.3; echo $BP_KEPT")
    if before.stdout != "kept\n":
        raise judge.unmet("SE-09", expected="kept", actual=before.stdout, exchange=before.exchanges)
    first = session.try_info()
    again = sessions.try_create(target.creation(session.token))
    if not again.ok or again.json_object().get("created") is not False:
        raise judge.unmet("SE-02", expected="the session itself", actual=again.got, exchange=again)
    second = session.try_info()
    run = session.run("echo $BP_KEPT")
    ages: list[Any] = [exchange.json_object().get("age") for exchange in (first, second)]
    older = all(isinstance(age, int) for age in ages) and ages[0] <= ages[1]
    judge.expect("SE-05", older, expected="an age that goes on", actual=ages, exchange=(first, again, second))
    evidence = (again, *run.exchanges)
    judge.expect("SE-09", run.stdout == "kept\n", expected="kept", actual=run.stdout, exchange=evidence)


@requirement("SE-03", tier="smoke")
def test_the_same_token_with_another_lang_is_refused(
    session: Session, sessions: Sessions, target: Target, judge: Judge
) -> None:
    """The token of a living session with another `lang` is refused, whatever that is, and changes nothing."""
    before = session.try_info()
    for lang in other_langs(target):
        exchange = sessions.try_create(target.creation(session.token, lang))
        judge.refused("SE-03", exchange, expected=f"a refusal (4xx) of the token with {lang!r}")
    after = session.try_info()
    same = before.json_object().get("lang") == after.json_object().get("lang") and after.ok
    judge.require("SE-03", same, expected="the session to be as before", actual=after.got, exchange=(before, after))
    again = ask_for_session(sessions, target.creation(session.token))
    kept = again.ok and again.json_object().get("created") is False
    judge.require("SE-03", kept, expected="the token still to name the session", actual=again.got, exchange=again)
