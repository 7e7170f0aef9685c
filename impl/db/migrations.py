"""The schema's revisions: which one the database is at, which this code needs, and the way there.

`alembic/env.py` runs every migration through `run_alone`, whoever calls Alembic.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, inspect, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from impl.core.config import Settings
from impl.db.engine import connect_args, database_url, name_failures
from impl.db.outage import DatabaseUnreachable, is_outage, sqlstate
from impl.models import Base

SCRIPTS = Path(__file__).resolve().parents[2] / "alembic"

UNDEFINED_TABLE = "42P01"
NOT_NULL_VIOLATION = "23502"

LOCK = int.from_bytes(b"charter")
"""The advisory lock that lets one migration run at a time."""

LOCK_WAIT_SECONDS = 600.0
LOCK_POLL_SECONDS = 0.2
LOCK_TIMEOUT = "10s"
"""A migration that waits for a table makes everybody behind it wait: it had better give up."""


def alembic_config() -> Config:
    config = Config()
    # Alembic takes a percent sign for the start of an interpolation
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


@cache
def heads() -> frozenset[str]:
    """The newest revisions among the migrations of this code: one, unless a merge is missing."""
    return frozenset(scripts().get_heads())


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())


async def current_revisions(connection: AsyncConnection) -> frozenset[str]:
    """The revisions that the schema is at; none where nothing was ever migrated.

    On a connection that isn't in autocommit, the transaction is spent where there is none.
    """
    try:
        return frozenset(await connection.scalars(text("SELECT version_num FROM alembic_version")))
    except ProgrammingError as error:
        if sqlstate(error) != UNDEFINED_TABLE:
            raise
        return frozenset()


async def is_behind(connection: AsyncConnection) -> bool:
    return lacks_migrations(await current_revisions(connection))


def lacks_migrations(revisions: frozenset[str]) -> bool:
    """Whether the schema is older than this code.

    A revision that this code doesn't know was made by a newer version. Migrations add first and
    take away a version later, so that this one goes on serving while it is being replaced.
    """
    return revisions != heads() and revisions <= known_revisions()


@cache
def known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in scripts().walk_revisions())


def upgrade(settings: Settings) -> None:
    """Bring the schema to the newest revision. Raises CommandError."""
    config = alembic_config()
    config.attributes["settings"] = settings
    command.upgrade(config, "head")


def require_head(settings: Settings) -> None:
    """Raises CommandError where the schema is not the one that this code needs."""
    asyncio.run(check_head(settings))


async def check_head(settings: Settings) -> None:
    async with connection(settings, autocommit=True) as connected:
        state = await inspect_state(connected, settings.db_name)
    if lacks_migrations(state.revisions):
        if objection := state.objection():
            raise CommandError(objection)
        at = listed(state.revisions) or "no revision"
        raise CommandError(
            f"The schema of {settings.db_name} is at {at}, and this code needs {listed(heads())}:"
            " run `alembic upgrade head` first, or serve with --migrate."
        )


# -- what a database holds ------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """What a database holds, compared with the migrations of this code."""

    database: str
    revisions: frozenset[str]
    strangers: tuple[str, ...]
    """Tables with the names of ours that no migration made."""

    def objection(self) -> str | None:
        """Why it can't be migrated."""
        if unknown := self.revisions - known_revisions():
            return (
                f"The database {self.database} is at revision {listed(unknown)}, which this"
                " version of the code doesn't know: deploy the version that made it, or set"
                " DB_NAME to another database."
            )
        if self.strangers:
            return (
                f"The database {self.database} holds tables that no migration made"
                f" ({listed(self.strangers)}): set DB_NAME to another database."
            )
        return None


def listed(names: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names))


async def inspect_state(connected: AsyncConnection, database: str) -> State:
    # the tables first: whoever migrates meanwhile commits them together with the revision
    tables = await connected.run_sync(lambda sync: inspect(sync).get_table_names())
    revisions = await current_revisions(connected)
    ours = set(tables) & set(Base.metadata.tables)
    return State(database, revisions, () if revisions else tuple(ours))


# -- one migration at a time ----------------------------------------------------------------------


async def run_alone(settings: Settings, work: Callable[[Connection], None]) -> None:
    """Do the work while nobody else migrates this database.

    Waiting is polling: a statement that waits for the lock would hold a snapshot, and
    CREATE INDEX CONCURRENTLY, which waits for old snapshots, would wait for its own end.
    Raises CommandError, whose message Alembic prints, where the database can't be migrated.
    """
    async with connection(settings, autocommit=True) as locking:
        await take_lock(locking)
        state = await inspect_state(locking, settings.db_name)
        if objection := state.objection():
            raise CommandError(objection)
        async with connection(settings, autocommit=False) as working:
            try:
                await working.run_sync(work)
            except DBAPIError as error:
                raise CommandError(
                    f"The migration failed and its changes were undone: {reason(error)}."
                    f"{remedy(error)}"
                ) from error


def remedy(error: DBAPIError) -> str:
    """What to do about a failure that a migration written by Alembic often has."""
    if sqlstate(error) != NOT_NULL_VIOLATION:
        return ""
    return (
        " Give the rows that are there a value: in the migration, add the column with a"
        " server_default, then remove that by op.alter_column(..., server_default=None)."
    )


async def take_lock(connected: AsyncConnection) -> None:
    """It lasts as long as the connection does."""
    deadline = monotonic() + LOCK_WAIT_SECONDS
    while not await connected.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
        if monotonic() > deadline:
            raise CommandError(
                f"Another migration of this database has been running for {LOCK_WAIT_SECONDS:.0f}"
                " seconds: wait for it, or end it."
            )
        await asyncio.sleep(LOCK_POLL_SECONDS)


@contextlib.asynccontextmanager
async def connection(settings: Settings, *, autocommit: bool) -> AsyncIterator[AsyncConnection]:
    """A connection whose statements may take their time. Raises CommandError."""
    engine = create_async_engine(
        database_url(settings),
        connect_args=patient(settings),
        hide_parameters=True,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
    )
    name_failures(engine)
    try:
        async with contextlib.AsyncExitStack() as stack:
            try:
                connected = await stack.enter_async_context(engine.connect())
            except Exception as error:
                if is_outage(error):
                    raise CommandError(unreachable(settings, error)) from error
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


def unreachable(settings: Settings, error: Exception) -> str:
    where = f"{settings.db_name} at {settings.db_host}:{settings.db_port}"
    return (
        f"The database {where} can't be reached: {reason(error)}. Is the server running, and"
        " are DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME and DB_SSLMODE right?"
    )


def reason(error: BaseException) -> str:
    """The error in half a sentence, without the statement and its parameters."""
    if isinstance(error, DatabaseUnreachable) and error.__cause__ is not None:
        return reason(error.__cause__)
    if isinstance(error, DBAPIError) and error.orig is not None:
        return reason(error.orig.__cause__ or error.orig)
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.errno is not None:
        # a name that can't be resolved has a number below zero, and words of its own
        return (os.strerror(error.errno) if error.errno > 0 else str(error.strerror)).lower()
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
