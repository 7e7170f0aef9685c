"""Pages by position: the next one begins behind the last row of this one, whatever came or went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from impl.db.base import Entity

Row = TypeVar("Row", bound=Entity)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    next_cursor: str | None


@dataclass(frozen=True)
class Position:
    """Where a page begins: the sort key and the id of the last row before it.

    The document promises that every string of the cursor's pattern is one, so that every one
    decodes: a key that no row could have is a position like any other.
    """

    key: bytes
    id: UUID

    @classmethod
    def of(cls, value: datetime | str, identity: UUID) -> Self:
        if isinstance(value, str):
            return cls(value.encode(), identity)
        return cls(((value - EPOCH) // MICROSECOND).to_bytes(8, "big"), identity)

    @classmethod
    def parse(cls, cursor: str) -> Self:
        content = bytes.fromhex(cursor)
        return cls(content[:-16], UUID(bytes=content[-16:]))

    def __str__(self) -> str:
        return (self.key + self.id.bytes).hex()

    def time(self) -> datetime:
        microseconds = min(int.from_bytes(self.key, "big"), (LATEST - EPOCH) // MICROSECOND)
        return EPOCH + microseconds * MICROSECOND

    def text(self) -> str:
        return self.key.decode(errors="replace").replace("\0", "")


@dataclass(frozen=True)
class Order(Generic[Row]):
    """A column to sort by, with the id to tell equals apart."""

    column: InstrumentedAttribute[Any]
    identity: InstrumentedAttribute[UUID]
    descending: bool = True

    def slice(self, query: Select[Row], cursor: str | None, limit: int) -> Select[Row]:
        """The rows behind the cursor, and one more than a page holds: a sign of more."""
        if cursor is not None:
            query = query.where(self._behind(Position.parse(cursor)))
        columns = (self.column, self.identity)
        order = [column.desc() if self.descending else column.asc() for column in columns]
        return query.order_by(*order).limit(limit + 1)

    def page(self, rows: Sequence[Row], limit: int) -> Page[Row]:
        """What `slice` found, as a page with the cursor of the next."""
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        return Page(rows[:limit], str(Position.of(getattr(last, self.column.key), last.id)))

    def _behind(self, position: Position) -> ColumnElement[bool]:
        is_text = self.column.type.python_type is str
        value = position.text() if is_text else position.time()
        row = tuple_(self.column, self.identity)
        bound = tuple_(literal(value, self.column.type), literal(position.id))
        return row < bound if self.descending else row > bound
