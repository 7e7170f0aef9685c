"""Who may do what: matrices that are made from the document, so that no operation is forgotten."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from charter.runtime import Operation
from generated.security import Scope
from impl.core.accounts import PREFIX
from impl.db.session import Database
from impl.models import User
from tests.people import MERGE_PATCH, PASSWORD, Person
from tests.promises import contract

OPERATIONS = {
    (operation.method, operation.path.removeprefix(PREFIX)): operation
    for operation in contract().operations.values()
    if operation.path.startswith((f"{PREFIX}/auth", f"{PREFIX}/users"))
}
SECURED = [operation for operation in OPERATIONS.values() if operation.security]


def scopes_of(operation: Operation) -> list[str]:
    return list(next(iter(operation.security[0].values())))


ADMINISTRATIVE = [one for one in SECURED if "users:admin" in scopes_of(one)]
SCOPED = [one for one in SECURED if scopes_of(one)]

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/auth/revoke"): {"data": {"token": "anything"}},
    ("PATCH", "/users/me"): {"content": '{"full_name": "Mine"}'},
    ("PATCH", "/users/{user_id}"): {"content": '{"active": true}'},
    ("PUT", "/users/me/password"): {
        "json": {"current_password": PASSWORD, "new_password": f"{PASSWORD}!"}
    },
}


def request_for(operation: Operation, **ids: object) -> dict[str, Any]:
    """A valid request for the operation; what no id is given for does not exist."""
    names = {item.name: ids.get(item.name, uuid4()) for item in operation.parameters}
    path = operation.path.removeprefix(PREFIX)
    headers = MERGE_PATCH if operation.method == "PATCH" else {}
    request = {"method": operation.method, "path": path.format_map(names), "headers": headers}
    return request | BODIES.get((operation.method, path), {})


def ids(operations: list[Operation]) -> list[str]:
    return [operation.id for operation in operations]


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
VALID = {
    ("POST", "/users"): {"email": "new@example.com", "password": PASSWORD},
    ("PATCH", "/users/me"): {"full_name": "Ada"},
}


def assignments() -> Iterator[Any]:
    for asked in VALID:
        for name in FORBIDDEN:
            yield pytest.param(*asked, name, id=f"{' '.join(asked)}-{name}")


@pytest.mark.parametrize(("method", "path", "name"), list(assignments()))
async def test_auz_2_nothing_is_set_that_is_not_the_callers_to_set(
    method: str, path: str, name: str, ada: Person, database: Database
) -> None:
    headers = MERGE_PATCH if method == "PATCH" else {}
    body = VALID[method, path] | {name: FORBIDDEN[name]}

    answer = await ada.request(method, path, json=body, headers=headers)

    assert answer.status_code == 422
    async with database.reading() as session:
        users = (await session.scalars(select(User))).all()
    assert [(user.email, user.administrator, user.active) for user in users] == [
        (ada.email, False, True)
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
async def test_a_session_can_do_what_its_scopes_say_and_no_more(
    operation: Operation, admin: Person
) -> None:
    await refused_without_its_scope(operation, request_for(operation), admin)


async def refused_without_its_scope(
    operation: Operation, request: dict[str, Any], admin: Person
) -> None:
    others = [scope for scope in Scope if scope not in scopes_of(operation)]
    await admin.log_in(scope=" ".join(others))

    answer = await admin.request(**request)

    assert answer.status_code == 403
    assert scopes_of(operation)[0] in answer.json()["detail"]


@pytest.mark.parametrize("operation", SECURED, ids=ids(SECURED))
async def test_auz_4_an_anonymous_call_is_refused(operation: Operation, ada: Person) -> None:
    await refused_to_strangers(request_for(operation), ada)


async def refused_to_strangers(request: dict[str, Any], ada: Person) -> None:
    answer = await ada.client.request(
        request["method"], request["path"], content=b"{", headers={"Content-Type": "text/plain"}
    )

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_auz_5_an_answer_tells_nothing_about_others(ada: Person, grace: Person) -> None:
    seen = [(await ada.get(path)).text for path in ("/users/me", "/auth/sessions")]

    assert not any(grace.email in text or grace.id in text for text in seen)
    assert not any("hash" in text or "generation" in text for text in seen)
