"""UP: uploading files, all or nothing."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from . import sandbox
from .executing import Executing
from .message import Problem, Response

if TYPE_CHECKING:
    from pathlib import Path

    from .message import Request
    from .sessions import Session

NAME_MAX: Final = 255
EXTENDED: Final = re.compile(r"filename\*\s*=", re.IGNORECASE)


class Uploads(Executing):
    """Parts are read, judged all together, then stored."""

    max_file_bytes = 1024 * 1024  # UP-07: inclusive
    max_files = 20  # UP-09: inclusive
    percent_names = "decoded"  # UP-17 (open): or "as-is"
    plain_fields = "not-counted"  # UP-10 (open): or "counted", or "refused"
    repeated_names = "each"  # UP-10 (open): or "once", or "refused"
    too_large_status = 400
    refuses_early = False

    def refuse_early(self, head: bytes, length: int) -> bool:
        """UP-18: whether to refuse a body of this length after its first 1,052,672 bytes."""
        return False

    def upload(self, request: Request, owner: str, identifier: str) -> Response:
        """UP-01, UP-11."""
        session = self.find(owner, identifier)
        files = self.admit_files(self.read_files(request))
        places = [self.place_of(session, name) for name, _ in files]
        self.check_places(session, places)
        for path, (_, content) in zip(places, files, strict=True):
            self.store(session, path, content)
        return self.uploaded()

    def uploaded(self) -> Response:
        """UP-01."""
        return Response(204)

    # -- reading

    def read_files(self, request: Request) -> list[tuple[str, bytes]]:
        """UP-15: the (name, content) of every file part."""
        kind, options = parse_options_header(request.headers.get("Content-Type", ""))
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise Problem(400, "Not multipart", "send multipart/form-data with a boundary")
        if request.cut_short:
            raise Problem(400, "Cut short", "the body ends early")
        try:
            parts = self.split(request.body, options["boundary"].encode())
        except (ValueError, UnicodeError) as fault:
            raise Problem(400, "Malformed multipart", str(fault)) from None
        if not parts:
            raise Problem(400, "No file", "send at least one part with a filename")
        return parts

    def split(self, body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
        """The file parts of a multipart body; ValueError where it is malformed."""
        decoder = MultipartDecoder(boundary)
        decoder.receive_data(body)
        decoder.receive_data(None)
        files: list[tuple[str, bytearray]] = []
        fields = 0
        in_file = False
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            fields += isinstance(event, Field)
            if isinstance(event, File):
                disposition = event.headers.get("Content-Disposition", "")
                files.append((self.file_name(event.filename, disposition), bytearray()))
            if isinstance(event, Data):
                if in_file:
                    files[-1][1].extend(event.data)
            else:
                in_file = isinstance(event, File) or (in_file and not isinstance(event, Field))
        self.check_fields(fields, len(files))
        return [(name, bytes(content)) for name, content in files]

    def check_fields(self, fields: int, files: int) -> None:
        """UP-10 (open): plain form fields beside the files."""
        if fields and self.plain_fields == "refused":
            raise Problem(400, "Plain field", "send files alone")
        if fields + files > self.max_files and self.plain_fields == "counted":
            raise Problem(400, "Too many files", f"at most {self.max_files} parts in one request")

    def file_name(self, filename: str, disposition: str) -> str:
        """UP-02, UP-17: `filename*` is decoded already, `filename` is percent-decoded unless the variant keeps it."""
        if EXTENDED.search(disposition) or self.percent_names == "as-is":
            return filename
        return unquote(filename)

    # -- judging

    def admit_files(self, files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """UP-07 to UP-10: the files that are stored."""
        if self.repeated_names == "once":
            files = list(dict(files).items())
        if self.repeated_names == "refused" and len(dict(files)) < len(files):
            raise Problem(400, "Repeated name", "send each file once")
        if len(files) > self.max_files:
            raise Problem(400, "Too many files", f"at most {self.max_files} in one request")
        return [(name, self.admit_content(name, content)) for name, content in files]

    def admit_content(self, name: str, content: bytes) -> bytes:
        """UP-07, UP-08, UP-14: what is stored of a file."""
        if len(content) > self.max_file_bytes:
            raise Problem(self.too_large_status, "File too large", f"{name}: at most {self.max_file_bytes} bytes")
        return content

    def place_of(self, session: Session, name: str) -> Path:
        """UP-02, UP-05, UP-06, UP-13: where a file goes."""
        asked = self.below_home(name)
        parts = self.resolve(session, asked)
        if self.inner_links == "replaced":
            parts = (*self.resolve(session, asked[:-1]), asked[-1])
        if not parts or name.endswith("/"):
            raise Problem(400, "Bad path", f"{name!r} names no file")
        if parts[0] in session.mounts:
            raise self.in_mount(parts[0])
        return self.host_path(session, parts)

    def in_mount(self, mount: str) -> Problem:
        """UP-13."""
        return Problem(400, "Mounted folder", f"{mount} is a mounted folder: not written by uploads")

    def check_places(self, session: Session, places: list[Path]) -> None:
        """UP-11: nothing that is stored later may fail."""
        for path in places:
            ancestors = [parent for parent in path.parents if parent.is_relative_to(session.home)]
            blocked = path.is_dir() or any(os.path.lexists(parent) and not parent.is_dir() for parent in ancestors)
            clash = any(other in path.parents for other in places)
            if blocked or clash or any(len(part.encode()) > NAME_MAX for part in path.parts):
                raise Problem(400, "Bad path", f"{path.relative_to(session.home)} can not be written")

    # -- storing

    def store(self, session: Session, path: Path, content: bytes) -> None:
        """UP-03, UP-04, UP-16: a new file in the old one's place, owned by the commands' user."""
        self.make_directories(session, path.parent)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        path.write_bytes(content)
        path.chmod(0o644)
        self.own(path)

    def make_directories(self, session: Session, directory: Path) -> None:
        """UP-04."""
        if directory == session.home or directory.is_dir():
            return
        self.make_directories(session, directory.parent)
        directory.mkdir(mode=0o755, exist_ok=True)  # another upload may make it meanwhile
        self.own(directory)

    def own(self, path: Path) -> None:
        """UP-16."""
        sandbox.give(path)
