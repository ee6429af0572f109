"""What the HTTP tests share: a client that checks every answer against the contract, and a reader of downloads."""

import io
import json
import re
import secrets
import socket
import tarfile
from collections.abc import Iterator
from typing import Any, Self

import requests
from requests_toolbelt.multipart.decoder import MultipartDecoder

from mock_server.app import Mock
from mock_server.contract import Contract


class Client:
    """Sends requests to a mock server; every answer has to be one that the contract allows."""

    def __init__(self, mock: Mock) -> None:
        self.url = mock.url
        self.contract = mock.contract
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request and check its answer."""
        response = self._session.request(method, self.url + path, timeout=30, allow_redirects=False, **options)
        check(self.contract, options.get("headers", {}).get("X-Method-Override", method), path, response)
        return response

    def create(self, lang: str = "c", **more: Any) -> str:
        """Create a session of a name of its own; give its path."""
        name = f"test-{secrets.token_hex(6)}"
        response = self.send("POST", "/kernel", json={"lang": lang, "clientSessionToken": name, **more})
        assert response.status_code == 201, response.text
        return f"/kernel/{name}"

    def upload(self, path: str, *files: tuple[str, bytes]) -> requests.Response:
        """Upload files by the names given, as they are."""
        body, content_type = form(*files)
        return self.send("POST", f"{path}/upload", data=body, headers={"Content-Type": content_type})

    def run(self, path: str, command: str) -> dict[str, Any]:
        """Run a command to its end; give the last result, its console the whole output as text."""
        options = {"exec": command}
        result = self.execute(path, {"mode": "batch", "runId": None, "options": options})
        output = ""
        while True:
            output += "".join(text for _, text in result["console"])
            if result["status"] in {"finished", "exec-timeout"}:
                return {**result, "console": output}
            result = self.execute(path, {"mode": "continue", "runId": result["runId"]})

    def execute(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make one execute call that has to succeed."""
        response = self.send("POST", path, json=body)
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()["result"]
        return result

    def names(self, path: str, folder: str = "/home/work") -> set[str]:
        """List a folder's names."""
        response = self.send("GET", f"{path}/files", params={"path": folder})
        assert response.status_code == 200, response.text
        return {entry["filename"] for entry in json.loads(response.json()["files"])}

    def read(self, path: str, name: str) -> bytes:
        """Download one file's content."""
        response = self.send("GET", f"{path}/download", params={"files": [name]})
        assert response.status_code == 200, response.text
        (archive,) = archives(response)
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert content is not None
        return content.read()


def form(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    """Write a multipart body as browsers do, names as raw UTF-8."""
    boundary = "test-boundary-7d1f"
    head = 'Content-Disposition: form-data; name="src"; filename="{}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    parts = (f"--{boundary}\r\n{head.format(name)}".encode() + content + b"\r\n" for name, content in files)
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def archives(response: requests.Response) -> list[tarfile.TarFile]:
    """Open every part of a download."""
    return [
        tarfile.open(fileobj=io.BytesIO(part.content), mode="r:")
        for part in MultipartDecoder.from_response(response).parts
    ]


def raw(mock_url: str, request: bytes, timeout_s: float = 20) -> bytes:
    """Send bytes as they are, on a connection of their own; give everything that comes back until the server closes."""
    host, _, port = mock_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout_s) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def check(contract: Contract, method: str, path: str, response: requests.Response) -> None:
    """Hold an answer against the contract; errors have to be problem documents, and every answer has a length."""
    content_type = response.headers["Content-Type"]
    if response.status_code >= 400:
        assert content_type == "application/problem+json", response.text
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["type"].startswith("urn:batchproof:problem:")
        assert problem["title"]
        assert problem["detail"] == problem["msg"]
    assert "Content-Length" in response.headers or response.headers.get("Transfer-Encoding") == "chunked"
    for operation_id in operations_of(contract, method, path):
        body = b"" if method == "HEAD" else response.content
        if body or response.status_code == 204:
            contract.check_response(operation_id, response.status_code, content_type, body)


def operations_of(contract: Contract, method: str, path: str) -> Iterator[str]:
    """Give the operation that serves a request, if one does."""
    for operation in contract.operations.values():
        for url in operation.urls:
            if operation.method == method and re.fullmatch(re.sub(r"<[^>]*>", "[^/]+", url), path.partition("?")[0]):
                yield operation.operation_id
                return
