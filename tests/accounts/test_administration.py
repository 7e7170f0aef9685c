"""Accounts: what their owners may do about them, and what administrators may."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from impl.core.accounts import PREFIX
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import Session
from tests.people import PASSWORD, Person, at, promote, register, worker

NEW_PASSWORD = "a ship in port is safe"


async def test_whoever_registers_is_an_ordinary_user(ada: Person) -> None:
    me = (await ada.get("/users/me")).json()

    assert me["email"] == "ada@example.com"
    assert (me["active"], me["administrator"], me["full_name"]) == (True, False, None)


async def test_auz_6_there_is_no_default_account(ada: Person, admin: Person) -> None:
    page = (await admin.get("/users")).json()

    assert {user["email"] for user in page["data"]} == {ada.email, admin.email}


async def test_a_patch_tells_absent_from_null(ada: Person) -> None:
    named = await ada.patch("/users/me", content='{"full_name": "Ada Lovelace"}')
    empty = await ada.patch("/users/me", content="{}")
    cleared = await ada.patch("/users/me", content='{"full_name": null}')

    assert named.json()["full_name"] == "Ada Lovelace"
    assert empty.status_code == 422
    assert cleared.json()["full_name"] is None
    assert cleared.json()["updated_at"] > named.json()["updated_at"]


async def test_ref_10_a_new_password_needs_the_current_one(ada: Person) -> None:
    body = {"current_password": "not the password", "new_password": NEW_PASSWORD}

    answer = await ada.put("/users/me/password", json=body)

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:charter:problem:wrong-password"
    assert (await ada.log_in()).status_code == 200


async def test_ref_10_a_new_password_ends_the_other_sessions(ada: Person) -> None:
    other = Person(ada.client, ada.id, ada.email)
    await other.log_in()
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}

    assert (await ada.put("/users/me/password", json=body)).status_code == 204

    assert (await other.get("/users/me")).status_code == 401
    assert (await other.refresh()).status_code == 401
    assert (await ada.get("/users/me")).status_code == 200
    assert (await other.log_in()).status_code == 401
    other.password = NEW_PASSWORD
    assert (await other.log_in()).status_code == 200


async def test_an_unfit_new_password_is_refused_with_its_place(ada: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": "password1"}

    answer = await ada.put("/users/me/password", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/new_password"


async def test_who_leaves_takes_everything_along(ada: Person, database: Database) -> None:
    assert (await ada.delete("/users/me")).status_code == 204

    assert (await ada.get("/users/me")).status_code == 401
    assert (await ada.log_in()).status_code == 401
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Session)) == 0


async def test_the_list_comes_in_pages_and_filters(ada: Person, admin: Person) -> None:
    for number in range(4):
        await register(ada.client, f"user-{number}@example.com")
    await admin.patch(f"/users/{ada.id}", content='{"active": false, "full_name": "100%_Ada"}')

    first = await admin.get("/users", params={"limit": 4})
    second = await admin.get("/users", params={"limit": 4, "cursor": first.json()["next_cursor"]})
    inactive = await admin.get("/users", params={"active": "false"})
    administrators = await admin.get("/users", params={"administrator": "true"})
    literal = await admin.get("/users", params={"q": "%_"})

    emails = [user["email"] for page in (first, second) for user in page.json()["data"]]
    assert len(emails) == len(set(emails)) == 6
    assert emails[0] == "user-3@example.com" or emails[0] == admin.email
    assert 'rel="next"' in first.headers["Link"]
    assert "Link" not in second.headers
    assert [user["email"] for user in inactive.json()["data"]] == [ada.email]
    assert [user["email"] for user in administrators.json()["data"]] == [admin.email]
    assert [user["email"] for user in literal.json()["data"]] == [ada.email]


async def test_ref_11_who_is_deactivated_is_out_at_once_and_stays_out(
    ada: Person, admin: Person
) -> None:
    assert (await admin.patch(f"/users/{ada.id}", content='{"active": false}')).status_code == 200
    assert (await ada.get("/users/me")).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert (await ada.log_in()).status_code == 401

    assert (await admin.patch(f"/users/{ada.id}", content='{"active": true}')).status_code == 200

    assert (await ada.get("/users/me")).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert (await ada.log_in()).status_code == 200


async def test_ref_12_rights_come_and_go_with_the_next_request(ada: Person, admin: Person) -> None:
    await admin.patch(f"/users/{ada.id}", content='{"administrator": true}')
    await ada.log_in()
    assert (await ada.get("/users")).status_code == 200

    await admin.patch(f"/users/{ada.id}", content='{"administrator": false}')

    assert (await ada.get("/users")).status_code == 403


@pytest.mark.parametrize("change", ['{"administrator": false}', '{"active": false}'])
async def test_auz_6_the_last_administrator_can_not_step_down(admin: Person, change: str) -> None:
    answer = await admin.patch(f"/users/{admin.id}", content=change)

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:charter:problem:last-administrator"
    assert (await admin.get("/users")).status_code == 200


@pytest.mark.parametrize("path", ["/users/me", "/users/{id}"])
async def test_auz_6_the_last_administrator_can_not_leave(admin: Person, path: str) -> None:
    answer = await admin.delete(path.format(id=admin.id))

    assert answer.status_code == 409
    assert (await admin.get("/users/me")).status_code == 200


async def test_auz_6_of_two_who_demote_each_other_one_succeeds(
    settings: Settings, database: Database, admin: Person
) -> None:
    other = await promote(await register(admin.client, "other@example.com"), database)
    await other.log_in()
    async with worker(settings, PREFIX) as neighbour:
        statuses = [
            answer.status_code
            for answer in await asyncio.gather(
                admin.patch(f"/users/{other.id}", content='{"administrator": false}'),
                at(neighbour, other).patch(
                    f"/users/{admin.id}", content='{"administrator": false}'
                ),
            )
        ]

    assert sorted(statuses)[0] == 200
    assert sorted(statuses)[1] in (403, 409)


async def test_an_administrator_deletes_a_user(ada: Person, admin: Person) -> None:
    assert (await admin.delete(f"/users/{ada.id}")).status_code == 204

    assert (await admin.get(f"/users/{ada.id}")).status_code == 404
    assert (await ada.get("/users/me")).status_code == 401


async def test_a_user_who_is_not_there_is_not_found(admin: Person) -> None:
    for method, body in (("GET", None), ("PATCH", '{"active": true}'), ("DELETE", None)):
        headers = {"Content-Type": "application/merge-patch+json"} if body else {}
        answer = await admin.request(method, f"/users/{uuid4()}", content=body, headers=headers)
        assert answer.status_code == 404
