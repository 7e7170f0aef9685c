"""Statements of SQLAlchemy's that run on asyncpg: what they send, return, write and raise."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncpg import ConnectionDoesNotExistError
from sqlalchemy import (
    Numeric,
    Select,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    PendingRollbackError,
)
from sqlalchemy.orm import aliased, selectinload
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.sql.dml import ReturningUpdate

from charter.service.outage import constraint, is_outage, sqlstate
from charter.service.rows import Unsupported
from charter.service.sessions import Session
from charter.service.statements import statement
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import IdempotencyKey, Item, User
from tests.people import changed


@pytest.fixture
async def session(database: Database) -> AsyncIterator[Session]:
    async with database.transaction() as session:
        yield session


@pytest.fixture
async def user(database: Database) -> User:
    async with database.statements() as session:
        return await add_user(session)


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
    with pytest.raises(TypeError, match="too many"):
        titled("x", item.owner_id, 1)  # type: ignore[call-arg] # what is too much


@statement()
def of_title(owner_id: UUID, title: str = "x") -> Select[Item]:
    return select(Item).where(Item.owner_id == owner_id, Item.title == title)


async def test_a_declared_statement_has_the_defaults_of_its_function(session: Session) -> None:
    item = await add_item(session)

    assert len(await session.scalars(of_title(item.owner_id))) == 1
    assert await session.scalars(of_title(item.owner_id, title="y")) == []


@statement()
def renamed(values: dict[str, Any], values_title: str) -> Any:
    return update(Item).where(Item.title == values_title).values(**values).returning(Item.title)


async def test_the_members_of_a_mapping_are_no_other_arguments(session: Session) -> None:
    await add_item(session)

    assert await session.scalar(renamed({"title": "y"}, "x")) == "y"


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


@pytest.mark.parametrize("other", [User.email, User.__table__], ids=["column", "table"])
async def test_what_a_mapped_class_has_already_is_not_selected_beside_it(
    session: Session, other: Any
) -> None:
    with pytest.raises(Unsupported, match="label"):
        await session.rows(select(other, User))
    await session.rollback()

    assert await session.rows(select(User.email.label("address"), User)) == []


async def test_a_text_declares_its_columns_in_their_order(session: Session) -> None:
    user = await add_user(session)
    query = text("SELECT email, id FROM users")

    assert await session.rows(query.columns(User.email, User.id)) == [(user.email, user.id)]
    for by_name in (query.columns(id=User.id.type, email=User.email.type), query):
        with pytest.raises(Unsupported, match="in order"):
            await session.rows(select(User).from_statement(by_name))


async def test_several_mapped_classes_are_told_apart(session: Session) -> None:
    item = await add_item(session)
    owner = aliased(User)
    query = select(Item, User, owner).join(User, User.id == Item.owner_id)

    [(found, user, aliased_user)] = await session.rows(query.join(owner, owner.id == User.id))

    assert (found.id, found.created_at) == (item.id, item.created_at)
    assert user.id == aliased_user.id == item.owner_id
    assert user.email == aliased_user.email == "ada@example.com"


async def test_what_an_outer_join_does_not_find_is_none(session: Session) -> None:
    await add_user(session)
    query = select(User.email, Item).join(Item, Item.owner_id == User.id, isouter=True)

    assert await session.rows(query) == [("ada@example.com", None)]


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


async def test_what_is_set_to_what_it_was_is_no_change(session: Session) -> None:
    user = await add_user(session)
    updated = user.updated_at

    user.full_name = None
    await session.add(user)

    assert user.updated_at == updated


async def test_a_change_of_a_row_that_is_gone_is_no_success(session: Session) -> None:
    user = await add_user(session)
    await session.execute(delete(User))

    user.full_name = "Ada"
    with pytest.raises(StaleDataError, match="User"):
        await session.add(user)


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


async def test_a_commit_of_what_has_failed_is_no_success(database: Database) -> None:
    async with database.transaction() as session:
        await add_user(session)
        with pytest.raises(IntegrityError):
            await add_user(session)
        with pytest.raises(PendingRollbackError):
            await session.commit()

        assert await session.scalars(select(User)) == []


def named(name: str, *conditions: Any) -> ReturningUpdate[UUID]:
    return update(User).where(*conditions).values(full_name=name).returning(User.id)


async def full_names(database: Database) -> list[str | None]:
    async with database.statements() as session:
        return await session.scalars(select(User.full_name))


async def test_a_single_change_needs_no_commit(database: Database, user: User) -> None:
    async with database.transaction() as session:
        assert await session.single(named("Ada")) == user.id

    assert await full_names(database) == ["Ada"]


async def test_within_a_transaction_a_single_change_is_lost_with_the_rest(
    database: Database, user: User
) -> None:
    async with database.transaction() as session:
        await session.execute(named("Grace"))
        await session.single(named("Ada"))
        await session.scalar(select(User))

    assert await full_names(database) == [None]


async def test_nothing_follows_a_single_change(database: Database, user: User) -> None:
    async with database.transaction() as session:
        await session.single(named("Ada"))
        with pytest.raises(InvalidRequestError, match="was the transaction"):
            await session.execute(named("Grace"))


async def test_after_a_single_change_that_found_nothing_a_transaction_begins(
    database: Database, user: User
) -> None:
    async with database.transaction() as session:
        assert await session.single(named("Ada", User.email == "nobody")) is None
        await session.execute(named("Grace"))

    assert await full_names(database) == [None]


async def test_statement_by_statement_a_single_change_is_one_of_many(
    database: Database, user: User
) -> None:
    async with database.statements() as session:
        await session.single(named("Ada"))
        await session.single(named("Grace"))

    assert await full_names(database) == ["Grace"]


async def test_a_single_change_ends_though_the_time_is_over(database: Database, user: User) -> None:
    async with database.transaction() as session, asyncio.timeout(0.1) as timeout:
        # the bound expires within the statement, whose end is waited for all the same
        found = await session.single(named("Ada", func.pg_sleep(0.3).is_not(None)))

    assert timeout.expired()
    assert found == user.id
    assert await full_names(database) == ["Ada"]


async def test_a_transaction_that_lost_its_connection_goes_on_on_no_other(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await add_user(session)
        with pytest.raises(DBAPIError):
            await session.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))
        with pytest.raises(PendingRollbackError):
            await add_user(session, "grace@example.com")
        with pytest.raises(PendingRollbackError):
            await session.commit()

        assert await session.scalars(select(User)) == []


async def test_statements_at_once_run_one_after_the_other(database: Database) -> None:
    async with database.statements() as session:
        slow = session.scalar(select(func.pg_sleep(0.1), literal(1)))
        quick = (session.scalar(select(literal(number))) for number in range(3))

        assert await asyncio.gather(slow, *quick) == [None, 0, 1, 2]
        assert database.engine.pool.checkedout() == 1  # type: ignore[attr-defined] # of a queue


async def test_a_statement_that_runs_still_ends_before_its_transaction_does(
    settings: Settings,
) -> None:
    database = Database(changed(settings, db_pool_size=1, db_max_overflow=0))
    async with database.transaction() as session:
        slow = asyncio.create_task(add_slowly(session))
        await asyncio.sleep(0.1)
    async with database.transaction() as another:
        await another.execute(select(literal(1)))
        await another.commit()

    async with database.statements() as reading:
        assert await reading.scalars(select(User)) == []
    await slow
    await database.dispose()


async def test_who_cannot_wait_for_a_statement_takes_its_connection_away(
    database: Database,
) -> None:
    session = database.transaction()
    slow = asyncio.create_task(session.execute(select(func.pg_sleep(30))))
    await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await session.release()

    with pytest.raises(ConnectionDoesNotExistError):
        await slow
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of a queue


async def add_slowly(session: Session) -> None:
    values = {"email": func.concat("ada", func.pg_sleep(0.3)), "password_hash": "-"}
    await session.execute(insert(User).values(**values))


@pytest.mark.parametrize("is_transaction", [True, False])
async def test_a_statement_that_waits_when_its_session_is_cancelled_keeps_no_connection(
    database: Database, *, is_transaction: bool
) -> None:
    session = database.transaction() if is_transaction else database.statements()
    slow = asyncio.create_task(session.execute(select(func.pg_sleep(30))))
    waiting = asyncio.create_task(session.scalar(select(literal(1))))
    await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), session:
            pass

    await asyncio.gather(slow, waiting, return_exceptions=True)
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of a queue


async def test_a_connection_with_a_transaction_of_its_own_is_not_used_again(
    settings: Settings,
) -> None:
    database = Database(changed(settings, db_pool_size=1, db_max_overflow=0))
    async with database.statements() as session:
        await session.execute(text("BEGIN"))
        await add_user(session)
    async with database.transaction() as another:
        await another.execute(select(literal(1)))
        await another.commit()

    async with database.statements() as reading:
        assert await reading.scalars(select(User)) == []
    await database.dispose()


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


async def test_a_type_that_a_migration_has_changed_is_an_outage_once(settings: Settings) -> None:
    database = Database(changed(settings, db_pool_size=1, db_max_overflow=0))

    async def read() -> list[int]:
        async with database.transaction() as session:
            return await session.scalars(select(Item.quantity))

    async def change(type_: str) -> None:
        async with database.statements() as session:
            await session.execute(text(f"ALTER TABLE items ALTER quantity TYPE {type_}"))

    await read()
    await change("bigint")
    try:
        with pytest.raises(DBAPIError) as caught:
            await read()
        assert is_outage(caught.value)
        assert await read() == []
    finally:
        await change("integer")
        await database.dispose()


async def test_no_connection_is_lost(database: Database) -> None:
    async def use() -> None:
        async with database.statements() as session:
            await session.execute(select(func.pg_sleep(0.05)))

    await asyncio.gather(*(use() for _ in range(30)))

    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of a queue


# -- after the work -------------------------------------------------------------------------------


async def test_a_stream_holds_no_connection_between_its_statements(database: Database) -> None:
    async with database.statements() as session:
        await session.scalar(select(literal(1)))
    pool: Any = database.engine.pool

    later = await asyncio.gather(*(session.scalar(select(literal(n))) for n in (2, 3)))

    assert later == [2, 3]
    assert pool.checkedout() == 0
    with pytest.raises(DBAPIError):
        await session.scalar(text("SELECT 1 / 0"))
    assert pool.checkedout() == 0


async def test_a_transaction_that_is_over_takes_no_more_statements(database: Database) -> None:
    async with database.transaction() as session:
        await session.scalar(select(literal(1)))

    with pytest.raises(PendingRollbackError, match="has ended"):
        await session.scalar(select(literal(2)))
