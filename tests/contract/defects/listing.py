"""What is listed: pages, orders, filters, searches."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

from generated import schemas
from generated.responses import ListItems200
from generated.security import Principal
from impl.core import config
from impl.core.links import next_page
from impl.db.session import Database
from impl.models import Item, ItemChange, Session
from impl.repositories.item_changes import HORIZON, MOST, ItemChangeRepository
from impl.repositories.items import ItemRepository, order_of
from impl.repositories.sessions import NEWEST_FIRST, SessionRepository
from impl.services import items
from impl.services.auth import AuthService
from impl.services.items import ItemService
from impl.services.users import UserService
from tests.contract.defects.planting import defect, instead_of


def listed(rows: list[schemas.Item], cursor: str | None = None) -> ListItems200:
    body = schemas.ItemPage(data=rows, next_cursor=cursor)
    return ListItems200(body, link=next_page("/items", cursor))


# -- pages ----------------------------------------------------------------------------------------


@defect
def a_cursor_is_ignored() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        return await original(self, principal, **(asked | {"cursor": None}))


@defect
def a_page_is_longer_than_its_limit() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        return await original(self, principal, **(asked | {"limit": asked["limit"] + 1}))


@defect
def a_row_is_lost_between_pages() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **(asked | {"limit": asked["limit"] + 1}))
        return listed(found.body.data[: asked["limit"]], found.body.next_cursor)


@defect
def a_row_is_shown_twice() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if found.body.next_cursor is None or asked["limit"] == 1:
            return found
        before = await original(self, principal, **(asked | {"limit": asked["limit"] - 1}))
        return listed(found.body.data, before.body.next_cursor)


@defect
def rows_of_one_key_are_lost_between_pages() -> None:
    ends: dict[str, schemas.Item] = {}

    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        rows = found.body.data
        end = ends.get(asked["cursor"])
        while "title" in asked["sort"] and end is not None and rows and rows[0].title == end.title:
            rows = rows[1:]
        if found.body.next_cursor is not None:
            ends[found.body.next_cursor] = found.body.data[-1]
        return listed(rows, found.body.next_cursor)


@defect
def the_last_page_is_left_out() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if found.body.next_cursor is None:
            return found
        following = await original(self, principal, **(asked | {"cursor": found.body.next_cursor}))
        is_last = following.body.next_cursor is None
        return listed(found.body.data, None if is_last else found.body.next_cursor)


@defect
def a_link_forgets_the_filter() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        link = next_page("/items", found.body.next_cursor, limit=asked["limit"])
        return replace(found, link=link)


@defect
def a_link_forgets_the_limit() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        same = {name: asked[name] for name in ("q", "status", "sort")}
        return replace(found, link=next_page("/items", found.body.next_cursor, **same))


@defect
def a_second_page_forgets_the_filter() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        status = asked["status"] if asked["cursor"] is None else None
        return await original(self, principal, **(asked | {"status": status}))


@defect
def a_second_page_forgets_the_search() -> None:
    @instead_of(ItemRepository, "page")
    async def page(original: Any, self: ItemRepository, *owner: Any, **asked: Any) -> Any:
        if asked["text"] is None or asked["cursor"] is None:
            return await original(self, *owner, **asked)
        order = order_of(asked["sort"])
        position = order.of(*owner, asked["text"], asked["status"]).position(asked["cursor"])
        cursor = order.of(*owner, None, asked["status"]).cursor(position)
        return await original(self, *owner, **(asked | {"text": None, "cursor": cursor}))


# -- which rows, in which order -------------------------------------------------------------------


@defect
def a_filter_is_ignored() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        return await original(self, principal, **(asked | {"status": None}))


@defect
def a_filter_of_users_is_turned_round() -> None:
    @instead_of(UserService, "list_users")
    async def list_users(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        active = None if asked["active"] is None else not asked["active"]
        return await original(self, principal, **(asked | {"active": active}))


@defect
def archived_items_are_hidden_by_default() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if asked["status"] is not None:
            return found
        rows = [row for row in found.body.data if row.status != "archived"]
        return listed(rows, found.body.next_cursor)


@defect
def the_order_is_ignored() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        newest_first = schemas.ItemSort("-created_at")
        return await original(self, principal, **(asked | {"sort": newest_first}))


@defect
def a_descending_order_ascends() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        sort = "title" if asked["sort"] == "-title" else asked["sort"]
        return await original(self, principal, **(asked | {"sort": schemas.ItemSort(sort)}))


@defect
def the_default_order_is_another() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        sort = "created_at" if asked["sort"] == "-created_at" else asked["sort"]
        return await original(self, principal, **(asked | {"sort": schemas.ItemSort(sort)}))


@defect
def a_wildcard_is_not_escaped() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        if asked["q"] is None or not re.search("[%_]", asked["q"]):
            return await original(self, principal, **asked)
        found = await original(self, principal, **(asked | {"q": None, "limit": 100}))
        like = re.escape(asked["q"]).replace("%", ".*").replace("_", ".")
        rows = [row for row in found.body.data if re.search(like, row.title, re.I | re.S)]
        return listed(rows[: asked["limit"]])


@defect
def a_search_misses_the_description() -> None:
    search(lambda row, text: text.lower() in row.title.lower())


@defect
def a_search_minds_the_case() -> None:
    search(lambda row, text: text in f"{row.title}\n{row.description or ''}")


def search(finds: Any) -> None:
    """Of the items that a search finds, show some."""

    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if asked["q"] is None:
            return found
        rows = [row for row in found.body.data if finds(row, asked["q"])]
        return listed(rows, found.body.next_cursor)


@defect
def a_search_minds_the_case_of_other_letters_than_ours() -> None:
    def lower(text: str) -> str:
        return re.sub("[A-Z]", lambda letter: letter[0].lower(), text)

    search(lambda row, text: lower(text) in lower(f"{row.title}\n{row.description or ''}"))


@defect
def a_search_forgets_the_filter() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        status = asked["status"] if asked["q"] is None else None
        return await original(self, principal, **(asked | {"status": status}))


@defect
def an_order_forgets_the_filter() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        status = asked["status"] if "created_at" in asked["sort"] else None
        return await original(self, principal, **(asked | {"status": status}))


@defect
def one_filter_of_two_is_looked_at() -> None:
    @instead_of(UserService, "list_users")
    async def list_users(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        administrator = asked["administrator"] if asked["active"] is None else None
        return await original(self, principal, **(asked | {"administrator": administrator}))


@defect
def a_list_shows_another_time_than_a_read() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        rows = [row.model_copy(update={"created_at": row.updated_at}) for row in found.body.data]
        return replace(found, body=found.body.model_copy(update={"data": rows}))


@defect
def a_deleted_user_is_listed() -> None:
    deleted: dict[UUID, schemas.User] = {}

    @instead_of(UserService, "delete_user")
    async def delete_user(original: Any, self: UserService, principal: Any, **asked: Any) -> None:
        user = await self.get_user(principal, **asked)
        await original(self, principal, **asked)
        deleted[user.id] = user

    @instead_of(UserService, "list_users")
    async def list_users(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if asked["cursor"] is not None or asked["q"] is not None:
            return found
        rows = [*deleted.values(), *found.body.data][: asked["limit"]]
        return replace(found, body=found.body.model_copy(update={"data": rows}))


@defect
def an_ended_session_is_listed() -> None:
    @instead_of(SessionRepository, "live")
    async def live(
        original: Any, self: SessionRepository, user_id: UUID, *, limit: int, cursor: str | None
    ) -> Any:
        query = select(Session).where(Session.user_id == user_id)
        order = NEWEST_FIRST.of(user_id)
        rows = await self.session.scalars(order.slice(query, cursor, limit))
        return order.page(rows, limit)


@defect
def a_search_finds_beginnings_alone() -> None:
    search(
        lambda row, text: any(
            one.lower().startswith(text.lower()) for one in (row.title, row.description or "")
        )
    )


@defect
def a_search_misses_the_names_of_users() -> None:
    @instead_of(UserService, "list_users")
    async def list_users(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if asked["q"] is None:
            return found
        rows = [row for row in found.body.data if asked["q"].lower() in row.email]
        return replace(found, body=found.body.model_copy(update={"data": rows}))


@defect
def users_who_are_locked_out_are_hidden_by_default() -> None:
    @instead_of(UserService, "list_users")
    async def list_users(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        active = True if asked["active"] is None else asked["active"]
        return await original(self, principal, **(asked | {"active": active}))


@defect
def a_list_is_of_before() -> None:
    """What was listed once is listed again for a while."""
    known: dict[str, tuple[float, Any]] = {}

    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        place = f"{principal.id} {asked}"
        if time.monotonic() - known.get(place, (0.0, None))[0] > 2:
            known[place] = time.monotonic(), await original(self, principal, **asked)
        return known[place][1]


# -- how many rows --------------------------------------------------------------------------------


@defect
def a_page_is_cut_from_all_rows() -> None:
    @instead_of(ItemRepository, "page")
    async def page(original: Any, self: ItemRepository, *owner: Any, **asked: Any) -> Any:
        every = await original(self, *owner, **(asked | {"limit": 10**6}))
        order = order_of(asked["sort"]).of(*owner, asked["text"], asked["status"])
        return order.page(every.rows[: asked["limit"] + 1], asked["limit"])


@defect
def items_have_no_index() -> None:
    drop_indexes("items")


@defect
def users_have_no_index() -> None:
    drop_indexes("users")


def drop_indexes(table: str) -> None:
    """All that are no constraints, of the database that the settings name."""
    statement = f"""
        DO $$
        DECLARE name regclass;
        BEGIN
          FOR name IN
            SELECT indexrelid FROM pg_index
            WHERE indrelid = '{table}'::regclass AND NOT indisunique
          LOOP
            EXECUTE format('DROP INDEX %s', name);
          END LOOP;
        END $$
    """  # noqa: S608 - the names are ours

    async def drop() -> None:
        settings = config.without_tokens()
        async with Database(settings).autocommit.connect() as connection:
            await connection.exec_driver_sql(statement)

    with ThreadPoolExecutor(1) as thread:  # a loop is running here
        thread.submit(asyncio.run, drop()).result()


# -- whose rows -----------------------------------------------------------------------------------


@defect
def everybodys_items_are_listed() -> None:
    owners: set[UUID] = set()

    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        owners.add(principal.id)
        pages = [await original(self, as_user(principal, one), **asked) for one in owners]
        rows = [row for page in pages for row in page.body.data]
        is_more = any(page.body.next_cursor for page in pages)
        return listed(rows[: asked["limit"]], pages[0].body.next_cursor if is_more else None)


@defect
def a_filter_shows_everybodys_items() -> None:
    everybodys("status")


@defect
def a_search_shows_everybodys_items() -> None:
    everybodys("q")


def everybodys(name: str) -> None:
    """Where a parameter is sent, whose the rows are is forgotten: `a AND b OR c`."""
    owners: set[UUID] = set()

    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        owners.add(principal.id)
        found = await original(self, principal, **asked)
        if asked[name] is None or asked["cursor"] is not None:
            return found
        others = [
            await original(self, as_user(principal, one), **asked)
            for one in owners - {principal.id}
        ]
        rows = [row for page in (found, *others) for row in page.body.data]
        return listed(rows[: asked["limit"]], found.body.next_cursor)


@defect
def everybodys_sessions_are_listed() -> None:
    owners: set[UUID] = set()

    @instead_of(AuthService, "list_sessions")
    async def list_sessions(original: Any, self: AuthService, principal: Any, **asked: Any) -> Any:
        owners.add(principal.id)
        pages = [await original(self, as_user(principal, one), **asked) for one in owners]
        rows = [row for page in pages for row in page.body.data][: asked["limit"]]
        return replace(pages[0], body=pages[0].body.model_copy(update={"data": rows}))


def as_user(principal: Principal, user_id: UUID) -> Principal:
    return replace(principal, id=user_id)


# -- streams --------------------------------------------------------------------------------------


@defect
def a_stream_tells_everybodys_changes() -> None:
    @instead_of(ItemChangeRepository, "behind")
    async def behind(original: Any, self: ItemChangeRepository, owner: UUID, position: Any) -> Any:
        place = tuple_(ItemChange.transaction, ItemChange.position)
        since = tuple_(position.transaction, position.position)
        rows = await self.session.rows(
            select(ItemChange, Item)
            .outerjoin(Item, Item.id == ItemChange.item_id)
            .where(place > since, ItemChange.transaction < HORIZON)
            .order_by(*place)
            .limit(MOST)
        )
        return [(change, item) for change, item in rows]


@defect
def a_stream_forgets_what_was_deleted() -> None:
    @instead_of(ItemChangeRepository, "behind")
    async def behind(original: Any, self: ItemChangeRepository, *place: Any) -> Any:
        return [(change, item) for change, item in await original(self, *place) if item is not None]


@defect
def a_change_is_told_as_a_creation() -> None:
    @instead_of(items, "changed")
    def changed(original: Any, change: Any, item: Any, position: Any) -> schemas.ItemChange:
        told: schemas.ItemChange = original(change, item, position)
        if told.event != schemas.ItemEvent.UPDATED:
            return told
        return told.model_copy(update={"event": schemas.ItemEvent.CREATED})


@defect
def a_stream_does_not_go_on_where_it_ended() -> None:
    @instead_of(ItemChangeRepository, "since")
    async def since(original: Any, self: ItemChangeRepository, event_id: str | None) -> Any:
        return await original(self, None)
