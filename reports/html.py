"""Renders report.json as one self-contained page: no network, no dependencies, everything from the target escaped."""

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from reports import catalogue, files, page, verdicts
from reports.results import load
from reports.text import one_line, plural, visible

FILE_NAME: Final = "report.html"
MAX_SAID_CHARS: Final = 4000


def render(report_path: Path, out_dir: Path) -> Path:
    """Write `report.html` into `out_dir` and return its path; raises ReportError where there is no report to read."""
    arranged = page.arrange(load(report_path))
    style, script = _style(), _asset("report.js")
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=arranged,
            style=Markup(style),  # noqa: S704  - our own file; the target has no part in it
            script=Markup(script),  # noqa: S704  - same
            policy=_policy(style, script),
        )
    )
    return files.write(out_dir, FILE_NAME, html)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cut": _cut,
        "fact": _fact,
        "moment": _moment,
        "one_line": one_line,
        "plural": plural,
        "prose": _prose,
        "question_text": catalogue.question_text,
        "source_title": catalogue.source_title,
    }
    environment.globals.update(verdicts=verdicts, verdict_of=verdicts.BY_NAME)
    return environment


def _shown(value: object) -> object:
    """Make every printed value visible text, so that no template line can forget to."""
    return value if isinstance(value, Markup) else visible(str(value))


def _fact(value: object) -> str:
    """Word one value of the target's or the run's table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_fact(part)}" for key, part in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_fact(part) for part in value) or "none"
    return "none" if value is None or value == "" else str(value)


def _moment(text: str) -> str:
    """Show an ISO 8601 time in UTC; anything else as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    shown = moment.astimezone(UTC) if moment.tzinfo else moment
    return shown.isoformat(" ", "milliseconds").replace("+00:00", " UTC")


def _cut(text: str) -> str:
    """Keep the page small where the target was talkative."""
    rest = len(text) - MAX_SAID_CHARS
    return text if rest <= 0 else f"{text[:MAX_SAID_CHARS]}… ({rest:,} more characters in report.json)"


def _prose(text: str) -> Markup:
    """Set what stands between backticks in a clause as code."""
    parts = [escape(visible(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # an odd backtick: nothing is code for certain
        return escape(visible(text))
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if at % 2 else part for at, part in enumerate(parts))


def _policy(style: str, script: str) -> str:
    """Allow this style and this script by their hashes, and nothing else at all."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _style() -> str:
    light = "".join(f".v-{verdict.name}{_paint(verdict.light)}\n" for verdict in verdicts.VERDICTS)
    dark = "".join(f".v-{verdict.name}{_paint(verdict.dark)}\n" for verdict in verdicts.VERDICTS)
    return f"{_asset('report.css')}\n{light}@media (prefers-color-scheme:dark){{@media screen{{\n{dark}}}}}\n"


def _paint(colours: verdicts.Colours) -> str:
    return f"{{--ink:{colours.text};--wash:{colours.background}}}"


def _asset(name: str) -> str:
    return importlib.resources.files("reports").joinpath("templates", name).read_text(encoding="utf-8")
