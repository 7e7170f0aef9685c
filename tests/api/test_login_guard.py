"""Guesses at a password: how many are judged, how long the wait is, and whom it concerns."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx2 as httpx
import pytest
from sqlalchemy import select, update

from impl.core.config import Settings
from impl.core.passwords import Passwords, Verdict
from impl.db.session import Database
from impl.models import LoginFailures
from tests.people import Person, at, changed, register, worker

NEW_PASSWORD = "a ship in port is safe"


async def guess(client: httpx.AsyncClient, email: str = "ada@example.com") -> httpx.Response:
    form = {"grant_type": "password", "username": email, "password": "not the password"}
    return await client.post("/auth/token", data=form)


async def change_password(person: Person, current: str) -> httpx.Response:
    passwords = {"current_password": current, "new_password": NEW_PASSWORD}
    return await person.put("/users/me/password", json=passwords)


async def end_the_wait(database: Database) -> timedelta:
    """Let the lock of the only account that has one run out. How long it was."""
    async with database.writing() as session, session.begin():
        (row,) = (await session.scalars(select(LoginFailures))).all()
        assert row.locked_until is not None
        wait = row.locked_until - row.failed_at
        passed = wait + timedelta(seconds=1)
        await session.execute(
            update(LoginFailures).values(
                failed_at=LoginFailures.failed_at - passed,
                locked_until=LoginFailures.locked_until - passed,
            )
        )
    return wait


@pytest.fixture
def strict(settings: Settings) -> Settings:
    return changed(settings, login_max_failures=3, password_hash_queue=50)


@pytest.mark.parametrize("cost", [0, 0.05], ids=["cheap hashes", "dear hashes"])
async def test_enu_6_of_many_guesses_at_once_exactly_as_many_are_judged_as_are_allowed(
    strict: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, cost: float
) -> None:
    judged: list[str] = []
    original = Passwords.verify

    async def watched(self: Passwords, password: str, password_hash: str | None) -> Verdict:
        judged.append(password)
        await asyncio.sleep(cost)
        return await original(self, password, password_hash)

    async with worker(strict) as one, worker(strict) as other:
        monkeypatch.setattr(Passwords, "verify", watched)
        answers = await asyncio.gather(*(guess(client) for client in [one, other] * 20))

    assert len(judged) == 3
    assert Counter(answer.status_code for answer in answers) == {401: 3, 429: 37}


async def test_who_finds_no_place_to_wait_is_not_counted(
    settings: Settings, database: Database
) -> None:
    crowded = changed(settings, password_hash_queue=1, password_hash_threads=1)
    async with worker(crowded) as client:
        answers = await asyncio.gather(*(guess(client) for _ in range(12)))
        async with database.reading() as reading:
            (row,) = (await reading.scalars(select(LoginFailures))).all()

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[503] > 0
    assert row.failures == statuses[401]


async def test_enu_5_the_wait_doubles_up_to_fifteen_minutes(
    strict: Settings, database: Database
) -> None:
    waits = []
    async with worker(strict) as client:
        for _ in range(2):
            await guess(client)
        for _ in range(7):
            assert (await guess(client)).status_code == 401
            locked = await guess(client)
            assert locked.status_code == 429
            waits.append(await end_the_wait(database))

    seconds = [round(wait.total_seconds()) for wait in waits]
    assert seconds == [60, 120, 240, 480, 900, 900, 900]


async def test_enu_5_a_strangers_guesses_lock_nothing_that_the_owner_does_with_a_session(
    strict: Settings, database: Database
) -> None:
    async with worker(strict) as client:
        ada = await register(client)
        for _ in range(3):
            await guess(client, ada.email)
        assert (await ada.log_in()).status_code == 429

        assert (await ada.get("/users/me")).status_code == 200
        assert (await ada.refresh()).status_code == 200
        assert (await change_password(ada, ada.password)).status_code == 204


async def test_guesses_at_the_current_password_are_bounded_too(
    strict: Settings, database: Database
) -> None:
    async with worker(strict) as client:
        ada = await register(client)

        guesses = [await change_password(ada, "not the password") for _ in range(4)]
        right = await change_password(ada, ada.password)

        assert [answer.status_code for answer in guesses] == [403, 403, 403, 429]
        assert right.status_code == 429
        assert (await ada.log_in()).status_code == 200


async def test_enu_6_the_count_outlives_the_worker_that_counted(
    strict: Settings, database: Database
) -> None:
    for status in (401, 401, 401, 429):
        async with worker(strict) as client:
            assert (await guess(client)).status_code == status


async def test_enu_5_a_success_begins_the_count_anew_everywhere(
    strict: Settings, database: Database
) -> None:
    async with worker(strict) as one, worker(strict) as other:
        ada = await register(one)
        for _ in range(2):
            await guess(one, ada.email)

        assert (await at(other, ada).log_in()).status_code == 200
        assert [(await guess(one, ada.email)).status_code for _ in range(3)] == [401] * 3
