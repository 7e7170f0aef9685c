"""A user watches their items change: what is told, to whom, and how the stream ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import select, text

from charter.runtime import streams
from impl.app import create_app
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import ItemChange
from impl.repositories.item_changes import Position
from impl.services.purge import Purge
from tests.items import create_item
from tests.people import Person, changed
from tests.serving import serving

Event = dict[str, Any]


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    """Of a service of its own, because a transport within the process buffers streams."""
    with serving(create_app(settings)) as address:
        yield address


@asynccontextmanager
async def watching(
    address: str, person: Person, last: str | None = None
) -> AsyncIterator[AsyncIterator[Event]]:
    headers = {"authorization": person.headers["Authorization"]}
    if last is not None:
        headers["last-event-id"] = last
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, timeout=10) as client,
        client.stream("GET", "/items/changes") as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events(response)


async def events(response: httpx.Response) -> AsyncIterator[Event]:
    event: Event = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "data":
            event |= json.loads(value)
        elif name and not line.startswith(":"):  # a sign of life
            event[name] = value
        elif event:
            yield event
            event = {}


async def test_each_change_is_told_with_the_item_as_it_is(address: str, ada: Person) -> None:
    async with watching(address, ada) as told:
        first = await anext(told)
        item = await create_item(ada)
        created = await anext(told)
        await ada.delete(f"/items/{item['id']}", headers={"If-Match": "*"})
        deleted = await anext(told)

    assert (first["event"], first["item_id"], first["item"]) == ("ready", None, None)
    assert (created["event"], created["item"]) == ("created", item)
    assert (deleted["event"], deleted["item_id"], deleted["item"]) == ("deleted", item["id"], None)


async def test_whoever_comes_back_misses_nothing(address: str, ada: Person) -> None:
    async with watching(address, ada) as told:
        first = await anext(told)
    items = [await create_item(ada, title=f"{number}") for number in range(120)]

    async with watching(address, ada, first["id"]) as told:
        assert (await anext(told))["id"] == first["id"]
        seen = [await anext(told) for _ in range(60)]
    async with watching(address, ada, seen[-1]["id"]) as told:
        await anext(told)
        seen += [await anext(told) for _ in range(60)]

    assert [event["item"]["title"] for event in seen] == [item["title"] for item in items]


async def test_a_change_is_told_once_its_transaction_has_ended(
    address: str, ada: Person, database: Database
) -> None:
    """It began before another one that was told already, and is not passed over."""
    item = await create_item(ada)
    async with watching(address, ada) as told:
        await anext(told)
        async with database.engine.begin() as slow:
            change = text("UPDATE items SET quantity = 7 WHERE id = :id")
            await slow.execute(change, {"id": item["id"]})
            other = await create_item(ada)
            coming = asyncio.ensure_future(anext(told))
            early, _ = await asyncio.wait({coming}, timeout=1)
        updated, created = await coming, await anext(told)

    assert not early
    assert (updated["item_id"], updated["item"]["quantity"]) == (item["id"], 7)
    assert (created["event"], created["item"]) == ("created", other)


async def test_nobody_hears_of_the_items_of_others(
    address: str, ada: Person, grace: Person
) -> None:
    async with watching(address, ada) as told:
        await anext(told)
        await create_item(grace)
        mine = await create_item(ada)
        assert (await anext(told))["item"] == mine


@pytest.mark.parametrize(
    "unknown",
    ["1600000000-1-1", "999999999999-900000000000000000-1"],
    ids=["long ago", "in a history that a backup has undone"],
)
async def test_whoever_comes_back_with_an_event_that_nobody_knows_begins_anew(
    address: str, ada: Person, unknown: str
) -> None:
    async with watching(address, ada, unknown) as told:
        ready = await anext(told)
        await create_item(ada)
        async with asyncio.timeout(5):
            created = await anext(told)

    assert ready["event"] == "ready"
    assert ready["id"] != unknown
    assert created["event"] == "created"


async def test_a_change_is_forgotten_before_it_is_purged(
    ada: Person, database: Database, settings: Settings
) -> None:
    """Else one that happened in the same second as the last that was told could be missing."""
    await create_item(ada)
    aged = text("UPDATE item_changes SET happened_at = now() - interval '24:01'")
    async with database.transaction() as session:
        await session.execute(aged)
        await session.commit()

    await Purge(database, settings).run()

    async with database.statements() as session:
        (kept,) = await session.scalars(select(ItemChange))
    assert Position.of(kept).is_forgotten


async def test_a_made_up_event_is_refused(ada: Person) -> None:
    response = await ada.get("/items/changes", headers={"Last-Event-ID": "7"})

    assert response.status_code == 422


async def test_a_stream_ends_with_the_session_that_asked_for_it(
    address: str, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.2)
    async with watching(address, ada) as told:
        await anext(told)
        assert (await ada.delete("/auth/sessions")).status_code == 204
        assert [event async for event in told] == []


async def test_a_stream_outlives_an_outage(
    ada: Person, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can say that its caller has lost the right to it."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.1)
    item = await create_item(ada)
    narrow = changed(settings, db_pool_size=1, db_max_overflow=0, db_pool_timeout_seconds=0.2)
    with serving(create_app(narrow)) as address:
        async with watching(address, ada) as told:
            await anext(told)
            async with database.engine.begin() as lock:
                await lock.execute(text("LOCK TABLE items"))
                holding = asyncio.ensure_future(change_at(address, ada, item["id"]))
                await asyncio.sleep(0.8)
            await holding
            last = await create_item(ada)
            while (await anext(told))["item_id"] != last["id"]:
                pass


async def change_at(address: str, person: Person, item_id: str) -> None:
    headers = {
        "authorization": person.headers["Authorization"],
        "content-type": "application/merge-patch+json",
        "if-match": "*",
    }
    async with httpx.AsyncClient(base_url=address, headers=headers) as client:
        await client.patch(f"/items/{item_id}", json={"quantity": 7})


async def test_one_account_does_not_take_all_streams(
    ada: Person, grace: Person, settings: Settings
) -> None:
    headers = {"authorization": ada.headers["Authorization"]}
    with serving(create_app(changed(settings, streams_per_caller=2))) as address:
        async with watching(address, ada) as first, watching(address, ada) as second:
            for told in (first, second):
                await anext(told)
            async with httpx.AsyncClient(base_url=address, headers=headers) as client:
                refused = await client.get("/items/changes")
            async with watching(address, grace) as other:
                assert (await anext(other))["event"] == "ready"
        async with asyncio.timeout(5), watching(address, ada) as again:
            assert (await anext(again))["event"] == "ready"

    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 5 <= int(refused.headers["retry-after"]) <= 15
    assert refused.json()["detail"] == "You hold 2 streams already: end one of them first."


async def test_no_stream_holds_a_connection_of_the_database(
    ada: Person, settings: Settings
) -> None:
    app = create_app(settings)
    with serving(app) as address:
        async with watching(address, ada) as told:
            await anext(told)
            await asyncio.sleep(0.2)
            pool: Any = app.state.database.engine.pool
            assert pool.checkedout() == 0


async def test_changes_are_purged_after_little_more_than_a_day(
    ada: Person, database: Database, settings: Settings
) -> None:
    await create_item(ada)
    assert not await Purge(database, settings).run()
    async with database.engine.begin() as connection:
        await connection.execute(
            text("UPDATE item_changes SET happened_at = happened_at - interval '26 hours'")
        )

    assert await Purge(database, settings).run() == {"item_changes": 1}
