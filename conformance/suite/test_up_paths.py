"""UP-02, UP-04, UP-05: where uploaded files land."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from posixpath import basename
from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.stored import (
    HOME,
    expect_contents,
    expect_nothing,
    in_home,
    look,
    names_in,
)
from conformance.suite.uploads import numbered, overwrite, spread

if TYPE_CHECKING:
    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions

OVERLAPPING = 5  # uploads to either session at the same time
OVERLOADED = frozenset({429, 503, None})  # no answer that breaks a promise: the target had no room just then
PLAIN_NAMES = ("main.c", "Makefile", "README", "UPPER.TXT", "upper.txt", "0", "a.tar.gz", "under_score-and-hyphen")
ODD_NAMES = (
    ".hidden",
    "..dots",
    "...",
    "ends.in.dots..",
    "-rf",
    "--",
    "~",
    "#note",
    "a+b=c,d.txt",
    "(1) [2] {3}",
    "it's",
    "$HOME",
    "a&b;c!",
    "R&amp;D&#43;&lt",
)


@requirement("UP-02", tier="smoke")
def test_files_land_at_their_names(session: Session, judge: Judge) -> None:
    """Each file is in /home/work under its own name, as it is spelled, and nothing else appears there."""
    before = names_in(session)
    files = spread(PLAIN_NAMES)
    exchange = session.upload(files)
    expect_contents(judge, "UP-02", session, files, exchange)
    new = names_in(session) - before
    judge.expect(
        "UP-02", new <= set(files), expected="no other new name", actual=sorted(new - set(files)), exchange=exchange
    )


@requirement("UP-02")
def test_odd_names_are_kept(session: Session, judge: Judge) -> None:
    """Names that begin with a dot or a hyphen, or hold punctuation, are kept; so is a long one."""
    files = spread((*ODD_NAMES, "l" * 200))
    with judge.under_test("UP-02"):
        exchange = session.upload(files)
    expect_contents(judge, "UP-02", session, files, exchange)


@requirement("UP-02")
def test_home_work_is_where_files_land(session: Session, judge: Judge) -> None:
    """A file is found by commands at the absolute path under /home/work."""
    exchange = session.upload(spread(["absolute.txt"]))
    if look(session, ["absolute.txt"])["absolute.txt"].kind == "f":
        expect_contents(judge, "UP-02", session, {f"{HOME}/absolute.txt": b"0: absolute.txt\n"}, exchange)
    judge.expect("UP-02", "absolute.txt" in names_in(session), expected="the file", actual="none", exchange=exchange)


@requirement("UP-02")
def test_two_sessions_keep_their_files_apart(sessions: Sessions, judge: Judge) -> None:
    """Files of the same names, uploaded to two sessions, keep the content that each was given, and go nowhere else."""
    one, other = sessions.create(), sessions.create()
    names = ["same.txt", "d/same.txt"]
    for session, extra in ((one, "one-only.txt"), (other, "other-only.txt"), (one, "one-again.txt")):
        session.upload(spread([*names, extra], session.id.encode()))
    evidence = other.bench.client.exchanges[-1]
    for session in (one, other):
        expect_contents(judge, "UP-02", session, spread(names, session.id.encode()), evidence, "of its own session")
    expect_nothing(judge, "UP-02", one, ["other-only.txt"], evidence, "of the other session")
    expect_nothing(judge, "UP-02", other, ["one-only.txt", "one-again.txt"], evidence, "of the other session")


@requirement("UP-01", "UP-02")
def test_overlapping_uploads_do_not_mix(sessions: Sessions, judge: Judge, limits: Limits) -> None:
    """Uploads that overlap, to one session and to two, store each file with its own content, refused ones beside.

    They need the same new directory, which no one of them may find half made.
    """
    pair = (sessions.create(), sessions.create())
    given = [
        (pair[turn % 2], {f"new/overlap-{turn // 2}.bin": b"%d;" % turn * (50_000 + turn)})
        for turn in range(2 * OVERLAPPING)
    ]
    refused = [(session, dict.fromkeys(numbered(limits.max_files + 1), b"x")) for session in pair]
    with ThreadPoolExecutor(len(given) + len(refused)) as pool:
        for session, files in refused:  # what is refused at the same time takes nothing with it
            pool.submit(session.try_upload, files)
        exchanges = list(pool.map(lambda one: one[0].try_upload(one[1]), given))
    for (session, files), exchange in zip(given, exchanges, strict=True):
        taken = exchange.ok or exchange.status in OVERLOADED
        if judge.expect("UP-01", taken, expected="each to be accepted", actual=exchange.got, exchange=exchange):
            expect_contents(judge, "UP-02", session, files if exchange.ok else {}, exchange)


@requirement("UP-04", tier="smoke")
def test_directories_are_created(session: Session, judge: Judge) -> None:
    """A filename with a directory part creates the directories that do not exist, of one level and of many."""
    for name in ("one/x.txt", "a/b/x.txt", f"{'deep/' * 24}x.txt", ".hidden/x.txt", "a/sibling/x.txt", "1.d/2.d/x.txt"):
        exchange = session.try_upload(spread([name]))
        judge.accepted("UP-04", exchange, expected=f"{name} to be accepted")
        expect_contents(judge, "UP-04", session, spread([name]), exchange)
    in_home(session, "rm -r a deep")  # made once is not made for ever
    for name in ("a/b/x.txt", "deep/deep/y.txt"):
        exchange = session.try_upload(spread([name]))
        judge.accepted("UP-04", exchange, expected=f"{name} to be accepted, after its directory was removed")
        expect_contents(judge, "UP-04", session, spread([name]), exchange)


@requirement("UP-04")
def test_files_of_one_upload_share_new_directories(session: Session, judge: Judge) -> None:
    """Several files of one upload may lie in the same new directory, above and below one another, in any order."""
    files = spread(["deep/er/z.txt", "deep/a.txt", "deep/er/b.txt", "top.txt", "other/c.txt", "deep/er/est/d.txt"])
    with judge.under_test("UP-04"):
        exchange = session.upload(files)
    expect_contents(judge, "UP-04", session, files, exchange)


@requirement("UP-04")
def test_existing_directories_keep_their_files(session: Session, judge: Judge) -> None:
    """An upload into a directory that exists, uploaded or made by a command, leaves what is in it."""
    session.upload(spread(["up/first.txt", "up/sub/first.txt"]))
    in_home(session, "mkdir -p made/sub made/none && echo made > made/first.txt && ln -s first.txt made/link")
    more = spread(["up/second.txt", "made/second.txt", "made/sub/third.txt"])
    with judge.under_test("UP-04"):
        exchange = session.upload(more)
    kept = spread(["up/first.txt", "up/sub/first.txt"]) | {"made/first.txt": b"made\n"}
    kept["made/link"] = b"made\n"
    expect_contents(judge, "UP-04", session, kept | more, exchange)
    left = look(session, ["made/none"])["made/none"]
    judge.expect("UP-04", left.kind == "d", expected="made/none, a directory", actual=left, exchange=exchange)


@requirement("UP-05", tier="smoke")
def test_absolute_and_relative_paths_name_the_same_places(session: Session, judge: Judge) -> None:
    """An absolute path under /home/work and the relative one are the same place, at the top and in directories."""
    for tail in ("abs.txt", "abs-dir/sub/x.txt"):
        exchange = session.try_upload({f"{HOME}/{tail}": b"by its absolute path"})
        judge.accepted("UP-05", exchange, expected=f"{HOME}/{tail} to be accepted")
        expect_contents(judge, "UP-05", session, {tail: b"by its absolute path"}, exchange)
        overwrite(session, {tail: b"by its relative path"})
        expect_contents(judge, "UP-05", session, {tail: b"by its relative path"}, exchange)
        again = session.try_upload({f"{HOME}/{tail}": b"absolute again"})
        expect_contents(judge, "UP-05", session, {tail: b"absolute again"}, again)
        expect_nothing(judge, "UP-05", session, [f"home/work/{tail}"], again)


@requirement("UP-05")
def test_one_upload_may_mix_absolute_and_relative_paths(session: Session, judge: Judge) -> None:
    """Absolute and relative paths may stand in one upload, below directories called like the home, and with `./`."""
    alike = (HOME[1:], basename(HOME))
    tails = spread(["mixed/r.txt", "mixed/a.txt", f"{alike[0]}/r.txt", f"{alike[1]}/a.txt", "dot.txt", "mixed/dot.txt"])
    names = ["mixed/r.txt", f"{HOME}/mixed/a.txt", f"{alike[0]}/r.txt", f"{HOME}/{alike[1]}/a.txt"]
    names += ["./dot.txt", "./mixed/dot.txt"]
    with judge.under_test("UP-05"):
        exchange = session.upload(dict(zip(names, tails.values(), strict=True)))
    expect_contents(judge, "UP-05", session, tails, exchange)
