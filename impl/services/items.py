import re
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Self
from uuid import UUID

from charter.runtime.streams import HEARTBEAT, Heartbeat
from charter.service.feed import heard
from generated import schemas
from generated.operations import ItemsOperations
from generated.responses import (
    CreateItem201,
    GetItem200,
    GetItem304,
    ListItems200,
    ReplaceItem200,
    UpdateItem200,
)
from generated.security import Principal
from impl.core.config import Settings
from impl.core.links import next_page
from impl.core.problems import KeyReused, NotFound, PreconditionFailed, PreconditionRequired
from impl.models import Item, ItemChange
from impl.repositories.idempotency_keys import IdempotencyKeyRepository, fingerprint
from impl.repositories.item_changes import ItemChangeRepository, ItemFeed, Position
from impl.repositories.items import ItemRepository

ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


@dataclass(frozen=True)
class Times:
    key_lifetime: timedelta
    longest_silence: float
    """Seconds in which a stream shows at least once that it is alive."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            key_lifetime=timedelta(hours=settings.idempotency_key_hours),
            longest_silence=settings.request_timeout_seconds / 2,
        )


class ItemService(ItemsOperations):
    """Items belong to the user who created them, and to nobody else."""

    def __init__(
        self,
        items: ItemRepository,
        keys: IdempotencyKeyRepository,
        changes: ItemChangeRepository,
        feed: ItemFeed,
        times: Times,
    ) -> None:
        self.items = items
        self.keys = keys
        self.changes = changes
        self.feed = feed
        self.times = times

    async def create_item(
        self, principal: Principal, *, idempotency_key: str | None, body: schemas.ItemCreate
    ) -> CreateItem201:
        if idempotency_key is None:
            return await self._create(principal, body)
        request, content = (principal.id, "createItem", idempotency_key), fingerprint(body)
        if not await self.keys.claim(*request, content, self.times.key_lifetime):
            return await self._repeat(*request, content)
        created = await self._create(principal, body)
        answer = {"item": created.body.model_dump(mode="json"), "etag": created.etag}
        await self.keys.keep(*request, answer)
        return created

    async def list_items(
        self,
        principal: Principal,
        *,
        limit: int,
        cursor: str | None,
        q: str | None,
        status: schemas.ItemStatus | None,
        sort: schemas.ItemSort,
    ) -> ListItems200:
        page = await self.items.page(
            principal.id, limit=limit, cursor=cursor, text=q, status=status, sort=sort
        )
        body = schemas.ItemPage.model_validate(
            {"data": [vars(row) for row in page.rows], "next_cursor": page.next_cursor}
        )
        link = next_page("/items", page.next_cursor, limit=limit, q=q, status=status, sort=sort)
        return ListItems200(body, link=link)

    async def watch_items(
        self, principal: Principal, *, last_event_id: str | None
    ) -> AsyncIterator[schemas.ItemChange | Heartbeat]:
        position = await self.changes.since(last_event_id)
        with self.feed.listening(principal.id) as news:
            yield ready(position)
            while True:
                news.clear()
                changes = await self.changes.behind(principal.id, position)
                for change, item in changes:
                    position = Position.of(change)
                    yield changed(change, item, position)
                if not changes:
                    await heard(news, self.times.longest_silence)
                    yield HEARTBEAT

    async def get_item(
        self, principal: Principal, *, item_id: UUID, if_none_match: str | None
    ) -> GetItem200 | GetItem304:
        item = await self.items.get(item_id, principal.id)
        if item is None:
            raise not_found()
        if if_none_match is not None and is_held(if_none_match, item.version):
            return GetItem304(etag=entity_tag(item))
        return GetItem200(present(item), etag=entity_tag(item))

    async def replace_item(
        self,
        principal: Principal,
        *,
        item_id: UUID,
        if_match: str | None,
        body: schemas.ItemCreate,
    ) -> ReplaceItem200:
        item = await self._change(principal, item_id, if_match, values_of(body))
        return ReplaceItem200(present(item), etag=entity_tag(item))

    async def update_item(
        self,
        principal: Principal,
        *,
        item_id: UUID,
        if_match: str | None,
        body: schemas.ItemPatch,
    ) -> UpdateItem200:
        item = await self._change(principal, item_id, if_match, values_of(body, patch=True))
        return UpdateItem200(present(item), etag=entity_tag(item))

    async def delete_item(
        self, principal: Principal, *, item_id: UUID, if_match: str | None
    ) -> None:
        if not await self.items.delete(item_id, principal.id, versions(if_match)):
            raise await self._why_not(principal, item_id)

    async def _create(self, principal: Principal, body: schemas.ItemCreate) -> CreateItem201:
        item = await self.items.create(principal.id, values_of(body))
        return created(present(item), entity_tag(item))

    async def _repeat(
        self, user_id: UUID, operation: str, key: str, content: bytes
    ) -> CreateItem201:
        """The first answer once more; the same key with another body is a conflict (ADR 5)."""
        answer = await self.keys.answer(user_id, operation, key, content)
        if answer is None:
            raise KeyReused
        return created(schemas.Item.model_validate(answer["item"]), answer["etag"])

    async def _change(
        self,
        principal: Principal,
        item_id: UUID,
        if_match: str | None,
        values: dict[str, object],
    ) -> Item:
        item = await self.items.change(item_id, principal.id, versions(if_match), values)
        if item is None:
            raise await self._why_not(principal, item_id)
        return item

    async def _why_not(self, principal: Principal, item_id: UUID) -> NotFound | PreconditionFailed:
        if await self.items.get(item_id, principal.id) is None:
            return not_found()
        return PreconditionFailed("The item has changed since you fetched it.")


def values_of(
    body: schemas.ItemCreate | schemas.ItemPatch, *, patch: bool = False
) -> dict[str, object]:
    """The columns; of a patch those alone that it names. Times are answered in UTC."""
    values = body.model_dump(exclude_unset=patch)
    if values.get("due_at") is not None:
        values["due_at"] = values["due_at"].astimezone(UTC)
    return values


def present(item: Item) -> schemas.Item:
    return schemas.Item.model_validate(vars(item))


def ready(position: Position) -> schemas.ItemChange:
    nothing = schemas.ChangedItem(item_id=None, item=None)
    return schemas.ItemChange(event=schemas.ItemEvent.READY, id=str(position), data=nothing)


def changed(change: ItemChange, item: Item | None, position: Position) -> schemas.ItemChange:
    shown = schemas.ChangedItem(
        item_id=change.item_id, item=None if item is None else present(item)
    )
    return schemas.ItemChange(event=schemas.ItemEvent(change.event), id=str(position), data=shown)


def created(body: schemas.Item, etag: str) -> CreateItem201:
    return CreateItem201(body, location=f"/items/{body.id}", etag=etag)


def not_found() -> NotFound:
    return NotFound("You have no such item.")


def entity_tag(item: Item) -> str:
    return f'"{item.version}"'


def is_held(if_none_match: str, version: int) -> bool:
    """The weak comparison of RFC 9110 section 13.1.2."""
    tags = {tag for _, tag in ENTITY_TAG.findall(if_none_match)}
    return if_none_match == "*" or str(version) in tags


def versions(if_match: str | None) -> Collection[int] | None:
    """The versions that a change is meant for; None means any. RFC 9110 section 13.1.1.

    Strong comparison: a weak tag matches nothing. Raises PreconditionRequired without a header.
    """
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag of the version that you mean.")
    if if_match == "*":
        return None
    tags = [tag for weak, tag in ENTITY_TAG.findall(if_match) if not weak]
    return [int(tag) for tag in tags if re.fullmatch(r"[1-9][0-9]{0,8}", tag)]
