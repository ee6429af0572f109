"""UP: what commands find of uploaded files (UP-16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.programs import HOME, gate, open_gate, read_until, seen, whether

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.target import Target


@requirement("UP-16", tier="smoke")
def test_uploads_are_visible_to_the_next_command(session: Session, judge: Judge) -> None:
    """A command that starts after an upload sees what was uploaded, each time anew."""
    for number in range(5):
        upload = session.upload({"file.txt": b"%d\n" % number, f"new{number}.txt": b"new\n"})
        with judge.under_test("UP-16"):
            run = session.run(f"cat {HOME}/file.txt {HOME}/new{number}.txt")
        expected = f"{number}\nnew\n"
        judge.expect(
            "UP-16", run.stdout == expected, expected=expected, actual=run.stdout, exchange=(upload, *run.exchanges)
        )


@requirement("UP-16", slow=True)
def test_uploads_are_visible_to_a_running_command(session: Session, judge: Judge, target: Target) -> None:
    """A command that is running sees what is uploaded meanwhile, new files and new content."""
    session.upload({"old.txt": b"old\n"})
    run = session.begin(f"echo begun; {gate('go', target)}; cat {HOME}/new.txt {HOME}/old.txt")
    if not read_until(run, seen) or run.last.ended:
        raise judge.unmet("EX-17", expected="output while the run goes on", actual=run.last.status)
    upload = session.upload([("old.txt", b"changed\n"), ("new.txt", b"new\n")])
    open_gate(session, "go")  # only now: a file may be seen before all of it is there
    with judge.under_test("UP-16"):
        whole = run.finish()
    expected = "begun\nnew\nchanged\n"
    judge.require(
        "UP-16",
        whole.stdout == expected,
        expected=expected,
        actual=whole.stdout,
        exchange=(upload, *whole.exchanges),
    )


@requirement("UP-16")
def test_uploads_belong_to_the_user_that_runs_commands(session: Session, judge: Judge) -> None:
    """Uploaded files, and the directories made for them, are owned by the commands' user, also overwritten ones."""
    for _ in range(2):
        upload = session.upload({"plain.txt": b"x\n", "dir/deep/file.txt": b"x\n"})
        for path in ("plain.txt", "dir", "dir/deep", "dir/deep/file.txt"):
            owned, run = whether(session, judge, f"[ -O {HOME}/{path} ]")
            uids = session.run(f"id -u; stat -c %u {HOME}/{path}").stdout.split()
            judge.expect(
                "UP-16",
                owned,
                expected=f"{path} to be owned by the commands' user",
                actual=f"the user and the owner are {uids}",
                exchange=(upload, *run.exchanges),
            )


@requirement("UP-16")
def test_commands_may_change_uploads(session: Session, judge: Judge) -> None:
    """A command can read, change, rename and remove an uploaded file, and add files beside it."""
    session.upload({"dir/file.txt": b"x\n", "top.txt": b"y\n", "twin.txt": b"z\n", "dir/twin.txt": b"z\n"})
    change = (
        f"cd {HOME} && cat dir/file.txt > dir/copy && echo more >> dir/file.txt && mv dir/file.txt dir/moved && "
        "rm top.txt && chmod 600 dir/moved && echo more >> twin.txt && cat dir/moved dir/twin.txt"
    )
    run = session.run(change)
    got = f"{run.stdout!r}, stderr {run.stderr!r}"
    kept = run.stdout == "x\nmore\nz\n"  # two files of equal content are two
    judge.require("UP-16", kept, expected="x, more, z", actual=got, exchange=run.exchanges)
