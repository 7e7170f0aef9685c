"""What changes while a password is compared, or beside an account that is being deleted."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from passlib.context import CryptContext
from sqlalchemy import text

from impl.core.passwords import Passwords, Verdict
from impl.db.session import Database
from tests.people import Person, promote, register

NEW_PASSWORD = "another-long-secret-9"


@dataclass
class Pause:
    """The next comparison of a password finishes, and its caller waits for `go_on`."""

    passwords: Passwords
    patch: pytest.MonkeyPatch
    compared: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def arm(self) -> None:
        real = self.passwords.verify

        async def paused(*arguments: Any) -> Verdict:
            self.patch.setattr(self.passwords, "verify", real)
            verdict = await real(*arguments)
            self.compared.set()
            await self.go_on.wait()
            return verdict

        self.patch.setattr(self.passwords, "verify", paused)


@pytest.fixture
def pause(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Pause:
    return Pause(app.state.passwords, monkeypatch)


async def change_password(person: Person, new: str = NEW_PASSWORD) -> httpx.Response:
    passwords = {"current_password": person.password, "new_password": new}
    return await person.put("/users/me/password", json=passwords)


async def opens_something(client: httpx.AsyncClient, login: httpx.Response) -> bool:
    """Whether the login got a token, and the token is good for anything."""
    if login.status_code != 200:
        return False
    token = login.json()["access_token"]
    answer = await client.get("/users/me", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


async def outdate(database: Database, person: Person) -> None:
    """Give the person a hash that the next login replaces."""
    outdated = CryptContext(["bcrypt"], bcrypt__rounds=4).hash(person.password)
    async with database.autocommit.connect() as connection:
        await connection.execute(
            text("UPDATE users SET password_hash = :hash WHERE email = :email"),
            {"hash": outdated, "email": person.email},
        )


# -- a password that changes while it is compared -------------------------------------------------


async def test_ref_10_a_login_does_not_outlive_the_password_it_was_checked_with(
    ada: Person, pause: Pause
) -> None:
    pause.arm()
    login = asyncio.create_task(ada.client.post("/auth/token", data=form(ada, ada.password)))
    await pause.compared.wait()

    changed = await change_password(ada)
    pause.go_on.set()

    assert changed.status_code == 204
    assert (await login).status_code == 401
    assert (await ada.get("/users/me")).status_code == 200


async def test_a_new_hash_for_the_old_password_does_not_replace_a_new_password(
    ada: Person, database: Database, pause: Pause
) -> None:
    await outdate(database, ada)
    pause.arm()
    login = asyncio.create_task(ada.client.post("/auth/token", data=form(ada, ada.password)))
    await pause.compared.wait()

    changed = await change_password(ada)
    pause.go_on.set()

    assert (changed.status_code, (await login).status_code) == (204, 401)
    assert (await ada.log_in(password=NEW_PASSWORD)).status_code == 200
    assert (await ada.log_in()).status_code == 401


async def test_two_logins_at_once_both_succeed_with_an_outdated_hash(
    ada: Person, database: Database, pause: Pause
) -> None:
    await outdate(database, ada)
    pause.arm()
    slow = asyncio.create_task(ada.client.post("/auth/token", data=form(ada, ada.password)))
    await pause.compared.wait()

    fast = await ada.client.post("/auth/token", data=form(ada, ada.password))
    pause.go_on.set()

    assert (fast.status_code, (await slow).status_code) == (200, 200)


async def test_of_two_changes_of_a_password_at_once_one_is_refused(
    ada: Person, pause: Pause
) -> None:
    pause.arm()
    slow = asyncio.create_task(change_password(ada, "the-slower-secret-8"))
    await pause.compared.wait()

    fast = await change_password(ada)
    pause.go_on.set()

    assert (fast.status_code, (await slow).status_code) == (204, 403)
    assert (await ada.log_in(password=NEW_PASSWORD)).status_code == 200


async def test_ref_11_a_login_does_not_outlive_a_deactivation(
    ada: Person, admin: Person, pause: Pause
) -> None:
    pause.arm()
    login = asyncio.create_task(ada.client.post("/auth/token", data=form(ada, ada.password)))
    await pause.compared.wait()

    for active in (False, True):
        await admin.patch(f"/users/{ada.id}", json={"active": active})
        if not active:
            pause.go_on.set()
            answer = await login

    assert answer.status_code == 401
    assert not await opens_something(ada.client, answer)


async def test_ref_10_no_login_outlives_a_password_however_the_two_meet(ada: Person) -> None:
    for number in range(12):
        before, ada.password = ada.password, f"another-long-secret-{number}"
        logins = [ada.client.post("/auth/token", data=form(ada, before)) for _ in range(3)]
        passwords = {"current_password": before, "new_password": ada.password}

        changed, *answers = await asyncio.gather(
            ada.put("/users/me/password", json=passwords), *logins
        )

        assert changed.status_code == 204
        assert not any([await opens_something(ada.client, answer) for answer in answers])


def form(person: Person, password: str) -> dict[str, str]:
    return {"grant_type": "password", "username": person.email, "password": password}


# -- an account that is deleted beside its requests -----------------------------------------------


async def create_item(person: Person, **headers: str) -> httpx.Response:
    return await person.post("/items", json={"title": "x"}, headers=headers)


@pytest.mark.parametrize("round_", range(5))
async def test_whatever_meets_a_deletion_is_done_or_refused(
    client: httpx.AsyncClient, round_: int
) -> None:
    person = await register(client)
    login = form(person, person.password)

    deleted, *answers = await asyncio.gather(
        person.delete("/users/me"),
        *(create_item(person) for _ in range(8)),
        *(create_item(person, **{"Idempotency-Key": f"k{number}"}) for number in range(4)),
        *(person.patch("/users/me", json={"full_name": "x"}) for _ in range(8)),
        *(client.post("/auth/token", data=login) for _ in range(8)),
        *(person.refresh() for _ in range(4)),
        *(person.delete("/auth/sessions") for _ in range(2)),
    )

    assert deleted.status_code in {204, 401}
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 401}


async def test_an_item_for_an_account_that_was_just_deleted_is_refused(
    ada: Person, database: Database
) -> None:
    async with database.writing() as deleting:
        await deleting.execute(text("DELETE FROM users WHERE email = :e"), {"e": ada.email})
        creation = asyncio.create_task(create_item(ada))
        await waits_for_a_lock(database)
        await deleting.commit()

    answer = await creation
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_change_of_an_account_that_was_just_deleted_is_refused(
    ada: Person, database: Database
) -> None:
    async with database.writing() as deleting:
        await deleting.execute(text("DELETE FROM users WHERE email = :e"), {"e": ada.email})
        change = asyncio.create_task(ada.patch("/users/me", json={"full_name": "x"}))
        await waits_for_a_lock(database)
        await deleting.commit()

    assert (await change).status_code == 401


async def waits_for_a_lock(database: Database) -> None:
    """Return once somebody waits for a lock in this database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with database.autocommit.connect() as connection:
        while not await connection.scalar(waiting):  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.01)


async def test_who_deletes_an_account_waits_for_no_administrator(
    ada: Person, admin: Person, database: Database
) -> None:
    async with database.writing() as busy, busy.begin():
        await busy.execute(text("SELECT 1 FROM users WHERE administrator FOR UPDATE"))

        assert (await ada.delete("/users/me")).status_code == 204


async def test_of_two_administrators_who_leave_at_once_one_stays(
    admin: Person, ada: Person, database: Database
) -> None:
    await promote(ada, database)

    answers = await asyncio.gather(admin.delete("/users/me"), ada.delete("/users/me"))

    assert sorted(answer.status_code for answer in answers) == [204, 409]
