"""Defects of virtual folders that show seldom: by an alias, in the second session, when a name is used again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.selftests.reference import Behaviour
from conformance.selftests.reference.message import Problem, Request, Response

from .table import defect

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.selftests.reference.folders import Folder
    from conformance.selftests.reference.runs import Run
    from conformance.selftests.reference.sessions import Session


@defect("VF-01")
class FolderNamesStayTaken(Behaviour):
    """The name of a folder that was deleted is refused for ever."""

    def create_folder(self, request: Request, owner: str) -> Response:
        name = self.read_object(request).get("name")
        taken: set[Any] = self.__dict__.setdefault("taken", set())
        if isinstance(name, str) and name in taken:
            raise Problem(400, "Folder exists", name)
        response = super().create_folder(request, owner)
        taken.add(name)
        return response


@defect("VF-01")
class FolderIdsAreOne(Behaviour):
    """Every folder has the same id."""

    def create_folder(self, request: Request, owner: str) -> Response:
        response = super().create_folder(request, owner)
        return Response(201, self.dump({**json.loads(response.body), "id": "folder"}), response.headers)


@defect("VF-01")
class EmptyFolderNamesCrash(Behaviour):
    """A folder with an empty name answers 500."""

    def create_folder(self, request: Request, owner: str) -> Response:
        if self.read_object(request).get("name") == "":
            raise IndexError("no first character")
        return super().create_folder(request, owner)


@defect("VF-02")
class ListsOfFoldersAreRemembered(Behaviour):
    """The list of folders is the one that was first asked for."""

    def list_folders(self, request: Request, owner: str) -> Response:
        kept: dict[str, Response] = self.__dict__.setdefault("kept_lists", {})
        return kept.setdefault(owner, super().list_folders(request, owner))


@defect("VF-02")
class FolderNamesMatchByTheirBeginning(Behaviour):
    """A name that goes on after a folder's finds that folder."""

    def find_folder(self, owner: str, name: str) -> Folder:
        found = next((one for (who, key), one in self.folders.items() if who == owner and name.startswith(key)), None)
        return found or super().find_folder(owner, name)


@defect("VF-03")
class FolderUploadsAreNoContent(Behaviour):
    """An upload to a folder answers 204."""

    def upload_to_folder(self, request: Request, owner: str, name: str) -> Response:
        super().upload_to_folder(request, owner, name)
        return Response(204)


@defect("VF-03")
class FolderDeletionsTakeAll(Behaviour):
    """Deleting a file of a folder deletes them all."""

    def delete_folder_files(self, request: Request, owner: str, name: str) -> Response:
        self.empty(self.find_folder(owner, name).directory)
        return self.json(200, {})


@defect("VF-03")
class FolderFilesAreText(Behaviour):
    """CR LF becomes LF in what is uploaded to a folder."""

    def upload_to_folder(self, request: Request, owner: str, name: str) -> Response:
        response = super().upload_to_folder(request, owner, name)
        for path in self.find_folder(owner, name).directory.iterdir():
            if path.is_file():
                path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
        return response


@defect("VF-04")
class DeletingAFolderIsOk(Behaviour):
    """Deleting a folder answers 200 with an empty object."""

    def delete_folder(self, request: Request, owner: str, name: str) -> Response:
        super().delete_folder(request, owner, name)
        return self.json(200, {})


@defect("VF-04", also=("VF-01",))
class DeletedFoldersAreDeletedAgain(Behaviour):
    """Deleting a folder that was deleted before answers 204."""

    def delete_folder(self, request: Request, owner: str, name: str) -> Response:
        gone: set[str] = self.__dict__.setdefault("gone_folders", set())
        if name in gone and (owner, name) not in self.folders:
            return Response(204)
        gone.add(name)
        return super().delete_folder(request, owner, name)


@defect("VF-05")
class FoldersByAliasAreCopies(Behaviour):
    """A folder that is mounted by an alias is another one."""

    def read_mounts(self, config: dict[str, Any], owner: str) -> dict[str, Path]:
        mounts = super().read_mounts(config, owner)
        for alias, directory in mounts.items():
            if not any(one.name == alias for one in self.folders.values()):
                mounts[alias] = directory.with_name(f"{directory.name}-{alias}")
                if not mounts[alias].exists():
                    mounts[alias].mkdir(mode=0o777)
                    mounts[alias].chmod(0o777)
        return mounts


@defect("VF-05")
class DirectoriesInFoldersGoWithTheSession(Behaviour):
    """What lies in directories of a folder is gone after the session."""

    def destroy(self, session: Session) -> None:
        super().destroy(session)
        for directory in session.mounts.values():
            for one in directory.iterdir() if directory.is_dir() else ():
                if one.is_dir():
                    self.empty(one)


@defect("VF-05")
class RemovalsInFoldersAreUndone(Behaviour):
    """A file that a session removed from a folder is there again in the next."""

    def open_session(
        self, name: str, lang: str, owner: str, environ: dict[str, str], mounts: dict[str, Path]
    ) -> Session:
        kept: dict[Path, bytes] = self.__dict__.setdefault("kept_files", {})
        for directory in mounts.values():
            for path in directory.rglob("*") if directory.is_dir() else ():
                if path.is_file():
                    kept[path] = path.read_bytes()
            for path, content in kept.items():
                if path.is_relative_to(directory) and path.parent.is_dir() and not path.exists():
                    path.write_bytes(content)
        return super().open_session(name, lang, owner, environ, mounts)


@defect("VF-05")
class FoldersAreReadOnlyTheSecondTime(Behaviour):
    """The second session that mounts a folder can not write into it."""

    def start(self, session: Session, run: Run) -> None:
        seen: dict[Path, str] = self.__dict__.setdefault("first_users", {})
        for directory in session.mounts.values():
            first = seen.setdefault(directory, session.uuid) == session.uuid
            directory.chmod(0o755 if first else 0o555)
        super().start(session, run)
