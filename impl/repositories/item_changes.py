import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, literal_column, select, tuple_

from charter.service.feed import Feed
from charter.service.statements import statement
from impl.db.repository import Repository
from impl.db.session import Database
from impl.models import Item, ItemChange
from impl.models.item_changes import TOLD

Change = tuple[ItemChange, Item | None]
"""What happened, and the item as it is now."""

POLL_SECONDS = 0.5
"""Between two looks at whose items have changed, while somebody watches."""
MOST = 100
"""Changes that are read at once."""


@dataclass(frozen=True)
class Position:
    """A moment in the history of all items: what is before it has been told."""

    time: int
    """In seconds since 1970."""
    transaction: int
    position: int

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(*map(int, re.findall("[0-9]+", text)))

    @classmethod
    def of(cls, change: ItemChange) -> Self:
        return cls(int(change.happened_at.timestamp()), change.transaction, change.position)

    @property
    def is_forgotten(self) -> bool:
        """Whether changes behind it may have been purged."""
        return self.time < (datetime.now(UTC) - TOLD).timestamp()

    def __str__(self) -> str:
        return f"{self.time}-{self.transaction}-{self.position}"


class ItemChangeRepository(Repository[ItemChange]):
    """Changes are read up to the oldest transaction that is still open.

    What a younger one has changed is told later: numbers are given when a transaction begins, so
    that a reader who went on behind a younger number would miss the older transaction.
    """

    async def since(self, event_id: str | None) -> Position:
        """That of an event; now, where there is none or what followed it is not known.

        It may be too long ago, or not have happened yet to a database that was restored.
        """
        now = Position(int(datetime.now(UTC).timestamp()), await self.horizon(), 0)
        last = Position.read(event_id) if event_id else now
        return now if last.is_forgotten or last.transaction > now.transaction else last

    async def horizon(self) -> int:
        found = await self.session.scalar(select(HORIZON))
        assert isinstance(found, int)
        return found

    async def behind(self, owner_id: UUID, position: Position) -> Sequence[Change]:
        """At most `MOST` changes behind a position, the oldest first."""
        rows = await self.session.rows(behind(owner_id, position.transaction, position.position))
        return [(change, item) for change, item in rows]


# as its text, because a number of 64 bits without a sign is none that SQLAlchemy knows
HORIZON: ColumnElement[int] = literal_column(
    "(pg_snapshot_xmin(pg_current_snapshot())::text)::bigint", BigInteger
)


@statement()
def behind(owner_id: UUID, transaction: int, position: int) -> Select[ItemChange, Item | None]:
    place = tuple_(ItemChange.transaction, ItemChange.position)
    return (
        select(ItemChange, Item)
        .outerjoin(Item, Item.id == ItemChange.item_id)
        .where(
            ItemChange.owner_id == owner_id,
            place > tuple_(transaction, position),
            ItemChange.transaction < HORIZON,
        )
        .order_by(*place)
        .limit(MOST)
    )


class ItemFeed(Feed[UUID]):
    """Wakes the streams of those whose items have changed."""

    def __init__(self, database: Database) -> None:
        super().__init__(self._changed_owners, POLL_SECONDS)
        self.database = database
        self.seen: int | None = None
        """The transaction before which all changes have been seen."""

    async def _changed_owners(self) -> Sequence[UUID] | None:
        """None at the first look, when nobody knows what was before."""
        async with self.database.statements() as session:
            if self.seen is None:
                self.seen = await ItemChangeRepository(session).horizon()
                return None
            rows = await session.rows(changed_owners(self.seen))
        self.seen = rows[0][1]
        return [owner for owner, _ in rows if owner is not None]


@statement()
def changed_owners(since: int) -> Select[UUID | None, int]:
    """The owners, each with the horizon; it alone where there are none."""
    horizon = select(HORIZON.label("transaction")).cte().prefix_with("MATERIALIZED")
    return (
        select(ItemChange.owner_id, horizon.c.transaction)
        .select_from(horizon)
        .outerjoin(
            ItemChange,
            (ItemChange.transaction >= since) & (ItemChange.transaction < horizon.c.transaction),
        )
        .distinct()
    )
