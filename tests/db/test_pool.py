"""How long a request waits for connections, of which it may take several."""

import asyncio
import contextlib
import logging
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.types import Receive, Scope, Send

from charter.service.pool import OneWait
from impl.core.config import Settings
from impl.db.session import Database
from tests.people import changed

WAIT_SECONDS = 0.5


def of_sqlalchemy(database: Database) -> AbstractAsyncContextManager[Any]:
    return database.autocommit.connect()


def of_requests(database: Database) -> AbstractAsyncContextManager[Any]:
    return database.statements()


async def seconds_of_two_waits(database: Database, connect: Any = of_sqlalchemy) -> float:
    began = monotonic()
    for _ in range(2):
        with pytest.raises(PoolTimeout):
            async with connect(database) as connected:
                await connected.scalar(select(1))
    return monotonic() - began


async def backend(database: Database) -> int:
    """The server's process behind the connection that is next."""
    async with database.statements() as session:
        return int(await session.scalar(text("SELECT pg_backend_pid()")))


@pytest.mark.parametrize("connect", [of_sqlalchemy, of_requests])
async def test_a_request_waits_for_connections_once_and_not_for_each(
    settings: Settings, connect: Any
) -> None:
    narrow = changed(settings, db_pool_size=1, db_pool_timeout_seconds=WAIT_SECONDS)
    database = Database(narrow)
    waited = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waited.append(await seconds_of_two_waits(database, connect))

    async with database.autocommit.connect():
        for _ in range(2):  # and what one request has waited is nothing to the next one
            await OneWait(app)({}, None, None)  # type: ignore[arg-type]
        waited_elsewhere = await seconds_of_two_waits(database, connect)
    await database.dispose()

    assert all(WAIT_SECONDS <= seconds < 1.8 * WAIT_SECONDS for seconds in waited)
    assert 2 * WAIT_SECONDS <= waited_elsewhere < 3.5 * WAIT_SECONDS


async def test_a_pool_that_is_made_anew_within_a_request_has_the_whole_wait(
    settings: Settings,
) -> None:
    narrow = changed(settings, db_pool_size=1, db_pool_timeout_seconds=WAIT_SECONDS)
    database = Database(narrow)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with database.autocommit.connect():
            await seconds_of_two_waits(database)
        await database.engine.dispose()

    await OneWait(app)({}, None, None)  # type: ignore[arg-type]
    async with database.autocommit.connect():
        waited = await seconds_of_two_waits(database)
    await database.dispose()

    assert waited >= 2 * WAIT_SECONDS


async def test_the_pool_says_nothing_in_the_log_of_a_service(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await Database(settings).dispose()

    assert not caplog.records


async def test_who_waits_gets_the_connection_that_is_given_back(settings: Settings) -> None:
    database = Database(changed(settings, db_pool_size=1))
    async with database.statements() as session:
        held = await session.scalar(select(func.pg_backend_pid()))
        waiting = [asyncio.create_task(backend(database)) for _ in range(3)]
        await asyncio.sleep(0.05)

    assert await asyncio.gather(*waiting) == [held] * 3
    await database.dispose()


async def test_who_waits_no_longer_takes_no_connection_away(settings: Settings) -> None:
    database = Database(changed(settings, db_pool_size=1))
    async with database.statements() as session:
        await session.scalar(select(1))
        waiting = asyncio.create_task(backend(database))
        await asyncio.sleep(0.05)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await backend(database)
    await database.dispose()


async def slow(database: Database) -> float:
    """Seconds after which a slow statement was answered, or refused for want of a connection."""
    began = monotonic()
    with contextlib.suppress(PoolTimeout):
        async with database.statements() as session:
            await session.execute(select(func.pg_sleep(0.2)))
        return -1
    return monotonic() - began


async def test_whose_turn_would_come_too_late_is_refused_at_once(settings: Settings) -> None:
    database = Database(changed(settings, db_pool_size=2, db_pool_timeout_seconds=1))
    for _ in range(30):  # of how long a statement takes the pool has to learn
        await asyncio.gather(slow(database), slow(database))

    waited = await asyncio.gather(*(slow(database) for _ in range(40)))
    refused = [seconds for seconds in waited if seconds >= 0]
    afterwards = await slow(database)
    await database.dispose()

    assert 24 <= len(refused) <= 34  # two connections serve ten in a second
    assert len([seconds for seconds in refused if seconds > 0.2]) <= 3  # whose turn was nearest
    assert afterwards < 0


async def test_one_who_held_a_connection_for_long_keeps_nobody_out(settings: Settings) -> None:
    database = Database(changed(settings, db_pool_size=2, db_pool_timeout_seconds=0.5))
    async with database.statements() as session:
        await session.execute(select(func.pg_sleep(2)))

    backends = await asyncio.gather(*(backend(database) for _ in range(20)))
    await database.dispose()

    assert len(set(backends)) == 2


async def test_a_connection_that_was_ended_while_it_lay_in_the_pool_is_replaced(
    settings: Settings,
) -> None:
    database, another = (Database(changed(settings, db_pool_size=1)) for _ in range(2))
    ended = await backend(database)
    async with another.statements() as session:
        await session.execute(select(func.pg_terminate_backend(ended)))
    await asyncio.sleep(0.1)

    assert await backend(database) != ended
    await database.dispose()
    await another.dispose()


async def test_a_connection_of_a_certain_age_is_replaced(settings: Settings) -> None:
    database = Database(changed(settings, db_pool_size=1, db_connection_age_seconds=1))
    first = await backend(database)
    await asyncio.sleep(1.1)

    assert await backend(database) != first
    await database.dispose()
