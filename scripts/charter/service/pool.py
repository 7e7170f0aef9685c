"""Connections, for which a request waits no longer in all than one connection may take."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic, time
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn
from starlette.types import ASGIApp, Receive, Scope, Send

_waited: ContextVar[float | None] = ContextVar("waited", default=None)
"""The seconds that this request has waited for connections; None outside of requests."""

TAKEN = "charter.taken"
"""The member of a connection's `info` that holds since when it is taken."""
LATEST_SHARE = 1 / 16
"""How much the latest connection counts in an average."""


class OneWait:
    """A layer that gives each request one time to wait, however many connections it takes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _waited.set(0.0)
        try:
            await self.app(scope, receive, send)
        finally:
            _waited.reset(token)


@contextmanager
def waiting() -> Iterator[None]:
    """Counts the time that it takes as time for which this request has waited."""
    before, began = _waited.get(), monotonic()
    try:
        yield
    finally:
        if before is not None:
            _waited.set(before + monotonic() - began)


def wait_anew() -> None:
    """For a request that goes on after its answer has begun: a stream, which may take hours."""
    if _waited.get() is not None:
        _waited.set(0.0)


class PatientPool(AsyncAdaptedQueuePool):
    """Raises sqlalchemy.exc.TimeoutError once a request has waited for `timeout` seconds in all.

    It raises it at once where those who wait already won't all be served by then.
    """

    longest: float
    held: float = 0.0
    """For how many seconds a connection is taken, on average of late."""
    waiting: int = 0
    _sqla_logger_namespace = "sqlalchemy.pool.PatientPool"
    """Its log is as quiet as that of SQLAlchemy's own pools."""
    _handed: ConnectionPoolEntry | None = None
    """The connection that `take` has waited for, on its way to whoever did."""

    @property
    def _timeout(self) -> float:  # what QueuePool waits for
        return max(0.0, self.longest - (_waited.get() or 0.0))

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self.longest = seconds

    async def take(self) -> PoolProxiedConnection:
        """A connection, without a greenlet unless one has to be opened.

        A greenlet costs as much as a short statement does.
        """
        if self._is_used_up():
            await self._wait_for_one()
        elif self.checkedin():
            self._handed = self._idle.get_nowait()
        if self._handed is not None and self._is_fresh(self._handed):
            return self.connect()
        return await greenlet_spawn(self.connect)

    async def _wait_for_one(self) -> None:
        """Raises PoolTimeout, unless one can be opened by then."""
        if self._turn_comes_after() > self._timeout:
            raise PoolTimeout("Too many wait for a connection already.", code="3o7r")
        self.waiting += 1
        try:
            with waiting():
                async with asyncio.timeout(self._timeout):
                    self._handed = await self._idle.get()
        except TimeoutError:
            if self._is_used_up():  # else `connect` would wait once more, outside of a request
                raise PoolTimeout("All connections are in use.", code="3o7r") from None
        finally:
            self.waiting -= 1

    def _turn_comes_after(self) -> float:
        """The seconds that whoever comes now can expect to wait."""
        return self.held * (self.waiting + 1) / (self.size() + max(0, self._max_overflow))

    @property
    def _idle(self) -> asyncio.Queue[ConnectionPoolEntry]:
        queue: Any = self._pool
        idle: asyncio.Queue[ConnectionPoolEntry] = queue._queue
        return idle

    def _is_used_up(self) -> bool:
        return not self.checkedin() and self._overflow >= self._max_overflow > -1

    def _is_fresh(self, entry: Any) -> bool:
        """Whether it may be used as it is: else another connection is opened in its place."""
        if is_closed(entry) or entry._is_hard_or_soft_invalidated():
            return False
        return self._recycle < 0 or time() - entry.last_connect_time <= self._recycle

    def _do_get(self) -> ConnectionPoolEntry:
        entry, self._handed = self._handed, None
        if entry is None:
            with waiting():
                entry = super()._do_get()  # which calls itself where another one was faster
        if is_closed(entry):
            entry.invalidate()
        entry.info[TAKEN] = monotonic()
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if (taken := record.info.pop(TAKEN, None)) is not None:
            seconds = min(monotonic() - taken, self.longest)  # one upload says little of the others
            self.held += (seconds - self.held) * LATEST_SHARE
        super()._do_return_conn(record)

    def recreate(self) -> "PatientPool":
        made = super().recreate()
        assert isinstance(made, PatientPool)
        made.longest = self.longest
        return made


def is_closed(entry: ConnectionPoolEntry) -> bool:
    """Whether the server has closed the connection, of which asyncpg hears by itself.

    `pool_pre_ping` would ask the server, in three round trips, each time a connection is taken.
    """
    connection: Any = entry.driver_connection
    return connection is not None and connection.is_closed()


async def taken(pool: Pool) -> PoolProxiedConnection:
    """A connection of any pool."""
    if isinstance(pool, PatientPool):
        return await pool.take()
    return await greenlet_spawn(pool.connect)
