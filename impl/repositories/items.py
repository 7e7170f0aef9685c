import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    and_,
    any_,
    collate,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from charter.service.statements import statement
from generated.schemas import ItemSort, ItemStatus
from impl.db.pages import Order, Page
from impl.db.repository import Repository
from impl.models import Item

COLUMNS = {"created_at": Item.created_at, "updated_at": Item.updated_at, "title": Item.title}


class ItemRepository(Repository[Item]):
    """Every query is limited to one owner: an item of somebody else does not exist."""

    async def get(self, item_id: UUID, owner_id: UUID) -> Item | None:
        return await self.session.scalar(of_owner(item_id, owner_id))

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
        order = order_of(sort).of(owner_id, text, status)
        rows = await self.session.scalars(
            page_of_owner(owner_id, *order.after(cursor), limit + 1, escaped(text), status, sort)
        )
        return order.page(rows, limit)

    async def create(self, owner_id: UUID, values: Mapping[str, Any]) -> Item:
        item = await self.session.single(creation(owner_id, dict(values)))
        assert item is not None
        return item

    async def change(
        self,
        item_id: UUID,
        owner_id: UUID,
        versions: Collection[int] | None,
        values: Mapping[str, Any],
    ) -> Item | None:
        """Change the item if it is still at one of these versions; None means at any."""
        return await self.session.single(change(item_id, owner_id, versions, dict(values)))

    async def delete(self, item_id: UUID, owner_id: UUID, versions: Collection[int] | None) -> bool:
        """Delete the item if it is still at one of these versions. Whether it was."""
        return await self.session.single(deletion(item_id, owner_id, versions)) is not None


@statement()
def of_owner(item_id: UUID, owner_id: UUID) -> Select[Item]:
    return select(Item).where(Item.id == item_id, Item.owner_id == owner_id)


@statement("sort")
def page_of_owner(
    owner_id: UUID,
    key: datetime | str | None,
    identity: UUID | None,
    most: int,
    text: str | None,
    status: ItemStatus | None,
    sort: ItemSort,
) -> Select[Item]:
    query = select(Item).where(Item.owner_id == owner_id)
    if text is not None:
        query = query.where(
            or_(
                # "C", by which titles are sorted, knows the case of ASCII alone
                collate(Item.title, "default").icontains(text, escape="/"),
                func.coalesce(Item.description, "").icontains(text, escape="/"),
            )
        )
    if status is not None:
        query = query.where(Item.status == status)
    return order_of(sort).behind(query, key, identity, most)


@statement()
def creation(owner_id: UUID, values: dict[str, Any]) -> ReturningInsert[Item]:
    return insert(Item).values(owner_id=owner_id, **values).returning(Item)


@statement()
def change(
    item_id: UUID, owner_id: UUID, versions: Collection[int] | None, values: dict[str, Any]
) -> ReturningUpdate[Item]:
    return (
        update(Item)
        .where(at_version(item_id, owner_id, versions))
        .values(**values, version=Item.version + 1, updated_at=func.clock_timestamp())
        .returning(Item)
    )


@statement()
def deletion(
    item_id: UUID, owner_id: UUID, versions: Collection[int] | None
) -> ReturningDelete[UUID]:
    return delete(Item).where(at_version(item_id, owner_id, versions)).returning(Item.id)


def at_version(
    item_id: UUID, owner_id: UUID, versions: Collection[int] | None
) -> ColumnElement[bool]:
    found = and_(Item.id == item_id, Item.owner_id == owner_id)
    if versions is None:
        return found
    return and_(found, Item.version == any_(type_coerce(versions, ARRAY(Integer))))


def order_of(sort: ItemSort) -> Order[Item]:
    return Order(COLUMNS[sort.removeprefix("-")], Item.id, sort.startswith("-"))


def escaped(text: str | None) -> str | None:
    """Without a wildcard, for a LIKE that escapes by a slash."""
    return None if text is None else re.sub(r"[/%_]", r"/\g<0>", text)
