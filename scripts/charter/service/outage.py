"""What a failure of the database means: that it can't answer, or what it does not take."""

from typing import TypeGuard

from asyncpg import InvalidCachedStatementError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

UNAVAILABLE_CLASSES = ("08", "28", "53", "57", "58")
"""Connections, authorisation, resources, operator intervention, system errors."""

READ_ONLY = "25006"
"""What a standby answers to a write, and a primary from which the others were moved away."""

UNAVAILABLE_CODES = frozenset(
    {
        READ_ONLY,
        "25P03",  # the transaction was idle for too long
        "3D000",  # the database is not there
        "40001",  # serialisation failure
        "40P01",  # deadlock
        "55P03",  # a lock could not be had in time
    }
)


FOREIGN_KEY_VIOLATION = "23503"
UNIQUE_VIOLATION = "23505"

UNFIT_CODES = frozenset(
    {
        "22000",  # an integer beyond 64 bits, which the driver refuses itself
        "22001",  # a text too long
        "22003",  # a number too large
        "22008",  # a time too early or too late
        "22021",  # NUL in a text
        "22P05",  # NUL in JSON
        "2201W",  # LIMIT below zero
        "2201X",  # OFFSET below zero
    }
)


class DatabaseUnreachable(Exception):
    """No server that takes writes can be reached in time. The cause says why."""


def is_outage(error: Exception) -> bool:
    """Whether trying again later is the right advice."""
    if isinstance(error, DatabaseUnreachable | PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = sqlstate(error) or ""
    return (
        error.connection_invalidated
        or code.startswith(UNAVAILABLE_CLASSES)
        or code in UNAVAILABLE_CODES
        or is_outdated(error)
    )


def is_outdated(error: DBAPIError) -> bool:
    """Whether a migration has changed a type since the statement was prepared.

    The driver prepares it again for the next transaction.
    """
    return isinstance(cause(error), InvalidCachedStatementError)


async def require_writable(connection: AsyncConnection) -> None:
    """Ask for a lock on no row: a server that only reads refuses that, too (25006)."""
    await connection.execute(text("SELECT FROM alembic_version WHERE false FOR UPDATE"))


def is_unfit(error: Exception) -> TypeGuard[DBAPIError]:
    """Whether the database can't hold a value that the document admits."""
    return isinstance(error, DBAPIError) and sqlstate(error) in UNFIT_CODES


def missing_reference(error: Exception) -> str | None:
    """The name of the foreign key that leads to a row that is not there."""
    if isinstance(error, DBAPIError) and sqlstate(error) == FOREIGN_KEY_VIOLATION:
        return constraint(error)
    return None


def is_duplicate(error: DBAPIError) -> bool:
    """Whether another row has what a primary key or a unique constraint lets only one have."""
    return sqlstate(error) == UNIQUE_VIOLATION


def constraint(error: DBAPIError) -> str | None:
    """The name of the constraint that was broken."""
    name: str | None = getattr(cause(error), "constraint_name", None)
    return name


def cause(error: DBAPIError) -> BaseException | None:
    """The driver's own error."""
    return error.orig.__cause__ if error.orig else None


def sqlstate(error: DBAPIError) -> str | None:
    """The five characters by which PostgreSQL names an error."""
    code: str | None = getattr(error.orig, "sqlstate", None)
    return code
