"""Statements of SQLAlchemy's that run on asyncpg: what they send, return, write and raise."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Numeric, Select, cast, func, insert, literal, select, text, union_all, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import selectinload

from charter.service.outage import constraint, is_outage, sqlstate
from charter.service.rows import Unsupported
from charter.service.sessions import Session
from charter.service.statements import statement
from impl.db.session import Database
from impl.models import IdempotencyKey, Item, User


@pytest.fixture
async def session(database: Database) -> AsyncIterator[Session]:
    async with database.transaction() as session:
        yield session


async def add_user(session: Session, email: str = "ada@example.com") -> User:
    return await session.add(User(email=email, password_hash="-"))


async def add_item(session: Session, **members: Any) -> Item:
    owner = await add_user(session)
    values = {"title": "x", "status": "draft", "quantity": 1, "tags": ["a"]} | members
    return await session.add(Item(owner_id=owner.id, **values))


# -- statements -----------------------------------------------------------------------------------


@statement()
def titled(title: str | None, owner_id: UUID) -> Select[Item]:
    query = select(Item).where(Item.owner_id == owner_id)
    return query if title is None else query.where(Item.title == title)


async def test_a_declared_statement_is_compiled_once_for_each_shape(session: Session) -> None:
    item = await add_item(session)
    titled.shapes.clear()

    found = [
        len(await session.scalars(titled(title, item.owner_id)))
        for title in ("x", "another", None, "x")
    ]

    assert found == [1, 0, 1, 1]
    assert len(titled.shapes) == 2


async def test_a_declared_statement_takes_its_arguments_by_name_and_demands_all(
    session: Session,
) -> None:
    item = await add_item(session)

    assert await session.scalar(titled(owner_id=item.owner_id, title="x")) is not None
    with pytest.raises(TypeError, match="owner_id"):
        titled("x")  # type: ignore[call-arg] # what is missing


@statement("descending")
def in_order(owner_id: UUID, descending: bool) -> Select[str]:
    query = select(Item.title).where(Item.owner_id == owner_id)
    return query.order_by(Item.title.desc() if descending else Item.title)


async def test_a_structural_argument_decides_what_is_asked(session: Session) -> None:
    item = await add_item(session)
    await session.add(Item(owner_id=item.owner_id, title="y", status="draft", quantity=1, tags=[]))

    assert await session.scalars(in_order(item.owner_id, False)) == ["x", "y"]
    assert await session.scalars(in_order(item.owner_id, True)) == ["y", "x"]


async def test_a_plain_statement_gets_its_own_values_each_time(session: Session) -> None:
    for number in range(3):
        assert await session.scalar(select(literal(number))) == number
        assert await session.scalars(select(User).where(User.id.in_([uuid4()] * number))) == []


async def test_values_are_of_the_types_of_sqlalchemy(session: Session) -> None:
    user = await add_user(session)
    key = {"user_id": user.id, "operation": "o", "key": "k", "fingerprint": b"f"}
    answer = {"a": [1, None]}
    later = func.now() + timedelta(days=1)
    await session.execute(insert(IdempotencyKey).values(**key, answer=answer, expires_at=later))

    assert await session.scalar(select(IdempotencyKey.answer)) == answer
    assert await session.scalar(select(cast("1.50", Numeric(10, 2)))) == Decimal("1.50")
    both = select(User, User.email.label("email"))
    assert [(row.id, email) for row, email in await session.rows(both)] == [(user.id, user.email)]
    assert await session.rows(union_all(select(literal(1)), select(literal(2)))) == [(1,), (2,)]
    assert await session.scalar(text("SELECT 'plain'")) == "plain"


async def test_python_gives_defaults_where_a_statement_says_nothing(session: Session) -> None:
    statement = insert(User).values(email="a@example.com", password_hash="-").returning(User)

    first = await session.scalar(statement)
    second = await session.scalar(statement.values(email="b@example.com"))

    assert first is not None
    assert second is not None
    assert first.id != second.id


async def test_what_needs_a_unit_of_work_is_refused(session: Session) -> None:
    with pytest.raises(Unsupported, match="loader options"):
        await session.scalars(select(User).options(selectinload("*")))


# -- rows -----------------------------------------------------------------------------------------


async def test_a_new_row_has_what_python_and_the_database_gave_it(session: Session) -> None:
    item = await add_item(session)

    assert (item.version, item.title) == (1, "x")
    assert item.created_at.tzinfo is not None
    assert await session.scalar(select(Item.id)) == item.id


async def test_only_what_has_changed_is_written(session: Session) -> None:
    item = await add_item(session)
    await session.execute(update(Item).values(quantity=7))

    item.title = "another"
    await session.add(item)

    assert (item.title, item.quantity) == ("another", 7)
    assert await session.rows(select(Item.title, Item.quantity)) == [("another", 7)]


async def test_a_row_that_was_loaded_can_be_changed_and_removed(session: Session) -> None:
    await add_item(session)
    item = await session.scalar(select(Item))
    assert item is not None

    item.due_at = None
    item.tags = ["b"]
    await session.add(item)
    assert await session.scalar(select(Item.tags)) == ["b"]
    await session.remove(item)
    assert await session.scalars(select(Item)) == []


# -- transactions ---------------------------------------------------------------------------------


async def test_what_is_not_committed_is_not_kept(database: Database) -> None:
    async with database.transaction() as session:
        await add_user(session)
    async with database.transaction() as session:
        await add_user(session, "grace@example.com")
        await session.commit()

    async with database.statements() as session:
        assert await session.scalars(select(User.email)) == ["grace@example.com"]


async def test_released_is_rolled_back_and_goes_on_on_another_connection(
    session: Session,
) -> None:
    await add_user(session)
    await session.release()

    assert await session.scalars(select(User)) == []


async def test_a_cancelled_statement_takes_its_connection_with_it(database: Database) -> None:
    async with database.statements() as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await session.execute(select(func.pg_sleep(30)))

        assert await session.scalar(select(literal(1))) == 1


# -- errors ---------------------------------------------------------------------------------------


async def test_a_broken_constraint_has_its_name_and_no_values(session: Session) -> None:
    await add_user(session)

    with pytest.raises(IntegrityError) as caught:
        await add_user(session)

    assert constraint(caught.value) == "users_email_key"
    assert "ada@example.com" not in str(caught.value)
    assert "INSERT INTO users" in str(caught.value)


async def test_a_value_that_the_database_cannot_hold_has_its_code(session: Session) -> None:
    with pytest.raises(DBAPIError) as nul:
        await session.scalar(select(User).where(User.email == "\0"))
    await session.rollback()
    with pytest.raises(DBAPIError) as large:
        await session.scalar(select(Item).where(Item.version == 2**70))

    assert (sqlstate(nul.value), sqlstate(large.value)) == ("22021", "22000")


async def test_a_connection_that_the_server_ended_is_an_outage_and_is_replaced(
    database: Database,
) -> None:
    async with database.statements() as session:
        with pytest.raises(DBAPIError) as caught:
            await session.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))

        assert is_outage(caught.value)
        assert await session.scalar(select(literal(1))) == 1


async def test_no_connection_is_lost(database: Database) -> None:
    async def use() -> None:
        async with database.statements() as session:
            await session.execute(select(func.pg_sleep(0.05)))

    await asyncio.gather(*(use() for _ in range(30)))

    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of a queue
