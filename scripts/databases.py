"""Connections for verbs, and databases that come and go: for a comparison, for a test."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from socket import gaierror

from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from impl.core.config import Settings
from impl.db.engine import connect_args, database_url
from impl.db.outage import is_outage
from scripts.errors import Refusal

LOCK_TIMEOUT = "10s"
"""Who waits for a table makes everybody behind wait, too: better a verb gives up."""


class DatabaseUnreachable(Refusal):
    """The database doesn't let us in; the message says which, why, and what to look at."""

    def __init__(self, settings: Settings, error: Exception) -> None:
        where = f"{settings.db_name} at {settings.db_host}:{settings.db_port}"
        super().__init__(
            f"The database {where} can't be reached: {reason(error)}. Is the server running, and"
            " are DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME and DB_SSLMODE right?"
        )


def reason(error: BaseException) -> str:
    """The error in half a sentence, without the statement and its parameters."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return reason(error.orig.__cause__ or error.orig)
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, gaierror):
        return "there is no such host"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


@contextlib.asynccontextmanager
async def connection(settings: Settings, *, autocommit: bool) -> AsyncIterator[AsyncConnection]:
    """A connection whose statements may take their time. Raises DatabaseUnreachable."""
    engine = create_async_engine(
        database_url(settings),
        connect_args=patient(settings),
        hide_parameters=True,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
    )
    try:
        async with contextlib.AsyncExitStack() as stack:
            try:
                connected = await stack.enter_async_context(engine.connect())
            except Exception as error:
                if is_outage(error):
                    raise DatabaseUnreachable(settings, error) from error
                raise
            yield connected
    finally:
        await engine.dispose()


def patient(settings: Settings) -> dict[str, object]:
    """The service's arguments without its bounds for a statement: an index may take an hour."""
    arguments = connect_args(settings)
    arguments.pop("command_timeout")
    if "server_settings" in arguments:
        bounds = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
        arguments["server_settings"] |= bounds | {"lock_timeout": LOCK_TIMEOUT}
    return arguments


def named(settings: Settings, name: str) -> Settings:
    """The same server, another database."""
    return settings.model_copy(update={"db_name": name})


async def create(settings: Settings, name: str, template: str = "template1") -> Settings:
    async with connection(settings, autocommit=True) as server:
        await server.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return named(settings, name)


async def drop(settings: Settings, name: str) -> None:
    async with connection(settings, autocommit=True) as server:
        await server.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@contextlib.contextmanager
def scratch(settings: Settings) -> Iterator[Settings]:
    """An empty database on the same server, gone at the end."""
    name = f"scratch_{os.getpid()}"
    asyncio.run(drop(settings, name))
    try:
        yield asyncio.run(create(settings, name))
    finally:
        asyncio.run(drop(settings, name))
