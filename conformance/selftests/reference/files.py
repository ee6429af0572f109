"""LS and DL: what is in a session, and fetching it."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .message import Problem, Response
from .uploads import Uploads
from .workspace import HOME

if TYPE_CHECKING:
    from .message import Request
    from .sessions import Session


class Files(Uploads):
    """One level of a directory as a list in a string; paths as tars in a multipart body."""

    mode_form = "text"  # LS-04 (open): or "int"
    file_listing = "alone"  # LS-02 (open): a regular file is listed alone, or "refused"
    tar_mode = "w"  # DL-01 (open): or "w:gz", "w:bz2", "w:xz"
    tar_format = tarfile.DEFAULT_FORMAT  # or USTAR_FORMAT, GNU_FORMAT
    max_downloads = 5
    post_download = True  # DL-07 (open)
    max_archive_bytes: int | None = None  # DL-07 (open)
    member_names = "last-part"  # or "dotted" (./name), or "whole-path"
    pretty_listing = False

    # -- LS

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        """LS-01."""
        session = self.find(owner, identifier)
        path = self.typed(self.parameters(request), "path", str, "") or "."
        directory = self.listed(session, path)
        return self.json(200, self.listing_body(session, path, self.entries(directory)))

    def listing_body(self, session: Session, path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """LS-01."""
        return {
            "files": json.dumps(entries, indent=2 if self.pretty_listing else None),
            "folder_path": self.folder_path(session, path),
            "errors": "",
        }

    def folder_path(self, session: Session, path: str) -> str:
        """LS-01: the absolute path, as commands see it."""
        return "/".join((HOME, *self.resolve(session, self.below_home(path))))

    def listed(self, session: Session, path: str) -> Path:
        """LS-03, LS-06: the host's path."""
        found = self.inside(session, path)
        if not os.path.lexists(found):
            raise self.no_such_path(path)
        if not found.is_dir() and self.file_listing == "refused":
            raise Problem(400, "Not a directory", path)
        return found

    def no_such_path(self, path: str) -> Problem:
        """LS-03."""
        return Problem(404, "No such path", path)

    def entries(self, path: Path) -> list[dict[str, Any]]:
        """LS-02, LS-05: one level, everything."""
        paths = sorted(path.iterdir()) if path.is_dir() else [path]
        return [self.entry(one) for one in paths]

    def entry(self, path: Path) -> dict[str, Any]:
        """LS-04: one item."""
        facts = path.lstat()
        return {
            "filename": os.fsencode(path.name).decode(errors="replace"),
            "mode": stat.filemode(facts.st_mode) if self.mode_form == "text" else facts.st_mode,
            "size": facts.st_size,
            "ctime": facts.st_ctime,
            "mtime": facts.st_mtime,
            "atime": facts.st_atime,
            **self.extra_fields,
        }

    # -- DL

    def download(self, request: Request, owner: str, identifier: str) -> Response:
        """DL-01."""
        if request.method == "POST" and not self.post_download:
            raise self.wrong_method("POST", {"GET": ""})
        session = self.find(owner, identifier)
        names = self.wanted_files(self.parameters(request))
        return self.multipart([self.archive(self.downloaded(session, name)) for name in names])

    def wanted_files(self, values: dict[str, Any]) -> list[str]:
        """DL-01, DL-02: 1 to 5 paths."""
        names = self.typed(values, "files", list, [])
        if not all(isinstance(name, str) and name for name in names):
            raise Problem(400, "Wrong type", "files is a list of paths")
        if not 1 <= len(names) <= self.max_downloads:
            raise Problem(400, "Bad number of files", f"1 to {self.max_downloads} at once")
        return names

    def downloaded(self, session: Session, name: str) -> Path:
        """DL-04: the host's path."""
        path = self.inside(session, name)
        if not path.is_file() and not path.is_dir():
            raise Problem(404, "No such file", name)
        return path

    def archive(self, path: Path) -> bytes:
        """DL-01, DL-03, DL-05, DL-06: a tar of a path, its members named after the path's last part."""
        buffer = io.BytesIO()
        with tarfile.open(mode=self.tar_mode, fileobj=buffer, format=self.tar_format) as tar:  # type: ignore[call-overload]  # a knob
            tar.add(path, arcname=self.member_name(path), filter=self.member)
        if self.max_archive_bytes is not None and len(buffer.getvalue()) > self.max_archive_bytes:
            raise Problem(400, "Archive too large", path.name)
        return buffer.getvalue()

    def member_name(self, path: Path) -> str:
        """DL-06: never absolute, no `..`; the home itself is called `work`."""
        if path.name == "home" and path.parent.parent == self.root:
            return "work"
        if self.member_names == "whole-path" and path.is_relative_to(self.root):
            return "/".join(path.relative_to(self.root).parts[2:])
        return f"./{path.name}" if self.member_names == "dotted" else path.name

    def member(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        """Files, directories, and links that name their target relatively; ids are the commands' own."""
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            return None
        if member.issym() and (member.linkname.startswith("/") or ".." in Path(member.linkname).parts):
            return None
        member.uid = member.gid = 1000
        member.uname = member.gname = "work"
        return member

    def multipart(self, archives: list[bytes]) -> Response:
        """DL-01: one part each, in order."""
        boundary = uuid.uuid4().hex
        body = b"".join(
            b"--%s\r\nContent-Type: application/x-tar\r\n\r\n%s\r\n" % (boundary.encode(), archive)
            for archive in archives
        )
        kind = f"multipart/mixed; boundary={boundary}"
        return Response(200, body + b"--%s--\r\n" % boundary.encode(), {"Content-Type": kind})
