"""Items: what a client may say about them, how changes are guarded, and how lists are read."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import func, select, update

from impl.core.config import Settings
from impl.db.session import Database
from impl.models import IdempotencyKey, Item, User
from tests.items import create_item
from tests.people import Person, at, changed, worker

SORTS = ("created_at", "-created_at", "updated_at", "-updated_at", "title", "-title")

FULL = {
    "title": "A brass telescope",
    "description": "Three draws, made in Dublin around 1880.",
    "status": "active",
    "quantity": 2,
    "tags": ["optics", "antique"],
    "due_at": "2026-12-24T18:00:00Z",
}
DEFAULTS: dict[str, Any] = {
    "description": None,
    "status": "draft",
    "quantity": 1,
    "tags": [],
    "due_at": None,
}


def path_of(item: dict[str, Any]) -> str:
    return f"/items/{item['id']}"


def said(item: dict[str, Any]) -> dict[str, Any]:
    """What the client said about the item, without what the service adds."""
    return {name: item[name] for name in FULL}


# -- creating and fetching ------------------------------------------------------------------------


async def test_a_created_item_is_there(ada: Person) -> None:
    created = await ada.post("/items", json={"title": "A brass telescope"})

    found = await ada.get(created.headers["Location"])

    assert found.json() == created.json()
    assert found.headers["ETag"] == created.headers["ETag"] == '"1"'


async def test_an_item_needs_a_title_and_nothing_else(ada: Person) -> None:
    item = await create_item(ada)

    assert said(item) == {"title": "A brass telescope"} | DEFAULTS
    assert item["owner_id"] == ada.id


async def test_an_item_keeps_everything_that_can_be_said_about_it(ada: Person) -> None:
    assert said(await create_item(ada, **FULL)) == FULL


async def test_an_item_without_a_title_is_refused(ada: Person) -> None:
    response = await ada.post("/items", json={"quantity": 1})

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error == {"in": "body", "pointer": "/title", "detail": "is required"}


@pytest.mark.parametrize("title", ["", "x" * 201, "a\0b", None, 7])
async def test_what_is_no_title_is_refused(ada: Person, title: object) -> None:
    response = await ada.post("/items", json={"title": title})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/title"


@pytest.mark.parametrize(
    "title", ["x", "🔭" * 200, " ", "\u202e", "'; DROP TABLE items; --", "ß\n"]
)
async def test_a_title_comes_back_as_it_was_said(ada: Person, title: str) -> None:
    item = await create_item(ada, title=title)

    assert (await ada.get(path_of(item))).json()["title"] == title


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T18:00:00+05:30", "2026-12-24T12:30:00Z"),
        ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
        ("2026-12-24t18:00:00z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T18:00:00.123456Z", "2026-12-24T18:00:00.123456Z"),
    ],
)
async def test_a_time_is_answered_in_utc(ada: Person, given: str, answered: str) -> None:
    created = await create_item(ada, due_at=given)

    assert created["due_at"] == answered
    assert (await ada.get(path_of(created))).json()["due_at"] == answered


@pytest.mark.parametrize(
    "due_at", ["2026-12-24", "2026-12-24T18:00:00", "2026-02-30T00:00:00Z", "1899-12-31T00:00:00Z"]
)
async def test_what_is_no_time_is_refused(ada: Person, due_at: str) -> None:
    response = await ada.post("/items", json={"title": "x", "due_at": due_at})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/due_at"


async def test_an_item_of_somebody_else_does_not_exist(ada: Person, grace: Person) -> None:
    item = await create_item(ada)

    theirs = await grace.get(f"/items/{item['id']}")
    nobodys = await grace.get(f"/items/{uuid4()}")

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}


# -- If-None-Match --------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"7", "1"', 'W/"7" , W/"1"', "*"])
async def test_an_item_that_the_client_holds_is_not_sent_again(ada: Person, tags: str) -> None:
    item = await create_item(ada)

    response = await ada.get(path_of(item), headers={"If-None-Match": tags})

    assert response.status_code == 304
    assert response.headers["ETag"] == '"1"'
    assert response.content == b""


async def test_an_item_that_the_client_does_not_hold_is_sent(ada: Person) -> None:
    item = await create_item(ada)

    for tags in ('"2"', 'W/"2"', '""', '"11", "01", "x1"'):
        response = await ada.get(path_of(item), headers={"If-None-Match": tags})

        assert response.status_code == 200, tags
        assert response.json() == item


async def test_a_changed_item_is_sent_again(ada: Person) -> None:
    item = await create_item(ada)
    await ada.patch(path_of(item), json={"quantity": 3}, headers={"If-Match": '"1"'})

    response = await ada.get(path_of(item), headers={"If-None-Match": '"1"'})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'


async def test_what_is_no_entity_tag_is_refused(ada: Person) -> None:
    item = await create_item(ada)

    for tags in ("1", '"1', '"1" "2"', "W/*", "*, *", '"a b"', ""):
        response = await ada.get(path_of(item), headers={"If-None-Match": tags})

        assert response.status_code == 422, tags
        assert response.json()["errors"][0]["pointer"] == "/If-None-Match"


# -- If-Match -------------------------------------------------------------------------------------


async def change(
    person: Person, method: str, item: dict[str, Any], if_match: str | None
) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    path = path_of(item)
    match method:
        case "PUT":
            return await person.put(path, json={"title": "A sextant"}, headers=headers)
        case "PATCH":
            return await person.patch(path, json={"title": "A sextant"}, headers=headers)
        case _:
            return await person.delete(path, headers=headers)


METHODS = pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])


@METHODS
@pytest.mark.parametrize("tags", ['"1"', "*", '"7", "1"', 'W/"7","1"'])
async def test_a_change_of_the_version_that_is_there_succeeds(
    ada: Person, method: str, tags: str
) -> None:
    item = await create_item(ada)

    response = await change(ada, method, item, tags)

    assert response.status_code == (204 if method == "DELETE" else 200)
    if method != "DELETE":
        assert response.headers["ETag"] == '"2"'
        assert response.json()["title"] == "A sextant"
        assert response.json()["updated_at"] > item["updated_at"]
        assert response.json()["created_at"] == item["created_at"]
    after = await ada.get(path_of(item))
    assert after.status_code == (404 if method == "DELETE" else 200)


OTHER_VERSIONS = (
    *('"2"', 'W/"1"', '"0"', '""', '"-1"', '"01"', '"2", W/"1"'),
    *('"2147483648"', '"99999999999999999999"'),
)


@METHODS
async def test_con_2_a_change_of_another_version_fails_and_changes_nothing(
    ada: Person, method: str
) -> None:
    item = await create_item(ada)

    answers = [await change(ada, method, item, tags) for tags in OTHER_VERSIONS]

    assert {answer.status_code for answer in answers} == {412}
    assert (await ada.get(path_of(item))).json() == item


@METHODS
async def test_con_2_a_change_without_a_version_is_refused(ada: Person, method: str) -> None:
    item = await create_item(ada)

    response = await change(ada, method, item, None)

    assert response.status_code == 428
    assert (await ada.get(path_of(item))).json() == item


@METHODS
async def test_an_item_of_somebody_else_cannot_be_changed(
    ada: Person, grace: Person, method: str
) -> None:
    item = await create_item(ada)

    answers = [await change(grace, method, item, tags) for tags in ('"1"', '"2"', "*")]

    assert {answer.status_code for answer in answers} == {404}
    assert (await ada.get(path_of(item))).json() == item


async def test_a_replacement_puts_back_the_defaults_of_what_it_leaves_out(ada: Person) -> None:
    item = await create_item(ada, **FULL)

    response = await ada.put(
        path_of(item), json={"title": "A sextant"}, headers={"If-Match": '"1"'}
    )

    assert said(response.json()) == {"title": "A sextant"} | DEFAULTS
    assert (await ada.get(path_of(item))).json() == response.json()


async def test_a_replacement_needs_a_title(ada: Person) -> None:
    item = await create_item(ada)

    response = await ada.put(path_of(item), json={"quantity": 3}, headers={"If-Match": "*"})

    assert response.status_code == 422


async def test_a_patch_leaves_what_is_absent_and_clears_what_is_null(ada: Person) -> None:
    item = await create_item(ada, **FULL)

    response = await ada.patch(
        path_of(item), json={"description": None, "quantity": 5}, headers={"If-Match": '"1"'}
    )

    assert said(response.json()) == FULL | {"description": None, "quantity": 5}
    assert (await ada.get(path_of(item))).json() == response.json()


@pytest.mark.parametrize("name", ["title", "status", "quantity", "tags"])
async def test_a_patch_does_not_clear_what_an_item_must_have(ada: Person, name: str) -> None:
    item = await create_item(ada, **FULL)

    response = await ada.patch(path_of(item), json={name: None}, headers={"If-Match": '"1"'})

    assert response.status_code == 422
    assert (await ada.get(path_of(item))).json() == item


async def test_a_patch_that_says_nothing_is_refused(ada: Person) -> None:
    item = await create_item(ada)

    response = await ada.patch(path_of(item), json={}, headers={"If-Match": '"1"'})

    assert response.status_code == 422


@pytest.mark.parametrize("name", ["id", "owner_id", "version", "created_at", "updated_at"])
async def test_what_the_service_decides_cannot_be_said(
    ada: Person, grace: Person, name: str
) -> None:
    item = await create_item(ada)
    value = grace.id if name.endswith("id") else 7
    wanted = {"title": "mine", name: value}

    answers = [
        await ada.post("/items", json=wanted),
        await ada.put(path_of(item), json=wanted, headers={"If-Match": "*"}),
        await ada.patch(path_of(item), json=wanted, headers={"If-Match": "*"}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert (await ada.get(path_of(item))).json() == item


# -- lists ----------------------------------------------------------------------------------------


async def titles(person: Person, **query: Any) -> list[str]:
    response = await person.get("/items", params=query)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json()["data"]]


async def with_items(person: Person, *names: str, **fields: Any) -> list[dict[str, Any]]:
    return [await create_item(person, title=name, **fields) for name in names]


async def test_a_list_holds_the_own_items_the_newest_first(ada: Person, grace: Person) -> None:
    await with_items(ada, "one", "two", "three")
    await with_items(grace, "another")

    assert await titles(ada) == ["three", "two", "one"]
    assert await titles(grace) == ["another"]


async def test_an_empty_list_is_a_list(ada: Person) -> None:
    response = await ada.get("/items")

    assert response.json() == {"data": [], "next_cursor": None}
    assert "Link" not in response.headers


@pytest.mark.parametrize("sort", SORTS)
async def test_a_list_is_ordered_as_asked(ada: Person, sort: str) -> None:
    items = await with_items(ada, "b", "a", "Z", "é", "c")
    await ada.patch(path_of(items[1]), json={"quantity": 9}, headers={"If-Match": "*"})
    orders = {
        "created_at": ["b", "a", "Z", "é", "c"],
        "updated_at": ["b", "Z", "é", "c", "a"],
        "title": ["Z", "a", "b", "c", "é"],  # by code point
    }
    expected = orders[sort.removeprefix("-")]

    assert await titles(ada, sort=sort) == (expected[::-1] if sort.startswith("-") else expected)


FINDINGS = {
    "%": ["100% brass"],
    "_": ["snake_case"],
    "\\": ["back\\slash"],
    "/": ["sl/ash"],
    "0% b": ["100% brass"],
    "k_c": [],
    "%%": [],
    "e": ["snake_case", "épée"],
    "BRASS": ["100% brass"],
    "ÉPÉE": ["épée"],
}


async def test_a_text_is_looked_for_as_it_stands_in_any_case(ada: Person) -> None:
    await with_items(ada, "100% brass", "snake_case", "back\\slash", "sl/ash", "épée")

    found = {text: await titles(ada, q=text, sort="title") for text in FINDINGS}

    assert found == FINDINGS


async def test_a_text_is_looked_for_in_the_description_too(ada: Person) -> None:
    await with_items(ada, "a", description="made in Dublin")
    await with_items(ada, "b", description=None)

    assert await titles(ada, q="dublin") == ["a"]


async def test_a_list_is_limited_to_a_status(ada: Person) -> None:
    for status in ("draft", "active", "archived"):
        await with_items(ada, status, status=status)

    assert await titles(ada, status="active") == ["active"]
    assert (await ada.get("/items", params={"status": "lost"})).status_code == 422


async def test_the_filters_narrow_each_other(ada: Person) -> None:
    await with_items(ada, "an active one", status="active")
    await with_items(ada, "a draft")
    await with_items(ada, "something active", status="active")

    assert await titles(ada, q="one", status="active") == ["an active one"]


# -- pages ----------------------------------------------------------------------------------------


async def rest(person: Person, cursor: str | None, **query: Any) -> list[str]:
    """The titles behind a cursor."""
    found = []
    while cursor is not None:
        page = (await person.get("/items", params=query | {"cursor": cursor})).json()
        found += [item["title"] for item in page["data"]]
        cursor = page["next_cursor"]
    return found


async def first_page(person: Person, **query: Any) -> tuple[list[str], str]:
    page = (await person.get("/items", params=query)).json()
    assert page["next_cursor"] is not None
    return [item["title"] for item in page["data"]], page["next_cursor"]


@pytest.mark.parametrize("sort", SORTS)
async def test_the_pages_together_are_the_list(ada: Person, sort: str) -> None:
    await with_items(ada, "b", "a", "🔭" * 200, "a", "Z", "c")
    whole = await titles(ada, sort=sort)

    for limit in (1, 2, 4, 5):
        first, cursor = await first_page(ada, sort=sort, limit=limit)

        assert len(first) == limit
        assert first + await rest(ada, cursor, sort=sort, limit=limit) == whole


async def set_times(database: Database, moment: datetime, items: Sequence[dict[str, Any]]) -> None:
    async with database.writing() as session, session.begin():
        query = update(Item).where(Item.id.in_([UUID(item["id"]) for item in items]))
        await session.execute(query.values(created_at=moment, updated_at=moment))


@pytest.mark.parametrize("sort", SORTS)
async def test_what_sorts_alike_is_neither_missed_nor_repeated(
    ada: Person, database: Database, sort: str
) -> None:
    items = [await create_item(ada, title="same") for _ in range(7)]
    await set_times(database, datetime(2026, 1, 1, tzinfo=UTC), items)

    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await ada.get("/items", params=params)).json()
        found += [item["id"] for item in page["data"]]
        cursor = page["next_cursor"]

    ordered = sorted(item["id"] for item in items)
    assert found == (ordered[::-1] if sort.startswith("-") else ordered)


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_bear_that_items_come_and_go_between_them(
    ada: Person, database: Database, sort: str
) -> None:
    now = datetime.now(UTC)
    items = await with_items(ada, *(f"{letter}{letter}" for letter in "bdfhjlnp"))
    for age, item in enumerate(reversed(items)):
        await set_times(database, now - timedelta(days=age + 1), [item])
    # "-title" and "-created_at" begin with pp, the others with bb
    first, cursor = await first_page(ada, sort=sort, limit=3)
    ordered = sorted((item["title"] for item in items), reverse=sort.startswith("-"))
    assert first == ordered[:3]

    gone = {first[0], first[2], ordered[5]}  # before the cursor, at it, and behind it
    for item in items:
        if item["title"] in gone:
            await ada.delete(path_of(item), headers={"If-Match": "*"})
    for position in (2, 5):  # one lands before the cursor, one behind it
        await insert_next_to(ada, database, items, ordered[position - 1])

    found = first + await rest(ada, cursor, sort=sort, limit=3)
    assert len(found) == len(set(found))
    assert {item["title"] for item in items} - set(found) == {ordered[5]}
    assert len([title for title in found if title.endswith("+")]) == 1


async def insert_next_to(
    person: Person, database: Database, items: Sequence[dict[str, Any]], neighbour: str
) -> None:
    """A new item that sorts right beside that one in every order."""
    title = f"{neighbour}+"
    (item,) = await with_items(person, title)
    age = len(items) - [other["title"] for other in items].index(neighbour)
    moment = datetime.now(UTC) - timedelta(days=age) + timedelta(hours=1)
    await set_times(database, moment, [item])


async def test_a_link_leads_to_the_next_page_with_the_same_filters(ada: Person) -> None:
    await with_items(ada, *(f"50% of {number}" for number in range(5)), status="active")
    query: dict[str, Any] = {"limit": 2, "q": "50% of", "status": "active", "sort": "title"}
    found = []

    response = await ada.get("/items", params=query)
    while "next" in response.links:
        found += response.json()["data"]
        target = response.links["next"]["url"]
        asked = parse_qs(urlsplit(target).query)
        assert asked.pop("cursor") == [response.json()["next_cursor"]]
        assert asked == {name: [str(value)] for name, value in query.items()}
        response = await ada.get(target)
    found += response.json()["data"]

    assert [item["title"] for item in found] == [f"50% of {number}" for number in range(5)]
    assert "Link" not in response.headers


CURSORS = {
    "no key": "00" * 16,
    "a checksum of nothing": "00" * 24,
    "a time without a checksum": "0006437f0e3a2c00" + "ab" * 16,
    "not UTF-8": "fffe" + "00" * 24,
    "as large as can be": "ff" * 1024,
    "like SQL": b"'; DROP TABLE items; --".hex() + "00" * 24,
}


@pytest.mark.parametrize("sort", SORTS)
async def test_no_page_begins_at_a_cursor_that_is_made_up(ada: Person, sort: str) -> None:
    await with_items(ada, "m")

    for name, cursor in CURSORS.items():
        response = await ada.get("/items", params={"cursor": cursor, "sort": sort})

        assert response.status_code == 404, name


async def test_a_cursor_is_good_for_the_filters_and_the_order_it_came_with(
    ada: Person, grace: Person, admin: Person
) -> None:
    await with_items(ada, *"abc", status="active")
    asked = {"limit": 2, "sort": "title", "status": "active"}
    _, cursor = await first_page(ada, **asked)

    for change in (
        {"sort": "-title"}, {"sort": "created_at"}, {"status": "draft"}, {"q": "c"},
        {"status": None},
    ):  # fmt: skip
        query = {name: value for name, value in (asked | change).items() if value is not None}
        response = await ada.get("/items", params=query | {"cursor": cursor})
        assert response.status_code == 404, change
    assert (await grace.get("/items", params=asked | {"cursor": cursor})).status_code == 404
    assert (await admin.get("/users", params={"cursor": cursor})).status_code == 404
    assert await rest(ada, cursor, **asked | {"limit": 1}) == ["c"]


async def test_what_is_no_cursor_is_refused(ada: Person) -> None:
    for cursor in ("", "00", "0" * 33, "zz" * 16, "AB" * 16, "00" * 16 + "\n", "00" * 1025, "%00"):
        response = await ada.get("/items", params={"cursor": cursor})

        assert response.status_code == 422, cursor
        assert response.json()["errors"][0]["pointer"] == "/cursor"


# -- Idempotency-Key ------------------------------------------------------------------------------


async def post_with_key(person: Person, key: str, **fields: Any) -> httpx.Response:
    body = {"title": "once"} | fields
    return await person.post("/items", json=body, headers={"Idempotency-Key": key})


async def count(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Item)) or 0


async def test_con_3_the_same_key_and_body_get_the_same_answer_and_one_row(
    ada: Person, database: Database
) -> None:
    answers = [await post_with_key(ada, "k", **FULL) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert await count(database) == 1


async def test_con_3_the_first_answer_stays_the_answer_when_the_item_has_changed(
    ada: Person,
) -> None:
    first = await post_with_key(ada, "k")
    await ada.delete(first.headers["Location"], headers={"If-Match": "*"})

    again = await post_with_key(ada, "k")

    assert again.status_code == 201
    assert again.json() == first.json()


async def test_con_3_the_same_body_spelled_otherwise_is_the_same_body(ada: Person) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = ['{"title":"x","quantity":2}', '{ "quantity": 2, "title": "\\u0078" }']

    answers = [await ada.post("/items", content=body, headers=headers) for body in bodies]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("other", [{"title": "twice"}, {"quantity": 2}, {"description": None}])
async def test_con_3_the_same_key_with_another_body_is_a_conflict(
    ada: Person, database: Database, other: dict[str, Any]
) -> None:
    await post_with_key(ada, "k")

    response = await post_with_key(ada, "k", **other)

    assert response.status_code == 409
    assert response.json()["type"] == "urn:charter:problem:idempotency-key-reused"
    assert await count(database) == 1


async def test_con_3_a_key_belongs_to_one_user(
    ada: Person, grace: Person, database: Database
) -> None:
    adas = await post_with_key(ada, "k", title="Ada's")

    graces = await post_with_key(grace, "k", title="Grace's")

    assert (adas.status_code, graces.status_code) == (201, 201)
    assert graces.json()["title"] == "Grace's"
    assert await count(database) == 2


async def test_con_3_an_expired_key_is_free_again(ada: Person, database: Database) -> None:
    first = await post_with_key(ada, "k")
    async with database.writing() as session, session.begin():
        await session.execute(update(IdempotencyKey).values(expires_at=func.now()))

    second = await post_with_key(ada, "k", title="another")

    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    assert (await post_with_key(ada, "k", title="another")).json() == second.json()


async def test_con_3_a_key_lives_as_long_as_the_deployment_says(
    ada: Person, settings: Settings
) -> None:
    async with worker(changed(settings, idempotency_key_hours=0.05 / 3600)) as client:
        visitor = at(client, ada)
        first = await post_with_key(visitor, "k")
        await asyncio.sleep(0.1)
        second = await post_with_key(visitor, "k")

    assert first.json()["id"] != second.json()["id"]


async def test_con_3_a_request_that_was_refused_leaves_the_key_free(
    ada: Person, database: Database
) -> None:
    refused = await post_with_key(ada, "k", quantity=-1)

    accepted = await post_with_key(ada, "k", quantity=1)

    assert (refused.status_code, accepted.status_code) == (422, 201)
    assert await count(database) == 1


async def test_what_is_no_key_is_refused(ada: Person, database: Database) -> None:
    for key in ("", "a b", "x" * 65, "a.b", "a,b"):
        response = await post_with_key(ada, key)

        assert response.status_code == 422, key
        assert response.json()["errors"][0]["pointer"] == "/Idempotency-Key"
    assert await count(database) == 0


async def test_the_items_of_a_deleted_user_are_gone(ada: Person, database: Database) -> None:
    await with_items(ada, "one", "two")
    await post_with_key(ada, "k")

    await ada.delete("/users/me")

    assert await count(database) == 0
    async with database.reading() as session:
        assert await session.scalar(select(IdempotencyKey)) is None
        assert await session.scalar(select(User)) is None
