"""What a request may cost the database: a connection, a lock, a statement, each for so long."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2 as httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from charter.service.outage import is_outage
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import User
from tests.people import Person, at, changed, worker

BOUND = 0.3
"""Seconds; every bound that a test shortens."""


@asynccontextmanager
async def locked(database: Database, user_id: str) -> AsyncIterator[None]:
    """Somebody else holds the row of this user."""
    async with database.writing() as session:
        await session.execute(select(User).where(User.id == UUID(user_id)).with_for_update())
        yield
        await session.rollback()


def is_unavailable(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


async def test_rel_2_where_the_pool_is_used_up_the_answer_is_a_503_within_its_timeout(
    settings: Settings, database: Database, ada: Person
) -> None:
    small = changed(settings, db_pool_size=1, db_pool_timeout_seconds=BOUND)
    async with worker(small) as client, locked(database, ada.id):
        holding = asyncio.create_task(at(client, ada).patch("/users/me", json={"full_name": "A"}))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        refused = await at(client, ada).get("/users/me")
        took = time.monotonic() - began
        await holding

    assert is_unavailable(refused)
    assert BOUND / 2 < took < BOUND + 0.5


async def test_rel_3_a_lock_is_waited_for_so_long_and_the_next_request_succeeds(
    settings: Settings, database: Database, ada: Person
) -> None:
    async with worker(changed(settings, db_lock_timeout_seconds=BOUND, db_pool_size=1)) as client:
        person = at(client, ada)
        async with locked(database, ada.id):
            began = time.monotonic()
            refused = await person.patch("/users/me", json={"full_name": "Ada"})
            took = time.monotonic() - began

        assert is_unavailable(refused)
        assert BOUND / 2 < took < BOUND + 0.5
        assert (await person.patch("/users/me", json={"full_name": "Ada"})).status_code == 200


async def test_rel_3_a_statement_may_take_so_long_and_its_connection_can_be_used_again(
    settings: Settings,
) -> None:
    database = Database(changed(settings, db_statement_timeout_seconds=BOUND, db_pool_size=1))
    async with database.autocommit.connect() as connection:
        backend = await connection.scalar(text("SELECT pg_backend_pid()"))
        with pytest.raises(DBAPIError) as cancelled:
            await connection.execute(text("SELECT pg_sleep(5)"))
    async with database.autocommit.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) == backend
    await database.dispose()

    assert is_outage(cancelled.value)


async def test_rel_3_every_connection_has_its_bounds(
    settings: Settings, database: Database
) -> None:
    async with database.autocommit.connect() as connection:
        bounds = {
            name: await connection.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
            )
        }  # fmt: skip

    assert bounds == {
        "statement_timeout": "3s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": f"{settings.request_timeout_seconds * 2:g}s",
    }
