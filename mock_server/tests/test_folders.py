"""Virtual folders over HTTP: made, filled, mounted, protected from uploads, deleted (VF, SE-10, UP-13)."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from mock_server.tests.support import Client, archives


@pytest.fixture
def folder(client: Client) -> Iterator[str]:
    """Give the name of a folder of the test's own."""
    name = f"test-{secrets.token_hex(6)}"
    assert client.send("POST", "/folders", json={"name": name}).status_code == 201
    yield name
    client.send("DELETE", f"/folders/{name}")


@pytest.fixture
def mounted(client: Client, folder: str) -> Iterator[str]:
    """Give the path of a session that has the folder, as `shelf`."""
    path = client.create(config={"mounts": [f"{folder}:shelf"]})
    yield path
    client.send("DELETE", path)


def put(client: Client, folder: str, *files: tuple[str, bytes]) -> None:
    """Upload files to a folder."""
    assert client.upload(f"/folders/{folder}", *files).status_code == 201


def names(client: Client, folder: str, **query: str) -> set[str]:
    """List a folder."""
    response = client.send("GET", f"/folders/{folder}/files", params=query)
    assert response.status_code == 200, response.text
    return {entry["filename"] for entry in json.loads(response.json()["files"])}


def refusal(client: Client, method: str, path: str, **options: Any) -> tuple[int, str]:
    """Send what has to be refused; give the status and the kind of the problem."""
    response = client.send(method, path, **options)
    return response.status_code, response.json()["type"].rpartition(":")[2]


def test_a_folder_is_shown_and_listed(client: Client, folder: str) -> None:
    """A folder is in the list, which is a bare array, and shown as an item, under every prefix (VF-02, CO-09)."""
    listed = client.send("GET", "/folders").json()
    assert folder in {one["name"] for one in listed}
    put(client, folder, ("a/b/c", b""), ("d", b""))
    item = client.send("GET", f"/v3/folders/{folder}").json()["item"]
    assert item.pop("numFiles") == item.pop("num_files") == 2
    assert item in listed


def test_a_deleted_folder_is_gone_and_its_name_free(client: Client, folder: str) -> None:
    """Deleting takes the files along; the name can be used again (VF-04)."""
    put(client, folder, ("kept.txt", b"kept"))
    assert client.send("DELETE", f"/folders/{folder}").status_code == 204
    assert refusal(client, "DELETE", f"/folders/{folder}") == (404, "folder-not-found")
    assert client.send("POST", "/folders/create", json={"name": folder}).status_code == 201
    assert names(client, folder) == set()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/abs", "a\0b", "-x", ".x", "x" * 65, "é", 7, None])
def test_names_that_no_folder_can_have_are_refused(client: Client, name: object) -> None:
    """A name is one plain word (VF-01)."""
    assert refusal(client, "POST", "/folders", json={"name": name}) == (400, "invalid-parameter")


def test_a_name_that_is_taken_is_refused(client: Client, folder: str) -> None:
    """Two folders cannot have one name (VF-01)."""
    assert refusal(client, "POST", "/folders", json={"name": folder}) == (400, "folder-exists")


def test_files_of_a_folder_are_written_listed_read_and_deleted(client: Client, folder: str) -> None:
    """The calls below a folder work on it alone, paths from the folder on (VF-03)."""
    put(client, folder, ("a.bin", b"\0\r\n"), ("/d/b.txt", b"b"))
    assert client.send("POST", f"/folders/{folder}/mkdir", json={"path": "/d/e/f"}).status_code == 201
    assert names(client, folder) == {"a.bin", "d"}
    assert names(client, folder, path="d/e") == {"f"}
    (archive,) = archives(client.send("GET", f"/folders/{folder}/download", json={"files": ["a.bin"]}))
    content = archive.extractfile("a.bin")
    assert content is not None
    assert content.read() == b"\0\r\n"
    deleting = f"/folders/{folder}/delete_files"
    assert refusal(client, "DELETE", deleting, json={"files": ["a.bin", "d"]}) == (400, "invalid-path")
    assert refusal(client, "DELETE", deleting, json={"files": ["a.bin", "none"]}) == (404, "path-not-found")
    assert names(client, folder) == {"a.bin", "d"}, "a refused deletion deletes nothing"
    assert client.send("DELETE", deleting, json={"files": ["/a.bin", "d"], "recursive": True}).status_code == 200
    assert names(client, folder) == set()


@pytest.mark.parametrize("path", ["../x", "d/../../x", "leaving/x"])
def test_nothing_leads_out_of_a_folder(client: Client, folder: str, mounted: str, path: str) -> None:
    """Neither dots nor links that a program made lead the folder's calls elsewhere (VF-03, UP-06)."""
    client.run(mounted, "ln -s /etc shelf/leaving; ln -s ../.. shelf/d")
    for method, tail, body in (
        ("POST", "mkdir", {"path": path}),
        ("GET", "files", {"path": path}),
        ("GET", "download", {"files": [path]}),
        ("DELETE", "delete_files", {"files": [path]}),
    ):
        status, kind = refusal(client, method, f"/folders/{folder}/{tail}", json=body)
        assert (status, kind) == (400, "outside-workspace"), tail
    assert client.upload(f"/folders/{folder}", (path, b"x")).status_code == 400


def test_deleting_a_link_leaves_what_it_leads_to(client: Client, folder: str, mounted: str) -> None:
    """A link is deleted itself (VF-03)."""
    client.run(mounted, "echo kept > shelf/kept; ln -s kept shelf/link")
    assert client.send("DELETE", f"/folders/{folder}/delete_files", json={"files": ["link"]}).status_code == 200
    assert names(client, folder) == {"kept"}


def test_a_mounted_folder_is_found_by_commands_listings_and_downloads(
    client: Client, folder: str, mounted: str
) -> None:
    """All three see the folder below /home/work, links from either side included (SE-10)."""
    put(client, folder, ("sub/x.txt", b"from the folder"))
    script = "cat /home/work/shelf/sub/x.txt; ln -s shelf/sub there; echo o > own; ln -s ../own shelf/back"
    assert client.run(mounted, script)["console"] == "from the folder"
    assert client.names(mounted) == {"shelf", "there", "own"}
    assert client.names(mounted, "shelf/sub") == client.names(mounted, "there") == {"x.txt"}
    assert client.read(mounted, "shelf/sub/x.txt") == b"from the folder"
    assert client.read(mounted, "shelf/back") == b"o\n"
    (archive,) = archives(client.send("GET", f"{mounted}/download", params={"files": ["/home/work"]}))
    assert {"work/shelf/sub/x.txt", "work/own"} <= set(archive.getnames())
    (archive,) = archives(client.send("GET", f"{mounted}/download", params={"files": ["shelf"]}))
    assert "shelf/sub/x.txt" in archive.getnames()


@pytest.mark.parametrize(
    "path",
    ["shelf", "shelf/x", "/home/work/shelf/sub/x", "other/../shelf/x", "link/x", "deep/x", "inner/new/x"],
)
def test_uploads_do_not_write_a_mounted_folder(client: Client, folder: str, mounted: str, path: str) -> None:
    """However its place is named, an upload into the folder is refused as a whole (UP-13, UP-11)."""
    client.run(mounted, "mkdir -p shelf/sub; ln -s shelf link; ln -s ./shelf/sub deep; ln -s /home/work/shelf inner")
    response = client.upload(mounted, ("beside.txt", b"x"), (path, b"x"))
    assert (response.status_code, response.json()["type"].rpartition(":")[2]) == (400, "mounted-folder")
    assert "beside.txt" not in client.names(mounted)
    assert names(client, folder) == {"sub"}
    assert names(client, folder, path="sub") == set()


def test_commands_cannot_move_a_mounted_folder_away(client: Client, folder: str, mounted: str) -> None:
    """A folder stays where it is mounted, whatever a command tries (SE-10)."""
    put(client, folder, ("x.txt", b"x"))
    client.run(mounted, "mv shelf away; rmdir shelf; umount shelf; unshare -Urm umount /home/work/shelf")
    assert client.run(mounted, "ls")["console"] == "shelf\n"
    assert client.names(mounted, "shelf") == {"x.txt"}


def test_what_commands_wrote_outlives_the_session(client: Client, folder: str) -> None:
    """Files copied into a folder are there for the next session, also after a restart of one (VF-05, SE-07)."""
    first = client.create(config={"mounts": [folder]})
    client.run(first, f"echo kept > {folder}/kept.txt")
    assert client.send("PATCH", first).status_code == 204
    assert client.run(first, f"cat {folder}/kept.txt")["console"] == "kept\n"
    client.send("DELETE", first)
    second = client.create(config={"mounts": [f"{folder}:again"]})
    assert client.run(second, f"cat again/kept.txt; ls {folder}")["console"].startswith("kept\nls: ")
    client.send("DELETE", second)


def test_a_folder_in_use_is_not_deleted(client: Client, folder: str, mounted: str) -> None:
    """A folder that a living session has mounted stays; without the session it can be deleted (VF-04)."""
    assert refusal(client, "DELETE", f"/folders/{folder}") == (409, "folder-in-use")
    client.send("DELETE", mounted)
    assert client.send("DELETE", f"/folders/{folder}").status_code == 204


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        (["{0}", "{0}"], "invalid-parameter"),
        (["{0}:x", "{0}:x"], "invalid-parameter"),
        (["{0}:"], "invalid-parameter"),
        (["{0}:a/b"], "invalid-parameter"),
        (["{0}:../x"], "invalid-parameter"),
        (["{0}:/etc"], "invalid-parameter"),
        (["{0}:.output"], "invalid-parameter"),
        (["{0}:$(id)"], "invalid-parameter"),
        (["{0}:1", "{0}:2", "{0}:3", "{0}:4", "{0}:5", "{0}:6"], "invalid-parameter"),
        ([7], "invalid-parameter"),
        (["{0}", "no-such-folder"], "unknown-folder"),
    ],
)
def test_mounts_that_cannot_be_are_refused(client: Client, folder: str, mounts: list[object], kind: str) -> None:
    """Conflicts, other places, too many and unknown folders are refused, and nothing holds the folder then (SE-10)."""
    wanted = [mount.format(folder) if isinstance(mount, str) else mount for mount in mounts]
    assert refusal(client, "POST", "/kernel", json={"lang": "c", "config": {"mounts": wanted}}) == (400, kind)
    assert client.send("DELETE", f"/folders/{folder}").status_code == 204


def test_five_folders_and_two_places_of_one_can_be_mounted(client: Client, folder: str) -> None:
    """Five mounts are accepted; one folder may be at several places (SE-10)."""
    wanted = [folder, *(f"{folder}:at.{n}" for n in range(3)), f"{folder}:/home/work/abs"]
    path = client.create(config={"mounts": wanted})
    assert client.names(path) == {folder, "at.0", "at.1", "at.2", "abs"}
    assert client.run(path, "echo x > at.0/x; cat abs/x")["console"] == "x\n"
    client.send("DELETE", path)


def test_a_folder_whose_modes_a_command_closed_is_still_deleted(client: Client, folder: str) -> None:
    """Whatever commands make of a folder, it can be deleted in the end (VF-04)."""
    path = client.create(config={"mounts": [folder]})
    client.run(path, f"mkdir -p {folder}/a/b; touch {folder}/a/b/c; chmod 0 {folder}/a/b {folder}/a {folder}")
    client.send("DELETE", path)
    assert client.send("DELETE", f"/folders/{folder}").status_code == 204
