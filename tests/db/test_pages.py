"""Positions in a list: every one can be written down, and everything written down is one."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select

from impl.db.pages import EPOCH, LATEST, MICROSECOND, Order, Position
from impl.models import Item

random = Random(7)  # noqa: S311 - the same numbers in every run

LOW = UUID(int=0)
HIGH = UUID(int=2**128 - 1)

TIMES = [EPOCH, EPOCH + MICROSECOND, datetime(2026, 11, 23, 8, 30, 0, 123456, UTC), LATEST]
TEXTS = ["", "a", "A brass telescope", "🔭" * 200, "é", "\u202e", "'; DROP TABLE items; --"]


@pytest.mark.parametrize("moment", TIMES, ids=str)
def test_a_time_comes_back(moment: datetime) -> None:
    for identity in (LOW, HIGH):
        position = Position.parse(str(Position.of(moment, identity)))

        assert (position.time(), position.id) == (moment, identity)


@pytest.mark.parametrize("value", TEXTS, ids=ascii)
def test_a_text_comes_back(value: str) -> None:
    for identity in (LOW, HIGH):
        position = Position.parse(str(Position.of(value, identity)))

        assert (position.text(), position.id) == (value, identity)


def test_a_time_of_another_zone_is_the_same_position() -> None:
    moment = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert Position.of(elsewhere, LOW) == Position.of(moment, LOW)


def test_every_microsecond_is_a_position_of_its_own() -> None:
    moments = [LATEST - number * MICROSECOND for number in range(1000)]

    assert len({str(Position.of(moment, LOW)) for moment in moments}) == 1000


def test_positions_sort_as_what_they_are_made_of() -> None:
    moments = [EPOCH + timedelta(microseconds=random.randrange(2**57)) for _ in range(500)]

    assert sorted(moments) == sorted(moments, key=lambda moment: str(Position.of(moment, LOW)))


def test_whatever_is_written_down_is_a_position() -> None:
    for length in [*range(40), 1008]:
        for _ in range(20):
            cursor = random.randbytes(length + 16).hex()

            position = Position.parse(cursor)

            assert str(position) == cursor
            assert EPOCH <= position.time() <= LATEST
            assert "\0" not in position.text()
            position.text().encode()


@pytest.mark.parametrize("column", [Item.title, Item.created_at, Item.updated_at], ids=str)
@pytest.mark.parametrize("descending", [False, True])
def test_a_page_is_ordered_by_its_column_and_then_by_id(column: "object", descending: bool) -> None:
    order: Order[Item] = Order(column, Item.id, descending)  # type: ignore[arg-type] # any of three

    query = str(order.slice(select(Item), str(Position.of("x", LOW)), 20))

    direction = "DESC" if descending else "ASC"
    assert (
        f"ORDER BY {column} {direction}, items.id {direction}".replace("Item.", "items.") in query
    )
    assert (
        f"({column}, items.id) {'<' if descending else '>'} (".replace("Item.", "items.") in query
    )


def test_a_page_knows_whether_there_is_another() -> None:
    order = Order[Item](Item.title, Item.id)
    items = [Item(id=UUID(int=number), title=f"{number}") for number in range(3)]

    assert order.page(items, 3).next_cursor is None
    assert order.page([], 3).next_cursor is None
    page = order.page(items, 2)
    assert page.rows == items[:2]
    assert page.next_cursor == str(Position.of("1", UUID(int=1)))
