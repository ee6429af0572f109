"""LS-04 and LS-05: what is listed, and how each item is described."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any

import pytest

from conformance.checks import requirement
from conformance.rules import listed_items
from conformance.suite.stored import in_home, names_in
from conformance.suite.uploads import overwrite, spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.judge import Judge
    from conformance.session import Listing, Session

MODE_TEXT = re.compile(r"[-dlbcpsD?][-rwxsStT]{9}[.+@]?")
SIZES = (0, 1, 511, 512, 513, 4096, 65_537, 1_000_000)
MODES = {
    "plain": 0o644,
    "script": 0o755,
    "private": 0o600,
    "read-only": 0o444,
    "open": 0o666,
    "mine": 0o740,
    "all": 0o777,
}
ODD_NAMES = (".hidden", "..dots", "-rf", "with space", "quote'quote", "naïve", "世界🙂", "a&b", "[x]", "100+")
LIKE_NAMES = ("README", "readme", "caf\u00e9", "cafe\u0301", "l" * 200, "l" * 201, "\u00e9" * 100)
OFTEN_LEFT_OUT = ("backup~", "#lock#", "core", "__pycache__", ".git", ".DS_Store", "x.pyc", "nohup.out", "a.tmp")
GENERATED = ('double"quote', "back\\slash", "tab\there", "new\nline", "<script>", "{}", "null", "\x7f", "'", "$x")
MANY = 1100
AT_ONCE = 275  # of them, by one run: a busy target may take a second for as many


def expect_names(judge: Judge, listing: Listing, names: Iterable[str], *, there: bool = True) -> None:
    """Judge LS-05: the listing has these names, or has none of them."""
    wanted = set(names)
    wrong = sorted(wanted - set(listing.items) if there else wanted & set(listing.items))
    expected = f"{'all' if there else 'none'} of {sorted(wanted)[:12]} listed"
    actual = f"{'without' if there else 'with'} {wrong[:12]}"
    judge.expect("LS-05", not wrong, expected=expected, actual=actual, exchange=listing.exchange)


def described(judge: Judge, session: Session, folder: str, name: str) -> dict[str, Any]:
    """Return the listed item of that name; where it is not listed, LS-05 is unmet."""
    listing = session.listing(folder)
    if len(listing.items) < len(listed_items(listing.exchange) or []):
        expected = "objects with a `filename` each"
        raise judge.unmet("LS-04", expected=expected, actual=listing.exchange.got, exchange=listing.exchange)
    if name not in listing:
        raise judge.unmet("LS-05", expected=f"{name} listed", actual=sorted(listing.items), exchange=listing.exchange)
    return dict(listing.items[name])


def shows_mode(told: object, mode: int) -> bool:
    """Tell whether a listed `mode`, text like `-rw-r--r--` or a number with or without the file's type, is this one."""
    if isinstance(told, str):
        return bool(MODE_TEXT.fullmatch(told)) and told[:10] == stat.filemode(mode)
    same = isinstance(told, int) and stat.S_IMODE(told) == stat.S_IMODE(mode)
    return same and isinstance(told, int) and stat.S_IFMT(told) in {0, stat.S_IFMT(mode)}


@requirement("LS-04", tier="smoke")
def test_items_describe_themselves(session: Session, judge: Judge) -> None:
    """Each item is an object with `filename`, `mode`, `size`, `ctime`, `mtime` and `atime`."""
    session.upload(spread(["file.txt", "folder/inner.txt"]))
    in_home(session, "ln -s file.txt link")
    for path in (None, "folder"):
        exchange = session.try_list(path)
        items = session.listing(path).items if exchange.ok else {}
        judge.accepted("LS-04", exchange)
        judge.expect("LS-04", items, expected="items with a `filename`", actual=exchange.got, exchange=exchange)
        for item in items.values():
            judge.shape("LS-04", "ListedFile", dict(item), exchange)
            for key in ("ctime", "mtime", "atime"):
                told = isinstance(item[key], (int, float, str)) and not isinstance(item[key], bool)
                judge.expect("LS-04", told, expected=f"`{key}`, a time", actual=item[key], exchange=exchange)


@requirement("LS-04", tier="smoke")
def test_size_is_in_bytes(session: Session, judge: Judge) -> None:
    """The size of a file is its length in bytes, uploaded or generated, and follows it when it changes."""
    files = {f"sizes/{size}.bin": b"x" * size for size in SIZES} | {"sizes/umlauts.txt": "äöü\r\n".encode() * 3}
    session.upload(files)
    in_home(session, "printf 12345 > sizes/generated.txt; printf 1 > sizes/1.bin; printf 234 >> sizes/1.bin")
    wanted = {name.partition("/")[2]: len(content) for name, content in files.items()}
    listing = session.listing("sizes")
    for name, size_bytes in (wanted | {"generated.txt": 5, "1.bin": 4}).items():
        if name in listing:
            told = listing.items[name].get("size")
            expected = f"size {size_bytes} of {name}"
            judge.expect("LS-04", told == size_bytes, expected=expected, actual=told, exchange=listing.exchange)
    judge.require("LS-04", listing.items, expected="items", actual="none", exchange=listing.exchange)
    overwrite(session, {"sizes/0.bin": b"grown"})
    grown = described(judge, session, "sizes", "0.bin").get("size")
    judge.expect("LS-04", grown == 5, expected="size 5 after it grew", actual=grown, exchange=listing.exchange)
    in_home(session, "printf 67 >> sizes/generated.txt")  # which leaves its directory as it is
    grown = described(judge, session, "sizes", "generated.txt").get("size")
    judge.expect("LS-04", grown == 7, expected="size 7 after it grew in place", actual=grown, exchange=listing.exchange)


@requirement("LS-04")
def test_mode_is_that_of_the_file(session: Session, judge: Judge) -> None:
    """The mode, as text or as a number, is the one that the file has."""
    commands = "; ".join(f"echo x > modes/{name}; chmod {mode:o} modes/{name}" for name, mode in MODES.items())
    in_home(session, f"mkdir -p modes/folder; chmod 755 modes/folder; chmod g-s modes/folder; {commands}")
    listing = session.listing("modes")
    shapes = {name: stat.S_IFREG | mode for name, mode in MODES.items()} | {"folder": stat.S_IFDIR | 0o755}
    for name, mode in shapes.items():
        told = described(judge, session, "modes", name).get("mode")
        right = shows_mode(told, mode)
        expected = f"{stat.filemode(mode)}, or {mode}"
        judge.require("LS-04", right, expected=expected, actual=told, exchange=listing.exchange)
    form = "text" if isinstance(listing.items["folder"]["mode"], str) else "int"
    judge.reading("LS-04", "mode-form", form, listing.exchange)


@requirement("LS-04")
def test_mtime_is_that_of_the_file(session: Session, judge: Judge) -> None:
    """An unchanged file's `mtime` stays; where it is a number, an old file's is smaller than a new one's."""
    aged = "TZ=UTC touch -t 200002020202 times/old times/folder"
    in_home(session, f"mkdir -p times/folder; echo x > times/new; echo x > times/old; {aged}")
    listing = session.listing("times")
    again = session.listing("times")
    old, new = (described(judge, session, "times", name).get("mtime") for name in ("old", "new"))
    same = [one.items["old"].get("mtime") for one in (listing, again)]
    judge.expect("LS-04", same[0] == same[1], expected="mtime stays", actual=same, exchange=again.exchange)
    judge.expect("LS-04", old is not None, expected="a time", actual=old, exchange=listing.exchange)
    folder = described(judge, session, "times", "folder").get("mtime")
    expected = f"{old}, as of the file that is as old"
    judge.expect("LS-04", folder == old, expected=expected, actual=folder, exchange=listing.exchange)
    in_home(session, "echo more >> times/old")
    now = described(judge, session, "times", "old").get("mtime")
    judge.expect("LS-04", now != old, expected="another mtime after a change", actual=now, exchange=listing.exchange)
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        judge.expect("LS-04", old < new, expected="old < new", actual=[old, new], exchange=listing.exchange)


@requirement("LS-05", tier="smoke")
def test_uploaded_and_generated_files_and_folders_are_listed(session: Session, judge: Judge) -> None:
    """What was uploaded, what build and exec made, and directories are all listed together."""
    session.upload(spread(["uploaded.txt", "folder/inner.txt"]))
    session.run(
        "cd /home/work; echo x > by-exec.txt; : > empty-by-exec; mkdir exec-folder; ln -s uploaded.txt a-link",
        build="cd /home/work; echo x > by-build.txt; mkdir -p build-folder/sub; echo x > folder/by-build.txt",
    )
    tops = {"uploaded.txt", "folder", "by-exec.txt", "empty-by-exec", "exec-folder", "by-build.txt", "build-folder"}
    expect_names(judge, session.listing(), tops | {"a-link"})
    expect_names(judge, session.listing("folder"), {"inner.txt", "by-build.txt"})
    expect_names(judge, session.listing("build-folder"), {"sub"})


@requirement("LS-05")
@pytest.mark.parametrize("folder", ["", "folder"], ids=["home", "folder"])
def test_odd_names_are_listed(session: Session, judge: Judge, folder: str) -> None:
    """Hidden names, names with spaces, punctuation and characters beyond ASCII are listed as they are."""
    prefix = f"{folder}/" if folder else ""
    session.upload({f"{prefix}{name}": b"x" for name in ODD_NAMES})
    session.upload({f"{prefix}{name}": b"x" for name in (*OFTEN_LEFT_OUT, *LIKE_NAMES)})
    expect_names(judge, session.listing(folder or None), (*ODD_NAMES, *OFTEN_LEFT_OUT, *LIKE_NAMES))


@requirement("LS-05")
def test_generated_names_that_need_escapes_are_listed(session: Session, judge: Judge) -> None:
    """Generated names with quotes, backslashes, tabs and line ends come back whole in the JSON within the string."""
    octal = ("".join(f"\\{byte:03o}" for byte in name.encode()) for name in GENERATED)
    commands = "; ".join(f": > \"odd/$(printf '{one}')\"" for one in octal)
    in_home(session, f"mkdir odd; {commands}")
    expect_names(judge, session.listing("odd"), GENERATED)


@requirement("LS-05")
def test_odd_neighbours_hide_no_file(session: Session, judge: Judge) -> None:
    """Links that lead nowhere or to themselves, and a name that is not UTF-8, leave the other files listed."""
    session.upload(spread(["plain/a.txt", "plain/z.txt"]))
    session.listing("plain")
    odd = ("ln -s none dangling", "ln -s loop loop", ": > \"$(printf 'm\\377m')\" || true")
    in_home(session, f"cp -r plain odd; cd odd; {'; '.join(odd)}")
    with judge.under_test("LS-05"):
        listing = session.listing("odd")
    expect_names(judge, listing, {"a.txt", "z.txt"})


@requirement("LS-05")
def test_a_listing_is_of_this_moment(session: Session, judge: Judge) -> None:
    """Files appear in a listing when they are made, and are gone from it when they are removed or renamed."""
    session.upload(spread(["now/a.txt", "now/b.txt"]))
    for _ in range(3):
        expect_names(judge, session.listing("now"), {"a.txt", "b.txt"})
    in_home(session, "cd now; rm a.txt; mv b.txt c.txt; echo x > d.txt")
    listing = session.listing("now")
    expect_names(judge, listing, {"c.txt", "d.txt"})
    expect_names(judge, listing, {"a.txt", "b.txt"}, there=False)
    session.upload(spread(["now/a.txt", "now/.e"]))
    expect_names(judge, session.listing("now"), {"a.txt", ".e", "c.txt", "d.txt"})


@requirement("LS-05")
def test_many_files_are_all_listed(session: Session, judge: Judge) -> None:
    """A directory of many files is listed whole."""
    for start in range(0, MANY, AT_ONCE):
        end = min(start + AT_ONCE, MANY)
        in_home(session, f"mkdir -p many; i={start}; while [ $i -lt {end} ]; do : > many/f$i; i=$((i+1)); done")
    expect_names(judge, session.listing("many"), {f"f{number}" for number in range(MANY)})


@requirement("LS-05")
def test_the_listing_of_home_is_what_commands_see(session: Session, judge: Judge) -> None:
    """The default listing has every name in /home/work that commands see."""
    session.upload(spread(["x.txt", "d/x.txt", ".x"]))
    expect_names(judge, session.listing(), names_in(session) - {".", ".."})
