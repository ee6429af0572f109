"""What the API's first version (2016, under `/v1`) has otherwise: its client knows query mode alone, and no bodies."""

from collections.abc import Mapping
from typing import Any, Final

_PREFIX: Final = "/v1/"


def speaks_first_version(environ: Mapping[str, Any]) -> bool:
    """Whether the request came under the first version's prefix."""
    path: str = environ["PATH_INFO"]
    return path.startswith(_PREFIX)


def translated(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the execute call that `{"codeId": str, "code": str}` stands for (EX-28); any other body as it is.

    The same call again goes on with its run, as it does in every version (EX-29).
    """
    if "mode" in body or "codeId" not in body:
        return dict(body)
    rest = {key: value for key, value in body.items() if key != "codeId"}
    return {**rest, "mode": "query", "runId": body["codeId"]}
