"""A database whose disk is full: the server refuses what it would have to write to a file."""

import asyncio
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
from sqlalchemy import text

from impl.core.config import Settings
from impl.db.session import Database
from tests.people import PASSWORD, worker

FULL = """
CREATE FUNCTION find_disk_full() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END';
CREATE TRIGGER disk BEFORE INSERT ON users EXECUTE FUNCTION find_disk_full();
ALTER DATABASE "{name}" SET temp_file_limit = 0
"""
ROOMY = """
DROP FUNCTION IF EXISTS find_disk_full CASCADE;
ALTER DATABASE "{name}" RESET temp_file_limit;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = '{name}' AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def fill(database: Database, settings: Settings) -> AsyncIterator[None]:
    """For who connects from now on."""
    await run(database, FULL.format(name=settings.db_name))
    yield
    await run(database, ROOMY.format(name=settings.db_name))
    await database.engine.dispose()


async def run(database: Database, statements: str) -> None:
    async with database.autocommit.connect() as connection:
        for statement in statements.split(";\n"):
            await connection.execute(text(statement))


async def register(client: httpx.AsyncClient) -> int:
    body = {"email": "ada@example.com", "password": PASSWORD}
    return (await client.post("/users", json=body)).status_code


async def ready(client: httpx.AsyncClient) -> int:
    return (await client.get("/readyz")).status_code


async def becomes_ready(client: httpx.AsyncClient) -> bool:
    """Within five seconds: the connections that were ended have to be replaced."""
    for _ in range(100):
        if await ready(client) == 200:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.usefixtures("fill")
async def test_the_service_is_not_ready_until_a_disk_that_was_full_has_space_again(
    settings: Settings, database: Database
) -> None:
    async with worker(settings) as client:
        assert await ready(client) == 200  # nobody has written

        assert await register(client) == 503
        assert await ready(client) == 503
        assert (await client.get("/livez")).status_code == 200

        await run(database, ROOMY.format(name=settings.db_name))
        assert await becomes_ready(client)
        assert await register(client) == 201
