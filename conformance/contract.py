"""The contract, `spec/openapi.yaml`, as the suite uses it: its limits, and the shapes that it promises."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import jsonschema_rs
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from conformance.exchange import show


@dataclass(frozen=True)
class Limits:
    """Every number that the documents promise, as the contract states it."""

    max_file_bytes: int  # UP-07, UP-08: inclusive
    max_files: int  # UP-09, UP-10: of one upload request
    max_downloads: int  # DL-01, DL-02: paths of one request
    max_stream_chars: int  # CN-03: of either stream, for each execute call
    min_token_chars: int  # SE-04
    max_token_chars: int  # SE-04
    max_mounts: int  # SE-10
    max_clock_skew_s: int  # AU-04


class Contract:
    """The parsed document; validators are compiled when they are first asked for."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    @cached_property
    def limits(self) -> Limits:
        """The numbers of the contract."""
        numbers, schemas = self.document["x-limits"], self.document["components"]["schemas"]
        token = schemas["SessionToken"]
        return Limits(
            max_file_bytes=numbers["maxFileBytes"],
            max_files=schemas["UploadedFiles"]["maxItems"],
            max_downloads=schemas["DownloadPaths"]["maxItems"],
            max_stream_chars=numbers["maxStreamChars"],
            min_token_chars=_within(token, "minLength"),
            max_token_chars=_within(token, "maxLength"),
            max_mounts=_within(schemas["Mounts"], "maxItems"),
            max_clock_skew_s=numbers["maxClockSkewSeconds"],
        )

    def problem(self, schema: str, value: object) -> str | None:
        """Return what is wrong with a JSON value against `components/schemas/<schema>`, or None where nothing is."""
        if self._validator(schema).is_valid(value):
            return None
        error = best_match(Draft202012Validator(self._pointing_at(schema)).iter_errors(value))
        if error is None:
            return f"not of the shape {schema}: {show(value)}"
        place = error.json_path.removeprefix("$") or "the whole"
        return f"{place}: {error.message[:300]}"

    def _validator(self, schema: str) -> jsonschema_rs.Draft202012Validator:
        if schema not in self._validators:
            self._validators[schema] = jsonschema_rs.Draft202012Validator(self._pointing_at(schema))
        return self._validators[schema]

    def _pointing_at(self, schema: str) -> dict[str, Any]:
        schemas = self.document["components"]["schemas"]
        if schema not in schemas:
            raise LookupError(f"spec/openapi.yaml has no schema {schema!r}; it has: {', '.join(sorted(schemas))}")
        return {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}


@cache
def load() -> Contract:
    """Return the contract that is installed with the suite."""
    text = files("spec").joinpath("openapi.yaml").read_text("utf-8")
    return Contract(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506  - a safe loader


def _within(schema: Any, keyword: str) -> Any:
    """Return the keyword's value wherever in the schema it stands (nullable types are alternatives)."""
    if isinstance(schema, dict):
        if keyword in schema:
            return schema[keyword]
        found = (_within(value, keyword) for value in schema.values())
        return next((one for one in found if one is not None), None)
    if isinstance(schema, list):
        return next((one for one in (_within(item, keyword) for item in schema) if one is not None), None)
    return None
