"""The pages in a real browser: everything is drawn, nothing is refused, nobody else is asked."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI

import impl.app
from charter.document import Document
from charter.document.model import Model
from charter.runtime import docs
from charter.runtime.layers import SecurityHeaders
from impl.app import create_app
from impl.core.config import Environment, Settings
from tests.data import DOCUMENT, GENERATED
from tests.docs import browser
from tests.docs.browser import Page
from tests.people import PASSWORD, changed
from tests.serving import serving

OPERATIONS = Model(Document(DOCUMENT)).operations

chromium = browser.installed()

IN_A_HURRY = """
new Promise((done) => {{
  const click = (selector) => {{
    const found = document.querySelector(selector);
    return found === null ? setTimeout(click, 0, selector) : done(found.click());
  }};
  document.querySelector('{opens}').click();
  click('{then}');
}})
"""
"""Clicks two elements, the second one in the very task in which it appears."""

pytestmark = pytest.mark.skipif(
    chromium is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.fixture
def page() -> Iterator[Page]:
    assert chromium is not None
    with browser.browser(chromium) as page:
        yield page


@pytest.fixture
def in_development(settings: Settings) -> Settings:
    return changed(settings, environment=Environment.DEVELOPMENT)


@pytest.fixture
def address(in_development: Settings, database: Any) -> Iterator[str]:
    """The whole service, with a database."""
    with serving(create_app(in_development)) as address:
        yield address


def asks_only(page: Page, address: str) -> bool:
    """Whether every request went to the service itself, or to nobody."""
    ours = (address, "data:", f"blob:{address}")
    return all(request.partition(" ")[2].startswith(ours) for request in page.requests)


def open_swagger(page: Page, address: str) -> None:
    page.open(f"{address}/docs")
    page.wait_for(f"document.querySelectorAll('.opblock').length >= {len(OPERATIONS)}")


def register(address: str) -> str:
    email = "reader@example.com"
    body = {"email": email, "password": PASSWORD}
    assert httpx.post(f"{address}/users", json=body).status_code == 201
    return email


def log_in(page: Page, email: str) -> None:
    page.click(".btn.authorize")
    page.fill("#oauth_username", email)
    page.fill("#oauth_password", PASSWORD)
    page.evaluate(
        "document.querySelector('#oauth_username').closest('.auth-container')"
        ".querySelector('.auth-btn-wrapper .authorize').click()"
    )
    page.wait_for("[...document.querySelectorAll('.auth-container')].some(found =>"
                  " found.innerText.includes('Logout'))")  # fmt: skip
    page.click(".btn-done")


def execute_get_me(page: Page) -> str:
    """What Swagger UI shows as the answer of `GET /users/me`."""
    operation = "#operations-users-getMe"
    if not page.evaluate(f"document.querySelector('{operation}.is-open') !== null"):
        page.click(f"{operation} .opblock-summary-control")
    page.click(f"{operation} .execute")
    shown = f"{operation} .live-responses-table .response"
    page.wait_for(f"document.querySelector('{shown}') !== null")
    text: str = page.evaluate(f"document.querySelector('{shown}').innerText")
    return text


def test_swagger_ui_draws_every_operation(page: Page, address: str) -> None:
    open_swagger(page, address)

    drawn = page.evaluate("[...document.querySelectorAll('.opblock')].map(one => one.id)")

    expected = {str(found.node.value["operationId"]) for found in OPERATIONS}
    assert {name.rpartition("-")[2] for name in drawn} == expected
    assert page.complaints == []
    assert asks_only(page, address)


def test_redoc_draws_every_operation(page: Page, address: str) -> None:
    page.open(f"{address}/redoc")
    expected = {str(found.node.value["operationId"]) for found in OPERATIONS}
    for name in expected:
        page.wait_for(f"document.querySelector('[id$=\"/{name}\"]') !== null")

    page.wait_for("document.querySelector('input') !== null")
    page.fill("input", "telescope")
    page.wait_for("document.querySelector('[data-role=\"search:results\"]') !== null")

    assert page.complaints == []
    assert asks_only(page, address)


def test_the_page_logs_in_and_calls_the_api(page: Page, address: str) -> None:
    email = register(address)
    open_swagger(page, address)

    log_in(page, email)
    shown = execute_get_me(page)

    assert shown.startswith("200")
    assert email in shown
    assert page.complaints == []
    assert asks_only(page, address)


def test_an_operation_can_be_called_as_soon_as_it_says_so(page: Page, address: str) -> None:
    operation = "#operations-health-getLiveness"
    open_swagger(page, address)

    page.evaluate(
        IN_A_HURRY.format(
            opens=f"{operation} .opblock-summary-control", then=f"{operation} .execute"
        )
    )

    shown = f"{operation} .live-responses-table .response"
    page.wait_for(f"document.querySelector('{shown}') !== null")
    assert page.evaluate(f"document.querySelector('{shown}').innerText").startswith("200")
    assert page.complaints == []


def test_a_login_outlives_the_page_and_its_access_token(
    page: Page, in_development: Settings, database: Any
) -> None:
    short_lived = changed(in_development, access_token_seconds=20)  # less than the page's margin
    with serving(create_app(short_lived)) as address:
        email = register(address)
        open_swagger(page, address)
        log_in(page, email)
        open_swagger(page, address)

        shown = [execute_get_me(page), execute_get_me(page)]

        exchanges = page.requests.count(f"POST {address}/auth/token")
    assert all(email in text for text in shown)
    assert exchanges >= 2  # the login, and at least one exchange of the refresh token
    assert page.complaints == []


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A document that somebody edits."""
    return Path(shutil.copy(DOCUMENT, tmp_path))


@pytest.fixture
def edited_address(in_development: Settings, document: Path) -> Iterator[str]:
    """Only the pages, of that document."""
    app = FastAPI(openapi_url=None)
    app.include_router(docs.router(document, GENERATED / "openapi.json", live=True))
    app.add_middleware(SecurityHeaders, hsts_seconds=0)
    with serving(app) as address:
        yield address


def edit_once_watched(page: Page, document: Path) -> None:
    """Change a summary after the page has looked at the document for the first time."""
    requests = "performance.getEntriesByType('resource')"
    page.wait_for(f"{requests}.filter(one => one.name.endsWith('/openapi.yaml')).length >= 2")
    document.write_text(document.read_text().replace("Who am I?", "Who was I?"))
    page.wait_for("document.body.innerText.includes('Who was I?')")


def test_an_edit_is_seen_without_losing_the_place(
    page: Page, edited_address: str, document: Path
) -> None:
    open_swagger(page, edited_address)
    page.click("#operations-users-getMe .opblock-summary-control")
    page.wait_for("document.querySelector('#operations-users-getMe.is-open') !== null")

    edit_once_watched(page, document)

    assert page.evaluate("document.querySelector('#operations-users-getMe.is-open') !== null")
    assert page.complaints == []


def test_redoc_sees_an_edit_too(page: Page, edited_address: str, document: Path) -> None:
    page.open(f"{edited_address}/redoc")
    page.wait_for("document.body !== null && document.body.innerText.includes('Who am I?')")

    edit_once_watched(page, document)

    assert page.complaints == []


ELSEWHERE = """
servers:
  - url: https://api.example.com/v1
    description: Production
"""


def servers_elsewhere(document: Path) -> None:
    """Name another server for the document, for a path, and for an operation."""
    text = document.read_text()
    for node, indent in (("  /users/me:\n", 4), ("      operationId: getLiveness\n", 6)):
        assert node in text
        servers = "servers: [{url: 'https://api.example.com/v2'}]\n"
        text = text.replace(node, node + " " * indent + servers)
    document.write_text(re.sub(r"(?m)^servers:\n(  .*\n)+", "", text) + ELSEWHERE)


@pytest.fixture
def abroad(
    in_development: Settings, document: Path, database: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The whole service, whose document names servers elsewhere."""
    servers_elsewhere(document)
    monkeypatch.setattr(impl.app, "OPENAPI", document)
    with serving(create_app(in_development)) as address:
        yield address


def test_the_page_calls_this_service_whatever_servers_the_document_names(
    page: Page, abroad: str, document: Path
) -> None:
    email = register(abroad)
    open_swagger(page, abroad)

    log_in(page, email)
    shown = execute_get_me(page)

    offered = "[...document.querySelector('.servers select').options].map(one => one.value)"
    assert page.evaluate(offered) == ["/", "https://api.example.com/v1"]
    assert shown.startswith("200")
    assert email in shown
    assert page.complaints == []
    assert asks_only(page, abroad)
    assert httpx.get(f"{abroad}/openapi.yaml").content == document.read_bytes()


def test_a_server_that_somebody_chooses_is_sent_nothing(page: Page, abroad: str) -> None:
    email = register(abroad)
    open_swagger(page, abroad)
    log_in(page, email)
    page.click("#operations-users-getMe .opblock-summary-control")
    select = "#operations-users-getMe .servers select"
    page.wait_for(f"document.querySelector('{select}') !== null")

    page.evaluate(CHOOSE.format(select=select, value="https://api.example.com/v2"))
    page.click("#operations-users-getMe .execute")

    page.wait_for("document.body.innerText.includes('This page calls this service alone')")
    shown = page.evaluate("document.querySelector('#operations-users-getMe').innerText")
    assert "https://api.example.com/v2/users/me" in shown
    assert "Bearer" not in shown
    assert asks_only(page, abroad)


CHOOSE = """
(() => {{
  const found = document.querySelector('{select}');
  const setter = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set;
  setter.call(found, '{value}');
  found.dispatchEvent(new Event('change', {{ bubbles: true }}));
}})()
"""
"""Chooses a server as a hand does, so that the page hears of it."""
