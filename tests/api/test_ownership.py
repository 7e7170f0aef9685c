"""Who may do what with items: theirs alone, and with the scopes that the document names."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from charter.runtime import Operation
from impl.db.session import Database
from impl.models import Item
from tests.accounts.test_permissions import (
    FORBIDDEN,
    ids,
    refused_to_strangers,
    refused_without_its_scope,
)
from tests.items import create_item
from tests.people import MERGE_PATCH, Person
from tests.promises import contract

OPERATIONS = [one for one in contract().operations.values() if one.path.startswith("/items")]
ITEM = [one for one in OPERATIONS if "{item_id}" in one.path]

BODIES: dict[str, dict[str, Any]] = {
    "POST": {"json": {"title": "Mine"}},
    "PUT": {"json": {"title": "Mine"}},
    "PATCH": {"content": '{"title": "Mine"}'},
}


def request_for(operation: Operation, item_id: object = None) -> dict[str, Any]:
    """A valid request for the operation; what no id is given for does not exist."""
    names = {item.name for item in operation.parameters}
    headers = {"If-Match": "*"} if "If-Match" in names else {}
    if operation.method == "PATCH":
        headers |= MERGE_PATCH
    path = operation.path.format(item_id=item_id or uuid4())
    request = {"method": operation.method, "path": path, "headers": headers}
    return request | BODIES.get(operation.method, {})


@pytest.mark.parametrize("operation", ITEM, ids=ids(ITEM))
async def test_auz_1_an_item_of_somebody_else_is_like_none(
    operation: Operation, ada: Person, grace: Person, database: Database
) -> None:
    item = await create_item(ada)

    theirs = await grace.request(**request_for(operation, item["id"]))
    nobodys = await grace.request(**request_for(operation))

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
    assert (await ada.get(f"/items/{item['id']}")).json() == item


async def test_auz_1_a_list_holds_nothing_of_somebody_else(ada: Person, grace: Person) -> None:
    item = await create_item(ada)

    found = await grace.get("/items", params={"q": item["title"]})

    assert found.json()["data"] == []


async def test_auz_5_an_answer_tells_nothing_about_others(ada: Person, grace: Person) -> None:
    await create_item(grace)
    seen = [(await ada.get(path)).text for path in ("/users/me", "/items", "/auth/sessions")]

    assert not any(grace.email in text or grace.id in text for text in seen)
    assert not any("hash" in text or "generation" in text for text in seen)


def assignments() -> Iterator[Any]:
    for operation_id in ("createItem", "replaceItem", "updateItem"):
        for name in FORBIDDEN:
            yield pytest.param(operation_id, name, id=f"{operation_id}-{name}")


@pytest.mark.parametrize(("operation_id", "name"), list(assignments()))
async def test_auz_2_nothing_is_set_that_is_not_the_callers_to_set(
    operation_id: str, name: str, ada: Person, database: Database
) -> None:
    item = await create_item(ada)
    request = request_for(contract().operations[operation_id], item["id"])
    for kind in ("content", "json"):
        request.pop(kind, None)

    answer = await ada.request(**request, json={"title": "Changed"} | {name: FORBIDDEN[name]})

    assert answer.status_code == 422
    async with database.reading() as session:
        items = (await session.scalars(select(Item))).all()
    assert [(str(row.id), str(row.owner_id), row.version) for row in items] == [
        (item["id"], ada.id, 1)
    ]


@pytest.mark.parametrize("operation", OPERATIONS, ids=ids(OPERATIONS))
async def test_a_session_can_do_what_its_scopes_say_and_no_more(
    operation: Operation, admin: Person
) -> None:
    await refused_without_its_scope(operation, request_for(operation), admin)


@pytest.mark.parametrize("operation", OPERATIONS, ids=ids(OPERATIONS))
async def test_an_anonymous_call_is_refused(operation: Operation, ada: Person) -> None:
    await refused_to_strangers(request_for(operation), ada)


async def test_who_leaves_takes_the_items_along(ada: Person, database: Database) -> None:
    await create_item(ada)

    assert (await ada.delete("/users/me")).status_code == 204

    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Item)) == 0
