"""A deprecated operation of the service: its headers, its counter, and who still calls it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2 as httpx
import pytest

from generated import DOCUMENT
from impl import app as service
from impl.core.config import Settings
from impl.db.session import Database
from tests.api.test_events import lines_of
from tests.people import client_of, register


@pytest.fixture
async def client(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """The service of a document that deprecates `GET /items`."""
    content = json.loads(DOCUMENT.read_bytes())
    content["paths"]["/items"]["get"] |= {
        "deprecated": True, "x-deprecated-since": "2026-06-01", "x-sunset": "2027-01-31",
        "x-deprecation-docs": "/docs/moving",
    }  # fmt: skip
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(content))
    monkeypatch.setattr(service, "DOCUMENT", file)
    app = service.create_app(settings)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


async def test_the_operation_announces_its_end(client: httpx.AsyncClient) -> None:
    ada = await register(client)

    listed, refused = await ada.get("/items"), await client.get("/items")

    for answer, status in ((listed, 200), (refused, 401)):
        assert answer.status_code == status
        assert answer.headers["deprecation"] == "@1780272000"
        assert answer.headers["sunset"] == "Sun, 31 Jan 2027 00:00:00 GMT"
        assert '</docs/moving>; rel="sunset"' in answer.headers["link"]
    other = await ada.post("/items", json={"title": "A brass telescope"})
    assert not {"deprecation", "sunset", "link"} & other.headers.keys()


async def test_operators_see_who_still_calls_it(client: httpx.AsyncClient) -> None:
    ada = await register(client)
    with lines_of("charter.service.deprecations") as lines:
        for _ in range(3):
            await ada.get("/items", headers={"User-Agent": "shop/1.0"})
        await ada.get("/users/me")
        (line,) = lines()

    assert line["operation"] == "listItems"
    assert (line["user_id"], line["client"]) == (ada.id, "shop/1.0")
    assert ada.tokens["access_token"] not in json.dumps(line)
    exposed = (await client.get("/metrics")).text
    assert 'charter_deprecated_requests_total{operation="listItems"}' in exposed
    assert 'charter_deprecated_requests_total{operation="getOwnUser"}' not in exposed
