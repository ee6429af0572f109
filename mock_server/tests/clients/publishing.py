"""What was seen of the clients, kept as `clients.json`, and the page `clients.md` that shows it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from mock_server.tests.clients.command_lines import COMMAND_STEPS
from mock_server.tests.clients.generations import CLIENTS, SDK_STEPS
from mock_server.tests.clients.running import JAVASCRIPT_STEPS

DOCS: Final = Path(__file__).parents[3] / "docs"
INTERFACES: Final = ("SDK", "SDK on asyncio", "JavaScript", "command line")
_STEPS: Final = dict(zip(INTERFACES, (SDK_STEPS, SDK_STEPS, JAVASCRIPT_STEPS, COMMAND_STEPS), strict=True))
_DATA: Final = "clients.json"
_PAGE: Final = "clients.md"
_INTRODUCTION: Final = """\
# The published clients against the mock server

Every generation of the API's published clients, unmodified, with its own libraries on a Python of its time, against
`batchproof-mock` with signatures checked. Written by `python -m mock_server.tests.clients.matrix`; nothing here is
written by hand. The steps are those of [`scenarios/`](../mock_server/tests/clients/scenarios) and
[`command_lines.py`](../mock_server/tests/clients/command_lines.py), and what must come of each stands in
[`expectations.py`](../mock_server/tests/clients/expectations.py).

**+** as it should be; **FAIL** not so; **.** the client has no such thing, or cannot do it by itself (see the remarks).
"""
_PLACES: Final = """\
## Formats without a published package

The Java and PHP clients cannot be installed from a registry.
[`test_wire_imitations.py`](../mock_server/tests/test_wire_imitations.py) sends the bytes that they are known to send.
"""


class Key(NamedTuple):
    """What one row is about: the version that the server reports, which face of which client."""

    api_version: str
    interface: str
    client: str


@dataclass(frozen=True)
class Row:
    """What was seen: on what the client ran, and by step what was wrong, "" where nothing."""

    runtime: str
    steps: Mapping[str, str]


def read(folder: Path) -> dict[Key, Row]:
    """Read what is known; nothing where nothing was kept yet."""
    path = folder / _DATA
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {
        Key(entry["api_version"], entry["interface"], entry["client"]): Row(entry["runtime"], entry["steps"])
        for entry in entries
    }


def write(folder: Path, rows: Mapping[Key, Row]) -> None:
    """Keep what is known, and show it."""
    folder.mkdir(exist_ok=True)
    entries = [{**key._asdict(), "runtime": row.runtime, "steps": dict(row.steps)} for key, row in _ordered(rows)]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    (folder / _DATA).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (folder / _PAGE).write_text(page(rows), encoding="utf-8")


def page(rows: Mapping[Key, Row]) -> str:
    """Write the page."""
    tables = [
        f"## {interface}, the server reports `{version}`\n\n{_table(interface, version, rows)}"
        for interface in INTERFACES
        for version in sorted({key.api_version for key in rows if key.interface == interface})
    ]
    return "\n".join([_INTRODUCTION, _totals(rows), *tables, _remarks(), _failures(rows), _PLACES])


def _ordered(rows: Mapping[Key, Row]) -> list[tuple[Key, Row]]:
    order = {client.name: place for place, client in enumerate(CLIENTS)}

    def rank(item: tuple[Key, Row]) -> tuple[str, int, int]:
        key = item[0]
        return key.api_version, INTERFACES.index(key.interface), order.get(key.client, len(order))

    return sorted(rows.items(), key=rank)


def _totals(rows: Mapping[Key, Row]) -> str:
    steps = [wrong for row in rows.values() for wrong in row.steps.values()]
    failed = sum(map(bool, steps))
    clients = len({key.client for key in rows})
    return f"{clients} releases, {len(rows)} rows, {len(steps)} steps: {len(steps) - failed} right, {failed} failed.\n"


def _table(interface: str, version: str, rows: Mapping[Key, Row]) -> str:
    found = [(key, row) for key, row in _ordered(rows) if (key.interface, key.api_version) == (interface, version)]
    columns = [step for step in _STEPS[interface] if any(step in row.steps for _, row in found)]
    lines = [["client", "on", *columns], ["---", "---", *(":-:" for _ in columns)]]
    for key, row in found:
        name = key.client.replace("==", " ").replace("@", " ")
        lines.append([name, row.runtime, *(_mark(row, step) for step in columns)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _mark(row: Row, step: str) -> str:
    if step not in row.steps:
        return "."
    return "**FAIL**" if row.steps[step] else "+"


def _remarks() -> str:
    said = [f"- {client.name.replace('==', ' ')}: {client.remark}.\n" for client in CLIENTS if client.remark]
    return "## Remarks\n\n" + "".join(said)


def _failures(rows: Mapping[Key, Row]) -> str:
    said = [
        f"- {key.client} ({key.interface}, {key.api_version}), {step}: {' '.join(wrong.split())[:400]}\n"
        for key, row in _ordered(rows)
        for step, wrong in row.steps.items()
        if wrong
    ]
    return "## Failures\n\n" + "".join(said or ["None.\n"])
