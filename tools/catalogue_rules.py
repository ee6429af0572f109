"""Rules for spec/requirements.toml and spec/report.schema.json."""

import json
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from tools.findings import REPORT_SCHEMA, REQUIREMENTS, Contract, Finding, Node, Steps, dead_references


def well_formed(contract: Contract) -> Iterator[Finding]:
    """Hold the catalogue to tools/requirements.schema.json."""
    schema = json.loads(files("tools").joinpath("requirements.schema.json").read_text(encoding="utf-8"))
    for error in Draft202012Validator(schema).iter_errors(contract.requirements):
        right = (error.schema or {}).get("description", "see tools/requirements.schema.json for its shape")
        yield _finding(tuple(error.absolute_path), error.message, right)


def unique_ids(contract: Contract) -> Iterator[Finding]:
    """Refuse an id that is used twice."""
    ids = [requirement.get("id") for requirement in _requirements(contract)]
    for used, times in Counter(ids).items():
        if times > 1:
            yield _finding(("requirement", ids.index(used)), f"{used} is used {times} times", "give each its own id")


def known_names(contract: Contract) -> Iterator[Finding]:
    """Ask for families, sources and features to be declared, and for what is declared to be used."""
    used: dict[str, set[str]] = {"families": set(), "sources": set(), "features": set()}
    for index, requirement in enumerate(_requirements(contract)):
        named: dict[str, list[str]] = {
            "families": [str(requirement.get("id", ""))[:2]],
            "sources": [name for name in requirement.get("source", []) if name not in contract.requirement_ids()],
            "features": [requirement["feature"]] if "feature" in requirement else [],
        }
        for table, names in named.items():
            used[table].update(names)
            for name in names:
                if name not in contract.requirements.get(table, {}):
                    yield _finding(("requirement", index), f"{name} is not declared", f"declare it under [{table}]")
    for table, found in used.items():
        for name in contract.requirements.get(table, {}).keys() - found:
            yield _finding((table, name), "no requirement uses it", "use it or delete it")


def mock_readings(contract: Contract) -> Iterator[Finding]:
    """Hold the mock server to a legal reading of each question."""
    for index, requirement in enumerate(_requirements(contract)):
        for key, reading in requirement.get("readings", {}).items():
            values = reading.get("values", {})
            if reading.get("mock") not in values:
                yield _finding(
                    ("requirement", index, "readings", key, "mock"),
                    f"{requirement.get('id')}: {reading.get('mock')!r} is no reading of the question",
                    f"use one of {', '.join(values)}",
                )


def open_has_readings(contract: Contract) -> Iterator[Finding]:
    """Ask what the readings of an open requirement are."""
    for index, requirement in enumerate(_requirements(contract)):
        if requirement.get("level") == "open" and not requirement.get("readings"):
            yield _finding(
                ("requirement", index), f"{requirement.get('id')} is open, but asks no question", "add its readings"
            )


def valid_report_schema(contract: Contract) -> Iterator[Finding]:
    """Hold the report's schema to JSON Schema 2020-12, and its references to places that are there."""
    try:
        Draft202012Validator.check_schema(contract.report_schema)
    except SchemaError as error:
        steps = tuple(error.absolute_path)
        yield Finding(REPORT_SCHEMA, steps, error.message, "JSON Schema 2020-12 wants it otherwise")
    for steps, reference in dead_references(contract.report_schema):
        yield Finding(REPORT_SCHEMA, steps, f"{reference} leads nowhere", "name a place that is there")


STRUCTURE: Final = (well_formed, valid_report_schema)
RULES: Final = (unique_ids, known_names, mock_readings, open_has_readings)


def _finding(steps: Steps, wrong: str, right: str) -> Finding:
    return Finding(REQUIREMENTS, steps, wrong, right)


def _requirements(contract: Contract) -> list[Node]:
    return list(contract.requirements.get("requirement", []))
