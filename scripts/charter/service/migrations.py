"""The schema's revisions: which one a database is at, which this code needs, and the way there.

`Schema.run_environment` is what `alembic/env.py` consists of, so that every migration runs through
`run_alone`, whoever calls Alembic.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Literal

from alembic import command, context
from alembic.config import Config
from alembic.operations import MigrationScript
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from charter.service.enums import manage_enums
from charter.service.numbers import WholeNumber
from charter.service.outage import DatabaseUnreachable, is_outage, sqlstate
from charter.service.proposals import differences, fit_for_rows

UNDEFINED_TABLE = "42P01"
NOT_NULL_VIOLATION = "23502"
DATATYPE_MISMATCH = "42804"

LOCK = int.from_bytes(b"charter")
"""The advisory lock that lets one migration run at a time."""

LOCK_WAIT_SECONDS = 600.0
LOCK_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Target:
    """The database to migrate, and how it is called in messages.

    The engine keeps no connections, and gives a statement all its time: an index may take an hour.
    """

    name: str
    address: str
    engine: Callable[[], AsyncEngine]
    is_pooled: bool = False
    """Whether a transaction pooler stands in between, which keeps nothing of a session."""


@dataclass(frozen=True)
class State:
    """What a database holds, compared with the migrations of this code."""

    database: str
    revisions: frozenset[str]
    unknown: frozenset[str]
    """Revisions among these that this code doesn't know."""
    strangers: tuple[str, ...]
    """Tables with the names of ours that no migration made."""

    def objection(self) -> str | None:
        """Why it can't be migrated."""
        if self.unknown:
            return (
                f"The database {self.database} is at revision {listed(self.unknown)}, which this"
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


@dataclass(frozen=True)
class Schema:
    """The tables of this code, and the folder of the migrations that make them."""

    folder: Path
    metadata: MetaData

    @cached_property
    def heads(self) -> frozenset[str]:
        """The newest revisions of this code: one, unless a merge is missing."""
        return frozenset(self.scripts.get_heads())

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(script.revision for script in self.scripts.walk_revisions())

    @property
    def scripts(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self.configuration())

    def configuration(self) -> Config:
        config = Config()
        # Alembic takes a percent sign for the start of an interpolation
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        return config

    async def is_behind(self, connection: AsyncConnection) -> bool:
        return self.lacks_migrations(await current_revisions(connection))

    def lacks_migrations(self, revisions: frozenset[str]) -> bool:
        """Whether the schema is older than this code.

        A revision that this code doesn't know was made by a newer version. Migrations add first
        and take away a version later, so that this one goes on serving while it is being replaced.
        """
        return revisions != self.heads and revisions <= self.known

    def upgrade(self, target: Target) -> None:
        """Bring the schema to the newest revision. Raises CommandError."""
        config = self.configuration()
        config.attributes["target"] = target
        command.upgrade(config, "head")

    def require_head(self, target: Target) -> None:
        """Raises CommandError where the schema is older than this code needs it.

        Behind a transaction pooler also where the role has no bounds for what it runs.
        """
        asyncio.run(self.check_head(target))

    async def check_head(self, target: Target) -> None:
        async with connect(target, autocommit=True) as connection:
            state = await self.inspect_state(connection, target.name)
            if target.is_pooled:
                await require_bounds(connection)
        if self.lacks_migrations(state.revisions):
            if objection := state.objection():
                raise CommandError(objection)
            at = listed(state.revisions) or "no revision"
            raise CommandError(
                f"The schema of {target.name} is at {at}, and this code needs"
                f" {listed(self.heads)}: run `alembic upgrade head` first, or serve with --migrate."
            )

    async def inspect_state(self, connection: AsyncConnection, database: str) -> State:
        # the tables first: whoever migrates meanwhile commits them together with the revision
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        revisions = await current_revisions(connection)
        ours = set(tables) & set(self.metadata.tables)
        return State(database, revisions, revisions - self.known, () if revisions else tuple(ours))

    async def run_alone(self, target: Target, work: Callable[[Connection], None]) -> None:
        """Do the work while nobody else migrates this database.

        Waiting is polling: a statement that waits for the lock would hold a snapshot, and
        CREATE INDEX CONCURRENTLY, which waits for old snapshots, would wait for its own end.
        Raises CommandError, whose message Alembic prints, where the database can't be migrated.
        """
        if target.is_pooled:
            raise CommandError(
                "A migration holds a lock of its session, which PgBouncer doesn't keep: set"
                " DB_PGBOUNCER=false, and DB_HOST and DB_PORT to PostgreSQL itself."
            )
        async with connect(target, autocommit=True) as locking:
            await take_lock(locking)
            state = await self.inspect_state(locking, target.name)
            if objection := state.objection():
                raise CommandError(objection)
            async with connect(target, autocommit=False) as working:
                try:
                    await working.run_sync(work)
                except DBAPIError as error:
                    raise CommandError(
                        f"The migration failed and its changes were undone: {reason(error)}."
                        f"{remedy(error)}"
                    ) from error

    def run_environment(self, target: Callable[[], Target]) -> None:
        """What Alembic asks of `alembic/env.py`. `target` is asked where the caller gave none."""
        if context.is_offline_mode():  # `alembic upgrade --sql`: print, connect to nothing
            context.configure(
                dialect_name="postgresql", target_metadata=self.metadata, literal_binds=True
            )
            run_migrations()
            return
        given = context.config.attributes.get("target")
        asyncio.run(self.run_alone(given or target(), self.migrate))

    def migrate(self, connection: Connection) -> None:
        writes = getattr(context.config.cmd_opts, "autogenerate", False)
        context.configure(
            connection=connection,
            target_metadata=self.metadata,
            compare_server_default=True,
            # each on its own, so that one may build an index concurrently
            transaction_per_migration=True,
            process_revision_directives=propose if writes else compare,
            render_item=rendered,
            on_version_apply=say_step,
        )
        run_migrations()


def run_migrations() -> None:
    with context.begin_transaction():
        context.run_migrations()


def propose(
    migration: MigrationContext, revision: object, directives: list[MigrationScript]
) -> None:
    """`alembic revision --autogenerate` writes nothing where models and migrations agree."""
    script = directives[0]
    if script.upgrade_ops is None or script.upgrade_ops.is_empty():
        directives.clear()
        return
    if migration.connection is not None:
        manage_enums(script, migration.connection)
    for operations in (script.upgrade_ops, script.downgrade_ops):
        if operations is not None:
            fit_for_rows(operations)


def rendered(kind: str, item: object, written: object) -> str | Literal[False]:
    """A migration names PostgreSQL's type, so that it needs nothing of Charter; else no opinion."""
    return "sa.Numeric()" if kind == "type" and isinstance(item, WholeNumber) else False


def compare(
    migration: MigrationContext, revision: object, directives: list[MigrationScript]
) -> None:
    """`alembic check` names what the migrations lack. Raises CommandError where they do."""
    operations = directives[0].upgrade_ops
    if operations is not None and not operations.is_empty():
        for sentence in differences(operations):
            context.config.print_stdout(sentence)
        raise CommandError("The models and the migrations differ.")


def say_step(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:
    """For whoever runs Alembic; a service that migrates before it serves says nothing."""
    if context.config.cmd_opts is not None:
        revisions = step.up_revision_ids or ("a stamp",)
        context.config.print_stdout(
            f"{', '.join(revisions)}: {'applied' if step.is_upgrade else 'undone'}."
        )


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


def remedy(error: DBAPIError) -> str:
    """What to do about a failure that a migration written by Alembic often has."""
    if sqlstate(error) == DATATYPE_MISMATCH:
        return (
            " Say how the rows that are there are converted, by op.alter_column(...,"
            ' postgresql_using="...") in the migration.'
        )
    if sqlstate(error) != NOT_NULL_VIOLATION:
        return ""
    return (
        ' Give the rows that are there a value first: op.execute("UPDATE ...") in the migration,'
        " before it makes the column required."
    )


async def take_lock(connection: AsyncConnection) -> None:
    """It lasts as long as the connection does."""
    deadline = monotonic() + LOCK_WAIT_SECONDS
    while not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
        if monotonic() > deadline:
            raise CommandError(
                f"Another migration of this database has been running for {LOCK_WAIT_SECONDS:.0f}"
                " seconds: wait for it, or end it."
            )
        await asyncio.sleep(LOCK_POLL_SECONDS)


@contextlib.asynccontextmanager
async def connect(target: Target, *, autocommit: bool) -> AsyncIterator[AsyncConnection]:
    """Raises CommandError where the database can't be reached."""
    engine = target.engine().execution_options(
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED"
    )
    try:
        async with contextlib.AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(engine.connect())
            except Exception as error:
                if is_outage(error):
                    raise CommandError(unreachable(target, error)) from error
                raise
            yield connection
    finally:
        await engine.dispose()


BOUNDS = {
    "statement_timeout": "3s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "10s",
}
"""What a role needs where no session can set it; the values are the defaults of the settings."""


async def require_bounds(connection: AsyncConnection) -> None:
    """Raises CommandError where a statement may wait for ever."""
    unset = text("SELECT name FROM pg_settings WHERE setting = '0' AND name = ANY(:names)")
    if missing := list(await connection.scalars(unset, {"names": list(BOUNDS)})):
        role, database = (await connection.execute(text("SELECT user, current_database()"))).one()
        commands = " ".join(
            f'ALTER ROLE "{role}" IN DATABASE "{database}" SET {name} = \'{BOUNDS[name]}\';'
            for name in sorted(missing)
        )
        raise CommandError(
            f"Behind PgBouncer the role has to bound what it runs. Run in psql: {commands}"
            " Then have PgBouncer RECONNECT."
        )


def unreachable(target: Target, error: Exception) -> str:
    return (
        f"The database {target.name} at {target.address} can't be reached: {reason(error)}. Is the"
        " server running, and are DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME and DB_SSLMODE"
        " right?"
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
