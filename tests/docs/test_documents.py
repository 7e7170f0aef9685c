"""The documents and the pages, as any client gets them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import APIRouter, FastAPI

from charter.runtime import docs
from impl.app import published
from impl.core import config
from impl.core.config import Environment, Settings
from tests.data import DOCUMENT, GENERATED
from tests.people import changed

PAGES = ("/docs", "/redoc")
DOCUMENTS = {
    "/openapi.json": (GENERATED / "openapi.json", "application/json"),
    "/openapi.yaml": (DOCUMENT, "application/yaml"),
}
ASSETS = (
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
    "/docs/redoc.standalone.js",
    "/docs/swagger.js",
    "/docs/redoc.js",
    "/docs/live.js",
    "/docs/login.js",
    "/docs/bar.css",
    "/docs/pages.css",
    "/docs/favicon.png",
)


@pytest.fixture
def given() -> Settings:
    return config.load(
        _env_file=None, environment=Environment.TEST, jwt_secret="0123456789-abcdefghij-ABCDEFGHIJ"
    )


@pytest.fixture
async def reader(given: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who only reads: it needs no database."""
    async with client_of(given) as client:
        yield client


def client_of(settings: Settings) -> httpx.AsyncClient:
    return client_of_router(published(settings))


def client_of_router(router: APIRouter) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_clients_get_the_very_file(path: str, reader: httpx.AsyncClient) -> None:
    file, media_type = DOCUMENTS[path]

    response = await reader.get(path)

    assert response.content == file.read_bytes()
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", [*DOCUMENTS, *PAGES, *ASSETS])
async def test_who_has_it_gets_304(path: str, reader: httpx.AsyncClient) -> None:
    etag = (await reader.get(path)).headers["etag"]

    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await reader.get(path, headers={"If-None-Match": held})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == etag

    response = await reader.get(path, headers={"If-None-Match": '"other"'})
    assert response.status_code == 200


@pytest.mark.parametrize("path", [*DOCUMENTS, *PAGES, *ASSETS])
async def test_head_answers_like_get_without_the_body(path: str, reader: httpx.AsyncClient) -> None:
    got, head = await reader.get(path), await reader.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


async def test_an_etag_is_strong_and_names_the_content(given: Settings, tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_text("openapi: 3.1.0\n")
    async with client_of_router(docs.router(document, GENERATED / "openapi.json")) as client:
        first = await client.get("/openapi.yaml")
        document.write_text("openapi: 3.1.1\n# longer\n")
        second = await client.get("/openapi.yaml")

    assert re.fullmatch(r'"[0-9a-f]{32}"', first.headers["etag"])
    assert second.headers["etag"] != first.headers["etag"]
    assert second.text == "openapi: 3.1.1\n# longer\n"


@pytest.mark.parametrize("path", PAGES)
async def test_http_9_a_page_has_a_strict_policy(path: str, reader: httpx.AsyncClient) -> None:
    directives = (await reader.get(path)).headers["content-security-policy"].split("; ")

    assert {
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    } <= set(directives)
    assert ("style-src 'self'" in directives) is (path == "/docs")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_names_nobody_else_and_holds_no_script(
    path: str, reader: httpx.AsyncClient
) -> None:
    html = (await reader.get(path)).text

    assert set(re.findall(r'(?:src|href)="([^"]*)"', html)) <= {*ASSETS, *DOCUMENTS, *PAGES}
    assert re.findall(r"<script[^>]*>([^<]*)</script>", html) == ["", ""]
    assert not re.search(r"https?:|<style|\bon[a-z]+=|style=", html)


async def test_redoc_asks_nobody_for_its_logo(reader: httpx.AsyncClient) -> None:
    asked_for = docs.REDOC_LOGO
    assert asked_for in (docs.vendor_files() / "redoc.standalone.js").read_bytes()

    served = (await reader.get("/docs/redoc.standalone.js")).content

    assert asked_for not in served


@pytest.fixture(params=[("production", None), ("development", False)])
def without_pages(given: Settings, request: pytest.FixtureRequest) -> Settings:
    environment, wanted = request.param
    return changed(given, environment=Environment(environment), docs=wanted)


async def test_http_9_pages_are_off_in_production_and_where_nobody_wants_them(
    without_pages: Settings,
) -> None:
    async with client_of(without_pages) as client:
        pages = [(await client.get(path)).status_code for path in (*PAGES, *ASSETS)]
        documents = [(await client.get(path)).status_code for path in DOCUMENTS]

    assert set(pages) == {404}
    assert set(documents) == {200}


async def test_pages_can_be_asked_for_in_production(given: Settings) -> None:
    settings = changed(given, environment=Environment.PRODUCTION, docs=True)
    async with client_of(settings) as client:
        assert 'data-mode="still"' in (await client.get("/docs")).text


async def test_pages_follow_the_document_in_development_only(given: Settings) -> None:
    async with client_of(given) as client:
        assert 'data-mode="still"' in (await client.get("/docs")).text
    async with client_of(changed(given, environment=Environment.DEVELOPMENT)) as client:
        for path in PAGES:
            assert 'data-mode="live"' in (await client.get(path)).text
