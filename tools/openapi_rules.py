"""Rules for spec/openapi.yaml: the validator's own, and what it overlooks."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tools.findings import OPENAPI, Contract, Finding, Node, Steps, dead_references, pointer, resolved, walk

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_OPERATION_KEYS: Final = ("operationId", "summary", "description", "tags", "x-requirements", "responses")
_LIMIT_NAME: Final = re.compile(r"[a-z]+([A-Z][a-z]+)*(Bytes|Chars|Seconds)")
_BODY_EXPRESSION: Final = re.compile(r"\$response\.body#/([^/]+)")
_BASE: Final = "urn:contract"


def valid_openapi(contract: Contract) -> Iterator[Finding]:
    """Hold the document to OpenAPI 3.1."""
    right = "OpenAPI 3.1 wants it otherwise"
    try:
        for error in OpenAPIV31SpecValidator(contract.openapi).iter_errors():
            yield _finding(tuple(error.absolute_path), error.message.partition("\n")[0], right)
    except Exception as error:  # noqa: BLE001  - the validator breaks down in many ways on what is far from OpenAPI
        yield _finding((), f"the validator broke down: {error!r}", right)


def references(contract: Contract) -> Iterator[Finding]:
    """Refuse a `$ref` that leads nowhere, also inside extensions."""
    for steps, reference in dead_references(contract.openapi):
        yield _finding(steps, f"{reference} leads nowhere", "name a place that is there")


def valid_schemas(contract: Contract) -> Iterator[Finding]:
    """Hold every schema to JSON Schema 2020-12, where the validator looks at some only."""
    named = contract.openapi.get("components", {}).get("schemas", {})
    schemas: list[tuple[Steps, Node]] = [(("components", "schemas", name), schema) for name, schema in named.items()]
    schemas += [((*steps, "schema"), node["schema"]) for steps, node in _exemplified(contract)]
    for steps, schema in schemas:
        for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
            yield _finding((*steps, *error.absolute_path), error.message, "JSON Schema 2020-12 wants it otherwise")


def operations(contract: Contract) -> Iterator[Finding]:
    """Ask operations for everything that their readers need, under names of their own."""
    declared = {tag["name"] for tag in contract.openapi.get("tags", [])}
    names = Counter(operation.get("operationId") for _, operation in _operations(contract))
    for steps, operation in _operations(contract):
        for key in _OPERATION_KEYS:
            if not operation.get(key):
                yield _finding(steps, f"{key} is missing or empty", f"every operation has a {key}")
        if names[operation.get("operationId")] > 1:
            yield _finding(
                (*steps, "operationId"), f"{operation['operationId']} is taken", "an operationId names one operation"
            )
        for tag in set(operation.get("tags", [])) - declared:
            yield _finding((*steps, "tags"), f"{tag} is not declared", f"use one of {_listed(declared)}, or declare it")


def links(contract: Contract) -> Iterator[Finding]:
    """Hold links to operations that are there and to parameters that those have."""
    known = {operation.get("operationId"): steps for steps, operation in _operations(contract)}
    for steps, link in _links(contract):
        target = link.get("operationId")
        if target not in known:
            yield _finding((*steps, "operationId"), f"there is no operation {target}", f"use one of {_listed(known)}")
            continue
        parameters = _parameter_names(contract, known[target])
        for name in link.get("parameters", {}):
            if name.removeprefix("path.").removeprefix("query.") not in parameters:
                yield _finding(
                    (*steps, "parameters", name), f"{target} has no such parameter", f"it has {_listed(parameters)}"
                )


def link_expressions(contract: Contract) -> Iterator[Finding]:
    """Hold the values of links to members that the response's schema has."""
    for steps, node in walk(contract.openapi):
        if not isinstance(node.get("links"), dict) or "description" not in node:
            continue
        for name, reference in node["links"].items():
            members = {member for schema in _json_schemas(node) for member in _members(contract, schema)}
            for value in (resolved(contract.openapi, reference) or {}).get("parameters", {}).values():
                found = _BODY_EXPRESSION.fullmatch(str(value))
                if found is None or found[1] not in members:
                    yield _finding(
                        (*steps, "links", name),
                        f"{value} is no member of the response",
                        f"write $response.body#/ and one of {_listed(members)}",
                    )


def examples(contract: Contract) -> Iterator[Finding]:
    """Ask every body, parameter and header for an example, and hold examples to their schemas."""
    for steps, node in _exemplified(contract):
        found = list(_examples(steps, node))
        if not found:
            yield _finding(steps, "has no example", "add `example`, or `examples` with a summary each")
        for place, value in found:
            flaw = best_match(_validator(contract, (*steps, "schema")).iter_errors(value))
            if flaw is not None:
                yield _finding(
                    place, f"is not valid by its schema at {flaw.json_path}: {flaw.message}", "correct one of the two"
                )


def cited_requirements(contract: Contract) -> Iterator[Finding]:
    """Hold `x-requirements` to ids of the catalogue, each once in its list."""
    known = contract.requirement_ids()
    for steps, node in walk(contract.openapi):
        cited = node.get("x-requirements", [])
        if not isinstance(cited, list):
            yield _finding((*steps, "x-requirements"), f"{cited!r} is no list", "list ids")
            continue
        for cited_id, times in Counter(map(str, cited)).items():
            if cited_id not in known:
                yield _finding(
                    (*steps, "x-requirements"), f"{cited_id} is not in requirements.toml", "cite one that is, or add it"
                )
            if times > 1:
                yield _finding((*steps, "x-requirements"), f"{cited_id} stands {times} times", "cite it once")


def limits(contract: Contract) -> Iterator[Finding]:
    """Hold `x-limits` to names that end in their unit, and to positive integers."""
    for name, value in (contract.openapi.get("x-limits") or {}).items():
        if not _LIMIT_NAME.fullmatch(name):
            yield _finding(
                ("x-limits", name), "does not end in its unit", "end it in Bytes, Chars or Seconds, in camelCase"
            )
        if type(value) is not int or value < 1:
            yield _finding(("x-limits", name), f"{value!r} is no positive integer", "write the number alone")


def dialects(contract: Contract) -> Iterator[Finding]:
    """Hold `x-dialects` to the resource that the paths use, and to prefixes like `/v4`."""
    found = contract.openapi.get("x-dialects") or {}
    resources = found.get("resources") or [""]
    if not any(path.split("/")[1] == resources[0] for path in contract.openapi.get("paths", {})):
        yield _finding(
            ("x-dialects", "resources"), f"no path begins with /{resources[0]}", "put the name that the paths use first"
        )
    for prefix in found.get("versionPrefixes", []):
        if not re.fullmatch(r"/v[1-9][0-9]*", str(prefix)):
            yield _finding(("x-dialects", "versionPrefixes"), f"{prefix!r} is no version prefix", "write it like /v4")


STRUCTURE: Final = (valid_openapi, valid_schemas, references)
RULES: Final = (
    operations,
    links,
    link_expressions,
    examples,
    cited_requirements,
    limits,
    dialects,
)


def _finding(steps: Steps, wrong: str, right: str) -> Finding:
    return Finding(OPENAPI, steps, wrong, right)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"


def _operations(contract: Contract) -> Iterator[tuple[Steps, Node]]:
    for path, item in contract.openapi.get("paths", {}).items():
        for method in _METHODS & item.keys():
            yield ("paths", path, method), item[method]


def _links(contract: Contract) -> Iterator[tuple[Steps, Node]]:
    """Name the links themselves, where they are written."""
    for steps, node in walk(contract.openapi):
        if isinstance(node.get("links"), dict):
            for name, link in node["links"].items():
                if "$ref" not in link:
                    yield (*steps, "links", name), link


def _parameter_names(contract: Contract, operation: Steps) -> frozenset[str]:
    item = contract.openapi["paths"][operation[1]]
    parameters = [*item.get("parameters", []), *item[operation[2]].get("parameters", [])]
    return frozenset(str((resolved(contract.openapi, parameter) or {}).get("name")) for parameter in parameters)


def _json_schemas(response: Node) -> Iterator[Node]:
    for media_type, content in response.get("content", {}).items():
        if media_type.endswith("json"):
            yield content.get("schema", {})


def _members(contract: Contract, schema: Node) -> Iterator[str]:
    found = resolved(contract.openapi, schema) or {}
    yield from found.get("properties", {})
    for part in found.get("allOf", []):
        yield from _members(contract, part)


def _exemplified(contract: Contract) -> Iterator[tuple[Steps, Node]]:
    """Name the media types, parameters and headers: all that has a `schema`, outside of schemas and examples."""
    for steps, node in walk(contract.openapi):
        inside = {"schema", "schemas", "example", "examples"} & set(steps)
        if not inside and isinstance(node.get("schema"), dict):
            yield steps, node


def _examples(steps: Steps, node: Node) -> Iterator[tuple[Steps, Node]]:
    if "example" in node:
        yield (*steps, "example"), node["example"]
    for name, example in node.get("examples", {}).items():
        yield (*steps, "examples", name, "value"), example.get("value")


def _validator(contract: Contract, schema: Steps) -> Draft202012Validator:
    resource = Resource.from_contents(contract.openapi, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_BASE, resource)
    return Draft202012Validator({"$ref": _BASE + pointer(schema)}, registry=registry)
