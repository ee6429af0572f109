"""The page in a real browser: the filter, deep links, a phone's width, no script, and its own policy."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from reports.results import Report
from reports.tests.sample import catalogue

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
DEADLINE_S = 30

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH")


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Start one browser without a window."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    profile = tmp_path_factory.mktemp("chromium")
    flags = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--force-prefers-reduced-motion"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to sandbox itself as root
    for flag in (*flags, "--disable-dev-shm-usage", f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        browser = Chrome(options=options, service=Service(DRIVER))
    except WebDriverException as error:  # a container may forbid the namespaces that its sandbox needs
        pytest.skip(f"chromium does not start here: {str(error.msg).splitlines()[0]}")
    yield browser
    browser.quit()


@pytest.fixture
def opened(chrome: Chrome, page_path: Path) -> Chrome:
    """Load the page afresh."""
    chrome.get("about:blank")
    chrome.get(page_path.as_uri())
    return chrome


def shown(chrome: Chrome) -> list[str]:
    """Name the requirements that the filter lets through."""
    script = "return [...document.querySelectorAll('.req:not([hidden])')].map(found => found.id)"
    found: list[str] = chrome.execute_script(script)
    return found


def wait_for_shown(chrome: Chrome, expected: list[str]) -> None:
    """Wait until exactly these requirements are shown."""
    WebDriverWait(chrome, DEADLINE_S).until(lambda browser: shown(browser) == expected, str(expected))


def at_hash(chrome: Chrome) -> str:
    """Read the part of the address that keeps the filter."""
    found: str = chrome.execute_script("return location.hash")
    return found


def test_the_page_obeys_its_own_policy(opened: Chrome) -> None:
    """Nothing is blocked and nothing fails: the browser's console stays empty."""
    assert opened.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert opened.find_element(By.ID, "filters").is_displayed()


def test_a_verdict_filters_and_the_address_keeps_it(opened: Chrome, report: Report) -> None:
    """Ticking a verdict leaves its requirements alone, counts them, and makes an address that can be sent."""
    opened.find_element(By.CSS_SELECTOR, "#filters input[value=intermittent]").click()
    wait_for_shown(opened, ["EX-22"])
    opened.find_element(By.CSS_SELECTOR, "#filters input[value=error]").click()
    wait_for_shown(opened, ["EX-08", "EX-22"])
    assert at_hash(opened) == "#verdict=intermittent,error"
    assert opened.find_element(By.ID, "shown").text == f"2 of {len(report.requirements)} requirements shown"


def test_an_address_with_a_filter_restores_it(opened: Chrome, page_path: Path) -> None:
    """Who opens such an address sees the same requirements, and the same settings."""
    opened.get("about:blank")
    opened.get(f"{page_path.as_uri()}#verdict=fail&family=UP&level=must")
    wait_for_shown(opened, ["UP-05", "UP-07"])
    assert opened.find_element(By.ID, "family").get_attribute("value") == "UP"


def test_free_text_finds_clauses_by_everything_below_them(opened: Chrome) -> None:
    """All words must occur, in the clause or its evidence, in whatever case; nothing found is said."""
    query = opened.find_element(By.ID, "q")
    query.send_keys("SUDO Effective")
    wait_for_shown(opened, ["EX-21"])
    query.send_keys(" nowhere-at-all")
    wait_for_shown(opened, [])
    assert opened.find_element(By.ID, "empty").is_displayed()


def test_a_deep_link_opens_its_requirement_whatever_the_filter_hides(opened: Chrome) -> None:
    """A link to a clause clears a filter that hides it, and unfolds it."""
    opened.find_element(By.CSS_SELECTOR, "#filters input[value=warn]").click()
    wait_for_shown(opened, ["CO-03", "EX-26"])
    opened.execute_script("location.hash = 'UP-08'")
    wait_for_shown(opened, [entry["id"] for entry in catalogue()])
    assert opened.find_element(By.CSS_SELECTOR, "#UP-08 > details").get_attribute("open")


def test_a_link_to_an_exchange_unfolds_everything_around_it(opened: Chrome) -> None:
    """Evidence that is shown elsewhere is one click away."""
    opened.execute_script("location.hash = 'e6'")
    WebDriverWait(opened, DEADLINE_S).until(lambda browser: browser.find_element(By.ID, "e6").get_attribute("open"))
    assert opened.find_element(By.CSS_SELECTOR, "#e6 h5").is_displayed()


def test_all_that_is_shown_can_be_expanded_and_collapsed(opened: Chrome) -> None:
    """One button unfolds every requirement with its evidence, another folds them."""
    opened.find_element(By.ID, "expand").click()
    assert opened.find_elements(By.CSS_SELECTOR, ".req details:not(.curl):not([open])") == []
    opened.find_element(By.ID, "collapse").click()
    assert opened.find_elements(By.CSS_SELECTOR, ".req details[open]") == []


def test_the_filter_works_by_keyboard(opened: Chrome) -> None:
    """The first key stop leads past the summary, and a verdict is ticked with the space bar."""
    opened.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert opened.switch_to.active_element.get_attribute("class") == "skip"
    opened.find_element(By.CSS_SELECTOR, "#filters input[value=excluded]").send_keys(Keys.SPACE)
    wait_for_shown(opened, ["CN-07"])


@pytest.mark.parametrize("width_px", [320, 360, 768])
def test_the_page_fits_a_narrow_screen(chrome: Chrome, page_path: Path, width_px: int) -> None:
    """With everything unfolded, hostile text and all, the page does not scroll sideways."""
    screen = {"width": width_px, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        chrome.get(page_path.as_uri())
        unfold = "document.querySelectorAll('details').forEach(found => { found.open = true })"
        chrome.execute_script(unfold)
        assert chrome.execute_script("return document.documentElement.scrollWidth") <= width_px
    finally:
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_a_script_all_content_is_there(chrome: Chrome, page_path: Path, report: Report) -> None:
    """Every requirement can be read and unfolded; the filter, which would not work, is not there."""
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chrome.get(page_path.as_uri())
        assert not chrome.find_element(By.ID, "filters").is_displayed()
        assert len(chrome.find_elements(By.CSS_SELECTOR, ".req")) == len(report.requirements)
        chrome.find_element(By.CSS_SELECTOR, "#CO-01 summary").click()
        assert chrome.find_element(By.CSS_SELECTOR, "#CO-01 .inside").is_displayed()
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
