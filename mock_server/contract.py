"""The contract as the server uses it: `spec/openapi.yaml`, its operations bound to URLs, its schemas compiled.

Nothing of the protocol's shape stands elsewhere in the server: paths, dialects, parameters, bodies and limits come
from here, and a test wrapper validates every response with `Contract.check_response`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import yaml

from mock_server.domain.errors import InvalidParameter
from mock_server.domain.limits import Limits

_PREFIX: Final = "version_prefix"  # variables of the rules that make no difference to the operation
_NAME: Final = "resource_name"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MESSAGE_CHARS: Final = 200
_JSON: Final = ("application/json", "application/problem+json")

Document = dict[str, Any]


class ContractError(Exception):
    """The contract and the server do not fit: which operations, and what is missing."""


@dataclass(frozen=True)
class Operation:
    """One operation: where it is served, what it reads, what it may answer."""

    operation_id: str
    method: str
    path: str  # as the contract writes it, /kernel/{id}
    urls: tuple[str, ...]  # the same in every dialect and under every prefix, in the router's notation
    rules: tuple[str, ...]  # what matches just these URLs: few, for the router takes 1 ms to learn one
    path_names: frozenset[str]  # of the rules' variables, those that the path of the contract has too
    reads_json: bool
    reads_form: bool
    query_lists: Mapping[str, bool]  # the query parameters, and whether each is a list
    check: Callable[[object], None] | None  # of the parameters as one JSON object; raises InvalidParameter
    responses: Document
    public: bool  # whether it asks for no signature, whatever the server asks for otherwise (CO-08)

    @property
    def needs_session(self) -> bool:
        """Whether the path names a session."""
        return "{id}" in self.path

    @property
    def upgrades(self) -> bool:
        """Whether a WebSocket is served here."""
        return "101" in self.responses


class Contract:
    """The parsed contract. `Contract.load()` reads the one that is installed."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._checks: dict[str, Callable[[object], None]] = {}
        self.version: str = document["info"]["version"]
        self.operations = {
            operation["operationId"]: self._operation(path, method, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method in _METHODS
        }

    @classmethod
    def load(cls) -> "Contract":
        """Read `spec/openapi.yaml`."""
        text = (resources.files("spec") / "openapi.yaml").read_bytes()
        # The pure Python loader takes a second for this file; wheels of PyYAML carry the C one.
        return cls(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506  - both are safe

    @cached_property
    def limits(self) -> Limits:
        """The numbers of the contract."""
        schemas, extra = self._document["components"]["schemas"], self._document["x-limits"]
        return Limits(
            max_file_bytes=extra["maxFileBytes"],
            max_upload_files=schemas["UploadedFiles"]["maxItems"],
            max_download_paths=schemas["DownloadPaths"]["maxItems"],
            max_stream_chars=extra["maxStreamChars"],
            max_clock_skew_s=extra["maxClockSkewSeconds"],
            rate_window_s=extra["rateLimitWindowSeconds"],
        )

    def bind(self, handlers: Mapping[str, object]) -> None:
        """Raise ContractError unless every operation has a handler and every handler an operation."""
        missing, surplus = self.operations.keys() - handlers.keys(), handlers.keys() - self.operations.keys()
        if missing or surplus:
            raise ContractError(
                f"spec/openapi.yaml and the handlers differ: without a handler {sorted(missing)}, "
                f"without an operation {sorted(surplus)}"
            )

    def check_response(self, operation_id: str, status: int, content_type: str, body: bytes) -> None:
        """Raise AssertionError when an answer is not one that the contract allows the operation."""
        responses = self.operations[operation_id].responses
        response = responses.get(str(status), responses.get(f"{status // 100}XX"))
        assert response is not None, f"{operation_id}: the contract names no status {status}"  # noqa: S101  - its purpose
        content = self._resolved(response).get("content")
        media_type = content_type.partition(";")[0]
        if not content:
            assert not body, f"{operation_id}: {status} has no body, got {body[:80]!r}"  # noqa: S101  - its purpose
            return
        known = any(fnmatchcase(media_type, key) for key in content)
        assert known, f"{operation_id}: {status} is not sent as {media_type}"  # noqa: S101  - its purpose
        if media_type in _JSON:
            try:
                self._check_of(content[media_type]["schema"])(json.loads(body))
            except InvalidParameter as error:
                raise AssertionError(f"{operation_id}: {status}: {error.detail}") from error

    def _operation(self, path: str, method: str, operation: Document) -> Operation:
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        query = self._query_schemas(operation)
        schema = content.get("application/json", {}).get("schema") or operation.get("x-body-parameters")
        if query and schema is None:
            schema = {"type": "object", "required": [*query], "properties": query}
        return Operation(
            operation_id=operation["operationId"],
            method=method.upper(),
            path=path,
            urls=tuple(self._urls(path)),
            rules=tuple(self._rules(path)),
            path_names=frozenset(re.findall(r"\{(\w+)\}", path)),
            reads_json=schema is not None,
            reads_form="multipart/form-data" in content,
            query_lists={name: self._resolved(each).get("type") == "array" for name, each in query.items()},
            check=self._check_of(schema) if schema else None,
            responses=operation["responses"],
            public=operation.get("security") == [],
        )

    def _query_schemas(self, operation: Document) -> dict[str, Document]:
        declared = (self._resolved(each) for each in operation.get("parameters", ()))
        schemas = {each["name"]: each["schema"] for each in declared if each["in"] == "query"}
        if "x-query-parameters" in operation:
            schemas |= self._resolved(operation["x-query-parameters"])["properties"]
        return schemas

    def _urls(self, path: str) -> list[str]:
        dialects = self._document["x-dialects"]
        return self._spread(path, dialects["versionPrefixes"], dialects["resources"])

    def _rules(self, path: str) -> list[str]:
        dialects = self._document["x-dialects"]
        prefixes = ",".join(prefix.removeprefix("/") for prefix in dialects["versionPrefixes"])
        names = ",".join(dialects["resources"])
        return self._spread(path, [f"/<any({prefixes}):{_PREFIX}>"], [f"<any({names}):{_NAME}>"])

    def _spread(self, path: str, prefixes: Sequence[str], names: Sequence[str]) -> list[str]:
        """Write a path with and without each prefix, and with each name of the session resource."""
        routed = re.sub(r"\{(\w+)\}", r"<\1>", path.replace("{major}", "<int:major>"))
        if routed == "/" or "<int:major>" in routed:
            return [routed]
        head, found, tail = routed.partition(self._document["x-dialects"]["resources"][0])
        return [f"{prefix}{head}{name}{tail}" for prefix in ("", *prefixes) for name in (names if found else [""])]

    def _resolved(self, node: Document) -> Document:
        while "$ref" in node:
            reference, node = node["$ref"], self._document
            for key in reference.removeprefix("#/").split("/"):
                node = node[key]
        return node

    def _check_of(self, schema: Document) -> Callable[[object], None]:
        """Compile a schema once; the check raises InvalidParameter that names the place."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._checks:
            components = {"schemas": self._document["components"]["schemas"]}
            validator = jsonschema_rs.Draft202012Validator(
                {"$schema": _DIALECT, "components": components, **schema}, ignore_unknown_formats=True
            )
            self._checks[key] = lambda value: _check(validator, value)
        return self._checks[key]


def _check(validator: jsonschema_rs.Draft202012Validator, value: object) -> None:
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except ValueError as fault:  # deeper, or larger, than the validator reads
        raise InvalidParameter("the body", "it is nested too deeply or holds too large a number") from fault
    if error is not None:
        name = ".".join(str(part) for part in error.instance_path)
        raise InvalidParameter(name or "the body", _why(error))


def _why(error: jsonschema_rs.ValidationError) -> str:
    """Say in words what a schema would accept, without repeating a long value."""
    message = str(error.message)
    alternatives = getattr(error.kind, "context", None)
    if alternatives is not None:
        causes = [str(branch[0].message) for branch in alternatives if branch]
        message = "; or: ".join(dict.fromkeys(causes)) or message
    return message if len(message) <= _MESSAGE_CHARS else message[:_MESSAGE_CHARS] + "..."
