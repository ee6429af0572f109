"""Defects in files, keys and sessions that show in one form, one place or one number alone."""

from __future__ import annotations

import contextlib
import gzip
import html
import shutil
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from conformance.selftests.reference import Behaviour, sandbox
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session


@defect("CO-13")
class NullMemoryInResources(Behaviour):
    """A null amount in resources is refused."""

    def check_limits(self, config: dict[str, Any]) -> None:
        if None in (config.get("resources") or {}).values():
            raise Problem(400, "Wrong type", "resources")
        super().check_limits(config)


@defect("AU-03", also=("AU-05",))
class TamperedVersionsPass(Behaviour):
    """A signature for the server's own version is taken whatever version the client names."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        return super().is_signature(request, secret, signature) or self.is_other(request, secret, signature)

    def is_other(self, request: Request, secret: str, signature: str) -> bool:
        named = request.headers["X-BackendAI-Version"]
        request.headers.replace_header("X-BackendAI-Version", self.version)
        try:
            return super().is_signature(request, secret, signature)
        finally:
            request.headers.replace_header("X-BackendAI-Version", named)


@defect("AU-05")
class SignaturesAreRemembered(Behaviour):
    """A signature that was good once is good for every call of that key."""

    def is_signature(self, request: Request, secret: str, signature: str) -> bool:
        good = self.__dict__.setdefault("good", set())
        if super().is_signature(request, secret, signature):
            good.add((secret, signature))
        return (secret, signature) in good


@defect("AU-07")
class OutputsAreForAll(Behaviour):
    """The url of an output file serves it to every key."""

    def show_output(self, request: Request, owner: str, identifier: str, name: str) -> Response:
        owners = [session.owner for session in self.sessions.values() if identifier in self.ids_of(session)]
        return super().show_output(request, (owners or [owner])[0], identifier, name)


@defect("RL-02")
class DeletesForgetTheCount(Behaviour):
    """The end of a session gives back what its calls had spent."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        for key in [key for key in self.counts if key.startswith("rate ")]:
            self.counts[key] = 0


@defect("SE-01", also=("SE-02",))
class ImagesAreOtherLangs(Behaviour):
    """A session that was created by lang is not found again by the same image."""

    def read_lang(self, wanted: dict[str, Any]) -> str:
        lang = super().read_lang(wanted)
        return lang if wanted.get("lang") else f"{lang} "

    def session_info(self, session: Session) -> dict[str, Any]:
        return {**super().session_info(session), "lang": session.lang.strip()}


@defect("SE-04a")
class TrailingNewlineInTokens(Behaviour):
    """A token that ends with a line feed is taken, for the one without it."""

    def check_token(self, token: str) -> None:
        super().check_token(token.removesuffix("\n"))


@defect("SE-10")
class FifthMountIsEmpty(Behaviour):
    """The fifth folder is a fresh directory."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = super().read_mounts(config, owner)
        if len(mounts) == self.max_mounts:
            place = self.root / f"fresh-{time.monotonic_ns()}"
            place.mkdir(mode=0o755)
            sandbox.give(place)
            mounts[list(mounts)[-1]] = place
        return mounts


@defect("UP-02", also=("UP-14",))
class EntitiesInNamesAreRead(Behaviour):
    """An ampersand in a file's name begins an HTML entity, which is decoded."""

    def file_name(self, filename: str, disposition: str) -> str:
        return html.unescape(super().file_name(filename, disposition))


@defect("UP-08")
class SizesInCharacters(Behaviour):
    """The size of a text is counted in characters."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        try:
            size = len(content.decode())
        except UnicodeDecodeError:
            return super().admit_content(name, content)
        if size <= self.max_file_bytes:
            return content
        return super().admit_content(name, content)


@defect("UP-12")
class TheFilesOfARunningSessionStay(Behaviour):
    """The home of a session that was terminated while a run went on is the next one's of that token."""

    def destroy(self, session: Session) -> None:
        if any(not run.done.is_set() for run in session.runs.values()):
            kept = self.root / f"kept-{session.uuid}"
            shutil.copytree(session.home, kept, symlinks=True)
            self.__dict__.setdefault("kept", {})[session.owner, session.name] = kept
        super().destroy(session)

    def open_session(self, name: str, lang: str, owner: str, *more: Any) -> Session:
        session = super().open_session(name, lang, owner, *more)
        kept = self.__dict__.get("kept", {}).pop((owner, name), None)
        if kept is not None:
            shutil.copytree(kept, session.home, symlinks=True, dirs_exist_ok=True)
        return session


@defect("LS-02")
class PathsAreDecodedTwice(Behaviour):
    """A percent in a listed path begins an escape, which is decoded."""

    def listed(self, session: Session, path: str) -> Path:
        return super().listed(session, unquote(path))


@defect("LS-04")
class TimesOfDirectoriesAreNought(Behaviour):
    """The times of a directory are 0."""

    def entry(self, path: Path) -> dict[str, Any]:
        entry = super().entry(path)
        return {**entry, "mtime": 0, "ctime": 0, "atime": 0} if path.is_dir() else entry


@defect("DL-03")
class DownloadsAreCachedByTheSecond(Behaviour):
    """A file of the same size, changed within the second, comes back as it was downloaded before."""

    def archive(self, path: Path) -> bytes:
        facts = path.stat()
        key = (path, facts.st_size, int(facts.st_mtime))
        cache = self.__dict__.setdefault("cache", {})
        if path.is_dir() or key not in cache:
            cache[key] = super().archive(path)
        return bytes(cache[key])


@defect("DL-03")
class LargeDownloadsAreCut(Behaviour):
    """Of a file larger than 4 MiB the tar has the first 4 MiB."""

    def downloaded(self, session: Session, name: str) -> Path:
        path = super().downloaded(session, name)
        limit = 4 * 1024 * 1024
        if path.is_file() and path.stat().st_size > limit:
            place = self.root / f"cut-{time.monotonic_ns()}"
            place.mkdir()
            (place / path.name).write_bytes(path.read_bytes()[:limit])
            return place / path.name
        return path


@defect("CO-04")
class DownloadsReadLatin(Behaviour):
    """Raw UTF-8 in the body of a download is read as Latin-1."""

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        names = super().wanted_files(values)
        return [name.encode().decode("latin-1") if self.__dict__.get("raw") else name for name in names]

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        self.__dict__["raw"] = not request.body.isascii()
        return super().download(request, owner, identifier)


@defect("CO-12")
class OtherMethodsOfTheResource(Behaviour):
    """PUT and DELETE of the resource itself are a fault."""

    def wrong_method(self, method: str, methods: Any) -> Problem:
        if "create_session" in methods.values():
            return Problem(500, "No such method")
        return super().wrong_method(method, methods)


@defect("SE-08")
class LimitsTogetherAreMissed(Behaviour):
    """Only the first amount in config is compared."""

    def check_limits(self, config: dict[str, Any]) -> None:
        super().check_limits(dict(list(config.items())[:1]))


@defect("SE-10")
class AliasesDoNotCount(Behaviour):
    """Six folders can be mounted where they have aliases."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = self.typed(config, "mounts", list, [])
        if len(mounts) > self.max_mounts and all(":" in str(mount) for mount in mounts):
            one = super().read_mounts({"mounts": mounts[: self.max_mounts]}, owner)
            return one | super().read_mounts({"mounts": mounts[self.max_mounts :]}, owner)
        return super().read_mounts(config, owner)


@defect("SE-10", also=("VF-05",))
class AliasedMountsAreCopies(Behaviour):
    """A folder mounted under an alias is a copy."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = super().read_mounts(config, owner)
        for alias, directory in mounts.items():
            if (owner, alias) not in self.folders:
                place = self.root / f"copy-{time.monotonic_ns()}"
                shutil.copytree(directory, place)
                for path in (place, *place.rglob("*")):
                    sandbox.give(path)
                mounts[alias] = place
        return mounts


@defect("UP-04")
class EightLevelsAtMost(Behaviour):
    """A path of more than eight directories is refused."""

    def place_of(self, session: Session, name: str) -> Path:
        path = super().place_of(session, name)
        if len(path.relative_to(session.home).parts) > 9:  # noqa: PLR2004  - directories and the name
            raise Problem(400, "Too deep", name)
        return path


@defect("UP-14")
class GzipIsUnpacked(Behaviour):
    """A file that is called .gz and is one is stored unpacked."""

    def admit_content(self, name: str, content: bytes) -> bytes:
        stored = super().admit_content(name, content)
        return gzip.decompress(stored) if name.endswith(".gz") and stored[:2] == b"\x1f\x8b" else stored


@defect("EX-24", also=("DL-03",))
class DownloadsAreOfTheRunsBeginning(Behaviour):
    """A download during a run holds the files as they were when it began."""

    def start(self, session: Session, run: Any) -> None:
        place = self.root / f"shot-{session.uuid}"
        shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(shutil.Error):
            shutil.copytree(session.home, place / "home", symlinks=True)
        self.__dict__.setdefault("shots", {})[session.uuid] = (run, place)
        super().start(session, run)

    def downloaded(self, session: Session, name: str) -> Path:
        run, place = self.__dict__.get("shots", {}).get(session.uuid, (None, None))
        path = super().downloaded(session, name)
        if run is None or run.done.is_set() or not path.is_relative_to(session.home):
            return path
        old: Path = place / "home" / path.relative_to(session.home)
        return old if old.exists() else path


@defect("DL-05")
class TreesAreCut(Behaviour):
    """A directory's tar ends after 128 members."""

    def archive(self, path: Path) -> bytes:
        self.__dict__["members"] = 0
        return super().archive(path)

    def member(self, member: Any) -> Any:
        self.__dict__["members"] += 1
        return super().member(member) if self.__dict__["members"] <= 128 else None  # noqa: PLR2004  - members


@defect("DL-05")
class TreesAreShallow(Behaviour):
    """A directory's tar goes six levels deep."""

    def member(self, member: Any) -> Any:
        return super().member(member) if member.name.count("/") <= 6 else None  # noqa: PLR2004  - levels


@defect("VF-05")
class HiddenFilesInFoldersAreLost(Behaviour):
    """What begins with a dot in a mounted folder goes with the session."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        for directory in session.mounts.values():
            for path in directory.rglob(".*"):
                if path.is_file():
                    path.unlink()
