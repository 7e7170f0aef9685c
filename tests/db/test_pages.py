"""Positions in a list: every one can be written down, and everything written down is one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select

from impl.core.problems import NotFound
from impl.db.pages import EPOCH, LATEST, MICROSECOND, Order, Position
from impl.models import Item

random = Random(7)  # noqa: S311 - the same numbers in every run

BY_TIME = Order[Item](Item.created_at, Item.id)
BY_TITLE = Order[Item](Item.title, Item.id)
LOW = UUID(int=0)
HIGH = UUID(int=2**128 - 1)

TIMES = [EPOCH, EPOCH + MICROSECOND, datetime(2026, 11, 23, 8, 30, 0, 123456, UTC), LATEST]
TEXTS = ["", "a", "A brass telescope", "🔭" * 200, "é", "\u202e", "'; DROP TABLE items; --"]


@pytest.mark.parametrize("moment", TIMES, ids=str)
def test_a_time_comes_back(moment: datetime) -> None:
    for identity in (LOW, HIGH):
        position = BY_TIME.position(BY_TIME.cursor(Position.of(moment, identity)))

        assert (position.time(), position.id) == (moment, identity)


@pytest.mark.parametrize("value", TEXTS, ids=ascii)
def test_a_text_comes_back(value: str) -> None:
    for identity in (LOW, HIGH):
        position = BY_TITLE.position(BY_TITLE.cursor(Position.of(value, identity)))

        assert (position.text(), position.id) == (value, identity)


def test_a_time_of_another_zone_is_the_same_position() -> None:
    moment = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert Position.of(elsewhere, LOW) == Position.of(moment, LOW)


def test_every_microsecond_is_a_position_of_its_own() -> None:
    moments = [LATEST - number * MICROSECOND for number in range(1000)]

    assert len({Position.of(moment, LOW) for moment in moments}) == 1000


def test_positions_sort_as_what_they_are_made_of() -> None:
    moments = [EPOCH + timedelta(microseconds=random.randrange(2**57)) for _ in range(500)]

    assert sorted(moments) == sorted(moments, key=lambda moment: Position.of(moment, LOW).key)


def test_whatever_stands_in_a_position_has_a_meaning() -> None:
    """Whoever knows how can make one up: it is a place in a list like any other."""
    for length in [*range(40), 1000]:
        for _ in range(20):
            position = BY_TITLE.position(BY_TITLE.cursor(Position(random.randbytes(length), LOW)))

            assert EPOCH <= position.time() <= LATEST
            assert "\0" not in position.text()
            position.text().encode()


OTHERS = [
    BY_TITLE.of("of somebody else"), BY_TITLE.of(None), BY_TITLE.of(1), BY_TITLE.of("1", None),
    replace(BY_TITLE, descending=False).of("1"), BY_TIME.of("1"),
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_a_cursor_is_of_one_order_and_one_selection(other: Order[Item]) -> None:
    cursor = BY_TITLE.of("1").cursor(Position.of("A brass telescope", HIGH))

    assert BY_TITLE.of("1").position(cursor).text() == "A brass telescope"
    with pytest.raises(NotFound):
        other.position(cursor)


def test_no_digit_of_a_cursor_can_be_changed() -> None:
    cursor = BY_TIME.cursor(Position.of(TIMES[2], HIGH))

    for place, digit in enumerate(cursor):
        with pytest.raises(NotFound):
            BY_TIME.position(cursor[:place] + ("0" if digit != "0" else "1") + cursor[place + 1 :])


@pytest.mark.parametrize("column", [Item.title, Item.created_at, Item.updated_at], ids=str)
@pytest.mark.parametrize("descending", [False, True])
def test_a_page_is_ordered_by_its_column_and_then_by_id(column: "object", descending: bool) -> None:
    order: Order[Item] = Order(column, Item.id, descending)  # type: ignore[arg-type] # any of three

    query = str(order.slice(select(Item), order.cursor(Position.of("x", LOW)), 20))

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
    assert page.next_cursor == order.cursor(Position.of("1", UUID(int=1)))
