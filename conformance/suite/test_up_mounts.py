"""UP-13: uploads do not write into mounted virtual folders; commands may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.folders import folder
from conformance.suite.stored import HOME, NOTHING, Stored, expect_contents, expect_nothing, in_home, look
from conformance.suite.uploads import spread

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.session import Session
    from conformance.sessions import Sessions


def mounted(sessions: Sessions, judge: Judge, name: str, alias: str | None = None) -> Session:
    """Return a session with the folder mounted, writable for commands."""
    session = sessions.create(config={"mounts": [f"{name}:{alias}" if alias else name]})
    place = alias or name
    if look(session, [place])[place].kind != "d":
        raise judge.unmet("SE-10", expected=f"the folder at {HOME}/{place}", actual="none", exchange=session.creation)
    return session


def expect_refused_there(judge: Judge, session: Session, path: str, place: str) -> None:
    """Judge that an upload to the path is refused, and that nothing is at the place it names."""
    exchange = session.try_upload({path: b"uploaded"})
    expected = f"{path!r}, in a mounted folder, to be refused (4xx)"
    judge.expect("UP-13", exchange.refused, expected=expected, actual=exchange.got, exchange=exchange)
    expect_nothing(judge, "UP-13", session, [place], exchange, "in the mounted folder")


@requirement("UP-13")
def test_uploads_into_a_mounted_folder_are_refused(sessions: Sessions, judge: Judge) -> None:
    """A file for a mounted folder is refused however its place is named, while one beside the folder is accepted."""
    with folder(sessions) as name:
        session = mounted(sessions, judge, name)
        in_home(session, f"mkdir {name}/sub; ln -s {name} link; ln -s {name}/sub deep")
        session.upload(spread([f"{name}-beside.txt", "beside/x.txt", f"beside/{name}/x.txt"]))
        for tail, real in (("x.txt", "x.txt"), ("sub/y.txt", "sub/y.txt"), ("new/z.txt", "new")):
            expect_refused_there(judge, session, f"{name}/{tail}", f"{name}/{real}")
            expect_refused_there(judge, session, f"{HOME}/{name}/{tail}", f"{name}/{real}")
        expect_refused_there(judge, session, "link/linked.txt", f"{name}/linked.txt")
        expect_refused_there(judge, session, "deep/linked.txt", f"{name}/sub/linked.txt")
        expect_refused_there(judge, session, f"beside/../{name}/dotdot.txt", f"{name}/dotdot.txt")
        expect_refused_there(judge, session, f"./{name}/dot.txt", f"{name}/dot.txt")
        expect_refused_there(judge, session, f"{HOME}//{name}/slashes.txt", f"{name}/slashes.txt")
        exchange = session.try_upload([("first.txt", b"beside"), (f"{name}/second.txt", b"uploaded")])
        judge.refused("UP-13", exchange, expected="a refusal (4xx) of two files, the second in a mounted folder")
        expect_nothing(judge, "UP-13", session, [f"{name}/second.txt"], exchange, "in the mounted folder")


@requirement("UP-13")
def test_uploads_into_a_folder_mounted_by_an_alias_are_refused(sessions: Sessions, judge: Judge) -> None:
    """A folder that is mounted under another name takes no uploads under that name, its files stay as they are."""
    with folder(sessions) as name:
        session = mounted(sessions, judge, name, "shelf")
        in_home(session, "printf kept > shelf/kept.txt")
        expect_refused_there(judge, session, "shelf/new.txt", "shelf/new.txt")
        exchange = session.try_upload({"shelf/kept.txt": b"overwritten"})
        judge.refused("UP-13", exchange, expected="a refusal (4xx) of a file in a mounted folder")
        expect_contents(judge, "UP-13", session, {"shelf/kept.txt": b"kept"}, exchange, "as it was")


@requirement("UP-13")
def test_commands_can_copy_into_a_mounted_folder(sessions: Sessions, judge: Judge) -> None:
    """Build scripts and programs copy and move uploaded files into a mounted folder."""
    with folder(sessions) as name:
        session = mounted(sessions, judge, name)
        files = spread(["built.txt", "run.txt", "moved.txt"])
        session.upload(files)
        run = session.run(
            f"cd {HOME} && cp run.txt {name}/ && mkdir {name}/d && mv moved.txt {name}/d/",
            build=f"cd {HOME} && cp built.txt {name}/",
        )
        seen = look(session, [f"{name}/built.txt", f"{name}/run.txt", f"{name}/d/moved.txt", "moved.txt"])
        wanted = [*map(Stored.of, files.values()), NOTHING]
        for (place, found), one in zip(seen.items(), wanted, strict=True):
            judge.expect("UP-13", found == one, expected=f"{place}: {one}", actual=found, exchange=run.exchanges)


@requirement("UP-13")
def test_commands_can_copy_into_each_of_several_mounted_folders(sessions: Sessions, judge: Judge) -> None:
    """Of two folders, one mounted by an alias, programs can write in either."""
    with folder(sessions) as one, folder(sessions) as other:
        session = sessions.create(config={"mounts": [one, f"{other}:shelf"]})
        places = (f"{one}/new.txt", "shelf/new.txt")
        run = session.run(f"cd {HOME}; " + "; ".join(f"printf new > {place}" for place in places))
        wanted = Stored.of(b"new")
        for place, found in look(session, places).items():
            judge.expect("UP-13", found == wanted, expected=f"{place}: {wanted}", actual=found, exchange=run.exchanges)
