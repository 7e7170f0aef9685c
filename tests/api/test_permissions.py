"""Who may do what: matrices that are made from the document, so that no operation is forgotten."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from charter.runtime import Operation
from impl.db.session import Database
from impl.models import Item, User
from tests.people import PASSWORD, Person
from tests.promises import contract, our_operations

OPERATIONS = our_operations()
SECURED = [operation for operation in OPERATIONS if operation.security]


def scopes_of(operation: Operation) -> list[str]:
    return list(next(iter(operation.security[0].values())))


ADMINISTRATIVE = [one for one in SECURED if "users:admin" in scopes_of(one)]
SCOPED = [one for one in SECURED if scopes_of(one)]
ITEM = [one for one in OPERATIONS if "{item_id}" in one.path]

BODIES: dict[str, dict[str, Any]] = {
    "revokeToken": {"data": {"token": "anything"}},
    "createItem": {"json": {"title": "Mine"}},
    "replaceItem": {"json": {"title": "Mine"}},
    "updateItem": {"content": '{"title": "Mine"}'},
    "updateMe": {"content": '{"full_name": "Mine"}'},
    "updateUser": {"content": '{"active": true}'},
    "changePassword": {"json": {"current_password": PASSWORD, "new_password": f"{PASSWORD}!"}},
}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


def request_for(operation: Operation, **ids: object) -> dict[str, Any]:
    """A valid request for the operation; what no id is given for does not exist."""
    names = {item.name: ids.get(item.name, uuid4()) for item in operation.parameters}
    headers = {"If-Match": "*"} if "If-Match" in names else {}
    if operation.method == "PATCH":
        headers |= MERGE_PATCH
    path = operation.path.format_map(names)
    body = BODIES.get(operation.id, {})
    return {"method": operation.method, "path": path, "headers": headers} | body


def ids(operations: list[Operation]) -> list[str]:
    return [operation.id for operation in operations]


@pytest.mark.parametrize("operation", ITEM, ids=ids(ITEM))
async def test_auz_1_an_item_of_somebody_else_is_like_none(
    operation: Operation, ada: Person, grace: Person, database: Database
) -> None:
    item = await ada.create_item()

    theirs = await grace.request(**request_for(operation, item_id=item["id"]))
    nobodys = await grace.request(**request_for(operation))

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
    assert (await ada.get(f"/items/{item['id']}")).json() == item


async def test_auz_1_a_list_holds_nothing_of_somebody_else(ada: Person, grace: Person) -> None:
    item = await ada.create_item()

    found = await grace.get("/items", params={"q": item["title"]})

    assert found.json()["data"] == []


async def test_auz_1_a_session_of_somebody_else_can_not_be_ended(
    ada: Person, grace: Person
) -> None:
    session = (await ada.get("/auth/sessions")).json()["data"][0]["id"]

    assert (await grace.delete(f"/auth/sessions/{session}")).status_code == 404
    assert (await ada.get("/users/me")).status_code == 200


FORBIDDEN = {
    "id": str(uuid4()),
    "owner_id": str(uuid4()),
    "user_id": str(uuid4()),
    "administrator": True,
    "is_superuser": True,
    "active": False,
    "role": "admin",
    "password_hash": "$2b$12$",
    "version": 100,
    "created_at": "2000-01-01T00:00:00Z",
    "updated_at": "2000-01-01T00:00:00Z",
}


def assignments() -> Iterator[Any]:
    for operation in ("createUser", "updateMe", "createItem", "replaceItem", "updateItem"):
        for name in FORBIDDEN:
            yield pytest.param(operation, name, id=f"{operation}-{name}")


@pytest.mark.parametrize(("operation_id", "name"), list(assignments()))
async def test_auz_2_nothing_is_set_that_is_not_the_callers_to_set(
    operation_id: str, name: str, ada: Person, database: Database
) -> None:
    item = await ada.create_item()
    valid = {
        "createUser": {"email": "new@example.com", "password": PASSWORD},
        "updateMe": {"full_name": "Ada"},
    }.get(operation_id, {"title": "Changed"})
    request = request_for(contract().operations[operation_id], item_id=item["id"])
    for kind in ("content", "json"):
        request.pop(kind, None)
    headers = request.pop("headers")
    headers |= {} if "Content-Type" in headers else {"Content-Type": "application/json"}

    answer = await ada.request(**request, headers=headers, json=valid | {name: FORBIDDEN[name]})

    assert answer.status_code == 422
    async with database.reading() as session:
        users = (await session.scalars(select(User))).all()
        items = (await session.scalars(select(Item))).all()
    assert [(user.email, user.administrator, user.active) for user in users] == [
        (ada.email, False, True)
    ]
    assert [(str(row.id), str(row.owner_id), row.version) for row in items] == [
        (item["id"], ada.id, 1)
    ]


@pytest.mark.parametrize("operation", ADMINISTRATIVE, ids=ids(ADMINISTRATIVE))
async def test_auz_3_what_administrators_do_is_refused_to_everybody_else(
    operation: Operation, ada: Person, grace: Person
) -> None:
    request = request_for(operation, user_id=grace.id)

    answer = await ada.request(**request)
    anonymous = await ada.client.request(request["method"], request["path"])

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert anonymous.status_code == 401
    assert (await grace.get("/users/me")).status_code == 200


@pytest.mark.parametrize("operation", SCOPED, ids=ids(SCOPED))
async def test_auz_3_a_session_can_do_what_its_scopes_say_and_no_more(
    operation: Operation, admin: Person
) -> None:
    everything = ["items:read", "items:write", "profile:read", "profile:write", "users:admin"]
    others = [scope for scope in everything if scope not in scopes_of(operation)]
    await admin.log_in(scope=" ".join(others))

    answer = await admin.request(**request_for(operation))

    assert answer.status_code == 403
    assert scopes_of(operation)[0] in answer.json()["detail"]


@pytest.mark.parametrize("operation", SECURED, ids=ids(SECURED))
async def test_auz_4_an_anonymous_call_is_refused(operation: Operation, ada: Person) -> None:
    request = request_for(operation)

    answer = await ada.client.request(
        request["method"], request["path"], content=b"{", headers={"Content-Type": "text/plain"}
    )

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_auz_5_an_answer_tells_nothing_about_others(ada: Person, grace: Person) -> None:
    await grace.create_item()
    seen = [(await ada.get(path)).text for path in ("/users/me", "/items", "/auth/sessions")]

    assert not any(grace.email in text or grace.id in text for text in seen)
    assert not any("hash" in text or "generation" in text for text in seen)
