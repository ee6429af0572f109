"""Generated histories of a session's files against a dictionary: uploads, programs, listings and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from conformance.checks import requirement
from conformance.models.exploring import explore
from conformance.models.file_space import (
    Action,
    Fetched,
    FileSpace,
    Listed,
    Moved,
    Removed,
    Upload,
    Written,
    histories,
    is_plain,
)
from conformance.suite.generated import amount, seed_of
from conformance.suite.programs import HOME, write
from conformance.suite.stored import NOTHING, Stored, in_home, look, word

if TYPE_CHECKING:
    from conformance.judge import Judge
    from conformance.options import Options
    from conformance.session import Session
    from conformance.sessions import Sessions

STEPS: Final = 11
UPLOADS: Final = ("UP-01", "UP-02", "UP-03", "UP-04", "UP-05", "UP-14", "UP-16", "EX-24")


class Story:
    """One session and what it must hold."""

    def __init__(self, session: Session, judge: Judge) -> None:
        self.session = session
        self.judge = judge
        self.space = FileSpace()

    def act(self, action: Action) -> None:
        """Do one action and judge what it says of the session's files."""
        match action:
            case Upload():
                self._upload(action)
            case Listed():
                self._list(action)
            case Fetched():
                self._fetch(action)
            case Written():
                self._write(action)
            case Removed():
                in_home(self.session, f"rm -f {word(action.name)}")
                self.space.drop(action.name)
            case Moved():
                self._move(action)

    def end(self) -> None:
        """Judge all files once more: as commands see them, in every listing, and by downloads of five at a time."""
        self.hold_all()
        for folder in sorted(self.space.folders):
            self._list(Listed(folder, absolute=False))
        names = sorted(self.space.files)
        for start in range(0, len(names), self.session.bench.limits.max_downloads):
            self._fetch(Fetched(tuple(names[start : start + self.session.bench.limits.max_downloads])))

    def hold_all(self) -> None:
        """Judge that commands see exactly the dictionary's files, each by the clause of what came last to it."""
        found = look(self.session, [*self.space.files, *self.space.gone])
        shown = self.session.bench.client.exchanges[-1]
        for name, content in self.space.files.items():
            got, wanted = found[name], Stored.of(content)
            clause = self.space.promised[name] if got == wanted else self._clause(name, got)
            self.judge.require(clause, got == wanted, expected=f"{name!r}: {wanted}", actual=str(got), exchange=shown)
        for name in self.space.gone:
            expected = f"nothing at {name!r}, which a program removed"
            self.judge.require(
                "EX-24", found[name] == NOTHING, expected=expected, actual=str(found[name]), exchange=shown
            )

    def _clause(self, name: str, found: Stored) -> str:
        """Return the clause that a file breaks, which commands see otherwise than it must be."""
        promised = self.space.promised[name]
        if not promised.startswith("UP-"):
            return promised
        if self._downloaded(name) == self.space.files[name]:
            return "UP-16"  # it is there, but commands do not see it
        return self._misplaced(name) if found.kind != "f" else ("UP-14" if promised == "UP-02" else promised)

    def _misplaced(self, name: str) -> str:
        """Return the clause that an uploaded file breaks by not being there: asked by uploading it once more."""
        folder = name.rpartition("/")[0]
        if folder and look(self.session, [folder])[folder].kind != "d":
            return "UP-04"
        special = "UP-02" if is_plain(name) else "UP-14"
        absolute = not self._arrives(f"{HOME}/{name}", name) and self._arrives(name, name)
        return "UP-05" if absolute else ("UP-02" if self._arrives(name, name) else special)

    def _arrives(self, path: str, name: str) -> bool:
        self.session.try_upload({path: self.space.files[name]})
        return look(self.session, [name])[name] == Stored.of(self.space.files[name])

    def _downloaded(self, name: str) -> bytes | None:
        exchange = self.session.try_download(name)
        return self.session.archives(exchange, 1)[0].only_file if exchange.ok else None

    def _upload(self, action: Upload) -> None:
        exchange = self.session.upload(action.named)
        expected = "status 204 without a body"
        fine = exchange.status == 204 and not exchange.response_body
        self.judge.require("UP-01", fine, expected=expected, actual=exchange.got, exchange=exchange)
        for name, content in action.files.items():
            self.space.put(name, content, "UP-03" if name in self.space.files else "UP-02")
        self.hold_all()

    def _write(self, action: Written) -> None:
        before = self.space.files.get(action.name, b"") if action.append else b""
        folder = action.name.rpartition("/")[0]
        made = f"mkdir -p {word(folder)}; " if folder else ""
        in_home(self.session, f"{made}{write(action.content)} {'>>' if action.append else '>'} {word(action.name)}")
        self.space.put(action.name, before + action.content, "EX-24")

    def _move(self, action: Moved) -> None:
        if action.source == action.to or action.source not in self.space.files:
            return
        folder = action.to.rpartition("/")[0]
        made = f"mkdir -p {word(folder)}; " if folder else ""
        in_home(self.session, f"{made}mv -f {word(action.source)} {word(action.to)}")
        self.space.put(action.to, self.space.files[action.source], "EX-24")
        self.space.drop(action.source)

    def _list(self, action: Listed) -> None:
        path = f"{HOME}/{action.folder}".rstrip("/") if action.absolute else (action.folder or None)
        if action.folder not in self.space.folders:
            exchange = self.session.try_list(path)
            self.judge.status("LS-03", exchange, 404)
            return
        listing = self.session.listing(path)
        wanted, shown = self.space.children(action.folder), listing.exchange
        got = {name: item.get("size") for name, item in listing.items.items()}
        missing = sorted(name for name in wanted if name not in got and not name.startswith("."))
        self.judge.require("LS-05", not missing, expected=f"{missing} listed", actual=sorted(got), exchange=shown)
        ours = {name for name in got if name.lstrip(".").startswith("m") or action.folder}
        strange = sorted(ours - set(wanted))
        self.judge.require("LS-02", not strange, expected="what is there", actual=f"{strange} too", exchange=shown)
        wrong = {name: got[name] for name, size in wanted.items() if size is not None and got.get(name, size) != size}
        sizes = {name: wanted[name] for name in wrong}
        self.judge.require("LS-04", not wrong, expected=f"sizes {sizes}", actual=f"sizes {wrong}", exchange=shown)

    def _fetch(self, action: Fetched) -> None:
        names = [name for name in action.names if name in self.space.files]
        if not names:
            exchange = self.session.try_download(action.names[0])
            self.judge.refused("DL-04", exchange)
            return
        shown = self.session.try_download(*names)
        if not shown.ok:
            self.hold_all()  # a file that is not there either breaks its own clause
        archives = self.session.archives(shown, len(names))
        for name, archive in zip(names, archives, strict=True):
            content = self.space.files[name]
            fine = archive.only_file == content
            got = archive.only_file[:40] if archive.only_file is not None else archive.names
            expected = f"{name!r}, {len(content):,} bytes: {content[:40]!r}"
            self.judge.require("DL-03", fine, expected=expected, actual=f"{got!r}", exchange=shown)


@requirement(
    *UPLOADS,
    "LS-01",
    "LS-02",
    "LS-03",
    "LS-04",
    "LS-05",
    "DL-01",
    "DL-03",
    "DL-04",
    "UP-12",
    slow=True,
    timeout_s=600.0,
)
@pytest.mark.parametrize("part", range(3))
def test_a_generated_history_leaves_the_files_that_it_should(
    sessions: Sessions, judge: Judge, options: Options, part: int
) -> None:
    """After any uploads and programs, commands, listings and downloads agree on the files; none outlive the session."""

    def examine(history: list[Action]) -> None:
        token = sessions.new_token()
        session = sessions.create(token=token)
        story = Story(session, judge)
        for action in history:
            story.act(action)
        story.end()
        session.delete()
        again = sessions.create(token=token)
        found = look(again, story.space.files)
        left = [name for name in found if found[name] != NOTHING]
        shown = again.bench.client.exchanges[-1]
        judge.require("UP-12", not left, expected="nothing of the session before", actual=left, exchange=shown)
        again.delete()

    drawn = seed_of(options, part)
    explore(histories(STEPS), examine, seed_value=drawn, examples=amount(options, 1), shrink=options.shrink)
