"""DL-01, DL-05, DL-06, DL-07: what a download holds, and in which form."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zlib
from contextlib import suppress
from email.message import Message
from typing import TYPE_CHECKING

from conformance.archives import NotTarError, open_archive
from conformance.checks import requirement
from conformance.multipart import NotMultipartError, split_response
from conformance.suite.stored import HOME, in_home, word
from conformance.suite.uploads import spread

if TYPE_CHECKING:
    from conformance.archives import Archive
    from conformance.contract import Limits
    from conformance.exchange import Exchange
    from conformance.judge import Judge
    from conformance.session import Session

BLOCK_BYTES = 512
MANY = 300  # files in a directory
ODD_NAMES = (
    "x1.txt",
    "[x]*.txt",
    "a,b.txt",
    "c+d=e&f.txt",
    " lead.txt",
    "#g?h.txt",
    'i"j.txt',
    "k;l'm.txt",
    "~",
    "-n",
    "o\\p.txt",
    "q<r>.txt",
    "5%41.txt",
)
UNPRINTABLE = ("line\nend.txt", "tab\tbed.txt")
TREE = {
    "tree/a.txt": b"a",
    "tree/sub/b.bin": bytes(range(256)),
    "tree/sub/deep/er/c.txt": b"c" * 10_000,
    "tree/.hidden": b"hidden",
    "tree/.folder/.x": b"in a hidden folder",
    "tree/two words/naïve.txt": b"d\r\n",
    "tree/none": b"",
    f"tree/{'deep/' * 12}d.txt": b"deep",
}


def bare(path: str) -> str:
    """Return the last part of a path."""
    return posixpath.basename(path.rstrip("/"))


def within(archive: Archive, path: str) -> dict[str, bytes]:
    """Return contents by path relative to the downloaded folder, with however much of its path members are named."""
    found = {}
    whole = f"{HOME}/{path}".strip("/").split("/")
    named = ["/".join(whole[start:]) for start in range(len(whole))]  # from the root on, or from any folder below it
    linked = {name: archive.files[goal] for name, goal in archive.links.items() if goal in archive.files}
    for name, content in {**archive.files, **linked}.items():  # of several names of one file all but one are links
        plain = posixpath.normpath(name)
        heads = (f"{head}/" for head in named if plain.startswith(f"{head}/"))
        found[plain.removeprefix(next(heads, ""))] = content
    return found


def parts_of(judge: Judge, clause: str, exchange: Exchange) -> list[bytes]:
    """Return the parts of a download; judge that it is 200 with a multipart response."""
    judge.status(clause, exchange, 200)
    try:
        return split_response(exchange)
    except NotMultipartError as error:
        expected = "a multipart response"
        judge.require(clause, condition=False, expected=expected, actual=error, exchange=exchange)
        return []


def resembles_tar(part: bytes) -> bool:
    """Tell whether a part is a tar, broken or not: plain, or compressed once."""
    for unpack in (bytes, gzip.decompress, bz2.decompress, lzma.decompress):
        with suppress(OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
            content = unpack(part)
            if content[257:262] == b"ustar" or not content.strip(b"\0"):
                return True
    return not part.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")) and tarfile.is_tarfile(io.BytesIO(part))


def archives_of(judge: Judge, exchange: Exchange, paths: tuple[str, ...]) -> list[Archive]:
    """Judge DL-01: 200, multipart, one part for each path, each a tar; one that no reader opens is DL-06 unmet."""
    parts = parts_of(judge, "DL-01", exchange)
    expected = f"{len(paths)} parts, one for each path"
    judge.require("DL-01", len(parts) == len(paths), expected=expected, actual=len(parts), exchange=exchange)
    others = [part[:40] for part in parts if not resembles_tar(part)]
    judge.require("DL-01", not others, expected="tar archives", actual=f"parts that begin {others}", exchange=exchange)
    try:
        return [open_archive(part) for part in parts]
    except NotTarError as error:
        raise judge.unmet("DL-06", expected="tar archives", actual=error, exchange=exchange) from error


def expect_in_order(judge: Judge, session: Session, *paths: str) -> None:
    """Judge DL-01: each archive is of the path that was asked for at its position."""
    exchange = session.try_download(*paths)
    archives = archives_of(judge, exchange, paths)
    tops = [sorted(map(bare, archive.files)) for archive in archives]
    if not all(tops):
        raise judge.unmet("DL-03", expected="a file in every archive", actual=tops, exchange=exchange)
    wanted = [[bare(path)] for path in paths]
    judge.expect(
        "DL-01", tops == wanted, expected=f"archives of {wanted}, in this order", actual=tops, exchange=exchange
    )


@requirement("DL-01", tier="smoke")
def test_each_path_has_its_part_in_order(session: Session, judge: Judge, limits: Limits) -> None:
    """One to five paths come as so many parts, in the order that was asked for, each a tar archive of its path."""
    names = ["m.txt", "z.txt", "a.txt", "sub/k.txt", "sub/b.txt"][: limits.max_downloads]
    session.upload(spread(names))
    expect_in_order(judge, session, *names)
    expect_in_order(judge, session, *reversed(names))
    for count in range(1, len(names)):
        expect_in_order(judge, session, *names[:count])


@requirement("DL-01")
def test_paths_may_be_relative_absolute_and_odd(session: Session, judge: Judge) -> None:
    """Paths may be relative or absolute, with spaces and characters beyond ASCII, hidden or deep, in one request."""
    names = ["r.txt", "deep/er/d.txt", "two words.txt", "naïve/世界.txt", ".hidden"]
    session.upload(spread(names))
    for name in names:
        expect_in_order(judge, session, name)
        expect_in_order(judge, session, f"{HOME}/{name}")
    expect_in_order(judge, session, names[0], f"{HOME}/{names[1]}", names[2], f"{HOME}/{names[3]}", names[4])
    expect_in_order(judge, session, f"./{names[0]}", f"./{names[1]}")
    in_home(session, "; ".join(f"echo x > {word(name)}" for name in ODD_NAMES))
    for start in range(0, len(ODD_NAMES), 2):
        expect_in_order(judge, session, *ODD_NAMES[start : start + 2])


@requirement("DL-01")
def test_line_ends_in_a_name_break_no_part(session: Session, judge: Judge) -> None:
    """A path with a line end or a tab in it comes as one part that is a tar, among others, unless it is refused."""
    in_home(session, "; ".join(f"echo x > {word(name)}" for name in ("a.txt", *UNPRINTABLE)))
    for name in UNPRINTABLE:
        exchange = session.try_download("a.txt", name)
        if exchange.ok:
            archives_of(judge, exchange, ("a.txt", name))


@requirement("DL-01")
def test_a_path_that_is_asked_for_twice_comes_twice(session: Session, judge: Judge) -> None:
    """There is one part for each requested path, also where two are the same, or only their last parts are."""
    session.upload(spread(["x.txt", "one/x.txt", "y.txt"]))
    expect_in_order(judge, session, "x.txt", "y.txt", "x.txt")
    expect_in_order(judge, session, "y.txt", "y.txt")
    expect_in_order(judge, session, "x.txt", "y.txt", "one/x.txt", f"{HOME}/y.txt", "y.txt")
    archives = archives_of(judge, session.try_download("one/x.txt", "x.txt"), ("one/x.txt", "x.txt"))
    contents = [archive.only_file for archive in archives]
    wanted = [spread(["x.txt", "one/x.txt"])["one/x.txt"], spread(["x.txt"])["x.txt"]]
    evidence = session.bench.client.exchanges[-1]
    if None in contents:
        raise judge.unmet("DL-03", expected="one file in each", actual=contents, exchange=evidence)
    judge.expect("DL-01", contents == wanted, expected=wanted, actual=contents, exchange=evidence)


@requirement("DL-01")
def test_the_multipart_response_is_closed(session: Session, judge: Judge) -> None:
    """The multipart response begins with its boundary and ends with the closing one, whatever it holds."""
    session.upload(spread(["a.txt", "b.txt"]) | {"hyphens.txt": b"\r\n--\r\n--"})
    for paths in (("a.txt",), ("a.txt", "b.txt"), ("hyphens.txt", "a.txt")):
        exchange = session.try_download(*paths)
        parts_of(judge, "DL-01", exchange)
        told = Message()
        told["Content-Type"] = exchange.header("Content-Type") or ""
        boundary = str(told.get_param("boundary", "")).encode()
        closed = b"\r\n--" + boundary + b"--" in exchange.response_body
        ending = repr(exchange.response_body[-60:])
        judge.expect("DL-01", closed, expected="a closing boundary", actual=ending, exchange=exchange)


@requirement("DL-01")
def test_whether_archives_are_compressed_is_recorded(session: Session, judge: Judge) -> None:
    """The archives are plain, or compressed in a way that tar readers open by themselves."""
    session.upload(spread(["a.txt"]))
    exchange = session.try_download("a.txt")
    archive = archives_of(judge, exchange, ("a.txt",))[0]
    judge.reading("DL-01", "compression", "compressed" if archive.compressed else "plain", exchange)


@requirement("DL-05")
def test_a_directory_comes_as_its_tree(session: Session, judge: Judge) -> None:
    """A directory, by its relative and its absolute path, comes with every file of its tree, byte for byte."""
    session.upload(TREE)
    in_home(
        session,
        "mkdir -p tree/empty/emptier; echo made > tree/sub/made.txt; echo run > tree/run; chmod 755 tree/run; "
        "head -c 100000 /dev/zero > tree/large; ln tree/run tree/sub/ran || cp tree/run tree/sub/ran; "
        f"mkdir tree/many; i=0; while [ $i -lt {MANY} ]; do : > tree/many/f$i; i=$((i+1)); done",
    )
    made = {"sub/made.txt": b"made\n", "run": b"run\n", "sub/ran": b"run\n", "large": bytes(100_000)}
    made |= {f"many/f{number}": b"" for number in range(MANY)}
    files = {name.partition("/")[2]: content for name, content in TREE.items()} | made
    for path in ("tree", f"{HOME}/tree", "tree/"):
        exchange = session.try_download(path)
        judge.accepted("DL-05", exchange, expected="a directory to be downloaded")
        archive = session.archives(exchange, 1)[0]
        found = within(archive, "tree")
        lost = sorted(name for name in files if name not in found)
        other = sorted(name for name in files if name in found and found[name] != files[name])
        expected = f"all of {len(files)} files"
        judge.expect("DL-05", not lost, expected=expected, actual=f"without {lost[:12]}", exchange=exchange)
        judge.expect("DL-05", not other, expected="contents as stored", actual=f"changed: {other}", exchange=exchange)
        extra = sorted(set(found) - set(files))
        judge.expect("DL-05", not extra, expected="no other files", actual=extra, exchange=exchange)
        folders = {posixpath.normpath(name).rpartition("/")[2] for name in archive.names}
        expected = "the empty directories, too"
        judge.expect("DL-05", "emptier" in folders, expected=expected, actual=sorted(folders), exchange=exchange)


@requirement("DL-05")
def test_an_empty_directory_comes_as_an_empty_tree(session: Session, judge: Judge) -> None:
    """A directory without files comes as a tar without files, beside others."""
    session.upload(TREE)
    in_home(session, "mkdir -p tree/empty")
    exchange = session.try_download("tree/empty", "tree/a.txt")
    judge.accepted("DL-05", exchange, expected="an empty directory to be downloaded")
    empty = session.archives(exchange, 2)[0]
    judge.require("DL-05", not empty.files, expected="no files", actual=sorted(empty.files), exchange=exchange)


@requirement("DL-05")
def test_directories_and_files_may_be_asked_for_together(session: Session, judge: Judge) -> None:
    """A directory within a directory comes as its own tree, beside files in the same request."""
    session.upload(TREE)
    exchange = session.try_download("tree/a.txt", "tree/sub/deep", "tree/two words")
    judge.accepted("DL-05", exchange, expected="a directory to be downloaded")
    archives = session.archives(exchange, 3)
    wanted = ((archives[1], "tree/sub/deep", "er/c.txt"), (archives[2], "tree/two words", "naïve.txt"))
    for archive, path, inner in wanted:
        found = set(within(archive, path))
        judge.expect("DL-05", found == {inner}, expected=f"{inner} alone", actual=sorted(found), exchange=exchange)


@requirement("DL-06", tier="smoke")
def test_archives_open_and_name_their_members_safely(session: Session, judge: Judge) -> None:
    """Every archive opens with a tar reader, is complete, and names nothing absolutely or by way of `..`."""
    session.upload(TREE)
    for path in ("tree/a.txt", f"{HOME}/tree/sub/b.bin", "tree", f"{HOME}/tree/sub", "tree/none", "tree/sub/../a.txt"):
        exchange = session.try_download(path)
        if exchange.refused and ".." in path:
            continue  # UP-06's question: a `..` that stays inside may be refused
        parts = parts_of(judge, "DL-06", exchange)
        for part in parts:
            expect_tar(judge, part, exchange)
        judge.require("DL-06", parts, expected="a part", actual="none", exchange=exchange)


def expect_tar(judge: Judge, part: bytes, exchange: Exchange) -> None:
    """Judge DL-06 on one archive: it opens, ends properly, and its names are safe."""
    try:
        archive = open_archive(part)
        with tarfile.open(fileobj=io.BytesIO(part), mode="r|*") as stream:
            streamed = tuple(member.name for member in stream)
    except (NotTarError, tarfile.TarError, OSError, EOFError) as error:
        judge.require("DL-06", condition=False, expected="a tar archive", actual=error, exchange=exchange)
        return
    judge.expect("DL-06", streamed == archive.names, expected=archive.names, actual=streamed, exchange=exchange)
    unsafe = archive.unsafe_names()
    judge.expect("DL-06", not unsafe, expected="no absolute names, no `..`", actual=unsafe, exchange=exchange)
    if not archive.compressed:
        ended = len(part) % BLOCK_BYTES == 0 and part.endswith(bytes(2 * BLOCK_BYTES))
        expected = "whole blocks, the last two of zeros"
        judge.expect("DL-06", ended, expected=expected, actual=f"{len(part):,} bytes", exchange=exchange)


@requirement("DL-06")
def test_names_in_archives_are_whole(session: Session, judge: Judge) -> None:
    """Long names, names with spaces and names beyond ASCII are whole in an archive."""
    names = ["l" * 92 + ".txt", "two words.txt", "naïve 世界.txt", f"{'d' * 90}/{'e' * 90}/x.txt"]
    session.upload({f"t/{name}": b"x" for name in names})
    exchange = session.try_download("t")
    if not exchange.ok:
        raise judge.unmet("DL-05", expected="a directory to be downloaded", actual=exchange.got, exchange=exchange)
    with judge.under_test("DL-06"):
        archive = session.archives(exchange, 1)[0]
    found = {bare(name) for name in archive.names}
    lost = sorted({bare(name) for name in names} - found)
    judge.expect("DL-06", not lost, expected=names, actual=f"without {lost}", exchange=exchange)


@requirement("DL-07")
def test_whether_post_downloads_is_recorded(session: Session, judge: Judge) -> None:
    """A download by POST is answered like one by GET, or refused."""
    session.upload(spread(["a.txt"]))
    post, path = session.bench.client.post, session.path("/download")
    tries = [
        post(path, json={"files": ["a.txt"]}, operation="downloadFilesByPost", observed=False),
        post(path, query=[("files", "a.txt")], operation="downloadFilesByPost", observed=False),
    ]
    taken = next((one for one in tries if one.ok and one.media_type.startswith("multipart/")), None)
    if taken is None and not all(one.refused for one in tries):
        raise judge.not_testable(f"a download by POST answers {tries[0].got}")
    judge.reading("DL-07", "post-method", "taken" if taken else "refused", taken or tries)


@requirement("DL-07")
def test_whether_large_archives_are_refused_is_recorded(session: Session, judge: Judge, limits: Limits) -> None:
    """An archive of more than 1 MiB is sent, or refused."""
    session.upload({"large.bin": b"x" * (limits.max_file_bytes - 1)})
    exchange = session.try_download("large.bin")
    if not exchange.ok and not exchange.refused:
        raise judge.not_testable(f"the download of a file of almost 1 MiB answers {exchange.got}")
    judge.reading("DL-07", "archive-limit", "none" if exchange.ok else "1-mib", exchange)
