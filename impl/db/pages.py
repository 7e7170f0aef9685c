"""Pages by position: the next one begins behind the last row of this one, whatever came or went."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sqlalchemy import Select, Uuid, tuple_, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from impl.core.problems import NotFound
from impl.db.base import Entity

Row = TypeVar("Row", bound=Entity)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CHECKSUM_BYTES = 8


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    next_cursor: str | None


@dataclass(frozen=True)
class Position:
    """Where a page begins: the sort key and the id of the last row before it."""

    key: bytes
    id: UUID

    @classmethod
    def of(cls, value: datetime | str, identity: UUID) -> Self:
        if isinstance(value, str):
            return cls(value.encode(), identity)
        return cls(((value - EPOCH) // MICROSECOND).to_bytes(8, "big"), identity)

    def time(self) -> datetime:
        microseconds = min(int.from_bytes(self.key, "big"), (LATEST - EPOCH) // MICROSECOND)
        return EPOCH + microseconds * MICROSECOND

    def text(self) -> str:
        return self.key.decode(errors="replace").replace("\0", "")


@dataclass(frozen=True)
class Order(Generic[Row]):
    """A column to sort by, with the id to tell equals apart, and what selects the rows.

    A cursor is of one order and one selection: its checksum covers both, and the position.
    """

    column: InstrumentedAttribute[Any]
    identity: InstrumentedAttribute[UUID]
    descending: bool = True
    filters: tuple[object, ...] = ()

    def of(self, *filters: object) -> Self:
        """The same order, of the rows that these filters select."""
        return replace(self, filters=filters)

    def slice(self, query: Select[Row], cursor: str | None, limit: int) -> Select[Row]:
        """The rows behind the cursor, and one more than a page holds: a sign of more.

        Raises NotFound for a cursor of another order or selection, and for one that is made up.
        """
        return self.behind(query, *self.after(cursor), limit + 1)

    def after(self, cursor: str | None) -> tuple[datetime | str | None, UUID | None]:
        """The sort key and the id of the row before the page; None where it is the first page.

        Raises NotFound as `slice` does.
        """
        if cursor is None:
            return None, None
        position = self.position(cursor)
        is_text = self.column.type.python_type is str
        return position.text() if is_text else position.time(), position.id

    def behind(
        self, query: Select[Row], key: datetime | str | None, identity: UUID | None, most: int
    ) -> Select[Row]:
        """So many rows behind a position; each of these may be the parameter of a statement."""
        row = tuple_(self.column, self.identity)
        if identity is not None:
            bound = tuple_(type_coerce(key, self.column.type), type_coerce(identity, Uuid()))
            query = query.where(row < bound if self.descending else row > bound)
        columns = (self.column, self.identity)
        order = [column.desc() if self.descending else column.asc() for column in columns]
        return query.order_by(*order).limit(most)

    def page(self, rows: Sequence[Row], limit: int) -> Page[Row]:
        """What `slice` found, as a page with the cursor of the next."""
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        position = Position.of(getattr(last, self.column.key), last.id)
        return Page(rows[:limit], self.cursor(position))

    def cursor(self, position: Position) -> str:
        return (position.key + self._checksum(position) + position.id.bytes).hex()

    def position(self, cursor: str) -> Position:
        content = bytes.fromhex(cursor)
        position = Position(content[: -16 - CHECKSUM_BYTES], UUID(bytes=content[-16:]))
        if cursor != self.cursor(position):
            raise NotFound("No page begins there: the cursor is of another list, order or filter.")
        return position

    def _checksum(self, position: Position) -> bytes:
        of = (str(self.column), self.descending, self.filters, position.key, position.id)
        return hashlib.sha256(repr(of).encode()).digest()[:CHECKSUM_BYTES]
