"""Calls that schemathesis generates from spec/openapi.yaml, made ready for a target, and the clauses of its schemas.

Schemathesis only generates; the suite's own client sends (it signs, records and keeps budgets), and the suite's own
judge decides, since the documents leave more to a server than a generic check would.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import requests
from jsonschema import Draft202012Validator

from conformance import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy
    from schemathesis import Case
    from schemathesis.schemas import APIOperation

    from conformance.target import Target

SESSION_ID: Final = "bp-session"  # stands for a live session's id until a call is sent
_HARMLESS: Final = (None, "", "true", "exit 3", "echo out", "echo err >&2", "printf '\\303\\251'", "cat /dev/null")
_FUZZED: Final = ("createSession", "execute", "uploadFiles", "listFiles", "downloadFiles")
_NO_BODY: Final = object()


@dataclass(frozen=True)
class GeneratedCall:
    """One generated call, before it is addressed: `path` is below the session resource, as `/{id}/files`."""

    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    json: Any = _NO_BODY
    body: bytes = b""
    content_type: str | None = None

    @property
    def has_json(self) -> bool:
        """Whether its body is JSON; any value, also one that is no object."""
        return self.json is not _NO_BODY

    def arguments(self) -> dict[str, Any]:
        """Return it as `Client.call` takes it."""
        how: dict[str, Any] = {"operation": self.operation, "query": self.query}
        if self.has_json:
            return how | {"json": self.json}
        return how | ({"body": self.body, "content_type": self.content_type} if self.content_type else {})


def calls(operation: str, target: Target, *, right: bool) -> SearchStrategy[GeneratedCall]:
    """Return calls of an operation that its schemas allow, or such as they do not."""
    from schemathesis.generation import GenerationMode  # noqa: PLC0415  - half a second that other checks need not wait

    style = {"listFiles": target.list_style, "downloadFiles": target.download_style}.get(operation)
    known = _operations(style != "query" or not right)[operation]  # only JSON can be of a wrong type
    mode = GenerationMode.POSITIVE if right else GenerationMode.NEGATIVE
    fixed = {"id": SESSION_ID} if "{id}" in known.path else None
    return known.as_strategy(generation_mode=mode, path_parameters=fixed).map(_generated)


@dataclass(frozen=True)
class Missed:
    """One way in which a JSON value misses a schema: where, by which keyword, and the clause that promises it."""

    place: str  # as `.options.exec`; empty for the whole
    keyword: str
    message: str
    clause: str  # the first of the nearest `x-requirements` above the keyword


def missed(schema: str, value: object) -> list[Missed]:
    """Return everything that `components/schemas/<schema>` forbids in a JSON value."""
    schemas = contract.load().document["components"]["schemas"]
    whole = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}
    return [
        Missed(
            error.json_path.removeprefix("$"),
            str(error.validator),
            f"{error.json_path}: {error.message[:200]}",
            _clause(whole, list(error.absolute_schema_path)),
        )
        for error in Draft202012Validator(whole).iter_errors(value)
    ]


def _clause(whole: dict[str, Any], path: list[Any]) -> str:
    """Return the first of the nearest `x-requirements` on the way to a keyword; the way leaves out references."""
    here: Any = whole
    clause = ""
    for step in path:
        while isinstance(here, dict) and step not in here and "$ref" in here:
            here = _resolved(whole, here["$ref"])
            clause = (here.get("x-requirements") or [clause])[0]
        here = here[step]
        if isinstance(here, dict) and here.get("x-requirements"):
            clause = here["x-requirements"][0]
    return clause


def _resolved(whole: dict[str, Any], reference: str) -> Any:
    here: Any = whole
    for step in reference.removeprefix("#/").split("/"):
        here = here[step]
    return here


@cache
def _operations(in_body: bool) -> dict[str, APIOperation[Any, Any, Any, Any]]:  # noqa: FBT001  - a cache's key
    """Return the operations of the fuzzed document by operationId."""
    import schemathesis  # noqa: PLC0415  - as above
    from schemathesis.config import SchemathesisConfig  # noqa: PLC0415  - as above
    from schemathesis.core.result import Ok  # noqa: PLC0415  - as above

    config = SchemathesisConfig()  # not the one of whatever directory the suite was started in
    config.projects.default.generation.update(allow_x00=False)  # a NUL in a query string is cut off by some proxies
    schema = schemathesis.openapi.from_dict(_fuzzed(contract.load().document, in_body=in_body), config=config)
    operations = (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))
    return {one.definition.raw["operationId"]: one for one in operations}


def _fuzzed(document: dict[str, Any], *, in_body: bool) -> dict[str, Any]:
    """Return the contract as generation needs it.

    Commands are harmless ones, since a generated command would be run. Parameters of a GET travel as the target takes
    them, never twice (CO-06). Token and `lang` are put in when a call is sent.
    """
    fuzzed = copy.deepcopy(document)
    for step in fuzzed["components"]["schemas"]["BatchOptions"]["properties"].values():
        step["enum"] = list(_HARMLESS)
    fuzzed["components"]["schemas"]["SessionToken"].pop("pattern")  # its generation alone takes seconds to set up
    kept: dict[str, Any] = {}
    for path, item in fuzzed["paths"].items():
        for method, operation in list(item.items()):
            if method == "parameters":
                continue
            if operation["operationId"] in _FUZZED:
                _in_body(operation, wanted=in_body)
                kept.setdefault(path, {"parameters": item.get("parameters", [])})[method] = operation
    return {**fuzzed, "paths": kept}


def _in_body(operation: dict[str, Any], *, wanted: bool) -> None:
    schema = operation.pop("x-body-parameters", None)
    if wanted and schema:
        operation.pop("parameters", None)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}


def _generated(case: Case[Any]) -> GeneratedCall:
    """Take out of a case what is sent: path, query and body, none of schemathesis's headers."""
    sent = case.as_transport_kwargs("http://target.invalid")
    operation = case.operation.definition.raw["operationId"]
    path = case.operation.path.removeprefix("/kernel")
    query = tuple(_pairs(case.query or {}))
    if case.media_type == "application/json" and "json" in sent:
        return GeneratedCall(operation, case.method.upper(), path, query, json=_finite(sent["json"]))
    body = {key: sent[key] for key in ("data", "files", "json") if sent.get(key)}
    prepared = requests.Request("POST", "http://target.invalid", **body).prepare()
    content = prepared.body or b""
    content = content.encode() if isinstance(content, str) else bytes(content)
    content_type = sent["headers"].get("Content-Type") or prepared.headers.get("Content-Type")
    return GeneratedCall(operation, case.method.upper(), path, query, body=content, content_type=content_type)


def _pairs(query: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for one in value if isinstance(value, list) else [value]:
            yield str(name), one if isinstance(one, str) else json.dumps(one)


def _finite(value: Any) -> Any:
    """Return the JSON value as a server will read it (tuples, odd keys and the like are JSON's own)."""
    return json.loads(json.dumps(value))
