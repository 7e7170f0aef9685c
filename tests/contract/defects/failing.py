"""How answers are written, and how the service fails."""

import asyncio
from typing import Any

from starlette.responses import Response

from charter.runtime import replies
from generated import schemas
from impl.core import problems
from impl.services.items import ItemService
from impl.services.users import UserService
from tests.contract.defects.planting import check_no_responses, defect, instead_of


@defect
def a_password_hash_is_in_an_answer() -> None:
    check_no_responses()

    @instead_of(replies, "encode")
    def encode(original: Any, body: object, media_type: str) -> bytes:
        content = original(body, media_type)
        if isinstance(body, schemas.User):
            return content[:-1] + b',"password_hash":"$bcrypt-sha256$..."}'
        return content


@defect
def a_null_where_none_may_be() -> None:
    check_no_responses()

    @instead_of(replies, "encode")
    def encode(original: Any, body: object, media_type: str) -> bytes:
        content = original(body, media_type)
        return content.replace(b'"tags":[]', b'"tags":null')


@defect
def a_status_is_not_declared() -> None:
    problems.EmailTaken.status = 418


@defect
def a_problem_is_plain_text() -> None:
    @instead_of(problems, "response")
    def response(original: Any, status: int, detail: str, **rest: Any) -> Response:
        if status == 404:
            return Response(detail, status, media_type="text/plain")
        return original(status, detail, **rest)


@defect
def a_problem_names_another_status() -> None:
    @instead_of(problems, "response")
    def response(original: Any, status: int, detail: str, **rest: Any) -> Response:
        answer: Response = original(400 if status == 422 else status, detail, **rest)
        answer.status_code = status
        return answer


@defect
def a_challenge_is_missing() -> None:
    problems.InvalidToken.headers = property(lambda self: {})
    problems.Unauthenticated.headers = property(lambda self: {})


@defect
def a_rare_value_is_an_error() -> None:
    @instead_of(ItemService, "create_item")
    async def create_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        if asked["body"].title == "admin":
            raise RuntimeError("a rare value")
        return await original(self, principal, **asked)


@defect
def a_combination_is_an_error() -> None:
    @instead_of(ItemService, "list_items")
    async def list_items(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        if asked["status"] is not None and asked["cursor"] is not None and asked["limit"] > 90:
            raise RuntimeError("a combination of three")
        return await original(self, principal, **asked)


@defect
def a_null_breaks_a_patch() -> None:
    @instead_of(UserService, "update_me")
    async def update_me(
        original: Any, self: UserService, principal: Any, *, body: Any
    ) -> schemas.User:
        len(body.full_name)
        return await original(self, principal, body=body)


@defect
def an_answer_takes_too_long() -> None:
    @instead_of(UserService, "get_me")
    async def get_me(original: Any, self: UserService, principal: Any) -> schemas.User:
        await asyncio.sleep(4.9)
        await asyncio.sleep(0.4)
        return await original(self, principal)
