"""What every repository has in common."""

from typing import Generic, TypeVar

from charter.service.sessions import Session
from impl.db.base import Base

Row = TypeVar("Row", bound=Base)


class Repository(Generic[Row]):
    """Named queries about one table, within one transaction."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def add(self, row: Row) -> Row:
        """Write the row now, so that a broken constraint surfaces here and not at the commit."""
        return await self.session.add(row)

    async def remove(self, row: Row) -> None:
        await self.session.remove(row)

    async def release(self) -> None:
        """Give the connection back while something slow happens; nothing may be written yet.

        A password takes a quarter of a second to hash: who held a connection meanwhile would
        empty the pool with a dozen logins. What was read stays readable.
        """
        await self.session.release()
