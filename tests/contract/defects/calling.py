"""Who may do what."""

from dataclasses import replace
from inspect import signature
from typing import Any
from uuid import UUID

import jwt

from generated.security import Principal, Scope
from impl import authentication, dependencies
from impl.core import problems, tokens
from impl.core.tokens import AccessClaims, AccessTokens
from impl.services.items import ItemService
from tests.contract.defects.planting import defect, instead_of


@defect
def a_stranger_reads_an_item() -> None:
    open_to_all("get_item")


@defect
def a_stranger_changes_an_item() -> None:
    open_to_all("replace_item")
    open_to_all("update_item")


@defect
def a_stranger_deletes_an_item() -> None:
    open_to_all("delete_item")


def open_to_all(operation: str) -> None:
    """Look for the item among those of everybody who has asked before."""
    owners: set[UUID] = set()

    @instead_of(ItemService, "create_item")
    async def create_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        owners.add(principal.id)
        return await original(self, principal, **asked)

    @instead_of(ItemService, operation)
    async def find(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        for owner in owners - {principal.id}:
            try:
                return await original(self, replace(principal, id=owner), **asked)
            except problems.NotFound:
                continue
        return await original(self, principal, **asked)


@defect
def a_signature_is_not_checked() -> None:
    @instead_of(AccessTokens, "read")
    def read(original: Any, self: AccessTokens, token: str) -> AccessClaims:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]))
        except (jwt.InvalidTokenError, ValueError, KeyError) as error:
            raise problems.InvalidToken from error


@defect
def an_expired_token_is_accepted() -> None:
    instead_of(AccessTokens, "_check_times")(lambda original, self, claims: None)


@defect
def a_token_of_another_type_is_accepted() -> None:
    tokens.TYPES = (*tokens.TYPES, "jwt")


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
    @instead_of(authentication, "find_bearer")
    async def find_bearer(original: Any, *arguments: Any) -> Any:
        found = await original(*arguments)
        if found is None:
            return None
        scopes = [scope.value for scope in Scope]
        return type(found)(administrator=True, scopes=scopes)
