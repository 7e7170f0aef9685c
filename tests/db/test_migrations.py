"""The schema is what the migrations say, and they say what the models say."""

from uuid import uuid4

from sqlalchemy import select

from impl.db.migrations import SCHEMA
from impl.db.session import Database
from impl.models import User


async def test_a_migrated_database_is_not_behind(database: Database) -> None:
    async with database.autocommit.connect() as connection:
        assert not await SCHEMA.is_behind(connection)


async def test_a_write_is_committed(database: Database) -> None:
    async with database.writing() as session:
        session.add(User(id=uuid4(), email="ann@example.com", password_hash="-"))
        await session.commit()
    async with database.reading() as session:
        assert await session.scalar(select(User.email)) == "ann@example.com"


async def test_each_test_begins_with_empty_tables(database: Database) -> None:
    async with database.reading() as session:
        assert await session.scalar(select(User)) is None
