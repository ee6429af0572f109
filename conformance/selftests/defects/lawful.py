"""Right servers as other frameworks, proxies and disks make them: what travels and what is stored, otherwise."""

from __future__ import annotations

import gzip
import json
import os
import re
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import variant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conformance.selftests.reference.sessions import Session

PROBLEM_TYPES: Final = ("tag:", "https://example.com/problems#", "urn:uuid:5b0f4f3e-6b0c-4d3a-8d0f-", "about:blank#")


class Proxied(Behaviour):
    """Behind a proxy: many more headers, a cookie, bodies compressed for whoever takes that, idle connections cut."""

    lower_case_headers = True
    idle_s = 0.4
    json_type = "Application/JSON; Charset=UTF-8"

    def finish(self, request: Request, response: Response) -> Response:
        more = {
            "Server": "proxy/1.0",
            "Set-Cookie": "route=a1; Path=/; HttpOnly",
            "Vary": "Accept-Encoding",
            "Cache-Control": "no-store, no-transform",
            "X-Request-Id": "7f3c9d",
            "Strict-Transport-Security": "max-age=31536000",
            "Keep-Alive": "timeout=1, max=100",
        }
        headers, body = {**response.headers, **more}, response.body
        if body and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers, body = {**headers, "Content-Encoding": "gzip"}, gzip.compress(body, 1)
        return replace(response, headers=headers, body=body)


variant("proxied", "Behind a proxy: compressed bodies, cookies, connections cut when idle.", base=Proxied)


class OldHttp(Behaviour):
    """HTTP/1.0 in which a body ends with its connection; JSON as old libraries write it."""

    protocol = "HTTP/1.0"
    framed = False

    def dump(self, value: Any) -> bytes:
        """Every solidus and every non-ASCII character escaped, last key first, broken into lines."""
        if isinstance(value, dict):
            value = dict(reversed(value.items()))
        text = json.dumps(value, indent=1, separators=(" ,", " : "))
        return ("\r\n " + text.replace("/", "\\/") + "\n\n").encode()

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        body = super().listing_body(session, path, entries)
        return {**body, "files": "\n" + body["files"].replace("/", "\\/") + " "}


variant("old-http", "HTTP/1.0 whose bodies end with the connection; JSON with needless escapes.", base=OldHttp)


class OtherProblems(Behaviour):
    """Problems with other types, titles in Korean, and what else a framework puts there; 401 and 403 say how."""

    def problem(self, problem: Problem) -> Response:
        response = super().problem(problem)
        more = {"WWW-Authenticate": "BackendAI", "Allow": "GET, POST", "Retry-After": "1", "Content-Language": "ko"}
        return replace(
            response, headers={**response.headers, **more, "Content-Type": "Application/Problem+JSON;charset=utf-8"}
        )

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        kind = PROBLEM_TYPES[len(problem.title) % len(PROBLEM_TYPES)]
        return {
            "msg": problem.detail,
            "data": None,
            "errors": [{"loc": ["body"], "msg": problem.detail}],
            "instance": "/faults/1",
            "type": kind + ("" if kind.endswith("#") and kind.startswith("about") else problem.slug),
            "title": f"요청을 처리할 수 없습니다: {problem.title}",
        }

    def wrong_method(self, method: str, methods: Mapping[str, str]) -> Problem:
        return Problem(404, "Not found", f"{method} is none of {', '.join(methods)}")


variant("other-problems", "Problems of other types, with titles in Korean and more members.", base=OtherProblems)


class OddIds(Behaviour):
    """Ids that a client has to encode; several names for one language, which is told in full."""

    def reuse(self, living: Session, lang: str) -> Response:
        """`python`, `python3` and `python:latest` are one image."""
        same = re.split(r"[:\d]", living.lang)[0] == re.split(r"[:\d]", lang)[0]
        return super().reuse(living, living.lang if same else lang)

    def ids_of(self, session: Session) -> tuple[str, ...]:
        return (f"{session.name}@agent/1 +ü%2F?#", session.name, session.uuid)

    def new_run_id(self) -> str:
        return f"run/{super().new_run_id()} ü+%2F" + "x" * 100

    def session_info(self, session: Session) -> dict[str, Any]:
        return {**super().session_info(session), "lang": f"registry.example:5000/stable/{session.lang}:latest"}


variant("odd-ids", "Ids hold slashes, spaces and percent signs; `lang` is told in full.", base=OddIds)


class FurnishedHome(Behaviour):
    """A new home has files already, one of which nobody may read; what is uploaded has no date."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        session = super().open_session(name, lang, owner, environ, mounts)
        self.furnish(session)
        return session

    def furnish(self, session: Session) -> None:
        """Put there what an image has in its home."""
        for name in (".bashrc", ".profile", "README.md", ".config/pip/pip.conf"):
            path = session.home / name
            self.make_directories(session, path.parent)
            path.write_text("# of the image\n", "utf-8")
            self.own(path)
        (session.home / "lost+found").mkdir(mode=0o700)
        (session.home / "latest").symlink_to("nowhere")

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        os.utime(path, (0, 0))


variant("furnished-home", "A new home holds files of the image, and uploads are dated 1970.", base=FurnishedHome)


class PrivateFiles(Behaviour):
    """Umask 077 everywhere; times in whole seconds, directories without a size, another id in tars."""

    def shell_text(self, command: str) -> str:
        return f"umask 077; {super().shell_text(command)}"

    def store(self, session: Session, path: Path, content: bytes) -> None:
        super().store(session, path, content)
        path.chmod(0o600)

    def make_directories(self, session: Session, directory: Path) -> None:
        news = not directory.is_dir()
        super().make_directories(session, directory)
        if news:
            directory.chmod(0o700)

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return sorted(super().entries(path), key=lambda entry: (-entry["mtime"], entry["size"]))

    def entry(self, path: Path) -> dict[str, Any]:
        entry = super().entry(path)
        times = {key: int(entry[key]) for key in ("ctime", "mtime", "atime")}
        return {**entry, **times, "size": 0 if path.is_dir() else entry["size"], "mode": path.lstat().st_mode & 0o7777}

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        kept = super().member(member)
        if kept is not None:
            kept.uid, kept.gid, kept.uname, kept.gname, kept.mtime = 3_000_000, 0, "", "root", 0
        return kept


variant(
    "private-files",
    "Umask 077; directories have no size, times are whole seconds, modes are permissions alone.",
    {("LS-04", "mode-form"): "int"},
    base=PrivateFiles,
    tar_format=tarfile.PAX_FORMAT,
)


class OtherArchives(Behaviour):
    """Tars by an old tar, named from the root on; parts without headers; a listing of what was made last first."""

    tar_format = tarfile.GNU_FORMAT

    def member_name(self, path: Path) -> str:
        """As `tar -cf - /home/work/x` calls it."""
        name = super().member_name(path)
        if not path.is_relative_to(self.root):
            return name
        return "/".join(("home/work", *path.relative_to(self.root).parts[2:]))

    def multipart(self, archives: list[bytes]) -> Response:
        boundary = "=" + "b" * 60 + "_end"
        body = b"".join(b"\r\n--%s\r\n\r\n%s" % (boundary.encode(), archive) for archive in archives)
        kind = f'Multipart/Related; Start="<a>"; Boundary="{boundary}"; type="application/x-tar"'
        headers = {"Content-Type": kind, "Content-Disposition": 'attachment; filename="files.bin"'}
        return Response(200, body + b"\r\n--%s--" % boundary.encode(), headers)

    def entries(self, path: Path) -> list[dict[str, Any]]:
        return sorted(super().entries(path), key=lambda entry: -entry["mtime"])

    def entry(self, path: Path) -> dict[str, Any]:
        """Tell the keys in another order, and a directory's size as that of what it holds."""
        entry = super().entry(path)
        if path.is_dir() and not path.is_symlink():
            entry["size"] = sum(one.lstat().st_size for one in path.iterdir())
        return dict(reversed(entry.items()))


variant("other-archives", "Tars name files from the root on, parts have no headers.", base=OtherArchives)
