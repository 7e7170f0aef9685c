"""The service with one thing broken: what the gate must notice.

`uvicorn --factory tests.contract.defects:create_app` with DEFECT naming one of `DEFECTS`.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from inspect import signature
from typing import Any
from uuid import UUID

import jwt
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.responses import Response

from charter.runtime import replies
from charter.runtime.bodies import Body
from charter.runtime.layers import Methods
from charter.runtime.parameters import ParameterReader
from generated import schemas
from generated.responses import CreateItem201, GetItem200
from generated.security import Principal, Scope
from impl import app as application
from impl import authentication, dependencies
from impl.core import problems, tokens
from impl.core.tokens import AccessClaims, AccessTokens
from impl.db.pages import Order, Page
from impl.models import Item, Session
from impl.repositories import items as item_queries
from impl.repositories.idempotency_keys import IdempotencyKeyRepository
from impl.repositories.items import ItemRepository
from impl.repositories.sessions import SessionRepository
from impl.services import items as item_rules
from impl.services.items import ItemService
from impl.services.users import UserService

DEFECTS: dict[str, Callable[[], None]] = {}


def defect(plant: Callable[[], None]) -> Callable[[], None]:
    DEFECTS[plant.__name__] = plant
    return plant


def create_app() -> FastAPI:
    DEFECTS[os.environ["DEFECT"]]()
    return application.create_app()


# -- what is written ------------------------------------------------------------------------------


@defect
def a_patch_is_not_kept() -> None:
    async def change(self: ItemRepository, item_id: UUID, owner_id: UUID, *rest: Any) -> Any:
        return await self.get(item_id, owner_id)

    ItemRepository.change = change


@defect
def a_delete_does_not_delete() -> None:
    async def delete(self: ItemRepository, item_id: UUID, owner_id: UUID, *rest: Any) -> bool:
        return await self.get(item_id, owner_id) is not None

    ItemRepository.delete = delete


@defect
def a_created_item_is_not_saved() -> None:
    original = ItemRepository.add

    async def add(self: ItemRepository, row: Item) -> Item:
        await original(self, row)
        await self.session.rollback()
        return row

    ItemRepository.add = add


@defect
def a_member_of_a_new_item_is_lost() -> None:
    original = item_rules.values_of

    def values_of(body: Any, *, patch: bool = False) -> dict[str, object]:
        values = original(body, patch=patch)
        values["tags"] = list(body.tags or [])[:1]
        return values

    item_rules.values_of = values_of


@defect
def a_stale_change_is_accepted() -> None:
    item_rules.versions = lambda if_match: None


# -- what is read ---------------------------------------------------------------------------------


@defect
def a_page_is_longer_than_its_limit() -> None:
    def page(self: Order[Any], rows: Any, limit: int) -> Any:
        return Page(rows, None)

    Order.page = page


@defect
def a_wildcard_is_not_escaped() -> None:
    async def page(self: ItemRepository, owner_id: UUID, **asked: Any) -> Any:
        order = item_queries.order_of(asked["sort"])
        query = select(Item).where(Item.owner_id == owner_id)
        if asked["text"] is not None:
            query = query.where(Item.title.ilike(f"%{asked['text']}%"))
        rows = await self.session.scalars(order.slice(query, asked["cursor"], asked["limit"]))
        return order.page(rows.all(), asked["limit"])

    ItemRepository.page = page


@defect
def a_filter_is_ignored() -> None:
    original = ItemRepository.page

    async def page(self: ItemRepository, owner_id: UUID, **asked: Any) -> Any:
        return await original(self, owner_id, **(asked | {"status": None}))

    ItemRepository.page = page


@defect
def the_order_is_ignored() -> None:
    newest_first = item_queries.order_of(schemas.ItemSort("-created_at"))
    item_queries.order_of = lambda sort: newest_first


@defect
def an_entity_tag_is_missing() -> None:
    original = GetItem200.headers

    def headers(self: Any) -> dict[str, str]:
        found = original(self)
        found.pop("ETag", None)
        return found

    check_no_responses()
    GetItem200.headers = headers


@defect
def a_password_hash_is_in_an_answer() -> None:
    check_no_responses()
    original = replies.encode

    def encode(body: object, media_type: str) -> bytes:
        content = original(body, media_type)
        if isinstance(body, schemas.User):
            return content[:-1] + b',"password_hash":"$bcrypt-sha256$..."}'
        return content

    replies.encode = encode


@defect
def a_null_where_none_may_be() -> None:
    check_no_responses()
    original = replies.encode

    def encode(body: object, media_type: str) -> bytes:
        content = original(body, media_type)
        return content.replace(b'"tags":[]', b'"tags":null')

    replies.encode = encode


# -- what it means --------------------------------------------------------------------------------


@defect
def a_cursor_is_ignored() -> None:
    original = Order.slice

    def slice_(self: Order[Any], query: Any, cursor: str | None, limit: int) -> Any:
        return original(self, query, None, limit)

    Order.slice = slice_


@defect
def a_row_is_lost_between_pages() -> None:
    original = Order.page

    def page(self: Order[Any], rows: Any, limit: int) -> Any:
        if len(rows) <= limit:
            return original(self, rows, limit)
        return Page(rows[:limit], original(self, rows[1:], limit).next_cursor)

    Order.page = page


@defect
def an_idempotency_key_is_ignored() -> None:
    async def claim(self: IdempotencyKeyRepository, *request: Any) -> bool:
        return True

    async def keep(self: IdempotencyKeyRepository, *request: Any) -> None:
        return None

    IdempotencyKeyRepository.claim = claim
    IdempotencyKeyRepository.keep = keep


@defect
def an_entity_tag_never_changes() -> None:
    item_rules.entity_tag = lambda item: '"1"'


@defect
def a_location_is_of_something_else() -> None:
    original = item_rules.created

    def created(body: Any, etag: str) -> CreateItem201:
        found = original(body, etag)
        return replace(found, location=f"/items/{UUID(int=0)}")

    item_rules.created = created


@defect
def a_time_is_an_hour_off() -> None:
    original = item_rules.values_of

    def values_of(body: Any, *, patch: bool = False) -> dict[str, object]:
        values = original(body, patch=patch)
        due_at = values.get("due_at")
        if isinstance(due_at, datetime):
            values["due_at"] = due_at + timedelta(hours=1)
        return values

    item_rules.values_of = values_of


@defect
def a_session_lives_on() -> None:
    async def revoke_all(self: SessionRepository, *whose: Any, **rest: Any) -> None:
        return None

    SessionRepository.revoke_all = revoke_all


@defect
def everybodys_sessions_are_listed() -> None:
    async def live(self: SessionRepository, user_id: UUID, limit: int) -> Any:
        query = select(Session).order_by(Session.created_at.desc()).limit(limit)
        return (await self.session.scalars(query)).all()

    SessionRepository.live = live


@defect
def everybodys_items_are_listed() -> None:
    async def page(self: ItemRepository, owner_id: UUID, **asked: Any) -> Any:
        order = item_queries.order_of(asked["sort"])
        rows = await self.session.scalars(
            order.slice(select(Item), asked["cursor"], asked["limit"])
        )
        return order.page(rows.all(), asked["limit"])

    ItemRepository.page = page


# -- who may do what ------------------------------------------------------------------------------


@defect
def a_stranger_reads_an_item() -> None:
    async def get(self: ItemRepository, item_id: UUID, owner_id: UUID) -> Item | None:
        return await self.session.scalar(select(Item).where(Item.id == item_id))

    ItemRepository.get = get


@defect
def a_stranger_changes_an_item() -> None:
    item_queries.at_version = lambda item_id, owner_id, versions: Item.id == item_id


@defect
def a_signature_is_not_checked() -> None:
    def read(self: AccessTokens, token: str) -> AccessClaims:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]))
        except (jwt.InvalidTokenError, ValueError, KeyError) as error:
            raise problems.InvalidToken from error

    AccessTokens.read = read


@defect
def an_expired_token_is_accepted() -> None:
    AccessTokens._check_times = lambda self, claims: None


@defect
def a_token_of_another_type_is_accepted() -> None:
    tokens.TYPES = (*tokens.TYPES, "jwt")


@defect
def a_refresh_token_is_good_for_ever() -> None:
    async def rotate(
        self: SessionRepository, session_id: UUID, presented: int, idle: timedelta
    ) -> Session | None:
        statement = update(Session).where(Session.id == session_id)
        return await self.session.scalar(
            statement.values(generation=Session.generation + 1).returning(Session)
        )

    SessionRepository.rotate = rotate


@defect
def an_operation_needs_no_token() -> None:
    original = authentication.authenticate

    async def authenticate(request: Any, **arguments: Any) -> Principal:
        try:
            return await original(request, **arguments)
        except problems.Unauthenticated:
            if request.method == "GET" and request.url.path == "/items":
                return Principal(UUID(int=0), frozenset(Scope), UUID(int=0))
            raise

    authenticate.__signature__ = signature(original)
    dependencies.authenticate = authenticate


@defect
def an_ordinary_user_is_an_administrator() -> None:
    original = authentication.find_bearer

    async def find_bearer(*arguments: Any) -> Any:
        found = await original(*arguments)
        if found is None:
            return None
        scopes = [scope.value for scope in Scope]
        return type(found)(administrator=True, scopes=scopes)

    authentication.find_bearer = find_bearer


# -- how it fails ---------------------------------------------------------------------------------


@defect
def a_status_is_not_declared() -> None:
    problems.EmailTaken.status = 418


@defect
def a_problem_is_plain_text() -> None:
    original = problems.response

    def response(status: int, detail: str, **rest: Any) -> Response:
        if status == 404:
            return Response(detail, status, media_type="text/plain")
        return original(status, detail, **rest)

    problems.response = response


@defect
def a_challenge_is_missing() -> None:
    problems.InvalidToken.headers = property(lambda self: {})
    problems.Unauthenticated.headers = property(lambda self: {})


@defect
def a_rare_value_is_an_error() -> None:
    original = ItemService.create_item

    async def create_item(self: ItemService, principal: Any, **asked: Any) -> CreateItem201:
        if asked["body"].title == "admin":
            raise RuntimeError("a rare value")
        return await original(self, principal, **asked)

    create_item.__annotations__ = original.__annotations__
    ItemService.create_item = create_item


@defect
def a_combination_is_an_error() -> None:
    original = ItemService.list_items

    async def list_items(self: ItemService, principal: Any, **asked: Any) -> Any:
        if asked["status"] is not None and asked["cursor"] is not None and asked["limit"] > 90:
            raise RuntimeError("a combination of three")
        return await original(self, principal, **asked)

    ItemService.list_items = list_items


@defect
def a_null_breaks_a_patch() -> None:
    original = UserService.update_me

    async def update_me(self: UserService, principal: Any, *, body: Any) -> schemas.User:
        len(body.full_name)
        return await original(self, principal, body=body)

    UserService.update_me = update_me


@defect
def an_answer_takes_too_long() -> None:
    original = UserService.get_me

    async def get_me(self: UserService, principal: Any) -> schemas.User:
        await asyncio.sleep(4.9)
        await asyncio.sleep(0.4)
        return await original(self, principal)

    UserService.get_me = get_me


# -- what is let in -------------------------------------------------------------------------------


@defect
def a_body_is_not_judged() -> None:
    original = Body.read

    async def read(self: Body, request: Any, found: list[Any]) -> Any:
        value = await original(self, request, found)
        found.clear()
        return value

    Body.read = read


@defect
def an_unknown_parameter_is_let_in() -> None:
    original = ParameterReader.read

    def read(self: ParameterReader, request: Any, found: list[Any]) -> list[Any]:
        values = original(self, request, found)
        found[:] = [fault for fault in found if "not of type" not in fault.detail]
        return values

    ParameterReader.read = read


@defect
def valid_data_is_refused() -> None:
    original = UserService.create_user

    async def create_user(self: UserService, *, body: Any) -> Any:
        if body.full_name is not None and not body.full_name.isascii():
            raise problems.UnfitPassword("/full_name", "is not ASCII")
        return await original(self, body=body)

    UserService.create_user = create_user


@defect
def an_undeclared_method_is_answered() -> None:
    original = Methods.refusal
    Methods.refusal = lambda self, method, declared: (
        Response(status_code=200) if method == "PUT" else original(self, method, declared)
    )


@defect
def a_method_is_missing_from_allow() -> None:
    original = Methods.refusal
    Methods.refusal = lambda self, method, declared: original(self, method, declared[:1])


def check_no_responses() -> None:
    """The service would notice by itself, and answer 500: let it answer what it answers."""
    os.environ["RESPONSE_CHECK_SHARE"] = "0"
