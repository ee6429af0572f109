"""UP-03 and UP-12: uploads overwrite what is there, and go with their session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.checks import requirement
from conformance.suite.stored import HOME, expect_contents, expect_nothing, in_home
from conformance.suite.uploads import overwrite, spread

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions

CONTENTS = (
    b"the first content\n",
    b"short\n",
    b"SHORT\n",
    b"much longer than all before it\n" * 40,
    b"much longer than all before it\n" * 40 + b"by a line\n",
    b"much longer than all before it\n" * 40 + b"or a LINE\n",
    b"",
    b"after none",
)


@requirement("UP-03", tier="smoke")
@pytest.mark.parametrize("name", ["again.txt", "sub/again.txt", f"{HOME}/again.txt"], ids=["top", "sub", "absolute"])
def test_an_existing_file_is_overwritten(session: Session, judge: Judge, name: str) -> None:
    """A file is overwritten by a shorter, an equally long, a longer and an empty one, time after time."""
    session.upload({name: CONTENTS[0]})
    for content in CONTENTS[1:]:
        exchange = session.try_upload({name: content})
        judge.accepted("UP-03", exchange, expected="an existing file to be overwritten")
        expect_contents(judge, "UP-03", session, {name: content}, exchange, "overwritten")


@requirement("UP-03")
def test_a_file_that_a_command_wrote_is_overwritten(session: Session, judge: Judge) -> None:
    """Files that build and exec wrote are overwritten, and can be overwritten by commands in turn."""
    names = ["exec.txt", "d/build.txt", "moved.txt", "program"]
    session.upload({"moved.txt": b"first\n"})
    session.run(
        "cd /home/work; echo by exec > exec.txt; echo by mv > new; mv new moved.txt; "
        "echo true > program; chmod 755 program",
        build="cd /home/work; mkdir d; echo by build > d/build.txt",
    )
    with judge.under_test("UP-03"):
        exchange = session.upload(spread(names))
    expect_contents(judge, "UP-03", session, spread(names), exchange)


@requirement("UP-03")
def test_what_was_read_before_is_overwritten_all_the_same(session: Session, judge: Judge) -> None:
    """A file that was listed, downloaded and run is overwritten, together with files that are new."""
    session.upload({"read.sh": b"echo first\n"})
    in_home(session, "sh ./read.sh && chmod 755 read.sh")
    session.listing()
    session.try_download("read.sh")
    files = {"new-1.sh": b"echo new\n", "read.sh": b"echo second\n", "new-2.sh": b"echo new\n"}
    exchange = overwrite(session, files)
    expect_contents(judge, "UP-03", session, files, exchange)


@requirement("UP-03")
def test_every_file_of_an_upload_overwrites(session: Session, judge: Judge) -> None:
    """Each of many files of one upload overwrites, not only the first or the last."""
    names = [f"{folder}many-{number}.txt" for number in range(5) for folder in ("", "d/")]
    session.upload(spread(names, b"before" * 50))
    exchange = overwrite(session, spread(names, b"after"))
    expect_contents(judge, "UP-03", session, spread(names, b"after"), exchange)


@requirement("UP-12")
def test_uploads_go_with_their_session(sessions: Sessions, judge: Judge) -> None:
    """A new session with the token of one that has terminated has none of its uploads, nor has another new one."""
    names = ["gone.txt", ".gone", "gone/deep/x.txt", "gone/y.txt"]
    first = sessions.create()
    first.upload(spread(names))
    in_home(first, "cp gone.txt copied.txt")
    first.delete()
    for token in (first.token, None):
        session = sessions.create(token=token)
        expect_nothing(judge, "UP-12", session, [*names, "gone"], session.creation, "of the terminated session")
        listing = session.listing()
        left = sorted({"gone.txt", ".gone", "gone"} & set(listing.items))
        judge.expect("UP-12", not left, expected="none of them listed", actual=left, exchange=listing.exchange)
        download = session.try_download("gone.txt")
        kept = spread(names)["gone.txt"] in download.response_body
        judge.expect("UP-12", not kept, expected="no download of it", actual=download.got, exchange=download)
        session.delete()


@requirement("UP-12", tier="full")
def test_uploads_go_time_after_time(sessions: Sessions, judge: Judge) -> None:
    """The third session of the same token has none of the files of the first and of the second."""
    token = sessions.new_token()
    for number in range(3):
        session = sessions.create(token=token)
        old = [f"round-{before}.txt" for before in range(number)]
        expect_nothing(judge, "UP-12", session, old, session.creation, "of an earlier session")
        session.upload(spread([f"round-{number}.txt"]))
        session.delete()
