"""Defects that somebody thought up who knew the documents alone: corners that checks of whole families walked past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from conformance.selftests.reference.runs import Segment
    from conformance.selftests.reference.sessions import Session

FEW_BLOCKS = 4


@defect("CO-02")
class LimitsAreRefusedWithoutType(Behaviour):
    """The problem body of a 406 has no `type`."""

    def problem_body(self, problem: Problem) -> dict[str, Any]:
        body = super().problem_body(problem)
        return {"title": body["title"]} if problem.status == 406 else body  # noqa: PLR2004  - SE-08


@defect("CO-10")
class ListsAreNoParameters(Behaviour):
    """A body that is a list is taken for an empty object where no parameter is needed."""

    def read_object(self, request: Request) -> dict[str, Any]:
        body = request.body.strip()
        return {} if request.method == "GET" and body.startswith(b"[") else super().read_object(request)


@defect("CO-11", also=("SE-06",))
class EndedSessionsListNothing(Behaviour):
    """The listing of a terminated session is an empty one."""

    def list_files(self, request: Request, owner: str, identifier: str) -> Response:
        try:
            session = self.find(owner, identifier)
        except Problem:
            if identifier in self.__dict__.get("ended", ()):
                return self.json(200, {"files": "[]", "errors": "", "folder_path": "/home/work"})
            raise
        self.__dict__.setdefault("ended", set()).update(self.ids_of(session))
        return super().list_files(request, owner, identifier)

    def destroy_session(self, request: Request, owner: str, identifier: str) -> Response:
        self.__dict__.setdefault("ended", set()).add(identifier)
        return super().destroy_session(request, owner, identifier)


@defect("AU-05", needs=("keys",))
class PrefixesNeedNoSignature(Behaviour):
    """Below a version prefix a GET without a signature is one of the first key's owner."""

    def authenticate(self, request: Request) -> str:
        unsigned = "Authorization" not in request.headers and request.method == "GET"
        if unsigned and self.is_prefix(request.path.strip("/").split("/")[0]):
            return next(iter(self.keys))
        return super().authenticate(request)


@defect("CN-04", also=("CN-08",))
class ManyBlocksAreGrouped(Behaviour):
    """An answer with more than four blocks brings those of stdout first."""

    def console(self, segment: Segment) -> list[list[Any]]:
        items = super().console(segment)
        if len(items) <= FEW_BLOCKS:
            return items
        texts = {stream: "".join(text for name, text in items if name == stream) for stream in ("stdout", "stderr")}
        return [[stream, text] for stream, text in texts.items() if text]


@defect("SE-10")
class UnknownFoldersByAliasAreLeftOut(Behaviour):
    """An unknown folder that is given an alias is not mounted, and nobody is told."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Any]:
        mounts = self.typed(config, "mounts", list, [])
        known = [one for one in mounts if not (isinstance(one, str) and ":" in one and self.is_unknown(owner, one))]
        return super().read_mounts({**config, "mounts": known}, owner)

    def is_unknown(self, owner: str, mount: str) -> bool:
        try:
            self.find_folder(owner, mount.partition(":")[0])
        except Problem:
            return True
        return False


@defect("SE-03")
class RestartsForgetTheLanguage(Behaviour):
    """After a restart the token with another `lang` gives the session all the same."""

    def restart_session(self, request: Request, owner: str, identifier: str) -> Response:
        self.__dict__.setdefault("restarted", set()).add(self.find(owner, identifier).name)
        return super().restart_session(request, owner, identifier)

    def reuse(self, living: Session, lang: str) -> Response:
        return super().reuse(living, living.lang if living.name in self.__dict__.get("restarted", ()) else lang)
