"""Draws a small SVG badge: batch mode | 97 of 101 musts."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from reports import files, verdicts, words
from reports.results import Report, load

FILE_NAME: Final = "badge.svg"
LABEL: Final = "batch mode"
CHAR_WIDTH_PX: Final = 6.6  # of 11 px Verdana, on the wide side; textLength makes it exact
PADDING_PX: Final = 7
TEMPLATE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{{ left + right }}" height="20"
 role="img" aria-label="{{ label }}: {{ words }}">
<title>{{ label }}: {{ words }}</title>
<clipPath id="r"><rect width="{{ left + right }}" height="20" rx="4"/></clipPath>
<g clip-path="url(#r)"><rect width="{{ left }}" height="20" fill="#3a3f4a"/>
<rect x="{{ left }}" width="{{ right }}" height="20" fill="{{ fill }}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{{ left / 2 }}" y="14" textLength="{{ left - 2 * padding }}">{{ label }}</text>
<text x="{{ left + right / 2 }}" y="14" textLength="{{ right - 2 * padding }}">{{ words }}</text></g>
</svg>
"""


def render(report_path: Path, out_dir: Path) -> Path:
    """Write `badge.svg` into `out_dir` and return its path; raises ReportError where there is no report to read."""
    report = load(report_path)
    said = score(report)
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE)
    drawn = template.render(
        label=LABEL,
        words=said,
        left=_width_px(LABEL),
        right=_width_px(said),
        padding=PADDING_PX,
        fill=words.tone(report).light.text,
    )
    return files.write(out_dir, FILE_NAME, drawn)


def score(report: Report) -> str:
    """Return `97 of 101 musts`: those kept of those that bind this target and are checked; `incomplete` otherwise."""
    if not report.complete:
        return "incomplete"
    binding = words.binding_musts(report)
    kept = sum(verdicts.BY_NAME[requirement.verdict].settled for requirement in binding)
    return f"{kept} of {len(binding)} musts"


def _width_px(text: str) -> int:
    return round(len(text) * CHAR_WIDTH_PX) + 2 * PADDING_PX
