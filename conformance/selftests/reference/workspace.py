"""Paths: from what a client names to a place on the host that is surely below the session's home."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from .message import Problem
from .sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sessions import Session

HOME: Final = "/home/work"
MAX_LINKS: Final = 40


class Workspace(Sessions):
    """UP-05, UP-06, LS-06, DL-04: one way of reading paths for every call."""

    dotdot_refused = False  # UP-06 (open): even where it stays inside
    inner_links = "taken"  # UP-06 (open): or "refused", even where they stay inside

    def inside(self, session: Session, name: str) -> Path:
        """The host's path of a path as commands see it; 4xx where it leads out of /home/work."""
        return self.host_path(session, self.resolve(session, self.below_home(name)))

    def below_home(self, name: str) -> list[str]:
        """The parts of an absolute or relative path, relative to /home/work."""
        if "\0" in name:
            raise self.outside(name)
        if name.startswith("/"):
            return self.absolute(name)
        return name.split("/")

    def absolute(self, name: str) -> list[str]:
        """UP-05: an absolute path is one under /home/work."""
        path = PurePosixPath(name)
        home = PurePosixPath(HOME)
        if not path.is_relative_to(home):
            raise self.outside(name)
        return list(path.relative_to(home).parts)

    def outside(self, name: str) -> Problem:
        """UP-06."""
        return Problem(400, "Bad path", f"{name!r} is not below {HOME}")

    def resolve(self, session: Session, parts: Sequence[str]) -> tuple[str, ...]:
        """Walk the parts as the kernel would, links read as commands read them; what leaves home is refused."""
        todo = list(parts)
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop(0)
            if part in {"", "."}:
                continue
            if part == "..":
                done = self.parent(done)
                continue
            target = self.link_target(session, (*done, part))
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise self.outside("/".join(parts))
            done, todo = self.follow(target, done, todo)
        return tuple(done)

    def parent(self, done: list[str]) -> list[str]:
        """UP-06: `..` within home."""
        if not done or self.dotdot_refused:
            raise self.outside("..")
        return done[:-1]

    def link_target(self, session: Session, parts: tuple[str, ...]) -> str | None:
        """The text of a symbolic link; None for anything else."""
        try:
            return str(self.host_path(session, parts).readlink())
        except OSError as fault:
            if fault.errno == errno.ENAMETOOLONG:
                raise Problem(400, "Bad path", "the name is too long") from None
            return None

    def follow(self, target: str, done: list[str], todo: list[str]) -> tuple[list[str], list[str]]:
        """UP-06: a link that stays inside is followed, any other refused."""
        if self.inner_links == "refused":
            raise self.outside(target)
        if target.startswith("/"):
            return [], [*self.absolute(os.path.normpath(target)), *todo]
        return done, [*target.split("/"), *todo]

    def host_path(self, session: Session, parts: Sequence[str]) -> Path:
        """Where the parts are on the host: below home, or in a mounted folder."""
        if parts and parts[0] in session.mounts:
            return session.mounts[parts[0]].joinpath(*parts[1:])
        return session.home.joinpath(*parts)
