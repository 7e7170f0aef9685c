"""Whether the disk of the database has space again, once a statement has found it full."""

from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

FULL = "53100"

SMALLEST_MEMORY = text("SET LOCAL work_mem = '64kB'")
BEYOND_MEMORY = text("SELECT count(*) FROM generate_series(1, 50000)")
"""More rows than that memory holds: the server writes them to a file, which it deletes at once."""


class Disk:
    """Remembers that a statement found the disk full, until a write succeeds.

    Nobody writes through a service that is not ready, so that it has to find out by itself. While
    no statement has failed it asks nothing.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.was_full = False
        event.listen(engine.sync_engine, "handle_error", self.notice)

    def notice(self, context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == FULL:
            self.was_full = True

    async def require_space(self) -> None:
        """Raises the database's error, which is an outage, where there is still no space."""
        if self.was_full:
            async with self.engine.begin() as connection:
                await connection.execute(SMALLEST_MEMORY)
                await connection.execute(BEYOND_MEMORY)
            self.was_full = False
