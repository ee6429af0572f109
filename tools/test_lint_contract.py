"""Each rule of the contract lint finds the flaw that it is there for, in the real contract with that one flaw."""

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from tools import catalogue_rules, openapi_rules
from tools.findings import Contract, Finding, Node, UnreadableError, pointer, resolved
from tools.lint_contract import RULES, SPEC, STRUCTURE, lint, main

REAL: Final = Contract.read(SPEC)
Rule = Callable[[Contract], Iterator[Finding]]
Flaw = Callable[[Contract], object]


def _operation(contract: Contract, method: str = "post", path: str = "/kernel/{id}") -> Node:
    return contract.openapi["paths"][path][method]


def _components(contract: Contract, kind: str) -> Node:
    return contract.openapi["components"][kind]


def _requirement(contract: Contract, requirement_id: str = "SE-02") -> Node:
    return next(entry for entry in contract.requirements["requirement"] if entry["id"] == requirement_id)


def _set(node: Node, **members: object) -> None:
    node.update({name.replace("__", "-"): value for name, value in members.items()})


OPENAPI_FLAWS: Final[dict[str, tuple[Rule, Flaw, str]]] = {
    "not OpenAPI": (
        openapi_rules.valid_openapi,
        lambda c: c.openapi["info"].pop("title"),
        r"#/info: .*[\"']title[\"'] is a required property",
    ),
    "dead reference in an extension": (
        openapi_rules.references,
        lambda c: _set(
            _operation(c, "get", "/kernel/{id}/files"), x__body__parameters={"$ref": "#/components/nowhere"}
        ),
        r"#/paths/~1kernel~1\{id\}~1files/get/x-body-parameters/\$ref: #/components/nowhere leads nowhere",
    ),
    "operationId twice": (
        openapi_rules.operations,
        lambda c: _set(_operation(c, "patch"), operationId="getSession"),
        r"#/paths/~1kernel~1\{id\}/patch/operationId: getSession is taken; an operationId names one operation",
    ),
    "no operationId": (
        openapi_rules.operations,
        lambda c: _operation(c).pop("operationId"),
        r"post: operationId is missing or empty",
    ),
    "no summary": (
        openapi_rules.operations,
        lambda c: _operation(c).pop("summary"),
        r"post: summary is missing or empty",
    ),
    "empty description": (
        openapi_rules.operations,
        lambda c: _set(_operation(c), description=""),
        r"post: description is missing or empty",
    ),
    "no requirements": (
        openapi_rules.operations,
        lambda c: _operation(c).pop("x-requirements"),
        r"post: x-requirements is missing or empty",
    ),
    "undeclared tag": (
        openapi_rules.operations,
        lambda c: _set(_operation(c), tags=["runs"]),
        r"post/tags: runs is not declared",
    ),
    "link to no operation": (
        openapi_rules.links,
        lambda c: _set(_components(c, "links")["Execute"], operationId="executeAll"),
        r"#/components/links/Execute/operationId: there is no operation executeAll; use one of .*execute, ",
    ),
    "link to no parameter": (
        openapi_rules.links,
        lambda c: _set(_components(c, "links")["Execute"], parameters={"kernel": "$response.body#/kernelId"}),
        r"#/components/links/Execute/parameters/kernel: execute has no such parameter; it has id",
    ),
    "link from no member": (
        openapi_rules.link_expressions,
        lambda c: _set(_components(c, "links")["Execute"], parameters={"id": "$response.body#/kernel"}),
        r"#/components/responses/SessionCreated/links/Execute: .*kernel is no member of the response",
    ),
    "link not from the body": (
        openapi_rules.link_expressions,
        lambda c: _set(_components(c, "links")["Execute"], parameters={"id": "$request.path.id"}),
        r"#/components/responses/SessionReused/links/Execute: \$request\.path\.id is no member of the response",
    ),
    "response example": (
        openapi_rules.examples,
        lambda c: _set(
            _operation(c)["responses"]["200"]["content"]["application/json"]["examples"]["continued"]["value"][
                "result"
            ],
            exitCode=1,
        ),
        r"#/.*/responses/200/.*/examples/continued/value: is not valid by its schema at \$\.result\.exitCode",
    ),
    "request example": (
        openapi_rules.examples,
        lambda c: _set(
            _operation(c)["requestBody"]["content"]["application/json"]["examples"]["batch"]["value"], mode="bash"
        ),
        r"#/.*/requestBody/.*/examples/batch/value: is not valid by its schema at \$\.mode: 'bash' is not one of",
    ),
    "parameter example": (
        openapi_rules.examples,
        lambda c: _set(_components(c, "parameters")["SessionId"], example=7),
        r"#/components/parameters/SessionId/example: is not valid by its schema",
    ),
    "header example": (
        openapi_rules.examples,
        lambda c: _set(_components(c, "headers")["X-RateLimit-Limit"], example="many"),
        r"#/components/headers/X-RateLimit-Limit/example: is not valid by its schema",
    ),
    "no example": (
        openapi_rules.examples,
        lambda c: _components(c, "parameters")["SessionId"].pop("example"),
        r"#/components/parameters/SessionId: has no example; add `example`",
    ),
    "unknown requirement of an operation": (
        openapi_rules.cited_requirements,
        lambda c: _set(_operation(c), x__requirements=["EX-99"]),
        r"post/x-requirements: EX-99 is not in requirements\.toml",
    ),
    "unknown requirement of a schema": (
        openapi_rules.cited_requirements,
        lambda c: _set(_components(c, "schemas")["Status"], x__requirements=["EX-2"]),
        r"#/components/schemas/Status/x-requirements: EX-2 is not in requirements\.toml",
    ),
    "validator broken down": (
        openapi_rules.valid_openapi,
        lambda c: _set(_components(c, "responses")["ServerError"], content=[1]),
        r"#: the validator broke down: ",
    ),
    "schema keyword": (
        openapi_rules.valid_schemas,
        lambda c: _set(_components(c, "headers")["X-RateLimit-Window"]["schema"], minimum="1"),
        r"#/components/headers/X-RateLimit-Window/schema/minimum: '1' is not of type 'number'",
    ),
    "reference that is no text": (
        openapi_rules.references,
        lambda c: _set(_operation(c, "get", "/kernel/{id}/files"), x__body__parameters={"$ref": 7}),
        r"x-body-parameters/\$ref: 7 leads nowhere",
    ),
    "requirements that are no list": (
        openapi_rules.cited_requirements,
        lambda c: _set(_operation(c), x__requirements="EX-01"),
        r"post/x-requirements: 'EX-01' is no list",
    ),
    "requirement cited twice": (
        openapi_rules.cited_requirements,
        lambda c: _operation(c)["x-requirements"].append("EX-01"),
        r"post/x-requirements: EX-01 stands 2 times",
    ),
    "limit without a unit": (
        openapi_rules.limits,
        lambda c: _set(c.openapi["x-limits"], maxFile=1),
        r"#/x-limits/maxFile: .* its unit",
    ),
    "limit that is no number": (
        openapi_rules.limits,
        lambda c: _set(c.openapi["x-limits"], maxFileBytes="1 MiB"),
        r"#/x-limits/maxFileBytes: '1 MiB' is no positive integer",
    ),
    "resource of no path": (
        openapi_rules.dialects,
        lambda c: c.openapi["x-dialects"]["resources"].reverse(),
        r"#/x-dialects/resources: no path begins with /session",
    ),
    "version prefix": (
        openapi_rules.dialects,
        lambda c: c.openapi["x-dialects"]["versionPrefixes"].append("v5"),
        r"#/x-dialects/versionPrefixes: 'v5' is no version prefix; write it like /v4",
    ),
}

CATALOGUE_FLAWS: Final[dict[str, tuple[Rule, Flaw, str]]] = {
    "id pattern": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c), id="SE-2"),
        r"requirement/\d+/id: 'SE-2' .*like UP-03",
    ),
    "id twice": (
        catalogue_rules.unique_ids,
        lambda c: _set(_requirement(c), id="SE-01"),
        r"requirement/\d+: SE-01 is used 2 times",
    ),
    "unknown level": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c), level="shall"),
        r"level: 'shall' .*must, should, may, open",
    ),
    "no text": (
        catalogue_rules.well_formed,
        lambda c: _requirement(c).pop("text"),
        r"requirement/\d+: 'text' is a required property",
    ),
    "no full stop": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c), text="A thing"),
        r"text: 'A thing' .*one sentence",
    ),
    "two sentences": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c), text="One thing. Another."),
        r"text: .*one sentence",
    ),
    "misspelt key": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c), exclude="no"),
        r"'exclude' was unexpected",
    ),
    "no source": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c), source=[]),
        r"source: .*name at least one source",
    ),
    "undeclared source": (
        catalogue_rules.known_names,
        lambda c: _set(_requirement(c), source=["memory"]),
        r"memory is not declared.*\[sources\]",
    ),
    "undeclared feature": (
        catalogue_rules.known_names,
        lambda c: _set(_requirement(c), feature="gpu"),
        r"gpu is not declared.*\[features\]",
    ),
    "undeclared family": (
        catalogue_rules.known_names,
        lambda c: c.requirements["families"].pop("SE"),
        r"SE is not declared.*\[families\]",
    ),
    "unused feature": (
        catalogue_rules.known_names,
        lambda c: _set(c.requirements["features"], gpu="Has one."),
        r"#/features/gpu: no requirement uses it; use it or delete it",
    ),
    "question without readings": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c)["readings"]["reuse-status"], values={}),
        r"readings/reuse-status/values: .*at least one reading",
    ),
    "question without a mark": (
        catalogue_rules.well_formed,
        lambda c: _set(_requirement(c)["readings"]["reuse-status"], question="Status"),
        r"readings/reuse-status/question: .*ends in a question mark",
    ),
    "reading of the mock": (
        catalogue_rules.mock_readings,
        lambda c: _set(_requirement(c)["readings"]["reuse-status"], mock="202"),
        r"readings/reuse-status/mock: SE-02: '202' is no reading of the question; use one of 200, 201",
    ),
    "open without a question": (
        catalogue_rules.open_has_readings,
        lambda c: _requirement(c, "DL-07").pop("readings"),
        r"DL-07 is open, but asks no question",
    ),
    "report schema keyword": (
        catalogue_rules.valid_report_schema,
        lambda c: _set(c.report_schema["$defs"]["run"], type="record"),
        r"report\.schema\.json: #/\$defs/run/type: 'record' is not valid",
    ),
    "report schema reference": (
        catalogue_rules.valid_report_schema,
        lambda c: _set(c.report_schema["properties"]["run"], **{"$ref": "#/$defs/runs"}),
        r"report\.schema\.json: #/properties/run/\$ref: #/\$defs/runs leads nowhere",
    ),
}

FLAWS: Final = OPENAPI_FLAWS | CATALOGUE_FLAWS


def test_the_contract_has_no_flaw() -> None:
    """The project's own contract passes every rule."""
    assert [str(finding) for finding in lint(REAL)] == []


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_is_found(name: str) -> None:
    """A contract with one flaw gets a finding that names the place, what is wrong and what would be right."""
    rule, spoil, expected = FLAWS[name]
    contract = copy.deepcopy(REAL)

    spoil(contract)

    findings = [str(finding) for finding in rule(contract)]
    assert any(re.search(expected, finding) for finding in findings), findings


def test_every_rule_is_shown_to_find_something() -> None:
    """No rule is without a flaw that it finds."""
    assert {rule for rule, _, _ in FLAWS.values()} == {*STRUCTURE, *RULES}


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """A second key of one name in the YAML is an error with its line, where PyYAML would take the last."""
    (tmp_path / "openapi.yaml").write_text("paths: {}\ninfo: {}\npaths: {}\n")
    with pytest.raises(UnreadableError, match=r"key 'paths' stands twice.*\n.*line 3"):
        Contract.read(tmp_path)


@pytest.mark.parametrize("text", ["[", "- a list\n"])
def test_a_file_that_cannot_be_read_exits_with_2(tmp_path: Path, text: str) -> None:
    """A broken file is named on stderr without a traceback, and the exit code is 2."""
    (tmp_path / "openapi.yaml").write_text(text)
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(str(tmp_path / "openapi.yaml"))


def test_a_finding_exits_with_1(tmp_path: Path) -> None:
    """A folder with a flaw prints one line for it and exits with 1."""
    for file in SPEC.iterdir():
        text = file.read_text(encoding="utf-8")
        (tmp_path / file.name).write_text(text.replace("maxFileBytes: 1048576", "maxFileBytes: 0"), encoding="utf-8")
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout.startswith("spec/openapi.yaml: #/x-limits/maxFileBytes: 0 is no positive integer; ")


def test_no_finding_exits_with_0() -> None:
    """The project's own contract prints nothing and exits with 0."""
    result = CliRunner().invoke(main)
    assert (result.exit_code, result.output) == (0, "")


def test_a_pointer_escapes_slashes_and_tildes() -> None:
    """Steps with `/` and `~` come out as RFC 6901 has them."""
    assert pointer(("paths", "/kernel/{id}", "a~b", 0)) == "#/paths/~1kernel~1{id}/a~0b/0"


def test_a_reference_to_itself_leads_nowhere() -> None:
    """A circle of references ends, with nothing found."""
    assert resolved({"a": {"$ref": "#/a"}}, {"$ref": "#/a"}) is None
