"""Which version the server speaks (CO-08)."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from flask import Response, abort

from mock_server.routes.dispatch import Call, Handler, json_answer

# The full version of each older revision that is served under its prefix.
_OLDER: Final[Mapping[int, str]] = {1: "v1.20160915", 2: "v2.20170315", 3: "v3.20170615"}


def version_handlers(api_version: str, contract_version: str) -> dict[str, Handler]:
    """Answer for a server that reports `api_version`, such as `v6.20210815`, and follows the contract's."""
    versions = {**_OLDER, **{_major(version_): version_ for version_ in (contract_version, api_version)}}
    manager = f"batchproof-mock/{version('batchproof')}"

    def get_version(_call: Call) -> Response:
        return json_answer({"version": api_version, "manager": manager})

    def get_major_version(call: Call) -> Response:
        major = call.parameters["major"]
        if major not in versions:
            abort(404, f"The major revision v{major} is not served; {', '.join(versions.values())} are.")
        return json_answer({"version": versions[major], "manager": manager})

    return {"getVersion": get_version, "getMajorVersion": get_major_version}


def _major(version_: str) -> int:
    return int(version_[1:].partition(".")[0])
