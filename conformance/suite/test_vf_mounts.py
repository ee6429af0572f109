"""VF-05: what was copied into a mounted folder outlives the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import requirement
from conformance.suite.folders import folder
from conformance.suite.stored import HOME, expect_contents, expect_nothing, in_home
from conformance.suite.test_up_mounts import mounted
from conformance.suite.uploads import spread

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.sessions import Sessions


@requirement("VF-05")
def test_files_in_a_mounted_folder_outlive_the_session(sessions: Sessions, judge: Judge) -> None:
    """What build and exec copied into a mounted folder is there for a later session that mounts it, changed and all."""
    with folder(sessions) as name:
        first = mounted(sessions, judge, name)
        files = spread(["built.txt", "run.txt"])
        first.upload(files)
        first.run(
            f"cd {HOME} && mkdir {name}/d && cp run.txt {name}/d/run.txt && : > {name}/d/none && : > {name}/none",
            build=f"cd {HOME} && cp built.txt {name}/built.txt",
        )
        kept = {f"{name}/built.txt": files["built.txt"], f"{name}/d/run.txt": files["run.txt"]}
        kept |= {f"{name}/none": b"", f"{name}/d/none": b""}
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


@requirement("VF-05")
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
        without = sessions.create(token=other.token)
        expect_nothing(judge, "VF-05", without, [f"{name}/shared.txt"], without.creation, "without a mount")
