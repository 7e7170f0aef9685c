"""Which failures mean that the database can't answer, or takes no such value."""

from typing import TypeGuard

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

UNAVAILABLE_CLASSES = ("08", "28", "53", "57", "58")
"""Connections, authorisation, resources, operator intervention, system errors."""

UNAVAILABLE_CODES = frozenset(
    {
        "25006",  # read-only: a standby, or a primary that is being demoted
        "25P03",  # the transaction was idle for too long
        "3D000",  # the database is not there
        "40001",  # serialisation failure
        "40P01",  # deadlock
        "55P03",  # a lock could not be had in time
    }
)


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


def is_outage(error: Exception) -> bool:
    """Whether trying again later is the right advice. OSError covers TimeoutError, too."""
    if isinstance(error, OSError | PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = sqlstate(error) or ""
    return (
        error.connection_invalidated
        or code.startswith(UNAVAILABLE_CLASSES)
        or code in UNAVAILABLE_CODES
    )


def is_unfit(error: Exception) -> TypeGuard[DBAPIError]:
    """Whether the database can't hold a value that the document admits."""
    return isinstance(error, DBAPIError) and sqlstate(error) in UNFIT_CODES


def constraint(error: DBAPIError) -> str | None:
    """The name of the constraint that was broken."""
    raised = error.orig.__cause__ if error.orig else None
    name: str | None = getattr(raised, "constraint_name", None)
    return name


def sqlstate(error: DBAPIError) -> str | None:
    """The five characters by which PostgreSQL names an error."""
    code: str | None = getattr(error.orig, "sqlstate", None)
    return code
