"""VF-05: what was copied into a mounted folder outlives the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.checks import requirement
from conformance.suite.folders import folder, try_create
from conformance.suite.programs import whether
from conformance.suite.stored import HOME, expect_contents, expect_nothing, in_home
from conformance.suite.test_up_mounts import mounted
from conformance.suite.uploads import spread

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.sessions import Sessions


NO_FOLDERS: Final = frozenset({404, 405, 501})
LOOKS: Final = 12  # at what a terminated session may still write


@requirement("VF-05")
def test_files_in_a_mounted_folder_outlive_the_session(sessions: Sessions, judge: Judge) -> None:
    """What build and exec copied into a mounted folder is there for a later session that mounts it, changed and all."""
    with folder(sessions) as name:
        first = mounted(sessions, judge, name)
        files = spread(["built.txt", "run.txt"])
        first.upload(files)
        first.run(
            f"cd {HOME} && mkdir -p {name}/d/.d && cp run.txt {name}/d/run.txt && "
            f"for place in d/none none .none d/.d/none; do : > {name}/$place; done",
            build=f"cd {HOME} && cp built.txt {name}/built.txt",
        )
        kept = {f"{name}/built.txt": files["built.txt"], f"{name}/d/run.txt": files["run.txt"]}
        kept |= {f"{name}/{path}": b"" for path in ("none", "d/none", ".none", "d/.d/none")}
        first.delete()
        second = mounted(sessions, judge, name)
        expect_contents(judge, "VF-05", second, kept, second.creation, "kept from an earlier session")
        expect_nothing(judge, "VF-05", second, ["built.txt", "run.txt"], second.creation, "beside the folder")
        with judge.under_test("VF-05"):
            in_home(second, f"printf changed > {name}/built.txt; rm {name}/d/run.txt; printf new > {name}/new.txt")
        second.delete()
        third = mounted(sessions, judge, name, "shelf")
        changed = {"shelf/built.txt": b"changed", "shelf/new.txt": b"new"}
        expect_contents(judge, "VF-05", third, changed, third.creation, "as the second session left it")
        expect_nothing(judge, "VF-05", third, ["shelf/d/run.txt"], third.creation, "after it was removed")


@requirement("SE-10", "VF-05")
def test_two_sessions_see_the_same_folder(sessions: Sessions, judge: Judge) -> None:
    """What one session copies into a folder, another that has it mounted sees; a session without it does not."""
    with folder(sessions) as name:
        one = mounted(sessions, judge, name)
        with judge.under_test("VF-05"):
            other = mounted(sessions, judge, name)
        in_home(one, f"printf shared > {name}/shared.txt")
        evidence = one.bench.client.exchanges[-1]
        expect_contents(judge, "VF-05", other, {f"{name}/shared.txt": b"shared"}, evidence, "of the other session")
        other.delete()
        still = {f"{name}/shared.txt": b"shared"}
        kept, _ = whether(one, judge, f"[ -s {HOME}/{name}/shared.txt ]")
        if not kept:  # is the folder empty, or not there any more?
            kept, _ = whether(mounted(sessions, judge, name), judge, f"[ -s {HOME}/{name}/shared.txt ]")
        clause = "SE-10" if kept else "VF-05"
        expect_contents(judge, clause, one, still, other.creation, "after another session with the folder has ended")
        without = sessions.create(token=other.token)
        expect_nothing(judge, "VF-05", without, [f"{name}/shared.txt"], without.creation, "without a mount")


@requirement("VF-05", needs="restart")
def test_a_restart_leaves_mounted_folders_alone(sessions: Sessions, judge: Judge) -> None:
    """What was copied into a mounted folder outlives a restart of the session, whatever becomes of its own files."""
    with folder(sessions) as name:
        session = mounted(sessions, judge, name)
        in_home(session, f"mkdir {name}/d; printf kept > {name}/kept.txt; printf deep > {name}/d/deep.txt")
        restart = session.try_restart()
        if not restart.ok:
            raise judge.unmet("SE-07", expected="status 204", actual=restart.got, exchange=restart)
        session.delete()
        later = mounted(sessions, judge, name)
        kept = {f"{name}/kept.txt": b"kept", f"{name}/d/deep.txt": b"deep"}
        expect_contents(judge, "VF-05", later, kept, restart, "as before the restart")


@requirement("SE-06", slow=True)
def test_a_terminated_session_runs_no_more(sessions: Sessions, judge: Judge) -> None:
    """Commands of a session end with it, waiting ones too: what they wrote into a mounted folder grows no more."""
    offer = try_create(sessions, "")
    if offer.status in NO_FOLDERS:
        raise judge.not_offered("virtual folders", f"POST /folders answers {offer.status}", offer)
    with folder(sessions) as name:
        first = mounted(sessions, judge, name)
        beating = f"while :; do printf x >> {HOME}/{name}/beat; sleep 0.1; done"
        first.try_execute({"mode": "batch", "code": "", "runId": "se06-beat", "options": {"exec": beating}})
        behind = beating.replace("beat;", "late;")  # behind the first, or beside it
        first.try_execute({"mode": "batch", "code": "", "runId": "se06-late", "options": {"exec": behind}})
        second = mounted(sessions, judge, name)
        in_home(second, f"until test -s {name}/beat; do sleep 0.05; done")
        deleted = first.try_delete()
        if not deleted.ok:
            raise judge.unmet("SE-06", expected="200 or 204", actual=deleted.got, exchange=deleted)
        written = f"cat {name}/beat {name}/late 2>/dev/null | wc -c"
        looks = [in_home(second, f"sleep 0.3; {written}").strip()]
        while len(looks) < LOOKS and looks[-1:] != looks[-2:-1]:  # killing may take a moment on a busy server
            looks.append(in_home(second, f"sleep 0.7; {written}").strip())
        evidence = (deleted, second.bench.client.exchanges[-1])
        expected = "no process of the terminated session"
        judge.require(
            "SE-06", looks[-1] == looks[-2], expected=expected, actual=f"it wrote: {looks}", exchange=evidence
        )
