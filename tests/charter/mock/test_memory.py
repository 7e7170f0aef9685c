"""The mock remembers: what was POSTed to a collection is there to GET, PATCH and DELETE."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest

from charter.document import Document
from charter.mock.app import Mock
from charter.mock.memory import Memory
from tests.charter.mock.requests import client_of, with_paths
from tests.data import DOCUMENT

CONTENT = Document(DOCUMENT).content
EVERYBODY = {"Authorization": "Bearer token"}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(Mock(CONTENT, memory=Memory())) as client:
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

    identities = {item["id"] for item in (await listed(client))["data"]}

    assert first["id"] != second["id"]
    assert {first["id"], second["id"]} < identities


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


async def test_a_put_replaces_what_a_client_may_send(client: httpx.AsyncClient) -> None:
    created = await create(client, description="old")
    path = f"/items/{created['id']}"
    body = {"title": "Other", "quantity": 3, "status": "active", "tags": []}

    changed = await client.put(path, json=body, headers={"If-Match": '"1"'})

    assert changed.status_code == 200
    replaced = (await client.get(path)).json()
    assert body.items() <= replaced.items()
    assert replaced["created_at"] == created["created_at"]


async def test_a_deleted_one_is_gone(client: httpx.AsyncClient) -> None:
    created = await create(client)
    path = f"/items/{created['id']}"

    deleted = await client.delete(path, headers={"If-Match": '"1"'})
    after = await client.get(path)
    again = await client.delete(path, headers={"If-Match": '"1"'})

    assert (deleted.status_code, after.status_code, again.status_code) == (204, 404, 404)
    assert after.headers["content-type"] == "application/problem+json"
    assert created not in (await listed(client))["data"]


async def test_times_that_the_server_makes_are_now(client: httpx.AsyncClient) -> None:
    example = (await listed(client))["data"][0]

    assert (await create(client))["created_at"] > example["created_at"]


async def test_who_prefers_an_answer_neither_sees_nor_changes_memory(
    client: httpx.AsyncClient,
) -> None:
    created = await create(client)
    before = await listed(client)
    path, prefer = f"/items/{created['id']}", {"Prefer": "dynamic=true"}

    seen = await client.get(path, headers=prefer)
    await client.post("/items", json={"title": "Another"}, headers=prefer)
    await client.delete(path, headers={**prefer, "If-Match": '"1"'})

    assert seen.json() != created
    assert await listed(client) == before


async def test_before_anything_is_written_everything_is_there(client: httpx.AsyncClient) -> None:
    before = await client.get(f"/items/{NOBODY}")
    await create(client)
    after = await client.get(f"/items/{NOBODY}")

    assert (before.status_code, before.json()["id"]) == (200, NOBODY)
    assert after.status_code == 404


async def test_the_examples_stay_beside_what_is_created(client: httpx.AsyncClient) -> None:
    example = (await listed(client))["data"][0]
    await create(client)

    assert example in (await listed(client))["data"]
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
    async with client_of(Mock(CONTENT)) as client:
        client.headers.update(EVERYBODY)
        before = await listed(client)
        await create(client)
        assert await listed(client) == before


async def test_memory_outlives_an_edit_of_the_document() -> None:
    memory = Memory()
    async with client_of(Mock(CONTENT, memory=memory, seed=1)) as client:
        client.headers.update(EVERYBODY)
        first = await create(client)
    async with client_of(Mock(CONTENT, memory=memory, seed=1)) as client:
        client.headers.update(EVERYBODY)
        second = await create(client)
        found = await client.get(f"/items/{first['id']}")

    assert found.json() == first
    assert second["id"] != first["id"]


async def test_values_that_differ_each_time_do_not_hinder_memory() -> None:
    async with client_of(Mock(CONTENT, memory=Memory(), dynamic=True)) as client:
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
    return with_paths(
        {
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
        }
    )


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


async def test_a_location_has_the_address_of_the_server_where_its_schema_asks_for_that() -> None:
    paths = names_of_users()
    created = paths["paths"]["/teams/{team}/users"]["post"]["responses"]["201"]
    created["headers"]["Location"]["schema"]["format"] = "uri"
    async with client_of(Mock(paths, memory=Memory())) as client:
        created = await client.post("/teams/a/users", json={"name": "bob"})
        found = await client.get(created.headers["location"])

    assert created.headers["location"] == "http://mock/teams/a/users/bob"
    assert found.json()["name"] == "bob"


async def test_a_list_is_no_longer_than_its_schema_lets_it_be() -> None:
    async with client_of(Mock(names_of_users(maximum=2), memory=Memory())) as client:
        for name in ("a", "b", "c"):
            await client.post("/teams/a/users", json={"name": name})
        assert len((await client.get("/teams/a/users")).json()) == 2


# -- bodies of other forms ------------------------------------------------------------------------

STRING = {"type": "string"}
NEW = {"type": "object", "required": ["title"], "properties": {"title": STRING, "body": STRING}}
ARTICLE = {
    "type": "object",
    "required": ["slug", "title"],
    "properties": {**NEW["properties"], "slug": STRING},  # type: ignore[dict-item]  # a schema
}
SUMMARY = {
    "type": "object",
    "required": ["slug"],
    "properties": {"slug": STRING, "title": STRING},
    "additionalProperties": False,
}


def of(**members: Any) -> Any:
    return {"type": "object", "required": sorted(members), "properties": members}


def json_body(schema: Any, media_type: str = "application/json") -> Any:
    return {"description": "-", "content": {media_type: {"schema": schema}}}


def document(paths: Any) -> Any:
    """Where every name in a path is a string, and what isn't there is 404."""
    for path, item in paths.items():
        item["parameters"] = [
            {"in": "path", "name": part[1:-1], "required": True, "schema": STRING}
            for part in path.split("/")
            if part.startswith("{")
        ]
        for operation in item.values():
            if isinstance(operation, dict):
                operation["responses"].setdefault("404", {"description": "-"})
    return with_paths(paths)


def articles(request: Any = NEW, shown: Any = ARTICLE, **listing: Any) -> Any:
    """A collection of which everything is wrapped."""
    one, sent = json_body(of(article=shown)), json_body(of(article=request))
    many = listing or {"articles": {"type": "array", "items": SUMMARY},
                       "articlesCount": {"type": "integer"}}  # fmt: skip
    patched = json_body({"type": "array"}, "application/json-patch+json")
    return document(
        {
            "/articles": {
                "get": {"responses": {"200": json_body(of(**many))}},
                "post": {"requestBody": sent, "responses": {"201": one}},
            },
            "/articles/{slug}": {
                "get": {"responses": {"200": one}},
                "put": {"requestBody": sent, "responses": {"200": one}},
                "patch": {"requestBody": patched, "responses": {"200": one}},
                "delete": {"responses": {"204": {"description": "-"}}},
            },
        }
    )


def at(paths: Any) -> httpx.AsyncClient:
    return client_of(Mock(paths, memory=Memory()))


async def test_what_is_wrapped_is_remembered_and_shown_wrapped() -> None:
    async with at(articles()) as client:
        body = {"article": {"title": "On Lenses", "body": "b"}}
        created = (await client.post("/articles", json=body)).json()
        path = "/articles/on-lenses"
        found = (await client.get(path)).json()
        changed = (await client.put(path, json={"article": {"title": "New"}})).json()
        deleted = await client.delete(path)
        after = await client.get(path)

    assert created == found == {"article": {"slug": "on-lenses", "title": "On Lenses", "body": "b"}}
    assert changed == {"article": {"slug": "on-lenses", "title": "New"}}
    assert (deleted.status_code, after.status_code) == (204, 404)


async def test_a_header_of_a_list_counts_all() -> None:
    paths = articles()
    listing = paths["paths"]["/articles"]["get"]["responses"]["200"]
    listing["headers"] = {"X-Total-Count": {"schema": {"type": "integer"}}}
    async with at(paths) as client:
        for title in ("One", "Two"):
            await client.post("/articles", json={"article": {"title": title}})
        listed = await client.get("/articles")

    assert listed.headers["x-total-count"] == "3" == str(len(listed.json()["articles"]))


async def test_a_slug_is_given_once() -> None:
    async with at(articles()) as client:
        body = {"article": {"title": "On Lenses"}}
        made = [(await client.post("/articles", json=body)).json() for _ in range(3)]

    slugs = [created["article"]["slug"] for created in made]
    assert slugs == ["on-lenses", "on-lenses-2", "on-lenses-3"]


async def test_a_list_shows_what_its_schema_names_and_counts_all() -> None:
    async with at(articles()) as client:
        await client.post("/articles", json={"article": {"title": "On Lenses", "body": "b"}})
        listed = (await client.get("/articles")).json()

    assert listed["articles"][-1] == {"slug": "on-lenses", "title": "On Lenses"}
    assert listed["articlesCount"] == len(listed["articles"]) == 2


async def test_counts_and_ways_to_a_next_page_are_told_wherever_they_stand() -> None:
    listing = {
        "data": {"type": "array", "items": SUMMARY},
        "meta": of(total={"type": "integer"}, pages={"type": "integer", "const": 9}),
        "links": {"type": "object", "properties": {"pages": of_optional(next=STRING)}},
    }
    async with at(articles(**listing)) as client:
        await client.post("/articles", json={"article": {"title": "On Lenses"}})
        listed = (await client.get("/articles")).json()

    assert listed["meta"] == {"total": 2, "pages": 9}
    assert listed["links"] == {"pages": {}}


def of_optional(**members: Any) -> Any:
    return {"type": "object", "properties": members}


async def test_a_member_may_be_one_of_several_properties_of_its_name() -> None:
    shown = of(droplet=of(id={"type": "integer"}, name=STRING), links=of(id=STRING))
    paths = document(
        {
            "/droplets": {
                "post": {
                    "requestBody": json_body(of(name=STRING)),
                    "responses": {"202": json_body(shown)},
                },
            },
            "/droplets/{droplet_id}": {"get": {"responses": {"200": json_body(shown)}}},
        }
    )
    async with at(paths) as client:
        created = (await client.post("/droplets", json={"name": "web"})).json()
        found = (await client.get("/droplets/1")).json()

    assert created == found
    assert found["droplet"] == {"id": 1, "name": "web"}


async def test_members_that_nothing_reads_alone_are_listed_and_deleted() -> None:
    comment = of(id={"type": "integer"}, body=STRING)
    comments = of(comments={"type": "array", "items": comment})
    paths = document(
        {
            "/comments": {
                "get": {"responses": {"200": json_body(comments)}},
                "post": {
                    "requestBody": json_body(of(comment=of(body=STRING))),
                    "responses": {"200": json_body(of(comment=comment))},
                },
            },
            "/comments/{id}": {"delete": {"responses": {"204": {"description": "-"}}}},
        }
    )
    async with at(paths) as client:
        created = (await client.post("/comments", json={"comment": {"body": "hi"}})).json()
        listed = (await client.get("/comments")).json()
        await client.delete(f"/comments/{created['comment']['id']}")
        after = (await client.get("/comments")).json()

    assert created["comment"] in listed["comments"]
    assert created["comment"] not in after["comments"]


# -- other ways to write --------------------------------------------------------------------------

PET = {
    "type": "object",
    "required": ["name"],
    "properties": {"id": {"type": "integer"}, "name": STRING},
}


def pets() -> Any:
    """As the well-known petstore has it: no list, and a PUT that names its member in the body."""
    whole = {"requestBody": json_body(PET), "responses": {"200": json_body(PET)}}
    updated = {**whole, "responses": {"200": json_body(PET)}}
    return document(
        {
            "/pet": {"post": whole, "put": updated},
            "/pet/{petId}": {
                "get": {"responses": {"200": json_body(PET)}},
                "post": {"requestBody": json_body(of(name=STRING)),
                         "responses": {"200": json_body(PET)}},
            },
        }
    )  # fmt: skip


async def test_a_put_on_the_collection_changes_the_member_that_it_names() -> None:
    async with at(pets()) as client:
        await client.post("/pet", json={"id": 7, "name": "Rex"})
        changed = await client.put("/pet", json={"id": 7, "name": "Max"})
        unknown = await client.put("/pet", json={"id": 8, "name": "Nobody"})
        found = await client.get("/pet/7")

    assert changed.json() == found.json() == {"id": 7, "name": "Max"}
    assert unknown.status_code == 404


async def test_a_post_to_a_member_merges() -> None:
    async with at(pets()) as client:
        await client.post("/pet", json={"id": 7, "name": "Rex"})
        await client.post("/pet/7", json={"name": "Max"})
        assert (await client.get("/pet/7")).json() == {"id": 7, "name": "Max"}


async def test_a_null_that_the_schema_admits_is_no_absence() -> None:
    due = {"type": ["string", "null"], "example": "today"}
    pet = of(id={"type": "integer"}, due=due)
    paths = pets()
    paths["paths"]["/pet/{petId}"]["get"]["responses"]["200"] = json_body(pet)
    member = paths["paths"]["/pet/{petId}"]["post"]
    member["requestBody"], member["responses"]["200"] = json_body(pet), json_body(pet)
    async with at(paths) as client:
        await client.post("/pet", json={"id": 7, "name": "Rex"})
        await client.post("/pet/7", json={"id": 7, "due": None})
        assert (await client.get("/pet/7")).json()["due"] is None


async def test_a_collection_may_be_another_paths() -> None:
    playlist = of(id=STRING, name=STRING)
    mine = {
        "get": {"responses": {"200": json_body({"type": "array", "items": playlist})}},
        "post": {
            "requestBody": json_body(of(name=STRING)),
            "responses": {"201": json_body(playlist)},
        },
    }
    shown = {"get": {"responses": {"200": json_body(playlist)}}}
    paths = document({"/me/playlists": mine, "/playlists/{playlist_id}": shown})
    async with at(paths) as client:
        created = (await client.post("/me/playlists", json={"name": "Mine"})).json()
        found = (await client.get(f"/playlists/{created['id']}")).json()
        listed = (await client.get("/me/playlists")).json()

    assert found == created
    assert created in listed


PATCH = {"Content-Type": "application/json-patch+json"}


async def test_a_json_patch_is_applied_to_what_is_shown() -> None:
    async with at(articles()) as client:
        await client.post("/articles", json={"article": {"title": "On Lenses", "body": "b"}})
        patch = [{"op": "replace", "path": "/article/title", "value": "New"},
                 {"op": "remove", "path": "/article/body"}]  # fmt: skip
        changed = await client.patch("/articles/on-lenses", json=patch, headers=PATCH)
        refused = await client.patch("/articles/on-lenses", json=patch, headers=PATCH)
        found = (await client.get("/articles/on-lenses")).json()

    assert changed.json() == found == {"article": {"slug": "on-lenses", "title": "New"}}
    assert (refused.status_code, "Step 1" in refused.text) == (409, True)


# -- what can't be shown --------------------------------------------------------------------------


async def test_what_is_not_shown_as_it_was_sent_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "charter.mock")
    narrow = of(slug=STRING, title={"type": "string", "maxLength": 3})
    async with at(articles(shown=narrow)) as client:
        created = await client.post("/articles", json={"article": {"title": "On Lenses"}})
        as_sent = await client.post("/articles", json={"article": {"title": "On"}})

    assert "schema of the answer: title" in created.headers["charter-note"]
    assert created.headers["charter-note"] in caplog.text
    assert "charter-note" not in as_sent.headers


async def test_what_is_named_alone_is_filled_from_the_example() -> None:
    shown = of(slug=STRING, author=of(name=STRING, age={"type": "integer"}))
    async with at(articles(request={"type": "object"}, shown=shown)) as client:
        created = await client.post("/articles", json={"article": {"author": {"name": "Bob"}}})

    assert created.json()["article"]["author"] == {"name": "Bob", "age": 36}
    assert "charter-note" not in created.headers


async def test_a_new_identity_is_of_the_pattern_that_the_schema_asks_for() -> None:
    shown = of(slug={"type": "string", "pattern": "^VA[0-9a-f]{32}$"})
    async with at(articles(request={"type": "object"}, shown=shown)) as client:
        made = [(await client.post("/articles", json={"article": {}})).json() for _ in range(3)]

    assert len({created["article"]["slug"] for created in made}) == 3


@pytest.mark.parametrize("schema", [{"type": "integer"}, {"type": "string", "pattern": "^n[0-9]$"}])
async def test_a_new_identity_is_one_that_the_members_path_admits(schema: Any) -> None:
    paths = articles()
    paths["paths"]["/articles/{slug}"]["parameters"][0]["schema"] = schema
    async with at(paths) as client:
        created = (await client.post("/articles", json={"article": {"title": "!"}})).json()
        found = await client.get(f"/articles/{created['article']['slug']}")

    assert found.json() == created


async def test_json_is_shown_where_the_client_likes_another_media_type_as_much() -> None:
    paths = pets()
    answer = paths["paths"]["/pet/{petId}"]["get"]["responses"]["200"]
    answer["content"] = {"application/xml": {"schema": PET}, **answer["content"]}
    async with at(paths) as client:
        await client.post("/pet", json={"id": 7, "name": "Rex"})
        found = await client.get("/pet/7")
        other = await client.get("/pet/7", headers={"Accept": "application/xml"})

    assert found.json() == {"id": 7, "name": "Rex"}
    assert other.headers["content-type"] == "application/xml"
    assert other.text.endswith("<root><id>7</id><name>Rex</name></root>")


async def test_a_list_that_cannot_be_shown_is_an_example_and_says_so() -> None:
    one = {"type": "array", "items": of(slug={"const": "only"})}
    async with at(articles(articles=one)) as client:
        await client.post("/articles", json={"article": {"title": "On Lenses"}})
        listed = await client.get("/articles")

    assert listed.json()["articles"] == [{"slug": "only"}]
    assert "an example, for its schema doesn't admit" in listed.headers["charter-note"]


async def test_an_example_in_the_place_of_what_is_gone_says_so() -> None:
    paths = articles()
    del paths["paths"]["/articles/{slug}"]["get"]["responses"]["404"]
    async with at(paths) as client:
        await client.post("/articles", json={"article": {"title": "On Lenses"}})
        found = await client.get("/articles/no%0Athing%F0%9F%94%AD")

    assert found.status_code == 200
    assert "no 404 is declared" in found.headers["charter-note"]


async def test_a_note_is_one_line_whatever_a_property_is_called() -> None:
    narrow = {**of(slug=STRING), "additionalProperties": {"type": "string", "maxLength": 3}}
    async with at(articles(request={"type": "object"}, shown=narrow)) as client:
        sent = {"title": "On", "a\r\nSet-Cookie: x\u2028": "too long"}
        created = await client.post("/articles", json={"article": sent})

    assert created.headers["charter-note"].endswith("answer: a  Set-Cookie: x")
