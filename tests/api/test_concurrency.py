"""Many at once: CON-1 to CON-3 of docs/security.md, over two workers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import cycle, islice

import httpx2 as httpx
import pytest
from sqlalchemy import func, select

from impl.core.config import Settings
from impl.db.session import Database
from impl.models import Base, IdempotencyKey, Item, User
from tests.items import create_item
from tests.people import PASSWORD, Person, at, changed, worker

MANY = 20

Workers = Sequence[httpx.AsyncClient]


@pytest.fixture
async def workers(database: Database, settings: Settings) -> AsyncIterator[Workers]:
    """Two of them, with a connection for everybody: a slow machine is no reason to refuse."""
    patient = changed(
        settings,
        db_pool_size=MANY // 2,
        db_pool_timeout_seconds=20,
        db_lock_timeout_seconds=20,
        db_statement_timeout_seconds=20,
        request_timeout_seconds=20,
    )
    async with worker(patient) as one, worker(patient) as other:
        yield one, other


def everywhere(person: Person, workers: Workers) -> list[Person]:
    """The same person, many times, at one worker and the other in turn."""
    return [at(client, person) for client in islice(cycle(workers), MANY)]


async def rows(database: Database, model: type[Base]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


# -- CON-1 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(10))
async def test_con_1_of_many_registrations_of_one_address_exactly_one_succeeds(
    workers: Workers, database: Database, number: int
) -> None:
    spellings = cycle(["ada@example.com", "Ada@Example.com", "ADA@EXAMPLE.COM"])
    registrations = [
        client.post("/users", json={"email": next(spellings), "password": PASSWORD})
        for client in islice(cycle(workers), MANY)
    ]

    answers = await asyncio.gather(*registrations)

    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert await rows(database, User) == 1


# -- CON-2 ----------------------------------------------------------------------------------------


async def write(person: Person, method: str, path: str, number: int) -> httpx.Response:
    headers = {"If-Match": '"1"'}
    body = {"title": f"by writer {number}"}
    match method:
        case "PUT":
            return await person.put(path, json=body, headers=headers)
        case "PATCH":
            return await person.patch(path, json=body, headers=headers)
        case _:
            return await person.delete(path, headers=headers)


@pytest.mark.parametrize(
    "methods",
    [["PUT"], ["PATCH"], ["PUT", "PATCH"], ["DELETE"], ["PUT", "PATCH", "DELETE"]],
    ids=str,
)
async def test_con_2_of_many_writers_of_one_version_exactly_one_succeeds(
    ada: Person, workers: Workers, methods: list[str]
) -> None:
    item = await create_item(ada)
    path = f"/items/{item['id']}"
    writers = zip(everywhere(ada, workers), cycle(methods), range(MANY), strict=False)

    answers = await asyncio.gather(
        *(write(person, method, path, number) for person, method, number in writers)
    )

    (success,) = [answer for answer in answers if answer.is_success]
    deleted = success.status_code == 204
    others = set(statuses(answers)) - {success.status_code}
    assert others <= ({404, 412} if deleted else {412})
    found = await ada.get(path)
    if deleted:
        assert found.status_code == 404
    else:
        assert found.json() == success.json()
        assert found.headers["ETag"] == '"2"'


async def test_con_2_writers_that_try_again_lose_no_update(ada: Person, workers: Workers) -> None:
    item = await create_item(ada, quantity=0)
    path = f"/items/{item['id']}"

    async def increment(person: Person) -> None:
        while True:
            found = await person.get(path)
            answer = await person.patch(
                path,
                json={"quantity": found.json()["quantity"] + 1},
                headers={"If-Match": found.headers["ETag"]},
            )
            if answer.status_code == 200:
                return
            assert answer.status_code == 412

    await asyncio.gather(*(increment(person) for person in everywhere(ada, workers)[:6]))

    assert (await ada.get(path)).json()["quantity"] == 6


# -- CON-3 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(5))
async def test_con_3_many_requests_with_one_key_create_one_item(
    ada: Person, workers: Workers, database: Database, number: int
) -> None:
    headers = {"Idempotency-Key": "one-key"}

    answers = await asyncio.gather(
        *(
            person.post("/items", json={"title": "once"}, headers=headers)
            for person in everywhere(ada, workers)
        )
    )

    assert statuses(answers) == {201: MANY}
    assert len({answer.content for answer in answers}) == 1
    assert await rows(database, Item) == 1
    assert await rows(database, IdempotencyKey) == 1


async def test_con_3_of_different_requests_with_one_key_exactly_one_wins(
    ada: Person, workers: Workers, database: Database
) -> None:
    headers = {"Idempotency-Key": "one-key"}

    answers = await asyncio.gather(
        *(
            person.post("/items", json={"title": f"request {number}"}, headers=headers)
            for number, person in enumerate(everywhere(ada, workers))
        )
    )

    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert await rows(database, Item) == 1


async def test_con_3_many_users_may_use_one_key(
    ada: Person, grace: Person, workers: Workers, database: Database
) -> None:
    headers = {"Idempotency-Key": "one-key"}
    people = everywhere(ada, workers)[:10] + everywhere(grace, workers)[:10]

    answers = await asyncio.gather(
        *(person.post("/items", json={"title": "mine"}, headers=headers) for person in people)
    )

    assert statuses(answers) == {201: MANY}
    assert {answer.json()["owner_id"] for answer in answers} == {ada.id, grace.id}
    assert await rows(database, Item) == 2
