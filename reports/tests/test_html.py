"""The page: everything is in it, nothing in it acts, and it stays small."""

import base64
import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from justhtml import JustHTML

from reports import html, page
from reports.results import Report
from reports.tests import sample

ANY_TEXT = st.text(st.characters(codec=None), max_size=40) | st.just(sample.HOSTILE)
MAX_PAGE_BYTES = 2_000_000


def parsed(path: Path) -> JustHTML:
    """Parse a page as a browser does, and fail at the first parse error."""
    return JustHTML(path.read_text(encoding="utf-8"), strict=True, sanitize=False)


@pytest.fixture(scope="module")
def document(page_path: Path) -> JustHTML:
    """Parse the page of the sample report."""
    return parsed(page_path)


def texts(document: JustHTML, selector: str) -> list[str]:
    """Read the text of every element that matches."""
    return [node.to_text(separator="", strip=False) for node in document.query(selector)]


def values(document: JustHTML, selector: str, attribute: str) -> list[str]:
    """Read an attribute of every element that matches."""
    return [(node.attrs or {}).get(attribute) or "" for node in document.query(selector)]


def test_the_page_is_correct_html(document: JustHTML) -> None:
    """A strict HTML parser finds nothing to complain about, hostile content and all."""
    assert document.query("main")


def test_ids_are_unique(document: JustHTML) -> None:
    """Each requirement and each exchange has one place, so that every link leads there."""
    ids = Counter(values(document, "[id]", "id"))
    assert [name for name, times in ids.items() if times > 1] == []


def test_every_requirement_and_every_exchange_is_there(document: JustHTML, report: Report) -> None:
    """The page leaves nothing out that the report has evidence for."""
    assert values(document, "article.req", "id") == [member.id for member in report.requirements]
    assert set(values(document, "details.exchange", "id")) == set(report.exchanges)


def test_every_link_leads_to_a_place_of_the_page(document: JustHTML) -> None:
    """Links stay on the page: to a requirement, a family, an exchange, or a filter."""
    ids = set(values(document, "[id]", "id"))
    targets = set(values(document, "a[href]", "href"))
    assert {target for target in targets if not target.startswith("#")} == set()
    assert {target for target in targets if "=" not in target and target[1:] not in ids} == set()


def test_the_page_loads_nothing(document: JustHTML) -> None:
    """No element refers to anything outside the page, and none carries its own handler or style."""
    assert (
        document.query("img, iframe, object, embed, base, form, video, audio, [src], [srcset], [style], [action]") == []
    )
    assert values(document, "link", "href") == ["data:,"]
    handlers = [name for node in document.query("*") for name in node.attrs or () if name.startswith("on")]
    assert handlers == []
    assert "url(" not in texts(document, "style")[0]


def test_the_policy_allows_this_style_and_this_script_alone(page_path: Path, document: JustHTML) -> None:
    """The policy names the very bytes between the tags, and denies everything else."""
    source = page_path.read_text(encoding="utf-8")
    policy = values(document, "meta[http-equiv]", "content")[0]
    for tag in ("style", "script"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert len(found) == 1
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def page_saying(said: list[str], folder: Path) -> JustHTML:
    """Render a page on which the target says six things in every place where it can."""
    kept = {
        "e1": sample.exchange(
            "e1",
            method="M" + said[0],
            url="u" + said[1],
            # No command can send a NUL, so that none is shown, whatever else is said.
            request=sample.text_body("\0" + said[5]),
            response_headers=[["X" + said[2], said[3]]],
            response=sample.text_body("body" + said[4]),
        )
    }
    entry = sample.requirement(sample.catalogue()[0], "fail", ["e1"])
    entry |= {"reason": "r" + said[5]}
    told = {"actual": "a" + said[0], "expected": "e" + said[1], "message": "m" + said[2], "title": said[3]}
    entry["checks"][0] |= told
    raw = sample.assembled([entry], kept)
    raw["target"] |= {"lang": said[4], "url": "u" + said[1]}
    raw["summary"]["headline"] = "h" + said[5]
    return parsed(html.render(sample.written(raw, folder), folder))


@given(said=st.lists(ANY_TEXT, min_size=6, max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_of_the_target_becomes_markup(tmp_path: Path, said: list[str]) -> None:
    """Whatever the target says, in whatever place, the page has the same elements in the same order."""
    harmless = [node.name for node in page_saying(["text"] * 6, tmp_path).query("*")]
    assert [node.name for node in page_saying(said, tmp_path).query("*")] == harmless


def test_hostile_text_is_shown_and_not_obeyed(document: JustHTML) -> None:
    """What a hostile target sent can be read on the page, spelled out."""
    shown = texts(document, "#UP-07 .why")[0]
    spelled = r"\x1b[31mred\x1b[0m \u202eevil\u202c \x00 \ud800"
    assert shown == f"</script><img src=x onerror=alert(1)> {spelled} & \"'` | @someone"
    assert len(document.query("script")) == 1


def test_an_exchange_is_shown_where_the_worst_verdict_needs_it(report: Report) -> None:
    """Evidence stands in full under the most broken requirement, and others point there."""
    arranged = page.arrange(report)
    views = [view for family in arranged.families for view in family.requirements]
    homes = {
        evidence.id: view.requirement.verdict
        for view in views
        for told in (*view.checks, *view.readings)
        for evidence in told.evidence
        if evidence.view
    }
    assert homes["e1"] == "fail"
    assert set(homes) == set(report.exchanges)


def test_evidence_that_was_not_kept_is_said_to_be_missing(document: JustHTML) -> None:
    """A reference to an exchange that the report does not hold is not passed over."""
    assert "e404 was not kept in the report" in texts(document, "#UP-07")[0]


def test_counts_agree_with_the_requirements(report: Report) -> None:
    """The table's numbers are those of the list below it."""
    arranged = page.arrange(report)
    assert sum(arranged.counts.values()) == len(report.requirements)
    assert {verdict: sum(row) for verdict, row in arranged.table.items()} == arranged.counts


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"complete": False}, "did not come to its end"), ({"sessions_left": 2}, "2 sessions left behind")],
)
def test_a_run_that_went_wrong_says_so_on_top(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    """An unfinished run, or one that left something behind, cannot be overlooked."""
    path = sample.written(sample.report(), tmp_path, change=lambda raw: raw["run"].update(changes))
    assert told in texts(parsed(html.render(path, tmp_path)), "header")[0]


def test_a_conforming_report_of_a_real_run_stays_small(tmp_path: Path) -> None:
    """The whole catalogue with 300 exchanges of several kilobytes is a page of less than 2 MB."""
    written = html.render(sample.written(sample.large_report(), tmp_path), tmp_path)
    assert written.stat().st_size < MAX_PAGE_BYTES


def test_talkative_targets_do_not_bloat_the_page(tmp_path: Path) -> None:
    """Bodies of 64 KiB that are all quotes, in 300 exchanges, share the room that the page has for bodies."""
    raw = sample.large_report()
    for exchange in raw["exchanges"].values():
        exchange["response_body"] = sample.text_body('"' * 65536)
    assert html.render(sample.written(raw, tmp_path), tmp_path).stat().st_size < 2 * MAX_PAGE_BYTES


def test_the_same_report_gives_the_same_page(report_path: Path, page_path: Path, tmp_path: Path) -> None:
    """Rendering is repeatable byte for byte."""
    assert html.render(report_path, tmp_path).read_bytes() == page_path.read_bytes()


def test_a_report_without_any_requirement_still_renders(tmp_path: Path) -> None:
    """A run that was stopped before its first check gives a page, not an error."""
    path = sample.written(sample.assembled([], {}, exit_code=3), tmp_path)
    assert texts(parsed(html.render(path, tmp_path)), "h1") == [sample.URL]
