"""Runs statements on a pooled connection: in one transaction, or each for itself."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar, overload

import asyncpg
from sqlalchemy import ColumnElement, and_, delete
from sqlalchemy import inspect as inspected
from sqlalchemy.engine import Connection as EngineConnection
from sqlalchemy.exc import DBAPIError, InvalidRequestError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapper
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.util import greenlet_spawn

from .pool import taken, wait_anew
from .rows import Loader
from .statements import Given, Ready, Statements, value_of

Selected = TypeVar("Selected")
Done = TypeVar("Done")
Row = TypeVar("Row", bound=DeclarativeBase)

FAILED = "A statement of this transaction failed: roll it back."
WHOLE = "A single change was the transaction, and is kept: let what belongs to it come before it."
OVER = "The transaction of this request has ended: a stream that writes begins its own."


class Session:
    """The statements of one piece of work, on one connection of the engine's pool.

    The connection is taken for the first statement. Statements that are begun at once run one after
    the other, and the connection is given back after the last of them. Errors are SQLAlchemy's, as
    an AsyncSession would raise them. Rows that it loads or writes are instances of the mapped
    classes which belong to no session: nothing is loaded or written behind anybody's back.

    A stream goes on after the work has ended. Each statement then takes a connection of its own and
    gives it back at once, and a transaction, which is over, refuses them.
    """

    def __init__(
        self, engine: AsyncEngine, statements: Statements, *, is_transaction: bool
    ) -> None:
        self.engine = engine.sync_engine
        self.statements = statements
        self.is_transaction = is_transaction
        self._pooled: PoolProxiedConnection | None = None
        self._connection: asyncpg.Connection | None = None
        self._has_begun = False
        self._was_single = False
        self._is_over = False
        self._running = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._is_over = True
        await self.release()

    # -- statements -------------------------------------------------------------------------------

    @overload
    async def scalar(self, asked: Given[TypedReturnsRows[Selected]]) -> Selected | None: ...
    @overload
    async def scalar(self, asked: TypedReturnsRows[Selected]) -> Selected | None: ...
    @overload
    async def scalar(self, asked: Executable) -> Any: ...
    async def scalar(self, asked: Any) -> Any:
        """What the first row selects first; None where there is no row."""
        loader, records = await self._run(asked)
        return loader.first(records[0]) if records else None

    @overload
    async def scalars(self, asked: Given[TypedReturnsRows[Selected]]) -> list[Selected]: ...
    @overload
    async def scalars(self, asked: TypedReturnsRows[Selected]) -> list[Selected]: ...
    @overload
    async def scalars(self, asked: Executable) -> list[Any]: ...
    async def scalars(self, asked: Any) -> list[Any]:
        """What each row selects first."""
        loader, records = await self._run(asked)
        return list(map(loader.first, records))

    async def rows(self, asked: Any) -> list[tuple[Any, ...]]:
        """All that each row selects."""
        loader, records = await self._run(asked)
        return [loader.row(record) for record in records]

    @overload
    async def single(self, asked: Given[TypedReturnsRows[Selected]]) -> Selected | None: ...
    @overload
    async def single(self, asked: TypedReturnsRows[Selected]) -> Selected | None: ...
    async def single(self, asked: Any) -> Any:
        """As `scalar`, for a change that is the whole transaction, unless one has begun.

        PostgreSQL begins and commits it by itself, which saves two round trips of three, and it is
        kept whatever comes of the request. Where it has changed a row it is the last statement.
        """
        if self._has_begun:
            return await self.scalar(asked)
        ready = self.statements.ready(asked)
        loader, records = await self._fetch(ready, is_single=True)
        if not records:
            return None
        self._was_single = self.is_transaction
        return loader.first(records[0])

    async def execute(self, asked: Any) -> None:
        """For a statement that returns nothing."""
        await self._run(asked)

    # -- rows -------------------------------------------------------------------------------------

    async def add(self, row: Row) -> Row:
        """Write a new row, or what has changed in one that was loaded, and read back all of it.

        It is written now, so that a broken constraint surfaces here and not at the commit. Raises
        StaleDataError where somebody else has deleted the row since it was loaded.
        """
        state: Any = inspected(row)
        mapper: Mapper[Any] = state.mapper
        if state.key is None:
            ready = self.statements.insertion(mapper, new_values(mapper, state.dict))
        elif values := changed_values(state):
            ready = self.statements.change(mapper, state.key[1], values)
        else:
            return row
        loader, records = await self._fetch(ready)
        if not records:
            raise StaleDataError(f"The {mapper.class_.__name__} that was changed is not there.")
        written = loader.first(records[0])
        state.key = inspected(written).key
        state.dict.update({**vars(written), "_sa_instance_state": state})
        state._commit_all(state.dict)
        return row

    async def remove(self, row: DeclarativeBase) -> None:
        """Delete a row that was loaded."""
        state: Any = inspected(row)
        await self.execute(delete(state.mapper).where(is_row(state.mapper, state.identity)))

    # -- the transaction --------------------------------------------------------------------------

    async def commit(self) -> None:
        """Raises PendingRollbackError where nothing is kept, because a statement has failed."""
        if self._has_begun:
            await uncut(self._end("COMMIT"))

    async def rollback(self) -> None:
        await self._end("ROLLBACK")

    async def release(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        try:
            await self.rollback()
        finally:
            await self._give_back()

    async def _end(self, command: str) -> None:
        async with self._running:
            if self._has_begun and await self._ended(command) != command:
                raise PendingRollbackError(FAILED)

    async def _ended(self, command: str) -> str:
        """How the transaction ended: the server rolls back one that has failed or is lost."""
        self._has_begun = False
        if self._connection is None:
            return "ROLLBACK"
        try:
            done: str = await self._connection.execute(command)
        except Exception as error:
            self._fail(error, command)
        except BaseException as error:
            self._drop(error)
            raise
        return done

    # -- the connection ---------------------------------------------------------------------------

    async def _run(self, asked: Any) -> tuple[Loader, Sequence[asyncpg.Record]]:
        return await self._fetch(self.statements.ready(asked))

    async def _fetch(
        self, ready: Ready, *, is_single: bool = False
    ) -> tuple[Loader, Sequence[asyncpg.Record]]:
        async with self._running:
            # it may have ended while this statement waited for another one
            return await (self._send_late(ready) if self._is_over else self._send(ready, is_single))

    async def _send_late(self, ready: Ready) -> tuple[Loader, Sequence[asyncpg.Record]]:
        if self.is_transaction:
            raise PendingRollbackError(OVER)
        wait_anew()
        try:
            return await self._send(ready)
        finally:
            await self._return()

    async def _send(
        self, ready: Ready, is_single: bool = False
    ) -> tuple[Loader, Sequence[asyncpg.Record]]:
        if self._has_begun and self._connection is None:
            raise PendingRollbackError(FAILED)
        if self._was_single:
            raise InvalidRequestError(WHOLE)
        connection = self._connection or await self._connect()
        try:
            if self.is_transaction and not is_single and not self._has_begun:
                await connection.execute("BEGIN")
                self._has_begun = True
            loader = ready.compiled.loader or await ready.compiled.describe(connection, ready.sql)
            rows = connection.fetch(ready.sql, *ready.arguments)
            return loader, await (uncut(rows) if is_single else rows)
        except Exception as error:
            self._fail(error, ready.sql)
        except BaseException as error:  # cancelled: what the server still does is of no interest
            self._drop(error)
            raise

    async def _connect(self) -> asyncpg.Connection:
        dialect = self.engine.dialect
        try:
            self._pooled = await taken(self.engine.pool)
        except dialect.loaded_dbapi.Error as error:
            EngineConnection._handle_dbapi_exception_noconnection(error, dialect, self.engine)
        self._connection = self._pooled.driver_connection
        return self._connection

    def _fail(self, error: Exception, sql: str) -> NoReturn:
        """Raise the error as SQLAlchemy does, with what listens to its errors."""
        if (pooled := self._pooled) is None:  # it was dropped in the meantime
            raise error
        dialect = self.engine.dialect
        adapted: Any = pooled.dbapi_connection
        try:
            adapted._handle_exception(error)
        except Exception as translated:
            is_disconnect = isinstance(
                translated, dialect.loaded_dbapi.Error
            ) and dialect.is_disconnect(translated, adapted, None)
            try:
                EngineConnection._handle_dbapi_exception_noconnection(
                    translated, dialect, self.engine, is_disconnect
                )
            except DBAPIError as raised:
                raised.statement = sql
                if raised.connection_invalidated:
                    self.engine.pool._invalidate(pooled, raised, _checkin=False)
                    self._drop(raised)
                raise
            except Exception as raised:  # the network's, or a time that is over
                self._drop(raised)
                raise
        raise AssertionError("The driver's error was not raised.")

    def _drop(self, error: BaseException | None = None) -> None:
        """Close the connection at once: nobody knows what it is doing.

        A transaction that it had begun is lost, and goes on on no other.
        """
        pooled, self._pooled, self._connection = self._pooled, None, None
        if pooled is not None:
            pooled.invalidate(error)
            pooled.close()

    async def _give_back(self) -> None:
        """To the pool, unless the next one would go on with what this one has begun."""
        if self._running.locked():
            self._drop()
        await self._return()

    async def _return(self) -> None:
        if self._connection and self._connection.is_in_transaction():
            self._drop()
        pooled, self._pooled, self._connection = self._pooled, None, None
        if pooled is None:
            return
        pool = self.engine.pool
        if isinstance(pool, QueuePool) and pool.overflow() > 0:
            await greenlet_spawn(pooled.close)  # which may wait until the connection is closed
        else:
            pooled.close()


async def uncut(work: Coroutine[Any, Any, Done]) -> Done:
    """Let a COMMIT end, though the request's time is over: cut in two, nobody knew what was kept.

    A single change is its own COMMIT. The driver and the server bound how long it takes.
    """
    task = asyncio.create_task(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


def changed_values(state: Any) -> dict[str, Any]:
    """What of a row is no longer as it was loaded."""
    loaded = state.committed_state
    return {name: state.dict[name] for name in loaded if state.dict[name] != loaded[name]}


def new_values(mapper: Mapper[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of a new row, and Python's defaults of which nothing was."""
    values = {}
    for attribute in mapper.column_attrs:
        default: Any = attribute.columns[0].default
        if attribute.key in given:
            values[attribute.key] = given[attribute.key]
        elif default is not None and not default.is_sequence:
            values[attribute.key] = value_of(default)()
    return values


def is_row(mapper: Mapper[Any], identity: Sequence[Any] | None) -> ColumnElement[bool]:
    keys = zip(mapper.primary_key, identity or (), strict=True)
    return and_(*(column == value for column, value in keys))
