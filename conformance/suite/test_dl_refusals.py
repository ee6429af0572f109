"""DL-01, DL-02, DL-04: which downloads are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.multipart import NotMultipartError, split_response
from conformance.suite.stored import HOME, in_home
from conformance.suite.uploads import numbered, spread
from conformance.target import parameters

if TYPE_CHECKING:
    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions
    from conformance.target import Style

MISSING = (
    "missing.txt",
    "missing/a.txt",
    "sub/missing.txt",
    "a.tx",
    "a.txtx",
    "A.TXT",
    f"{HOME}/missing.txt",
    "a.txt/b",
)
OUTSIDE = (
    "/etc/passwd",
    "//etc/passwd",
    "/etc",
    "/",
    "/home",
    "/tmp",
    "..",
    "../..",
    "../../etc/passwd",
    "sub/../../../etc/passwd",
    f"{HOME}/../../etc/passwd",
    f"{HOME}/..",
    "./../../etc/hostname",
    "/proc/self/status",
)
STYLES: tuple[Style, ...] = ("body", "query")


def ask(session: Session, style: Style, paths: list[str]) -> Exchange:
    """Ask for a download with its parameters in the body or in the query string (CO-06)."""
    target = session.bench.target
    operation = "downloadFiles" if target.download_method == "GET" else "downloadFilesByPost"
    carried = parameters(style, {"files": paths})
    return session.bench.client.call(target.download_method, session.path("/download"), operation=operation, **carried)


def parts_in(exchange: Exchange) -> int:
    """Return how many parts a download has; none where it is none."""
    try:
        return len(split_response(exchange)) if exchange.ok else 0
    except NotMultipartError:
        return 0


@requirement("DL-02", tier="smoke")
def test_more_paths_than_the_limit_are_refused(session: Session, judge: Judge, limits: Limits) -> None:
    """A download of more than 5 paths is refused, while those paths are sent in two requests."""
    names = numbered(limits.max_downloads * 2)
    session.upload(spread(names))
    session.download(*names[: limits.max_downloads])
    session.download(*names[limits.max_downloads :])
    for count in range(limits.max_downloads + 1, len(names) + 1):
        exchange = session.try_download(*names[:count])
        expected = f"a refusal (4xx, 400 expected) of {count} paths"
        judge.expect("DL-02", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("DL-02")
def test_many_paths_and_equal_ones_are_refused(session: Session, judge: Judge, limits: Limits) -> None:
    """A hundred paths are refused; so are six where some are absolute, directories, or named again."""
    names = [*numbered(limits.max_downloads - 1), "d/x.txt"]
    session.upload(spread(names))
    lists = {
        "a hundred times one": names[:1] * 100,
        "one again": [*names, names[0]],
        "one six times": names[:1] * (limits.max_downloads + 1),
        "an absolute one": [*names, f"{HOME}/{names[1]}"],
        "a directory": [*names, "d"],
    }
    session.download(*names)
    for kind, paths in lists.items():
        exchange = session.try_download(*paths)
        expected = f"a refusal (4xx, 400 expected) of {len(paths)} paths: {kind}"
        judge.expect("DL-02", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("DL-02")
def test_the_limit_holds_wherever_parameters_travel(session: Session, judge: Judge, limits: Limits) -> None:
    """The limit of 5 paths holds in the request body and in the query string, whichever of them are read."""
    names = numbered(limits.max_downloads + 1)
    session.upload(spread(names))
    session.download(*names[:2])
    for style in STYLES:
        control = ask(session, style, names[:2])
        if parts_in(control) == 2:
            exchange = ask(session, style, names)
            expected = f"a refusal (4xx) of {len(names)} paths in the {style}"
            judge.expect("DL-02", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    post, path = session.bench.client.post, session.path("/download")
    operation = "downloadFilesByPost"
    if parts_in(post(path, json={"files": names[:2]}, operation=operation, observed=False)) == 2:  # DL-07: it may be
        posted = post(path, json={"files": names}, operation=operation, observed=False)
        judge.refused("DL-02", posted, expected=f"a refusal (4xx) of {len(names)} paths by POST")
    exchange = session.try_download(*names)
    judge.refused("DL-02", exchange, expected=f"a refusal (4xx) of {len(names)} paths")


@requirement("DL-01")
def test_a_download_of_no_path_is_refused(session: Session, judge: Judge) -> None:
    """A download without `files` is refused (4xx), for there is nothing to send."""
    session.upload(spread(["a.txt"]))
    session.download("a.txt")
    target = session.bench.target
    exchange = session.bench.client.call(
        target.download_method, session.path("/download"), json={}, operation="downloadFiles", observed=False
    )
    judge.refused("DL-01", exchange, expected="a refusal (4xx) of a download without `files`")


@requirement("DL-04", tier="smoke")
def test_paths_that_do_not_exist_are_refused(session: Session, judge: Judge) -> None:
    """A path at which nothing is is refused, alone and among others, wherever in the request it stands."""
    session.upload(spread(["a.txt", "sub/b.txt"]))
    session.download("a.txt", "sub/b.txt")
    lists = [[path] for path in MISSING]
    lists += [["missing.txt", "a.txt"], ["a.txt", "missing.txt"], ["a.txt", "missing.txt", "sub/b.txt"]]
    for paths in lists:
        exchange = session.try_download(*paths)
        expected = f"a refusal (4xx) of {paths}, of which one does not exist"
        judge.expect("DL-04", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("DL-04")
def test_files_that_are_gone_are_refused(sessions: Sessions, judge: Judge) -> None:
    """A file that was downloaded and then removed, or that only another session has, is refused."""
    one, other = sessions.create(), sessions.create()
    one.upload(spread(["here.txt", "gone.txt"]))
    one.download("here.txt", "gone.txt")
    in_home(one, "rm gone.txt")
    for session, name in ((one, "gone.txt"), (other, "here.txt")):
        exchange = session.try_download(name)
        judge.refused("DL-04", exchange, expected=f"a refusal (4xx) of {name}, which is not there")


@requirement("DL-04", tier="smoke")
def test_paths_outside_are_refused(session: Session, judge: Judge) -> None:
    """A path outside /home/work, absolute or by way of `..`, is refused, alone and among others."""
    session.upload(spread(["sub/b.txt"]))
    session.download("sub/b.txt")
    for path in (*OUTSIDE, f"{HOME}x", f"/home/{session.token}"):
        exchange = session.try_download(path)
        expected = f"a refusal (4xx) of {path!r}, which is outside {HOME}"
        judge.expect("DL-04", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    exchange = session.try_download("sub/b.txt", "/etc/passwd")
    judge.refused("DL-04", exchange, expected="a refusal (4xx) of /etc/passwd beside a file of the session")


@requirement("DL-04")
def test_paths_through_links_that_lead_out_are_refused(session: Session, judge: Judge) -> None:
    """A path through a symbolic link that leads out of /home/work is refused."""
    in_home(
        session, "mkdir d; ln -s /etc etc; ln -s ../../etc rel; ln -s etc chain; ln -s ../../../etc d/etc; ln -s / root"
    )
    session.upload(spread(["d/x.txt"]))
    for path in ("etc/passwd", "rel/passwd", "chain/passwd", "d/etc/passwd", "root/etc/passwd", f"{HOME}/etc/passwd"):
        exchange = session.try_download(path)
        expected = f"a refusal (4xx) of {path!r}, through a link that leads out"
        judge.expect("DL-04", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)


@requirement("DL-04")
def test_nothing_behind_a_link_out_or_to_nowhere_is_sent(session: Session, judge: Judge) -> None:
    """A link that leads out or nowhere is refused, or sent as a link: never as a file, in a directory neither."""
    in_home(session, "mkdir d; ln -s /etc/passwd file; ln -s /etc/passwd d/file; echo x > d/x.txt; ln -s none dangling")
    for path in ("file", "d", "dangling"):
        exchange = session.try_download(path)
        if not exchange.ok:
            refused = exchange.refused or path == "d"  # that directories are sent is DL-05
            judge.expect("DL-04", refused, expected="a refusal (4xx)", actual=exchange.got, exchange=exchange)
            continue
        files = session.archives(exchange, 1)[0].files
        leaked = sorted(name for name in files if not name.endswith("x.txt"))
        expected = f"no file from behind the link in the archive of {path}"
        judge.expect("DL-04", not leaked, expected=expected, actual=leaked, exchange=exchange)
