"""One request, one transaction, one place."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from charter.service import sessions
from charter.service.disk import Disk
from charter.service.statements import Statements
from impl.core.config import Settings
from impl.core.problems import Problem
from impl.db.engine import create_engine

SAFE_METHODS = frozenset({"GET", "HEAD"})  # RFC 9110 section 9.2.1


class Database:
    """The engine and the ways to use it: in a transaction, or statement by statement.

    Requests use `transaction` and `statements`, which keep statements compiled. `writing` and
    `reading` open SQLAlchemy's own sessions, for whatever needs a unit of work.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine: AsyncEngine = create_engine(settings)
        self.disk = Disk(self.engine)
        self.compiled = Statements(self.engine.dialect)
        self.autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.writing = async_sessionmaker(self.engine, expire_on_commit=False)
        self.reading = async_sessionmaker(self.autocommit, expire_on_commit=False)

    def transaction(self) -> sessions.Session:
        """All statements are one transaction, which is rolled back unless it is committed."""
        return sessions.Session(self.engine, self.compiled, is_transaction=True)

    def statements(self) -> sessions.Session:
        """Each statement is a transaction of its own."""
        return sessions.Session(self.engine, self.compiled, is_transaction=False)

    async def dispose(self) -> None:
        await self.engine.dispose()


async def database(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


async def statements(
    database: Annotated[Database, Depends(database)],
) -> AsyncIterator[sessions.Session]:
    """Each statement is a transaction of its own; a request has one connection for all of them."""
    async with database.statements() as session:
        yield session


Statementwise = Annotated[sessions.Session, Depends(statements, scope="function")]


async def session(
    request: Request,
    database: Annotated[Database, Depends(database)],
    statements: Statementwise,
) -> AsyncIterator[sessions.Session]:
    """Commit once the operation has returned, roll back once it has raised.

    The commit comes after the response has been built and before it is sent: a client never
    hears of a success that the database did not keep. A safe method reads statement by statement:
    it has nothing to commit, and BEGIN and COMMIT would be a third of what it costs. What a
    repository changes by `single` is committed at once.
    """
    if request.method in SAFE_METHODS:
        yield statements
        return
    async with database.transaction() as writing:
        try:
            yield writing
        except Problem as problem:
            if problem.keeps_changes:
                await writing.commit()
            raise
        await writing.commit()


Session = Annotated[sessions.Session, Depends(session, scope="function")]
