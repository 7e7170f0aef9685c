from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, collate, delete, func, or_, select, update

from generated.schemas import ItemSort, ItemStatus
from impl.db.pages import Order, Page
from impl.db.repository import Repository
from impl.models import Item

COLUMNS = {"created_at": Item.created_at, "updated_at": Item.updated_at, "title": Item.title}


class ItemRepository(Repository[Item]):
    """Every query is limited to one owner: an item of somebody else does not exist."""

    async def get(self, item_id: UUID, owner_id: UUID) -> Item | None:
        query = select(Item).where(Item.id == item_id, Item.owner_id == owner_id)
        return await self.session.scalar(query)

    async def page(
        self,
        owner_id: UUID,
        *,
        limit: int,
        cursor: str | None,
        text: str | None,
        status: ItemStatus | None,
        sort: ItemSort,
    ) -> Page[Item]:
        query = select(Item).where(Item.owner_id == owner_id)
        if text is not None:
            query = query.where(
                or_(
                    # "C", by which titles are sorted, knows the case of ASCII alone
                    collate(Item.title, "default").icontains(text, autoescape=True),
                    func.coalesce(Item.description, "").icontains(text, autoescape=True),
                )
            )
        if status is not None:
            query = query.where(Item.status == status)
        order = order_of(sort).of(owner_id, text, status)
        rows = await self.session.scalars(order.slice(query, cursor, limit))
        return order.page(rows, limit)

    async def change(
        self,
        item_id: UUID,
        owner_id: UUID,
        versions: Collection[int] | None,
        values: Mapping[str, Any],
    ) -> Item | None:
        """Change the item if it is still at one of these versions; None means at any."""
        statement = (
            update(Item)
            .where(at_version(item_id, owner_id, versions))
            .values(**values, version=Item.version + 1, updated_at=func.clock_timestamp())
            .returning(Item)
        )
        return await self.session.scalar(statement)

    async def delete(self, item_id: UUID, owner_id: UUID, versions: Collection[int] | None) -> bool:
        """Delete the item if it is still at one of these versions. Whether it was."""
        statement = delete(Item).where(at_version(item_id, owner_id, versions)).returning(Item.id)
        return await self.session.scalar(statement) is not None


def at_version(
    item_id: UUID, owner_id: UUID, versions: Collection[int] | None
) -> ColumnElement[bool]:
    found = and_(Item.id == item_id, Item.owner_id == owner_id)
    return found if versions is None else and_(found, Item.version.in_(versions))


def order_of(sort: ItemSort) -> Order[Item]:
    return Order(COLUMNS[sort.removeprefix("-")], Item.id, sort.startswith("-"))
