"""How long a request waits for connections, of which it may take several."""

import logging
from time import monotonic

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.types import Receive, Scope, Send

from charter.service.pool import OneWait
from impl.core.config import Settings
from impl.db.session import Database
from tests.people import changed

WAIT_SECONDS = 0.5


async def seconds_of_two_waits(database: Database) -> float:
    began = monotonic()
    for _ in range(2):
        with pytest.raises(PoolTimeout):
            async with database.autocommit.connect():
                pass
    return monotonic() - began


async def test_a_request_waits_for_connections_once_and_not_for_each(settings: Settings) -> None:
    narrow = changed(settings, db_pool_size=1, db_pool_timeout_seconds=WAIT_SECONDS)
    database = Database(narrow)
    waited = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waited.append(await seconds_of_two_waits(database))

    async with database.autocommit.connect():
        for _ in range(2):  # and what one request has waited is nothing to the next one
            await OneWait(app)({}, None, None)  # type: ignore[arg-type]
        waited_elsewhere = await seconds_of_two_waits(database)
    await database.dispose()

    assert all(WAIT_SECONDS <= seconds < 1.8 * WAIT_SECONDS for seconds in waited)
    assert waited_elsewhere >= 2 * WAIT_SECONDS


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
