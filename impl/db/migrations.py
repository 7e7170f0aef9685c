"""Which revision the schema is at, and which one this code was written for."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from impl.db.outage import sqlstate

SCRIPTS = Path(__file__).resolve().parents[2] / "alembic"

UNDEFINED_TABLE = "42P01"


def alembic_config() -> Config:
    config = Config()
    # Alembic takes a percent sign for the start of an interpolation
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


@cache
def heads() -> frozenset[str]:
    """The newest revisions among the migrations of this code: one, unless a merge is missing."""
    return frozenset(ScriptDirectory.from_config(alembic_config()).get_heads())


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


async def is_at_head(connection: AsyncConnection) -> bool:
    return await current_revisions(connection) == heads()
