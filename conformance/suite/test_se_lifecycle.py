"""SE: describing and ending sessions (SE-05, SE-06), limits of resources (SE-08)."""

from __future__ import annotations

import secrets
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from conformance.checks import requirement
from conformance.discovery import KNOWN_C_LANGS, KNOWN_LANGS
from conformance.suite.creations import IMAGE_SINCE, ask_for_session, at_least, ids
from conformance.suite.programs import gate, hold_text, open_gate, read_until, seen
from conformance.suite.stored import expect_nothing

if TYPE_CHECKING:
    from conformance.client import Client
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Target

WHOLE: Final = ("age", "memoryLimit", "numQueriesExecuted", "cpuCreditUsed")
MANY_CORES: Final = 64
AGE_SLACK_MS: Final = 3_000  # clocks may tick in seconds
TICK_MS: Final = 1_050  # as above: what lies between two ages may be told as one tick more, or one less
BUSY_TURNS: Final = 3
LEAST_CREDIT_MS: Final = 100  # of a busy session: below it nothing can be said
ABSURD: Final[tuple[dict[str, Any], ...]] = (
    {"instanceMemory": 10**9},  # MiB: a thousand times what any machine has
    {"instanceCores": 10**6},
    {"instanceCores": 1, "instanceMemory": 10**9, "clusterSize": 1},
    {"instanceGPUs": 10**5},
    {"clusterSize": 10**6},
)
ABSURD_RESOURCES: Final[tuple[dict[str, Any], ...]] = (
    {"resources": {"cpu": 10**6, "mem": "64m"}},
    {"resources": {"cpu": 1, "mem": "1024t"}},
)


def unknown(target: Target) -> str:
    """Return the path of a session that does not exist."""
    return target.path(f"bp-none-{secrets.token_hex(8)}")


def same_image(told: object, asked: str) -> bool:
    """Tell whether two names may be of one image: tags and registries may differ."""
    return isinstance(told, str) and bool(told) and (asked in told or told in asked)


def hold_other_lang(first: Session, sessions: Sessions, target: Target, judge: Judge) -> None:
    """Judge that a session of another image, where the target has one, tells another `lang`, and the first its own.

    What an image is called in full is the server's own.
    """
    own = first.try_info().json_object().get("lang")
    langs = dict.fromkeys((*filter(None, [target.c_lang]), *KNOWN_LANGS[:5], *KNOWN_C_LANGS[:3]))
    for lang in (one for one in langs if not same_image(one, target.lang)):
        token = sessions.new_token()
        created = ask_for_session(sessions, target.creation(token, lang))
        if created.ok:
            session = sessions.adopt(created, token)
            info = session.try_info()
            told = info.json_object().get("lang")
            right = same_image(told, lang) or told != own
            judge.expect("SE-05", right, expected=f"`lang` {lang!r}", actual=info.got, exchange=(created, info))
            info = first.try_info()
            same = info.json_object().get("lang") == own
            judge.expect("SE-05", same, expected=f"`lang` {own!r}", actual=info.got, exchange=(created, info))
            session.delete()
            return


@requirement("SE-05", tier="smoke")
def test_a_session_describes_itself(session: Session, sessions: Sessions, target: Target, judge: Judge) -> None:
    """A GET answers 200 with the `lang` that was asked for, and whole numbers for age, memory, queries and CPU."""
    session.sh("true")
    exchange = session.try_info()
    judge.status("SE-05", exchange, 200)
    info = exchange.json_object()
    lang = info.get("lang")
    judge.require("SE-05", isinstance(lang, str), expected="`lang`, a text", actual=lang, exchange=exchange)
    for key in WHOLE:
        value = info.get(key)
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        judge.expect("SE-05", whole, expected=f"`{key}`, a whole number", actual=value, exchange=exchange)
    same = same_image(lang, target.lang)
    judge.require("SE-05", same, expected=f"`lang` {target.lang!r}", actual=lang, exchange=exchange)
    hold_other_lang(session, sessions, target, judge)


@requirement("SE-05")
def test_the_age_is_in_milliseconds(session: Session, judge: Judge) -> None:
    """The age of a session grows by as many milliseconds as pass."""
    before_s = monotonic()
    first = session.try_info()
    between_s = monotonic()
    session.sh("sleep 1.5")
    after_s = monotonic()
    second = session.try_info()
    ages: list[Any] = [exchange.json_object().get("age") for exchange in (first, second)]
    judge.require(
        "SE-05",
        all(isinstance(age, int) for age in ages),
        expected="whole numbers",
        actual=ages,
        exchange=(first, second),
    )
    created, asked = session.creation.started, first.started
    oldest_ms = (asked - created).total_seconds() * 1100 + first.duration_ms + AGE_SLACK_MS
    judge.expect(
        "SE-05",
        ages[0] <= oldest_ms,
        expected=f"an age of at most {oldest_ms:.0f} ms, for it was created then",
        actual=f"{ages[0]} ms",
        exchange=(session.creation, first),
    )
    grown_ms = ages[1] - ages[0]
    least_ms, most_ms = (after_s - between_s) * 900 - TICK_MS, (monotonic() - before_s) * 1100 + TICK_MS
    expected = f"an age that grew by {least_ms:.0f} to {most_ms:.0f} ms"
    judge.require(
        "SE-05", least_ms <= grown_ms <= most_ms, expected=expected, actual=f"{grown_ms} ms", exchange=(first, second)
    )


@requirement("SE-05")
def test_the_cpu_credit_is_in_milliseconds(session: Session, judge: Judge) -> None:
    """The CPU time that a session has used is no more than its age allows on many cores, and it never falls."""
    session.sh("n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done")
    exchange = session.try_info()
    used = exchange.json_object().get("cpuCreditUsed")
    since_s = (exchange.started - session.creation.started).total_seconds() + exchange.duration_ms / 1000
    most = int(since_s * 1000) * MANY_CORES
    kept = isinstance(used, int) and used <= most
    judge.require("SE-05", kept, expected=f"at most {most} ms", actual=used, exchange=exchange)
    session.sh("true")
    later = session.try_info()
    told = later.json_object().get("cpuCreditUsed")
    grown = isinstance(told, int) and isinstance(used, int) and told >= used
    judge.require("SE-05", grown, expected=f"at least {used} ms", actual=told, exchange=(exchange, later))


@requirement("SE-05")
def test_a_session_counts_its_own_queries(sessions: Sessions, judge: Judge) -> None:
    """Runs and CPU time of one session are not counted in another, nor is its age that of a later one."""
    busy, idle = sessions.create(), sessions.create()
    idle.sh("true")
    before = idle.try_info()
    for _ in range(3):
        busy.sh("true")
    after = idle.try_info()
    counts = [exchange.json_object().get("numQueriesExecuted") for exchange in (before, after)]
    judge.require("SE-05", counts[0] == counts[1], expected=counts[0], actual=counts[1], exchange=(before, after))
    hold_own_credit(busy, idle, judge)
    busy.delete()
    again = sessions.create(token=busy.token).try_info()
    last = idle.try_info()
    ages: list[Any] = [exchange.json_object().get("age") for exchange in (after, last)]
    older = all(isinstance(age, int) for age in ages) and ages[0] <= ages[1]
    judge.expect("SE-05", older, expected="an age that goes on", actual=ages, exchange=(after, again, last))
    count = again.json_object().get("numQueriesExecuted")
    anew = isinstance(count, int) and isinstance(counts[0], int) and count <= counts[0]
    judge.expect("SE-05", anew, expected=counts[0], actual=count, exchange=(busy.creation, again))


def hold_own_credit(busy: Session, idle: Session, judge: Judge) -> None:
    """Judge that an idle session's CPU time does not grow with a busy one's, time after time."""
    looks: list[list[int]] = []
    exchanges: list[Exchange] = []
    for _ in range(BUSY_TURNS):  # what an idle session does at its beginning comes to an end
        before = [one.try_info() for one in (busy, idle)]
        busy.sh("n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done")
        after = [one.try_info() for one in (busy, idle)]
        exchanges += (*before, *after)
        looks.append([number_of(new) - number_of(old) for old, new in zip(before, after, strict=True)])
        if looks[-1][0] < LEAST_CREDIT_MS or looks[-1][1] * 2 < looks[-1][0]:
            return
    expected = "a CPU credit that does not grow with another session's"
    judge.expect("SE-05", condition=False, expected=expected, actual=f"(busy, idle) {looks}", exchange=exchanges)


def number_of(info: Exchange) -> int:
    """Return the CPU credit that a description tells; 0 where it is none."""
    value = info.json_object().get("cpuCreditUsed")
    return value if isinstance(value, int) else 0


@requirement("SE-05")
def test_what_counts_as_a_query(session: Session, judge: Judge) -> None:
    """The number of queries never falls; whether it counts calls or runs is recorded."""
    before = session.try_info()
    runs = [session.run("sleep 0.2; echo one", build="echo two") for _ in range(3)]
    after = session.try_info()
    counts: list[Any] = [exchange.json_object().get("numQueriesExecuted") for exchange in (before, after)]
    whole = all(isinstance(count, int) for count in counts)
    judge.require("SE-05", whole, expected="whole numbers", actual=counts, exchange=(before, after))
    grown = counts[1] - counts[0]
    judge.require("SE-05", grown >= 0, expected="no fewer than before", actual=counts, exchange=(before, after))
    again = session.try_info()
    count = again.json_object().get("numQueriesExecuted")
    evidence = (after, again)
    kept = isinstance(count, int) and count >= counts[1]
    judge.expect("SE-05", kept, expected=f"no fewer than {counts[1]}", actual=count, exchange=evidence)
    calls = sum(len(run.exchanges) for run in runs)
    reading = {calls: "calls", len(runs): "runs"}.get(grown, "neither")
    judge.reading("SE-05", "queries-counted", reading, (before, after))


@requirement("SE-05", tier="smoke")
def test_an_unknown_session_has_no_description(client: Client, target: Target, judge: Judge) -> None:
    """A GET of an id that no session has answers 404."""
    judge.status("SE-05", client.get(unknown(target), operation="getSession"), 404)


def ended(session: Session, judge: Judge) -> Exchange:
    """End a session; one that fails once for a fault of the server's may be tried again."""
    exchange = session.try_delete()
    if exchange.broke_down:
        exchange = session.try_delete()
    judge.accepted("SE-06", exchange, expected="200 with a JSON body, or 204")
    return exchange


@requirement("SE-06", tier="smoke")
def test_a_deleted_session_is_unknown(session: Session, judge: Judge) -> None:
    """DELETE answers 200 with a JSON body or 204 without; from then on every call on the id answers 404."""
    session.upload({"here.txt": b"here"})
    session.sh("true")
    client, target = session.bench.client, session.bench.target
    names = dict.fromkeys(filter(None, (session.token, *ids(session.creation))))
    known = [name for name in names if client.get(target.path(name), operation="getSession").ok]
    exchange = ended(session, judge)
    status = exchange.status
    judge.status("SE-06", exchange, 200, 204)
    judge.reading("SE-06", "delete-status", str(status), exchange)
    if status == 204:
        judge.require("SE-06", not exchange.response_body, expected="no body", actual=exchange.got, exchange=exchange)
    info = session.try_info()
    judge.status("SE-06", info, 404)
    for name in known:  # by its token as by its UUID
        judge.status("SE-06", client.get(target.path(name), operation="getSession"), 404)
    again = session.try_delete()
    judge.status("SE-06", again, 404, expected="status 404 for a DELETE of what is gone")
    run = {"mode": "batch", "code": "", "runId": None, "options": {"exec": "true"}}
    calls = (session.try_list("."), session.try_upload({"here.txt": b"here"}), session.try_download("here.txt"))
    for call in (*calls, session.try_execute(run), session.try_restart()):
        judge.require("SE-06", call.refused, expected="404: no such session", actual=call.got, exchange=call)


@requirement("SE-06")
def test_deleting_one_session_leaves_the_others(sessions: Sessions, judge: Judge, target: Target) -> None:
    """DELETE ends the named session and no other, nor what runs there."""
    one, two = sessions.create(), sessions.create()
    two.upload({"mine.txt": b"mine"})
    run = two.begin(f"echo begun; {gate('go', target)}; echo ended")
    read_until(run, seen)
    ended(one, judge)
    info = two.try_info()
    judge.require("SE-06", info.ok, expected="the other session to live", actual=info.got, exchange=info)
    with judge.under_test("SE-06"):
        open_gate(two, "go")
        whole = run.finish()
    hold_text(judge, "SE-06", "begun\nended\n", whole.stdout, whole)
    listing = two.listing()
    judge.require(
        "SE-06", "mine.txt" in listing, expected="its files", actual=listing.exchange.got, exchange=listing.exchange
    )


@requirement("SE-05", "SE-06", "UP-12")
def test_a_session_is_ended_while_it_runs(sessions: Sessions, judge: Judge) -> None:
    """A session in the middle of a run describes itself, can be ended, and is unknown; its token's next is empty."""
    session = sessions.create()
    session.upload({"left.txt": b"left", "folder/left.txt": b"left"})
    session.try_execute({"mode": "batch", "code": "", "runId": "se06", "options": {"exec": "echo up; sleep 600"}})
    judge.status("SE-05", session.try_info(), 200)
    ending = ended(session, judge)
    judge.status("SE-06", session.try_info(), 404)
    later = sessions.create(token=session.token)
    expect_nothing(judge, "UP-12", later, ["left.txt", "folder"], ending, "of the session that ended in its run")


@requirement("SE-06", tier="smoke")
def test_an_unknown_session_cannot_be_deleted(client: Client, target: Target, judge: Judge) -> None:
    """A DELETE of an id that no session has answers 404."""
    judge.status("SE-06", client.call("DELETE", unknown(target), operation="destroySession"), 404)


@requirement("SE-01", "SE-08")
def test_absurd_amounts_are_not_acceptable(sessions: Sessions, client: Client, target: Target, judge: Judge) -> None:
    """More memory, cores, GPUs or nodes than any server has answer 406, and create no session; less creates one."""
    asked = ABSURD if target.dialect == "kernel" else ()
    later = ABSURD_RESOURCES if at_least(target.version, IMAGE_SINCE) else ()
    if not asked + later:
        raise judge.not_testable("the target names no version, so how resources are asked for is unknown", untold=True)
    sessions.create().delete()
    for config in asked + later:
        token = sessions.new_token()
        exchange = ask_for_session(sessions, target.creation(token, config=config))
        judge.expect(
            "SE-08", exchange.status == 406, expected=f"status 406 for {config}", actual=exchange.got, exchange=exchange
        )
        if exchange.ok:
            sessions.adopt(exchange).delete()
            continue
        info = client.get(target.path(token), operation="getSession")
        judge.expect("SE-08", not info.ok, expected="no session", actual=info.got, exchange=(exchange, info))
        if info.ok:
            client.call("DELETE", target.path(token), operation="destroySession")
        elif exchange.refused and config == (asked + later)[-1]:
            again = ask_for_session(sessions, target.creation(token))
            made = again.ok and again.json_object().get("created") is True
            expected = "the token that was refused with too much to be taken with less"
            judge.expect("SE-01", made, expected=expected, actual=again.got, exchange=(exchange, again))
            if again.ok:
                sessions.adopt(again, token).delete()
