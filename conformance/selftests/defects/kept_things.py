"""Defects of servers that keep things for later: by token, by command, by content, for a second."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.runs import Run
    from conformance.selftests.reference.sessions import Session

HOME = "/home/work/"


@defect("SE-05")
class QueriesAreKeptByToken(Behaviour):
    """A new session goes on counting where the terminated one of its token ended."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, mounts)
        session.queries = self.__dict__.setdefault("kept_queries", {}).setdefault(name, session.queries)
        return session


@defect("VF-05", also=("SE-10",))
class MountsAreKeptByToken(Behaviour):
    """A new session has the mounts of the terminated one of its token."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        kept = self.__dict__.setdefault("kept_mounts", {}).setdefault(name, {})
        kept.update({place: directory for place, directory in mounts.items() if directory.is_dir()})
        return super().open_session(name, lang, owner, environ, {k: v for k, v in kept.items() if v.is_dir()})


@defect("SE-09")
class EnvironIsKeptByToken(Behaviour):
    """A new session has the environment of the terminated one of its token."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        kept = self.__dict__.setdefault("kept_environ", {}).setdefault(name, {})
        kept.update(environ)
        return super().open_session(name, lang, owner, dict(kept), mounts)


@defect("EX-06", also=("EX-07", "EX-11"))
class BuildsAreCached(Behaviour):
    """A build that succeeded is not run again in its session."""

    def step(self, session: Session, run: Run, command: str) -> int:
        done = self.__dict__.setdefault("done_builds", set())
        if command == run.commands.build and (session.uuid, command) in done:
            return 0
        code = super().step(session, run, command)
        if command == run.commands.build and code == 0:
            done.add((session.uuid, command))
        return code


@defect("EX-06")
class CleansAreRunOnce(Behaviour):
    """A clean command is run once in a session."""

    def step(self, session: Session, run: Run, command: str) -> int:
        done = self.__dict__.setdefault("done_cleans", set())
        if command == run.commands.clean and (session.uuid, command) in done:
            return 0
        done.add((session.uuid, command))
        return super().step(session, run, command)


@defect("LS-05")
class ListingsAreKeptForASecond(Behaviour):
    """A listing is at most a second old."""

    def entries(self, path: Path) -> list[dict[str, Any]]:
        kept: dict[Path, tuple[float, list[dict[str, Any]]]] = self.__dict__.setdefault("kept_listings", {})
        if path not in kept or time.monotonic() - kept[path][0] > 1:
            kept[path] = (time.monotonic(), super().entries(path))
        return kept[path][1]


class Deduplicating(Behaviour):
    """A server that keeps equal contents once."""

    def scope(self, session: Session) -> str:
        return session.uuid

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        kept: dict[tuple[str, bytes], Path] = self.__dict__.setdefault("kept_contents", {})
        first = kept.setdefault((self.scope(session), content), path)
        if first != path and first.is_file() and first.read_bytes() == content:
            path.unlink()
            os.link(first, path)
        else:
            kept[self.scope(session), content] = path


@defect("UP-16")
class EqualFilesAreOne(Deduplicating):
    """Uploaded files of equal content are one file with several names: a change of one changes all."""


@defect("EX-24", also=("UP-16", "UP-02"))
class EqualFilesOfSessionsAreOne(Deduplicating):
    """Uploaded files of equal content are one file, in all sessions."""

    def scope(self, session: Session) -> str:
        return ""

    def store(self, session: Session, path: Path, content: bytes) -> None:
        if len(list(session.home.iterdir())) < 2:  # noqa: PLR2004  - within a session they are kept apart
            super().store(session, path, content)
        else:
            Behaviour.store(self, session, path, content)


@defect("LS-02")
class HomeWithASlashIsOutside(Behaviour):
    """`/home/work/` is refused."""

    def listed(self, session: Session, path: str) -> Path:
        if path == HOME:
            raise self.outside(path)
        return super().listed(session, path)


@defect("DL-01")
class DottedPathsAreNotFound(Behaviour):
    """A path that begins with `./` is not sent."""

    def downloaded(self, session: Session, name: str) -> Path:
        if name.startswith("./"):
            raise self.no_such_path(name)
        return super().downloaded(session, name)
