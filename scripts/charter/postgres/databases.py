"""Databases that come and go: for a comparison, for a test, for a service under test."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import asyncpg

from charter.errors import Refusal
from charter.postgres import Address


class DatabaseUnreachable(Refusal):
    """The database refuses the connection; the message says which, why, and what to look at."""

    def __init__(self, address: Address, error: BaseException) -> None:
        where = f"{address.name} at {address.host}:{address.port}"
        super().__init__(
            f"The database {where} can't be reached: {reason(error)}. Is the server running, and"
            " are DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME and DB_SSLMODE right?"
        )


def reason(error: BaseException) -> str:
    """The error in half a sentence."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.errno is not None:
        # a name that can't be resolved has a number below zero, and words of its own
        return (os.strerror(error.errno) if error.errno > 0 else str(error.strerror)).lower()
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def create(address: Address, name: str, template: str = "template1") -> Address:
    """Raises DatabaseUnreachable."""
    asyncio.run(execute(address, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return replace(address, name=name)


def drop(address: Address, name: str) -> None:
    """Raises DatabaseUnreachable."""
    asyncio.run(execute(address, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def execute(address: Address, statement: str) -> Any:
    """The first value of the first row, if there is one. Raises DatabaseUnreachable."""
    async with connected(address) as connection:
        return await connection.fetchval(statement)


@contextlib.asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Any]:
    """A connection of asyncpg, closed at the end. Raises DatabaseUnreachable."""
    try:
        connection = await asyncpg.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.name,
            ssl=False if address.sslmode == "disable" else address.sslmode,
            timeout=10,
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnreachable(address, error) from error
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.contextmanager
def scratch(address: Address) -> Iterator[Address]:
    """An empty database on the same server, gone at the end."""
    name = f"scratch_{os.getpid()}"
    drop(address, name)
    try:
        yield create(address, name)
    finally:
        drop(address, name)
