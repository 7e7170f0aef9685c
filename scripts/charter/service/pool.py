"""Connections, for which a request waits no longer in all than one connection may take."""

from contextvars import ContextVar
from time import monotonic

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from starlette.types import ASGIApp, Receive, Scope, Send

_waited: ContextVar[float | None] = ContextVar("waited", default=None)
"""The seconds that this request has waited for connections; None outside of requests."""


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


class PatientPool(AsyncAdaptedQueuePool):
    """Raises sqlalchemy.exc.TimeoutError once a request has waited for `timeout` seconds in all."""

    longest: float
    _sqla_logger_namespace = "sqlalchemy.pool.PatientPool"
    """Its log is as quiet as that of SQLAlchemy's own pools."""

    @property
    def _timeout(self) -> float:  # what QueuePool waits for
        return max(0.0, self.longest - (_waited.get() or 0.0))

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self.longest = seconds

    def _do_get(self) -> ConnectionPoolEntry:
        before, began = _waited.get(), monotonic()
        try:
            return super()._do_get()  # which calls itself where another one was faster
        finally:
            if before is not None:
                _waited.set(before + monotonic() - began)

    def recreate(self) -> "PatientPool":
        made = super().recreate()
        assert isinstance(made, PatientPool)
        made.longest = self.longest
        return made
