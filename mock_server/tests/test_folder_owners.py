"""Virtual folders belong to the key that made them (VF-01, AU-07)."""

from mock_server.app import Settings, start
from mock_server.tests.signing import ALICE, BOB, Signing
from mock_server.tests.support import Client


def test_one_key_has_no_part_in_the_folders_of_another() -> None:
    """To everybody else a folder does not exist: it is neither listed, shown, mounted nor deleted, its name is free."""
    name, alice, bob = "a-folder", Signing(ALICE), Signing(BOB)
    with start(Settings(keys=dict([ALICE, BOB]))) as mock, Client(mock) as client:
        made = client.send("POST", "/folders", json={"name": name}, auth=alice)
        assert made.status_code == 201
        assert client.send("GET", "/folders", auth=bob).json() == []
        assert client.send("GET", f"/folders/{name}", auth=bob).status_code == 404
        wanted = {"lang": "c", "config": {"mounts": [name]}}
        assert client.send("POST", "/kernel", json=wanted, auth=bob).status_code == 400
        assert client.send("DELETE", f"/folders/{name}", auth=bob).status_code == 404
        own = client.send("POST", "/folders", json={"name": name}, auth=bob)
        assert own.json()["id"] != made.json()["id"]
        assert client.send("DELETE", f"/folders/{name}", auth=bob).status_code == 204
        assert client.send("GET", f"/folders/{name}", auth=alice).status_code == 200
        assert client.send("GET", "/folders").status_code == 401
