"""Sessions over HTTP: created, found, described, restarted and ended."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from mock_server.app import Mock
from mock_server.tests.support import Client


def test_a_session_is_found_by_every_name_on_every_path(client: Client) -> None:
    """Name and UUID work alike, encoded or not, in both dialects and under every prefix (SE-01, CO-05, CO-09)."""
    created = client.send("POST", "/session", json={"name": "by-name", "image": "python:3.6"})
    assert created.status_code == 201
    reply = created.json()
    assert reply["kernelId"] == reply["sessId"] == "by-name"
    assert str(uuid.UUID(reply["sessionId"])) == reply["sessionId"]
    assert (reply["created"], reply["status"], reply["servicePorts"]) == (True, "RUNNING", [])
    for prefix in ("", "/v1", "/v2", "/v3", "/v4"):
        for dialect in ("kernel", "session"):
            for name in ("by-name", "by%2Dname", reply["sessionId"]):
                assert client.send("GET", f"{prefix}/{dialect}/{name}").json()["lang"] == "python:3.6"
    assert client.send("DELETE", f"/v4/kernel/{reply['sessionId']}").status_code == 200
    assert client.send("GET", "/kernel/by-name").status_code == 404


def test_the_same_token_gives_the_living_session(client: Client) -> None:
    """The same token and language reuse, another is refused, an ended one's token is free (SE-02, SE-03, SE-04)."""
    body = {"lang": "c", "clientSessionToken": "reuse-me"}
    first = client.send("POST", "/kernel", json=body).json()
    again = client.send("POST", "/v2/kernel/create", json=body)
    assert again.status_code == 200
    assert again.json() == {**first, "created": False}
    assert client.send("POST", "/kernel", json={**body, "lang": "python"}).status_code == 409
    client.upload("/kernel/reuse-me", ("left", b"x"))
    assert client.send("DELETE", "/kernel/reuse-me").json()["stats"] is not None
    fresh = client.send("POST", "/kernel", json={**body, "lang": "python"})
    assert fresh.status_code == 201
    assert client.names("/kernel/reuse-me") == set()
    client.send("DELETE", "/kernel/reuse-me")


def test_concurrent_creates_with_one_token_make_one_session(client: Client, mock: Mock) -> None:
    """Of many creates at once exactly one makes the session, and all get its id."""

    def create(_: int) -> tuple[int, str]:
        with Client(mock) as own:
            response = own.send("POST", "/kernel", json={"lang": "c", "clientSessionToken": "race-for-it"})
            return response.status_code, response.json()["sessionId"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(16)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [201]
    assert len({session_id for _, session_id in answers}) == 1
    client.send("DELETE", "/kernel/race-for-it")


def test_concurrent_deletes_end_a_session_once(client: Client, mock: Mock) -> None:
    """Of many deletes at once exactly one ends the session; the others get a 404."""
    path = client.create()

    def delete(_: int) -> int:
        with Client(mock) as own:
            return own.send("DELETE", path).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(delete, range(8))) == [200] + [404] * 7


def test_deleting_a_session_ends_what_runs_in_it(client: Client, mock: Mock) -> None:
    """A call that waits for a run is answered when the session ends, and the workspace is gone (UP-12)."""
    path = client.create()
    home = mock.sessions.find(path.rpartition("/")[2]).workspace.home
    result = client.execute(path, {"mode": "batch", "runId": None, "options": {"exec": "sleep 60"}})
    answers: list[int] = []

    def poll() -> None:
        with Client(mock) as own:
            status = 200
            while status == 200:
                status = own.send("POST", path, json={"mode": "continue", "runId": result["runId"]}).status_code
            answers.append(status)

    poller = threading.Thread(target=poll)
    poller.start()
    assert client.send("DELETE", path).status_code == 200
    poller.join(20)
    assert answers == [404]
    assert not home.parent.exists()


def test_a_description_has_the_documented_numbers(client: Client, session: str) -> None:
    """Age grows, execute calls are counted, CPU time is accounted for (SE-05)."""
    before = client.send("GET", session).json()
    client.run(session, "for ((i=0; i<200000; i++)); do :; done")
    after = client.send("GET", session).json()
    assert before["lang"] == "c"
    assert before["memoryLimit"] == 2048 * 1024
    assert after["age"] > before["age"]
    assert after["numQueriesExecuted"] > before["numQueriesExecuted"] == 0
    assert after["cpuCreditUsed"] > 0


def test_a_restart_keeps_files_age_and_environment(client: Client) -> None:
    """Restarting answers 204 with a length and a type, ends the runs, and keeps the rest (SE-07)."""
    path = client.create(config={"environ": {"KEPT": "yes", "DROPPED": None}})
    client.upload(path, ("file", b"x"))
    result = client.execute(path, {"mode": "batch", "runId": None, "options": {"exec": "sleep 60"}})
    answer = client.send("PATCH", path)
    assert answer.status_code == 204
    assert answer.headers["Content-Length"] == "0"
    ended = client.execute(path, {"mode": "continue", "runId": result["runId"]})
    assert (ended["status"], ended["exitCode"]) == ("finished", 137)
    assert client.run(path, "echo $KEPT ${DROPPED-unset}; cat file")["console"] == "yes unset\nx"
    client.send("DELETE", path)


@pytest.mark.parametrize(
    "config",
    [
        {"instanceMemory": 10**9},
        {"instanceCores": 10**6},
        {"instanceGPUs": 1},
        {"clusterSize": 1000},
        {"resources": {"cpu": 10**6}},
        {"resources": {"cpu": "100000"}},
        {"resources": {"mem": "900t"}},
        {"resources": {"mem": 10**18}},
        {"resources": {"mem": "2049 MiB"}},
        {"resources": {"cuda.device": 8}},
        {"resources": {"cuda.shares": "0.5"}},
        {"instanceMemory": 10**300},
    ],
)
def test_amounts_above_the_capacity_are_not_acceptable(client: Client, config: dict[str, object]) -> None:
    """Asking for more than the server gives is a 406 (SE-08)."""
    assert client.send("POST", "/kernel", json={"lang": "c", "config": config}).status_code == 406


@pytest.mark.parametrize(
    ("config", "memory_mib"),
    [
        ({"instanceMemory": 2048, "instanceCores": 4, "instanceGPUs": 0, "clusterSize": 1}, 2048),
        ({"resources": {"mem": "1g", "cpu": "4"}}, 1024),
        ({"resources": {"mem": "1.5G", "cuda.device": 0}}, 1536),
        ({"resources": {"mem": "512 MiB"}}, 512),
        ({"resources": {"mem": 256 * 1024 * 1024}}, 256),
    ],
)
def test_amounts_within_the_capacity_are_given(client: Client, config: dict[str, object], memory_mib: int) -> None:
    """All that the server gives can be had, in every unit that clients write (SE-08)."""
    path = client.create(config=config)
    assert client.send("GET", path).json()["memoryLimit"] == memory_mib * 1024
    client.send("DELETE", path)


@pytest.mark.parametrize("amount", ["much", "", "-1", "1 apple", "nan", [], {}])
def test_an_amount_that_is_none_is_refused(client: Client, amount: object) -> None:
    """What cannot be read as an amount is a 400, and says how to write one."""
    for name in ("mem", "cuda.device"):
        answer = client.send("POST", "/kernel", json={"lang": "c", "config": {"resources": {name: amount}}})
        assert answer.status_code == 400, answer.text


def test_what_real_clients_send_is_accepted(client: Client) -> None:
    """Unknown keys, nulls and every generation's names are taken (CO-13)."""
    answer = client.send(
        "POST",
        "/session",
        json={
            "name": "all-keys",
            "image": "cr.backend.ai/stable/python:3.11-ubuntu20.04",
            "tag": None,
            "domain": "default",
            "group": "default",
            "type": "interactive",
            "enqueueOnly": False,
            "maxWaitSeconds": 0,
            "reuseIfExists": True,
            "startupCommand": None,
            "owner_access_key": None,
            "config": {
                "mounts": [],
                "environ": None,
                "clusterSize": 1,
                "scaling_group": None,
                "resources": {"cpu": 1, "mem": "512m"},
                "resource_opts": {},
            },
        },
    )
    assert answer.status_code == 201
    assert client.send("GET", "/session/all-keys").json()["memoryLimit"] == 512 * 1024
    assert client.send("DELETE", "/session/all-keys?forced=true").status_code == 200


def test_versions(client: Client) -> None:
    """The full version is told at the root and for each served major revision; others are a 404 (CO-08, CO-09)."""
    assert client.send("GET", "/").json()["version"] == client.contract.version
    assert client.send("GET", "/v4").json()["version"] == client.contract.version
    assert client.send("GET", "/v2").json()["version"].startswith("v2.")
    assert client.send("GET", "/v99").status_code == 404
    assert client.send("POST", "/v99/kernel", json={"lang": "c"}).status_code == 404


def test_a_client_restricted_to_post_can_name_its_method(client: Client) -> None:
    """`X-Method-Override` on a POST is the method that counts (CO-07)."""
    path = client.create()
    assert client.send("POST", path, headers={"X-Method-Override": "PATCH"}).status_code == 204
    assert client.send("POST", path, headers={"X-Method-Override": "DELETE"}).status_code == 200
    assert client.send("GET", path).status_code == 404


def test_nothing_of_a_session_can_be_seen_from_another(client: Client, mock: Mock) -> None:
    """A command sees neither other sessions' files nor the server's staging place."""
    mine, other = client.create(), client.create()
    secret = f"secret-{uuid.uuid4()}"
    client.upload(other, (secret, b"x"))
    root = mock.sessions.find(mine.rpartition("/")[2]).workspace.home.parent.parent
    if mock.sandbox == "plain":
        pytest.skip("the plain sandbox shows the host's file system")
    look = f"ls {root} {root}/*/home {root}/*/staging 2>/dev/null; find /home /tmp -name {secret} 2>/dev/null; true"
    assert client.run(mine, look)["console"] == ""
    for path in (mine, other):
        client.send("DELETE", path)
