"""DL-03: what was stored comes back byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.stored import HOME, in_home
from conformance.suite.test_up_content import CONTENTS, LOOKALIKES
from conformance.suite.uploads import overwrite, spread

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from conformance.contract import Limits
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions

TURNS = 3  # of 1.6 MiB each: about 5 MiB
BLOCKS = (1, 511, 512, 513, 1024, 9727, 9728, 9729, 10_240, 65_535, 65_536, 65_537, 131_073, 700_000)


def expect_back(judge: Judge, session: Session, files: Mapping[str, bytes], limits: Limits) -> None:
    """Judge DL-03: these files come back with these contents, as many in a request as may be."""
    names = list(files)
    for start in range(0, len(names), limits.max_downloads):
        some = names[start : start + limits.max_downloads]
        exchange = session.try_download(*some)
        for name, archive in zip(some, session.archives(exchange, len(some)), strict=True):
            content = archive.only_file
            right = content == files[name]
            got = "no file" if content is None else f"{len(content):,} bytes: {content[:60]!r}"
            expected = f"{name}, {len(files[name]):,} bytes: {files[name][:60]!r}"
            judge.expect("DL-03", right, expected=expected, actual=got, exchange=exchange)


@requirement("DL-03", tier="smoke")
def test_uploads_come_back_byte_for_byte(session: Session, judge: Judge, limits: Limits) -> None:
    """Empty files, every byte, line ends of all kinds, text in any encoding and lookalikes of boundaries come back."""
    contents = {f"c/{name}": content for name, content in (CONTENTS | LOOKALIKES).items()}
    items = list(contents.items())
    for start in range(0, len(items), limits.max_files):
        session.upload(dict(items[start : start + limits.max_files]))
    stored = in_home(session, f"cat {' '.join(contents)} | wc -c").strip()
    if int(stored) != sum(map(len, contents.values())):
        raise judge.unmet("UP-14", expected="contents kept by the upload", actual=f"{stored} bytes in all")
    expect_back(judge, session, contents, limits)


@requirement("DL-03")
def test_generated_files_come_back_byte_for_byte(session: Session, judge: Judge, limits: Limits) -> None:
    """What build and exec wrote comes back: bytes of any value, text with line ends, nothing at all."""
    octal = "".join(f"\\{byte:03o}" for byte in range(256))
    session.run(
        f"cd {HOME}; printf '{octal}' > exec.bin; : > empty; printf 'no newline' > g/text; printf '\\r\\n\\n' > ends; "
        "head -c 20000 /dev/zero > zeros; (printf a; cat zeros; printf b) > sparse",
        build=f"cd {HOME}; mkdir g; i=0; while [ $i -lt 9999 ]; do echo line $i; i=$((i+1)); done > g/build.txt",
    )
    lines = b"".join(b"line %d\n" % number for number in range(9999))
    made = {
        "exec.bin": bytes(range(256)),
        "empty": b"",
        "g/text": b"no newline",
        "ends": b"\r\n\n",
        "zeros": bytes(20_000),
        "sparse": b"a" + bytes(20_000) + b"b",
        "g/build.txt": lines,
    }
    expect_back(judge, session, made, limits)


@requirement("DL-03")
def test_files_of_any_size_come_back(session: Session, judge: Judge, limits: Limits, rng: random.Random) -> None:
    """Random bytes come back at sizes around those of tar's blocks and of buffers."""
    files = {f"size-{size}": rng.randbytes(size) for size in BLOCKS}
    session.upload(files)
    for name, content in files.items():
        expect_back(judge, session, {name: content}, limits)


@requirement("DL-03")
def test_a_file_larger_than_an_upload_comes_back(
    session: Session, judge: Judge, limits: Limits, rng: random.Random
) -> None:
    """A file of many MiB, where its download is not refused (DL-07), comes back whole."""
    pieces = {f"piece-{number}": rng.randbytes(limits.max_file_bytes * 4 // 5) for number in range(2)}
    session.upload(pieces)
    in_home(session, f"cat {' '.join([*pieces] * TURNS)} > large")
    exchange = session.try_download("large")
    if exchange.refused:
        raise judge.not_offered("downloads of more than 1 MiB", f"it answers {exchange.got}", exchange)
    expect_back(judge, session, {"large": b"".join(pieces.values()) * TURNS}, limits)


@requirement("DL-03")
def test_a_download_is_of_this_moment(session: Session, judge: Judge, limits: Limits) -> None:
    """A file that was downloaded before comes as it is now, after an upload and after a command changed it."""
    session.upload({"now.txt": b"zeroth\n"})
    expect_back(judge, session, {"now.txt": b"zeroth\n"}, limits)
    for content in (b"a longer first\n", b"1\n", b"2\n", b"3\n"):
        overwrite(session, {"now.txt": content})
        expect_back(judge, session, {"now.txt": content}, limits)
    in_home(session, "echo appended >> now.txt")
    expect_back(judge, session, {"now.txt": b"3\nappended\n"}, limits)
    in_home(session, "echo replace > now.new; mv now.new now.txt")
    expect_back(judge, session, {"now.txt": b"replace\n"}, limits)


@requirement("DL-03")
def test_two_sessions_give_back_their_own(sessions: Sessions, judge: Judge, limits: Limits) -> None:
    """Files of the same name in two sessions come back each with its own content."""
    one, other = sessions.create(), sessions.create()
    names = ["same.txt", "d/same.txt"]
    for session in (one, other):
        session.upload(spread(names, session.id.encode()))
    for session in (one, other, one):
        expect_back(judge, session, spread(names, session.id.encode()), limits)


@requirement("DL-03")
def test_the_same_file_comes_back_every_time(session: Session, judge: Judge, limits: Limits) -> None:
    """Six downloads of the same files give the same contents."""
    files = spread([f"n{number}.txt" for number in range(limits.max_downloads)], b"\r\n\0\xff" * 300)
    session.upload(files)
    for _ in range(6):
        expect_back(judge, session, files, limits)


@requirement("DL-03", tier="full")
def test_random_files_come_back(session: Session, judge: Judge, limits: Limits, rng: random.Random) -> None:
    """Random bytes of random sizes come back."""
    for turn in range(8):
        files = {f"r{turn}-{number}": rng.randbytes(rng.randrange(60_000)) for number in range(10)}
        session.upload(files)
        expect_back(judge, session, files, limits)
