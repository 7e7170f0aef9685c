"""A migration that fails leaves everything as it was, and names the remedy where one is known."""

from uuid import uuid4

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, func, insert, select, text

from impl.core.config import Settings
from impl.db.migrations import SCHEMA, target
from impl.db.session import Database
from impl.models import User


async def test_a_required_column_asks_for_the_value_of_the_rows_that_are_there(
    settings: Settings, database: Database
) -> None:
    def migrate(connection: Connection) -> None:
        user = insert(User).values(id=uuid4(), email="ann@example.com", password_hash="-")
        connection.execute(user)
        connection.execute(text("ALTER TABLE users ADD COLUMN shoes text NOT NULL"))

    with pytest.raises(CommandError, match="null values") as failure:
        await SCHEMA.run_alone(target(settings), migrate)

    assert "Give the rows that are there a value first" in str(failure.value)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 0
