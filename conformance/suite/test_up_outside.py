"""UP-06: uploads reach no place that is not below /home/work."""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.suite.stored import HOME, Stored, expect_contents, expect_nothing, in_home, look
from conformance.suite.uploads import spread, starred

if TYPE_CHECKING:
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions

# `{n}` is a name of the check's own; what stands before it leads out of /home/work.
OUTSIDE = {
    "etc": "/etc/{n}",
    "two-slashes": "//tmp/{n}",
    "tmp": "/tmp/{n}",
    "root": "/{n}",
    "new-directory": "/{n}/x",
    "home": "/home/{n}",
    "sibling-prefix": "/home/worker/{n}",
    "sibling-name": "/home/work{n}",
    "home-of-root": "/root/{n}",
    "parent": "../{n}",
    "parent-of-parent": "../../{n}",
    "far-up": "../../../../../../../../tmp/{n}",
    "up-and-sideways": "../work{n}/x",
    "up-from-a-directory": "a/../../{n}",
    "up-from-an-existing-directory": "here/../../{n}",
    "up-and-down": "here/../here/../../tmp/{n}",
    "dot-and-up": "./../{n}",
    "double-slash-up": "here//..//../{n}",
    "absolute-up": HOME + "/../{n}",
    "absolute-up-to-tmp": HOME + "/../../tmp/{n}",
    "absolute-up-from-a-directory": HOME + "/here/../../{n}",
    "absolute-through-root": "/tmp/../{n}",
}
LINKS = {"directory": "out", "relative": "rel", "chain": "chain", "nested": "here/out", "parent": "up", "home": "above"}


def own(session: Session, suffix: object) -> str:
    """Return a name that no other session uses, for places that sessions may share."""
    return f"{session.token}-{suffix}"


def landings(name: str) -> list[str]:
    """Return the places outside where a file of that name may have been written."""
    folders = ("/etc", "/tmp", "", "/home", "/home/worker", "/root", f"/{name}")
    return [f"{folder}/{name}" for folder in folders] + [f"/home/work{name}", f"/{name}"]


def expect_kept_out(judge: Judge, session: Session, exchange: Exchange, name: str) -> None:
    """Judge that the upload was refused and that commands see nothing of it outside."""
    expected = "a refusal (4xx, 400 expected) of a path outside /home/work"
    judge.expect("UP-06", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    expect_nothing(judge, "UP-06", session, landings(name), exchange, "outside /home/work")


@requirement("UP-06", tier="smoke")
def test_paths_that_lead_out_are_refused(session: Session, judge: Judge) -> None:
    """A file for a place outside, absolute or by way of `..`, is refused, and nothing is written there."""
    session.upload(spread(["here/x.txt"]))
    for number, path in enumerate(OUTSIDE.values()):
        name = own(session, number)
        exchange = session.try_upload({path.format(n=name): b"outside"})
        expected = f"{path.format(n=name)!r} to be refused (4xx, 400 expected)"
        judge.expect("UP-06", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    evidence = session.bench.client.exchanges[-1]
    places = [place for number in range(len(OUTSIDE)) for place in landings(own(session, number))]
    expect_nothing(judge, "UP-06", session, places, evidence, "outside /home/work")


@requirement("UP-06")
@pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "middle", "last"])
def test_one_path_that_leads_out_among_others_is_refused(session: Session, judge: Judge, position: int) -> None:
    """An upload in which one of three files leads out is refused, wherever in the request that one stands."""
    name = own(session, position)
    files = list(spread(["in-1.txt", "in-2.txt"]).items())
    session.upload(dict(files))
    files.insert(position, (f"../{name}", b"outside"))
    expect_kept_out(judge, session, session.try_upload(files), name)


@requirement("UP-06")
def test_links_that_lead_out_are_refused(session: Session, judge: Judge) -> None:
    """A path through a symbolic link that leads out is refused, and nothing is written behind the link."""
    in_home(
        session,
        "mkdir here; ln -s /tmp out; ln -s ../../tmp rel; ln -s out chain; ln -s /tmp here/out; ln -s .. up; "
        "ln -s ../../.. here/up; ln -s /home above",
    )
    session.upload(spread(["here/x.txt"]))
    for kind, link in LINKS.items():
        name = own(session, kind)
        for path in (f"{link}/{name}", f"{HOME}/{link}/{name}", f"{link}/{name}/new/{name}"):
            exchange = session.try_upload({path: b"outside"})
            expected = f"{path!r}, through a link that leads out, to be refused (4xx)"
            judge.expect("UP-06", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
            expect_nothing(judge, "UP-06", session, landings(name), exchange, "behind the link")


@requirement("UP-06")
def test_a_file_that_is_a_link_out_is_not_written_through(session: Session, judge: Judge) -> None:
    """A file whose own name is a link that leads out is refused, or takes the link's place; its goal stays."""
    goal, none = f"/tmp/{own(session, 'goal')}", f"/tmp/{own(session, 'none')}"
    links = f"ln -s {goal} goal; ln -s {none} dangling; ln -s ../..{goal} relative"
    in_home(session, f"echo original > {goal}; {links}")
    before = look(session, [goal, none])  # a target may give each step a /tmp of its own
    for link in ("goal", "dangling", "relative"):
        exchange = session.try_upload({link: b"outside"})
        seen = look(session, [goal, none, link])
        replaced = in_home(session, f"test -h {link} || echo replaced").strip() and seen[link] == Stored.of(b"outside")
        kept_out = exchange.refused or (exchange.ok and replaced)
        expected = f"{link!r}, a link that leads out, to be refused (4xx)"
        judge.expect("UP-06", kept_out, expected=expected, actual=exchange.got, exchange=exchange)
        for place, kept in before.items():
            expected = f"{place} as it was: {kept}"
            judge.expect("UP-06", seen[place] == kept, expected=expected, actual=seen[place], exchange=exchange)


@requirement("UP-06")
def test_a_neighbours_home_is_outside(sessions: Sessions, judge: Judge) -> None:
    """A path that names another session beside one's own is refused, and that session's files stay as they are."""
    one, other = sessions.create(), sessions.create()
    for neighbour in {other.id, other.token or other.id}:
        for path in (f"../{neighbour}/bp-neighbour", f"../../{neighbour}/{basename(HOME)}/bp-neighbour"):
            exchange = one.try_upload({path: b"outside"})
            expected = f"{path!r} to be refused (4xx, 400 expected)"
            judge.expect("UP-06", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    expect_nothing(judge, "UP-06", other, ["bp-neighbour"], one.bench.client.exchanges[-1], "of the other session")


@requirement("UP-06")
def test_percent_encoding_leads_nowhere_else(session: Session, judge: Judge) -> None:
    """A path out that is percent-encoded is refused, or the name is taken as it is: nothing is written outside."""
    for number, encoded in enumerate(
        ("..%2F{n}", "%2Ftmp%2F{n}", "here%2F..%2F..%2F{n}", "%2E%2E/{n}", "%2e%2e%2f{n}")
    ):
        name = own(session, number)
        path = encoded.format(n=name)
        exchange = session.try_upload({path: b"outside"})
        literal = exchange.ok and look(session, [path])[path] == Stored.of(b"outside")
        expected = f"{path!r} to be refused (4xx), or stored under just this name"
        judge.expect("UP-06", exchange.refused or literal, expected=expected, actual=exchange.got, exchange=exchange)
        expect_nothing(judge, "UP-06", session, [*landings(name), name], exchange)


@requirement("UP-06")
def test_the_extended_name_leads_nowhere_else(session: Session, judge: Judge) -> None:
    """A `filename*` that leads out is refused, or the plain `filename` counts: nothing is written outside."""
    name = own(session, "extended")
    exchange = session.try_upload([starred("inside.txt", f"..%2F{name}", b"outside")])
    plain = exchange.ok and look(session, ["inside.txt"])["inside.txt"] == Stored.of(b"outside")
    expected = "a refusal (4xx), or the file at its plain `filename`"
    judge.expect("UP-06", exchange.refused or plain, expected=expected, actual=exchange.got, exchange=exchange)
    expect_nothing(judge, "UP-06", session, [*landings(name), name], exchange)


@requirement("UP-02", "UP-06")
def test_dotdot_inside_is_taken_or_refused(session: Session, judge: Judge) -> None:
    """A `..` that stays inside /home/work is resolved, or the upload is refused."""
    session.upload(spread(["here/x.txt"]))
    exchange = session.try_upload({"here/../dotdot.txt": b"inside"})
    if exchange.refused:
        judge.reading("UP-06", "inner-dotdot", "refused", exchange)
        return
    judge.accepted("UP-06", exchange, expected="success (204) or a refusal (4xx)")
    found = look(session, ["dotdot.txt"])["dotdot.txt"]
    wanted = Stored.of(b"inside")
    judge.require("UP-02", found == wanted, expected=f"dotdot.txt: {wanted}", actual=found, exchange=exchange)
    judge.reading("UP-06", "inner-dotdot", "taken", exchange)


@requirement("UP-02", "UP-06")
def test_links_inside_are_taken_or_refused(session: Session, judge: Judge) -> None:
    """A file whose own name is a link that stays inside is written through it, replaces it, or is refused."""
    in_home(session, "printf old > real.txt; ln -s real.txt link.txt")
    exchange = session.try_upload({"link.txt": b"inside"})
    if exchange.refused:
        judge.reading("UP-06", "inner-link", "refused", exchange)
        return
    judge.accepted("UP-06", exchange, expected="success (204) or a refusal (4xx)")
    wanted = Stored.of(b"inside")
    seen = look(session, ["link.txt", "real.txt"])
    found = seen["link.txt"]
    judge.require("UP-02", found == wanted, expected=f"link.txt: {wanted}", actual=found, exchange=exchange)
    judge.reading("UP-06", "inner-link", "taken" if seen["real.txt"] == wanted else "replaced", exchange)


@requirement("UP-02", "UP-06")
def test_folders_that_are_links_inside_are_taken_or_refused(session: Session, judge: Judge) -> None:
    """A path through a directory that is a link inside /home/work leads where the link does, or is refused."""
    in_home(session, f"mkdir real; ln -s real link; ln -s {HOME}/real absolute")
    for path in ("link/x.txt", "absolute/y.txt"):
        exchange = session.try_upload({path: b"inside"})
        taken = exchange.ok or exchange.refused
        expected = "success (204) or a refusal (4xx)"
        judge.require("UP-06", taken, expected=expected, actual=exchange.got, exchange=exchange)
        if exchange.ok:
            expect_contents(judge, "UP-02", session, {path: b"inside"}, exchange)
