"""LS-01, LS-02, LS-03, LS-06: which folder is listed, and in which shape."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.rules import listed_items
from conformance.suite.stored import HOME, in_home, word
from conformance.suite.uploads import spread

if TYPE_CHECKING:
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions

TREE = spread(["top.txt", "sub/a.txt", "sub/deep/b.txt", "sub/deep/er/c.txt", "two words/d.txt", "naïve/e.txt"])
FOLDERS = {
    "sub": {"a.txt", "deep"},
    "sub/deep": {"b.txt", "er"},
    "sub/deep/er": {"c.txt"},
    "two words": {"d.txt"},
    "naïve": {"e.txt"},
}
ODD_FOLDERS = (
    " lead",
    "trail ",
    "a+b",
    "a b",
    "c&d=e",
    "f#g?h",
    "i1",
    "[i]*",
    'j"k',
    "l,m;n",
    "back\\slash",
    "~",
    "5%41",
)
MISSING = (
    "missing",
    "two words/missing",
    "no such name",
    "missing/deeper",
    "sub/missing",
    "sub/deep/missing/x",
    "su",
    "subx",
    "SUB",
    "top.tx",
    "missing.txt",
)
OUTSIDE = (
    "/",
    "/etc",
    "/home",
    "/tmp",
    "/proc",
    "//etc",
    "/home/work/..",
    "/home/work/../..",
    "..",
    "../..",
    "sub/../..",
    "/etc/passwd",
)


def expect_shape(judge: Judge, exchange: Exchange, folder: str) -> None:
    """Judge LS-01: a listing of this folder."""
    judge.status("LS-01", exchange, 200)
    body = exchange.json_object()
    items = listed_items(exchange)
    expected, shown = "`files`, a string that holds a JSON list", body.get("files")
    judge.expect("LS-01", items is not None, expected=expected, actual=shown, exchange=exchange)
    errors = body.get("errors")
    judge.expect("LS-01", isinstance(errors, str), expected="`errors`, a string", actual=errors, exchange=exchange)
    told = body.get("folder_path")
    right = isinstance(told, str) and posixpath.normpath(told) == folder and told.startswith("/")
    judge.expect("LS-01", right, expected=f"`folder_path` {folder!r}", actual=told, exchange=exchange)


def names_of(judge: Judge, exchange: Exchange) -> list[str]:
    """Return the names in a listing, in order; what keeps them from being read is LS-01 or LS-04 unmet."""
    judge.status("LS-02", exchange, 200)
    items = listed_items(exchange)
    if items is None:
        raise judge.unmet("LS-01", expected="a JSON list in `files`", actual=exchange.got, exchange=exchange)
    names = [item.get("filename") for item in items if isinstance(item, dict)]
    if len(names) != len(items) or not all(isinstance(name, str) for name in names):
        raise judge.unmet("LS-04", expected="objects with a `filename`", actual=exchange.got, exchange=exchange)
    return [str(name) for name in names]


def expect_listed(judge: Judge, exchange: Exchange, names: set[str]) -> None:
    """Judge LS-02: the listing is of the folder that has these names: its files are there, and nothing else."""
    listed = names_of(judge, exchange)
    files = {name for name in names if name.endswith(".txt")}  # that directories are listed too is LS-05
    right = files <= set(listed) <= names and len(listed) == len(set(listed))
    judge.expect("LS-02", right, expected=f"a listing of {sorted(names)}", actual=listed, exchange=exchange)


@requirement("LS-01", tier="smoke")
def test_a_listing_has_its_three_texts(session: Session, judge: Judge) -> None:
    """A listing has `files`, a string that holds a JSON list, `folder_path`, absolute, and `errors`, a string."""
    expect_shape(judge, session.try_list(), HOME)
    session.upload(TREE)
    expect_shape(judge, session.try_list(), HOME)
    expect_shape(judge, session.try_list(HOME), HOME)
    for folder in FOLDERS:
        expect_shape(judge, session.try_list(folder), f"{HOME}/{folder}")
        expect_shape(judge, session.try_list(f"{HOME}/{folder}"), f"{HOME}/{folder}")


@requirement("LS-01")
def test_an_empty_folder_is_an_empty_list(session: Session, judge: Judge) -> None:
    """The listing of an empty directory holds an empty JSON list, in a string."""
    in_home(session, "mkdir -p empty/emptier")
    exchange = session.try_list("empty/emptier")
    expect_shape(judge, exchange, f"{HOME}/empty/emptier")
    items = listed_items(exchange)
    judge.expect("LS-01", items == [], expected="`files` '[]'", actual=items, exchange=exchange)


@requirement("LS-02", tier="smoke")
def test_home_is_listed_by_default(session: Session, judge: Judge) -> None:
    """Without a path /home/work is listed, the same as by its absolute path."""
    session.upload(TREE)
    default, absolute = session.try_list(), session.try_list(HOME)
    evidence = [default, absolute, session.try_list(f"{HOME}/")]
    names = [sorted(names_of(judge, exchange)) for exchange in evidence]
    judge.expect("LS-02", "top.txt" in names[0], expected="what is in /home/work", actual=names[0], exchange=default)
    same = names[0] == names[1] == names[2]
    judge.expect("LS-02", same, expected=names[0], actual=names[1:], exchange=evidence)


@requirement("LS-02")
def test_one_level_is_listed_by_relative_and_absolute_paths(session: Session, judge: Judge) -> None:
    """A directory is listed one level deep, whether its path is relative or absolute, short or deep."""
    session.upload(TREE)
    for folder, names in FOLDERS.items():
        expect_listed(judge, session.try_list(folder), names)
        expect_listed(judge, session.try_list(f"{HOME}/{folder}"), names)
    for path in ("sub/", f"{HOME}/sub/deep/", "./sub"):  # spelt otherwise, as everywhere
        expect_listed(judge, session.try_list(path), FOLDERS[path.removeprefix(f"{HOME}/").strip("./")])
    home = session.try_list()
    nested = {"a.txt", "sub/a.txt", "./sub/a.txt", f"{HOME}/sub/a.txt", "b.txt", "deep", "sub/deep"}
    found = sorted(nested & set(names_of(judge, home)))
    judge.expect("LS-02", not found, expected="one level, not recursive", actual=found, exchange=home)


@requirement("LS-02")
def test_odd_paths_are_taken_as_they_are(session: Session, judge: Judge) -> None:
    """A path with blanks around it, or characters that mean something elsewhere, names the directory that it spells."""
    names = {name: f"in-{number}.txt" for number, name in enumerate(ODD_FOLDERS)}
    in_home(session, "; ".join(f"mkdir {word(name)}; : > {word(name)}/{inner}" for name, inner in names.items()))
    for name, inner in names.items():
        expect_listed(judge, session.try_list(name), {inner})
        expect_listed(judge, session.try_list(f"{HOME}/{name}"), {inner})


@requirement("LS-02")
def test_relative_paths_start_at_home_in_every_call(session: Session, judge: Judge) -> None:
    """A relative path is one below /home/work whatever was listed, run or uploaded before."""
    session.upload(TREE)
    for _ in range(2):
        expect_listed(judge, session.try_list("sub/deep"), FOLDERS["sub/deep"])
        session.run("cd /tmp")
        expect_listed(judge, session.try_list("sub"), FOLDERS["sub"])
    missing = session.try_list("deep")
    judge.expect("LS-02", not missing.ok, expected="no `deep` at the top", actual=missing.got, exchange=missing)


@requirement("LS-02")
def test_two_sessions_are_listed_apart(sessions: Sessions, judge: Judge) -> None:
    """Each of two sessions lists its own files."""
    one, other = sessions.create(), sessions.create()
    one.upload(spread(["d/one.txt"]))
    other.upload(spread(["d/other.txt"]))
    for session, name in ((one, "one.txt"), (other, "other.txt"), (one, "one.txt")):
        expect_listed(judge, session.try_list("d"), {name})


@requirement("LS-02")
def test_the_path_of_a_file_is_listed_alone_or_refused(session: Session, judge: Judge) -> None:
    """The path of a regular file lists that file alone, or is refused."""
    session.upload(TREE)
    exchange = session.try_list("sub/a.txt")
    if exchange.refused:
        judge.reading("LS-02", "regular-file", "refused", exchange)
        return
    judge.accepted("LS-02", exchange, expected="success or a refusal (4xx)")
    items = listed_items(exchange) or []
    alone = (
        len(items) == 1 and isinstance(items[0], dict) and posixpath.basename(str(items[0].get("filename"))) == "a.txt"
    )
    judge.require("LS-02", alone, expected="the file alone", actual=items, exchange=exchange)
    judge.reading("LS-02", "regular-file", "listed", exchange)


@requirement("LS-03", tier="smoke")
def test_a_path_that_does_not_exist_is_not_found(session: Session, judge: Judge) -> None:
    """A path at which nothing is answers 404, relative or absolute, at any depth."""
    session.upload(TREE)
    session.listing("sub")
    for path in (*MISSING, *(f"{HOME}/{path}" for path in MISSING[:4]), "gone" * 40, "näive"):
        exchange = session.try_list(path)
        expected = f"404 for {path!r}, which does not exist"
        judge.expect("LS-03", exchange.status == 404, expected=expected, actual=exchange.got, exchange=exchange)
    below = session.try_list("top.txt/x")  # no path that could be: whether 404 or 400 says so is a matter of taste
    judge.refused("LS-03", below, expected="404 for a path below a regular file, which does not exist")


@requirement("LS-03")
def test_a_folder_that_was_removed_is_not_found(session: Session, judge: Judge) -> None:
    """A directory that was listed and then removed, or renamed, answers 404."""
    session.upload(spread(["leaving/x.txt", "old/x.txt"]))
    session.listing("leaving")
    session.listing("old")
    in_home(session, "rm -r leaving; mv old new")
    session.listing("new")
    for path in ("leaving", "old", f"{HOME}/old"):
        judge.status("LS-03", session.try_list(path), 404)


@requirement("LS-03")
def test_a_neighbours_folder_is_not_found(sessions: Sessions, judge: Judge) -> None:
    """A directory that only another session has answers 404."""
    one, other = sessions.create(), sessions.create()
    one.upload(spread(["only-here/x.txt"]))
    one.listing("only-here")
    judge.status("LS-03", other.try_list("only-here"), 404)


@requirement("LS-06")
def test_paths_outside_are_refused(session: Session, judge: Judge) -> None:
    """A path outside /home/work, absolute, by `..` or through a link that leads out, is refused."""
    session.upload(TREE)
    in_home(session, "ln -s / root; ln -s /etc etc; ln -s .. up; ln -s ../../etc sub/etc; ln -s etc chain")
    links = ("root", "etc", "up", "sub/etc", f"{HOME}/etc", "root/etc", "chain")
    for path in (*OUTSIDE, f"{HOME}x", f"/home/{session.token}", *links):
        exchange = session.try_list(path)
        expected = f"a refusal (4xx) of {path!r}, which is outside {HOME}"
        judge.expect("LS-06", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
