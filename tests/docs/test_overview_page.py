"""The overview in a real browser: it follows the document, by eye, by keyboard and by ear."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from starlette.applications import Starlette

from charter.document.overview import Overviews
from charter.mock.live import LiveMock, ShowsBroken
from charter.mock.pages import WithPages
from charter.project import Project, status
from charter.runtime import docs
from tests.charter.contract.test_page import written
from tests.docs import browser
from tests.docs.browser import Page
from tests.serving import serving

DOCUMENT = """\
openapi: 3.1.0
info: {title: Books, version: 1.0.0}
paths:
  /books:
    get:
      operationId: listBooks
      summary: List the books
      responses: {'200': {description: The books.}}
"""
NEW = "    delete:\n      operationId: burnBooks\n      responses: {'204': {description: Gone.}}\n"

chromium = browser.installed()
pytestmark = pytest.mark.skipif(
    chromium is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    return tmp_path / "openapi.yaml"


@pytest.fixture
def address(file: Path) -> Iterator[str]:
    live = LiveMock(file)
    app = ShowsBroken(WithPages(live, Overviews(file, live=live)), live)
    with serving(app, lifespan="off") as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    assert chromium is not None
    with browser.browser(chromium) as page:
        page.open(address)
        page.wait_for("document.querySelector('.operations') !== null")
        yield page


def shown(page: Page, selector: str) -> list[str]:
    found: list[str] = page.evaluate(
        f"[...document.querySelectorAll('{selector}')].map(one => one.innerText)"
    )
    return found


def test_an_edit_is_seen_without_a_reload(page: Page, file: Path, address: str) -> None:
    page.evaluate("window.kept = true")
    assert shown(page, ".operations .path") == ["/books"]

    file.write_text(DOCUMENT + NEW)

    page.wait_for("document.querySelectorAll('.operations .path').length === 2")
    assert page.evaluate("window.kept") is True
    assert page.evaluate("document.querySelector('#news').innerText").startswith("Updated at ")
    assert page.complaints == []
    assert all(request.partition(" ")[2].startswith(address) for request in page.requests)


def test_a_broken_document_is_an_alert_until_it_is_whole(page: Page, file: Path) -> None:
    file.write_text(DOCUMENT.replace("info: {", "info: {{"))

    page.wait_for("document.querySelector('[role=alert]') !== null")
    assert f"{file}:3:1" in shown(page, "[role=alert]")[0]
    assert page.evaluate("document.title").startswith("Broken: ")
    assert shown(page, ".operations .path") == ["/books"]

    file.write_text(DOCUMENT)

    page.wait_for("document.querySelector('[role=alert]') === null")


def test_what_is_open_and_what_has_the_focus_stay_so(page: Page, file: Path) -> None:
    page.evaluate("document.querySelector('.look summary').click()")
    page.evaluate("document.querySelector('.look summary').focus()")

    file.write_text(DOCUMENT + NEW)

    page.wait_for("document.querySelectorAll('.operations .path').length === 2")
    assert page.evaluate("document.querySelector('.look details').open") is True
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_keyboard_reaches_the_operations_first(page: Page) -> None:
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab",
              windowsVirtualKeyCode=9)  # fmt: skip
    assert page.evaluate("document.activeElement.innerText") == "Skip to the operations"
    unreachable = page.evaluate(
        "[...document.querySelectorAll('a, summary')].filter(one => one.tabIndex < 0).length"
    )
    assert unreachable == 0


def test_a_table_stays_one_where_it_is_drawn_as_cards(page: Page) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=400, height=900, deviceScaleFactor=1,
              mobile=True)  # fmt: skip
    # the browser takes the new width in its own time
    page.wait_for("getComputedStyle(document.querySelector('.operations')).display === 'block'")
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = {node["role"]["value"] for node in tree}
    assert {"table", "row", "rowheader", "cell", "main", "navigation"} <= roles
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, scheme: str) -> None:
    """By the contrast of WCAG 2.2, success criterion 1.4.3."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.call("Emulation.setEmulatedMedia", features=[feature])
    page.wait_for(f"({CONTRAST}).length === 0")  # the browser draws anew in its own time


CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const ground = (node) => {
    if (node === null) return [1, 1, 1];
    return over(rgba(getComputedStyle(node).backgroundColor), ground(node.parentElement));
  };
  const light = (color) => {
    const [r, g, b] = color.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = [...document.querySelectorAll('main *, nav *')].filter((node) =>
    [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
  return texts.filter((node) => {
    const below = ground(node);
    const pair = [light(over(rgba(getComputedStyle(node).color), below)), light(below)].sort();
    return (pair[1] + 0.05) / (pair[0] + 0.05) < 4.5;
  }).map((node) => node.innerText);
})()
"""


def test_the_report_of_the_fuzzer_is_the_page_that_it_wrote(file: Path, tmp_path: Path) -> None:
    (tmp_path / ".data" / "fuzz").mkdir(parents=True)
    written(tmp_path / ".data" / "fuzz", ["GET /books never answered 403"])
    project = Project.at(tmp_path, {})
    published = APIRouter()
    overviews = Overviews(file)
    docs.add_overview(published, overviews.page, lambda: status.fuzz_report(project))

    assert chromium is not None
    with (
        serving(Starlette(routes=published.routes), lifespan="off") as address,
        browser.browser(chromium) as page,
    ):
        page.open(f"{address}/docs/fuzz")
        page.wait_for("document.querySelector('.bar') !== null")

        assert "GET /books never answered 403" in shown(page, "li")
        assert page.evaluate("document.querySelector('.bar').offsetWidth") > 0
        assert page.evaluate("getComputedStyle(document.body).maxWidth") == "1216px"  # its styles
        assert page.complaints == []
