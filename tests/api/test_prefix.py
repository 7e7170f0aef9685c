"""The service below a path: what clients are told leads back to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from impl.app import create_app
from impl.core.config import Settings
from impl.db.session import Database
from tests.items import create_item
from tests.people import changed, register

PREFIX = "/api/v1"


@asynccontextmanager
async def behind(
    app: FastAPI, base_url: str, root_path: str = ""
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, root_path=root_path)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=base_url) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("setting", "root_path", "base_url"),
    [
        (PREFIX, "", f"http://test{PREFIX}"),  # a proxy that passes the prefix on
        (PREFIX, "", "http://test"),  # one that takes it away
        ("", PREFIX, f"http://test{PREFIX}"),  # a server that was started with it
    ],
)
async def test_references_lead_below_the_prefix(
    settings: Settings, database: Database, setting: str, root_path: str, base_url: str
) -> None:
    app = create_app(changed(settings, path_prefix=setting))
    async with behind(app, base_url, root_path) as client:
        ada = await register(client)
        created = await ada.post("/items", json={"title": "x"})
        await create_item(ada)
        page = await ada.get("/items", params={"limit": 1})
        refused = await ada.request("POST", "/items/x")

    assert created.headers["Location"] == f"{PREFIX}/items/{created.json()['id']}"
    assert page.headers["Link"].startswith(f"<{PREFIX}/items?limit=1&")
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]


async def test_without_a_prefix_references_begin_at_the_root(
    settings: Settings, database: Database
) -> None:
    async with behind(create_app(settings), "http://test") as client:
        ada = await register(client)
        created = await ada.post("/items", json={"title": "x"})

    assert created.headers["Location"] == f"/items/{created.json()['id']}"
