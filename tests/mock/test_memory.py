"""The mock remembers: what was POSTed to a collection is there to GET, PATCH and DELETE."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from scripts.codegen import command
from scripts.codegen.document import Document
from scripts.mock.app import Mock
from scripts.mock.memory import Memory
from tests.mock.requests import client_of

DOCUMENT = Document(command.PROJECT / "openapi" / "openapi.yaml").content
EVERYBODY = {"Authorization": "Bearer token"}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(Mock(DOCUMENT, memory=Memory())) as client:
        client.headers.update(EVERYBODY)
        yield client


async def create(client: httpx.AsyncClient, **item: Any) -> Any:
    created = await client.post("/items", json={"title": "A lens", **item})
    assert created.status_code == 201, created.text
    return created.json()


async def listed(client: httpx.AsyncClient, **query: Any) -> Any:
    return (await client.get("/items", params=query)).json()


async def test_what_was_created_is_where_location_says(client: httpx.AsyncClient) -> None:
    created = await client.post("/items", json={"title": "A lens", "quantity": 7})

    found = await client.get(created.headers["location"])

    assert found.json() == created.json()
    assert (found.json()["title"], found.json()["quantity"]) == ("A lens", 7)


async def test_each_has_an_identity_of_its_own_and_is_listed(client: httpx.AsyncClient) -> None:
    first, second = await create(client), await create(client)

    identities = [item["id"] for item in (await listed(client))["data"]]

    assert first["id"] != second["id"]
    assert identities[-2:] == [first["id"], second["id"]]


async def test_a_list_leads_to_no_page_that_is_not_there(client: httpx.AsyncClient) -> None:
    await create(client)

    answer = await client.get("/items")

    assert answer.json()["next_cursor"] is None
    assert "link" not in answer.headers


async def test_a_limit_is_kept(client: httpx.AsyncClient) -> None:
    await create(client)
    await create(client)

    assert len((await listed(client, limit=1))["data"]) == 1


async def test_a_patch_merges(client: httpx.AsyncClient) -> None:
    created = await create(client, quantity=7)
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": '"1"'}
    path = f"/items/{created['id']}"

    changed = await client.patch(path, json={"title": "Two lenses"}, headers=headers)

    assert changed.status_code == 200
    assert (await client.get(path)).json() == changed.json()
    assert (changed.json()["title"], changed.json()["quantity"]) == ("Two lenses", 7)
    assert changed.json()["created_at"] == created["created_at"]
    assert changed.json()["updated_at"] >= created["updated_at"]


async def test_a_deleted_one_is_gone(client: httpx.AsyncClient) -> None:
    path = f"/items/{(await create(client))['id']}"

    deleted = await client.delete(path, headers={"If-Match": '"1"'})
    after = await client.get(path)

    assert (deleted.status_code, after.status_code) == (204, 404)
    assert after.headers["content-type"] == "application/problem+json"


async def test_before_anything_is_written_everything_is_there(client: httpx.AsyncClient) -> None:
    before = await client.get(f"/items/{NOBODY}")
    await create(client)
    after = await client.get(f"/items/{NOBODY}")

    assert (before.status_code, before.json()["id"]) == (200, NOBODY)
    assert after.status_code == 404


async def test_the_examples_stay_beside_what_is_created(client: httpx.AsyncClient) -> None:
    example = (await listed(client))["data"][0]
    await create(client)

    assert (await listed(client))["data"][0] == example
    assert (await client.get(f"/items/{example['id']}")).json() == example


async def test_a_password_is_never_shown(client: httpx.AsyncClient) -> None:
    account = {"email": "bob@example.com", "password": "correct horse battery"}
    created = await client.post("/users", json=account)

    found = await client.get(created.headers["location"])

    assert found.json()["email"] == "bob@example.com"
    assert "password" not in found.json()


async def test_who_gets_no_answer_has_changed_nothing(client: httpx.AsyncClient) -> None:
    before = await listed(client)

    refused = await client.post("/items", json={"title": "x"}, headers={"Accept": "text/html"})

    assert refused.status_code == 406
    assert await listed(client) == before


async def test_without_memory_nothing_is_kept() -> None:
    async with client_of(Mock(DOCUMENT)) as client:
        client.headers.update(EVERYBODY)
        before = await listed(client)
        await create(client)
        assert await listed(client) == before


async def test_memory_outlives_an_edit_of_the_document() -> None:
    memory = Memory()
    async with client_of(Mock(DOCUMENT, memory=memory, seed=1)) as client:
        client.headers.update(EVERYBODY)
        first = await create(client)
    async with client_of(Mock(DOCUMENT, memory=memory, seed=1)) as client:
        client.headers.update(EVERYBODY)
        second = await create(client)
        found = await client.get(f"/items/{first['id']}")

    assert found.json() == first
    assert second["id"] != first["id"]


async def test_values_that_differ_each_time_do_not_hinder_memory() -> None:
    async with client_of(Mock(DOCUMENT, memory=Memory(), dynamic=True)) as client:
        client.headers.update(EVERYBODY)
        created = await create(client)
        assert (await client.get(f"/items/{created['id']}")).json() == created


# -- documents of others --------------------------------------------------------------------------


def names_of_users(maximum: int | None = None) -> Any:
    """A document whose clients choose the identity, below a path with a parameter."""
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    }
    content = {"application/json": {"schema": schema}}
    users: dict[str, Any] = {"type": "array", "items": schema}
    if maximum is not None:
        users["maxItems"] = maximum
    location = {"Location": {"required": True, "schema": {"type": "string"}}}
    gone = {"description": "-"}
    team = {"in": "path", "name": "team", "required": True, "schema": {"type": "string"}}
    name = {"in": "path", "name": "name", "required": True, "schema": {"type": "string"}}
    created = {"description": "-", "headers": location, "content": content}
    listing = {"description": "-", "content": {"application/json": {"schema": users}}}
    one = {"200": {"description": "-", "content": content}, "404": gone}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/teams/{team}/users": {
                "parameters": [team],
                "post": {"requestBody": {"content": content}, "responses": {"201": created}},
                "get": {"responses": {"200": listing}},
            },
            "/teams/{team}/users/{name}": {
                "parameters": [team, name],
                "get": {"responses": one},
                "put": {"requestBody": {"content": content}, "responses": one},
            },
        },
    }


async def test_a_client_may_choose_the_identity() -> None:
    async with client_of(Mock(names_of_users(), memory=Memory())) as client:
        await client.post("/teams/a/users", json={"name": "bob", "age": 3})
        assert (await client.get("/teams/a/users/bob")).json() == {"name": "bob", "age": 3}


async def test_a_put_replaces() -> None:
    async with client_of(Mock(names_of_users(), memory=Memory())) as client:
        await client.post("/teams/a/users", json={"name": "bob", "age": 3})
        await client.put("/teams/a/users/bob", json={"name": "bob"})
        assert (await client.get("/teams/a/users/bob")).json() == {"name": "bob"}


async def test_each_parent_has_a_collection_of_its_own() -> None:
    async with client_of(Mock(names_of_users(), memory=Memory())) as client:
        await client.post("/teams/a/users", json={"name": "bob"})
        await client.post("/teams/b/users", json={"name": "eve"})
        assert (await client.get("/teams/b/users/bob")).status_code == 404


async def test_a_location_is_ascii_whatever_the_path_is() -> None:
    async with client_of(Mock(names_of_users(), memory=Memory())) as client:
        created = await client.post("/teams/ω/users", json={"name": "bob c"})
        found = await client.get(created.headers["location"])

    assert created.headers["location"] == "/teams/%CF%89/users/bob%20c"
    assert found.json()["name"] == "bob c"


async def test_a_list_is_no_longer_than_its_schema_lets_it_be() -> None:
    async with client_of(Mock(names_of_users(maximum=2), memory=Memory())) as client:
        for name in ("a", "b", "c"):
            await client.post("/teams/a/users", json={"name": name})
        assert len((await client.get("/teams/a/users")).json()) == 2
