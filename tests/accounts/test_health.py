"""Alive and ready: what an orchestrator asks."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2 as httpx
import pytest
from sqlalchemy import text

from charter.service.migrations import connect
from impl.core.accounts import PREFIX
from impl.core.config import Settings
from impl.db.migrations import SCHEMA, target
from tests.people import PASSWORD, changed, worker

Copy = Callable[[str], AbstractAsyncContextManager[Settings]]
"""Another database, made of the template of that name."""


@pytest.fixture
def copy(settings: Settings) -> Copy:
    @asynccontextmanager
    async def copied(template: str) -> AsyncIterator[Settings]:
        name = f"{settings.db_name}_copy"
        await run(settings, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await run(settings, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield settings.model_copy(update={"db_name": name})
        await run(settings, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    return copied


async def run(settings: Settings, statement: str) -> None:
    async with connect(target(settings), autocommit=True) as connection:
        await connection.execute(text(statement))


async def tables(settings: Settings) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    async with connect(target(settings), autocommit=True) as connection:
        return list(await connection.scalars(text(query)))


def is_unavailable(response: httpx.Response) -> bool:
    assert response.status_code in {200, 503}
    return response.status_code == 503 and int(response.headers["Retry-After"]) > 0


async def test_a_healthy_service_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    alive = await client.get("/livez")
    ready = await client.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


async def test_rel_1_without_its_database_the_service_is_alive_and_not_ready(
    settings: Settings, unused_tcp_port: int
) -> None:
    async with worker(
        changed(settings, db_host="127.0.0.1", db_port=unused_tcp_port), PREFIX
    ) as client:
        alive = await client.get("/livez")
        ready = await client.get("/readyz")

    assert alive.status_code == 200
    assert is_unavailable(ready)


DAMAGES = {
    "a revision short": "UPDATE alembic_version SET version_num = '0001'",
    "two revisions": "INSERT INTO alembic_version VALUES ('0001')",
    "no revision": "DELETE FROM alembic_version",
    "never migrated": "DROP TABLE alembic_version",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_cfg_2_the_service_is_not_ready_where_the_schema_is_behind(
    copy: Copy, template: str, damage: str
) -> None:
    async with copy(template) as database, worker(database, PREFIX) as client:
        before = await client.get("/readyz")
        await run(database, damage)

        after = await client.get("/readyz")

        assert not is_unavailable(before)
        assert is_unavailable(after)
        assert (await client.get("/livez")).status_code == 200


async def test_cfg_2_the_service_is_ready_as_soon_as_the_schema_is_at_head_again(
    copy: Copy, template: str
) -> None:
    async with copy(template) as database, worker(database, PREFIX) as client:
        await run(database, "ALTER TABLE alembic_version RENAME TO elsewhere")
        before = await client.get("/readyz")
        await run(database, "ALTER TABLE elsewhere RENAME TO alembic_version")

        after = await client.get("/readyz")

    assert is_unavailable(before)
    assert not is_unavailable(after)


async def test_the_service_stays_ready_while_a_newer_version_migrates(
    copy: Copy, template: str
) -> None:
    async with copy(template) as database, worker(database, PREFIX) as client:
        await run(database, "UPDATE alembic_version SET version_num = 'ffff'")

        assert not is_unavailable(await client.get("/readyz"))
        await SCHEMA.check_head(target(database))


async def test_the_service_is_not_ready_while_the_database_only_reads(
    settings: Settings, copy: Copy, template: str
) -> None:
    async with copy(template) as database:
        setting = f'ALTER DATABASE "{database.db_name}" SET default_transaction_read_only ='
        await run(settings, f"{setting} on")
        async with worker(database, PREFIX) as client:
            assert is_unavailable(await client.get("/readyz"))
            assert (await client.get("/livez")).status_code == 200

            await run(settings, f"{setting} off")
            assert not is_unavailable(await client.get("/readyz"))


async def test_cfg_2_the_service_makes_no_table(copy: Copy) -> None:
    async with copy("template1") as database:
        async with worker(database, PREFIX) as client:
            ready = await client.get("/readyz")
            await client.post("/users", json={"email": "ada@example.com", "password": PASSWORD})

        assert is_unavailable(ready)
        assert await tables(database) == []
