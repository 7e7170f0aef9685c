"""What nobody has written yet is answered by the mock, and says so; never in production."""

from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter.project import stand_in
from generated.operations import ItemsOperations
from impl.app import create_app
from impl.core.config import Environment, Settings
from impl.services.items import ItemService
from tests.people import Person, changed, client_of

ITEM = {"title": "A brass telescope"}


@pytest.fixture(autouse=True)
def half_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("create_item", "get_item"):
        monkeypatch.setattr(ItemService, name, vars(ItemsOperations)[name])


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[FastAPI]:
    app = stand_in.application(create_app(settings))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def stranger(service: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        yield client


async def test_the_mock_answers_and_says_so(
    ada: Person, stranger: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    made = await stranger.post("/items", json=ITEM, headers=ada.headers)

    assert made.status_code == 201
    assert made.json()["title"] == "A brass telescope"
    assert made.headers["Charter-Mock"] == "createItem"
    assert made.headers["X-Request-ID"]  # the layers around every request are around it, too
    assert [
        record.__dict__["unwritten"] for record in caplog.records if "unwritten" in vars(record)
    ]
    again = await stranger.get(made.headers["Location"], headers=ada.headers)
    assert again.json() == made.json()


async def test_what_is_written_is_not_the_mock(ada: Person, stranger: httpx.AsyncClient) -> None:
    await stranger.post("/items", json=ITEM, headers=ada.headers)

    listed = await stranger.get("/items", headers=ada.headers)

    assert listed.json()["data"] == []
    assert "Charter-Mock" not in listed.headers


async def test_it_is_no_way_round_authentication(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.post("/items", json=ITEM)).status_code == 401
    forged = {"Authorization": "Bearer anything"}
    assert (await stranger.post("/items", json=ITEM, headers=forged)).status_code == 401


async def test_requests_are_judged_all_the_same(ada: Person, stranger: httpx.AsyncClient) -> None:
    refused = await stranger.post("/items", json={"title": ""}, headers=ada.headers)

    assert refused.status_code == 422
    assert "Charter-Mock" not in refused.headers


async def test_in_production_nothing_stands_in(
    ada: Person, settings: Settings, whole_app: FastAPI
) -> None:
    app = stand_in.application(create_app(changed(settings, environment=Environment.PRODUCTION)))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    stranger = httpx.AsyncClient(transport=transport, base_url="http://test")
    async with app.router.lifespan_context(app), stranger:
        answer = await stranger.post("/items", json=ITEM, headers=ada.headers)

    assert answer.status_code == 501
