"""Registering again: whoever lost the answer gets it, and nobody else learns anything."""

import asyncio
from typing import Any

import bcrypt
import httpx2 as httpx
import pytest
from sqlalchemy import func, select, update

from impl.core.config import Settings
from impl.db.session import Database
from impl.models import IdempotencyKey, User
from tests.people import MERGE_PATCH, PASSWORD, Person, changed, register, worker

EMAIL = "ada@example.com"
OTHER = "another correct horse"


async def sign_up(
    client: httpx.AsyncClient, key: str | None = "k", **fields: Any
) -> httpx.Response:
    body = {"email": EMAIL, "password": PASSWORD, "full_name": "Ada"} | fields
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/users", json=body, headers=headers)


async def accounts(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(User)) or 0


async def test_con_3_a_registration_with_a_key_is_answered_once_more(
    client: httpx.AsyncClient, database: Database
) -> None:
    answers = [await sign_up(client) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert await accounts(database) == 1


async def test_con_3_registrations_at_once_with_one_key_are_one_account(
    settings: Settings, database: Database
) -> None:
    async with worker(settings) as client:
        answers = await asyncio.gather(*(sign_up(client) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await accounts(database) == 1


async def test_con_3_the_first_answer_of_a_registration_stays_the_answer(
    client: httpx.AsyncClient,
) -> None:
    first = await sign_up(client)
    ada = Person(client, first.json()["id"], EMAIL)
    await ada.log_in()
    await ada.patch("/users/me", json={"full_name": "Ada Lovelace"}, headers=MERGE_PATCH)

    again = await sign_up(client)

    assert (again.status_code, again.content) == (201, first.content)


@pytest.mark.parametrize(
    "other",
    [
        {"key": "another"},
        {"key": None},
        {"password": OTHER},
        {"full_name": "Somebody else"},
        {"email": EMAIL.upper()},
    ],
    ids=["another key", "no key", "another password", "another name", "another spelling"],
)
async def test_con_3_any_other_request_for_the_address_hears_that_it_is_taken(
    client: httpx.AsyncClient, database: Database, other: dict[str, Any]
) -> None:
    await sign_up(client)
    strangers = await register(client)

    known = await sign_up(client, **other)
    unknown = await sign_up(client, **{"key": "z"} | other | {"email": strangers.email})

    assert known.status_code == unknown.status_code == 409
    assert without_request_id(known) == without_request_id(unknown)
    assert await accounts(database) == 2


def without_request_id(response: httpx.Response) -> dict[str, Any]:
    return {**response.json(), "request_id": ""}


async def test_con_3_a_key_counts_for_one_address(
    client: httpx.AsyncClient, database: Database
) -> None:
    await sign_up(client)

    other = await sign_up(client, email="grace@example.com")

    assert other.status_code == 201
    assert other.json()["email"] == "grace@example.com"


async def test_con_3_the_key_of_a_registration_expires(
    client: httpx.AsyncClient, database: Database
) -> None:
    await sign_up(client)
    async with database.writing() as session, session.begin():
        await session.execute(update(IdempotencyKey).values(expires_at=func.now()))

    assert (await sign_up(client)).status_code == 409


async def test_con_3_an_account_that_is_gone_takes_its_key_along(
    client: httpx.AsyncClient,
) -> None:
    first = await sign_up(client)
    ada = Person(client, first.json()["id"], EMAIL)
    await ada.log_in()
    await ada.delete("/users/me")

    second = await sign_up(client)

    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


async def test_enu_2_a_strangers_key_costs_a_taken_address_no_more_than_one_hash(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_up(client)
    hashed: list[bytes] = []
    original = bcrypt.hashpw

    def counting(password: bytes, salt: bytes) -> bytes:
        hashed.append(password)
        return original(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", counting)
    assert (await sign_up(client, "another", password=OTHER)).status_code == 409
    assert len(hashed) == 1


async def test_enu_3_who_knows_the_key_guesses_as_often_as_at_a_login(
    settings: Settings, database: Database
) -> None:
    async with worker(changed(settings, login_max_failures=3)) as client:
        await sign_up(client)
        guesses = [await sign_up(client, password=f"{OTHER} {n}") for n in range(3)]
        locked = await sign_up(client)

    assert [guess.status_code for guess in guesses] == [409, 409, 409]
    assert locked.status_code == 429


async def test_ref_7_a_key_keeps_nothing_by_which_the_password_could_be_guessed(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Two registrations that differ in the password alone have one fingerprint."""
    prints = set()
    for password in (PASSWORD, OTHER):
        first = await sign_up(client, password=password)
        ada = Person(client, first.json()["id"], EMAIL, password)
        async with database.reading() as session:
            prints.add(await session.scalar(select(IdempotencyKey.fingerprint)))
        await ada.log_in()
        await ada.delete("/users/me")

    assert len(prints) == 1
