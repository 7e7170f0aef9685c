"""Who may do what."""

from dataclasses import replace
from inspect import signature
from typing import Any
from uuid import UUID

import jwt

from generated import schemas
from generated.responses import GetItem304
from generated.security import Principal, Scope
from impl import authentication, dependencies
from impl.core import problems, tokens
from impl.core.tokens import AccessClaims, AccessTokens
from impl.services import auth
from impl.services.auth import AuthService
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
def a_stranger_is_told_of_another_version() -> None:
    """A stale tag is refused before it is asked whose the item is."""
    known: set[UUID] = set()

    @instead_of(ItemService, "create_item")
    async def create_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        created = await original(self, principal, **asked)
        known.add(created.body.id)
        return created

    @instead_of(ItemService, "update_item")
    async def update_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        try:
            return await original(self, principal, **asked)
        except problems.NotFound as error:
            if asked["item_id"] in known and asked["if_match"] != "*":
                raise problems.PreconditionFailed("The item has changed.") from error
            raise


@defect
def a_stranger_is_told_that_nothing_has_changed() -> None:
    tags: dict[UUID, str] = {}

    @instead_of(ItemService, "get_item")
    async def get_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        if asked["if_none_match"] is not None and asked["item_id"] in tags:
            tag = tags[asked["item_id"]]
            if asked["if_none_match"] == tag:
                return GetItem304(etag=tag)
        found = await original(self, principal, **asked)
        tags[asked["item_id"]] = found.etag
        return found


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
def an_audience_is_not_looked_at() -> None:
    verify_all_but("aud")


@defect
def an_issuer_is_not_looked_at() -> None:
    verify_all_but("iss")


def verify_all_but(claim: str) -> None:
    """Read every token as if one claim were ours."""

    @instead_of(AccessTokens, "_verified")
    def verified(original: Any, self: AccessTokens, token: str) -> Any:
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
            expected = {"aud": self.audience, "iss": self.issuer}[claim]
            key = self.keys[header["kid"]]
            jwt.decode(token, key, [tokens.ALGORITHM], options={"verify_aud": False})
        except (jwt.InvalidTokenError, ValueError, KeyError):
            return original(self, token)
        claims[claim] = expected
        return original(self, jwt.encode(claims, key, tokens.ALGORITHM, header))


@defect
def a_token_says_that_it_is_good_for_longer() -> None:
    @instead_of(AuthService, "_tokens_of")
    def tokens_of(original: Any, self: AuthService, session: Any) -> schemas.TokenPair:
        found: schemas.TokenPair = original(self, session)
        return found.model_copy(update={"expires_in": found.expires_in * 60})


@defect
def a_login_gives_more_scopes_than_asked_for() -> None:
    @instead_of(auth, "requested_scopes")
    def requested_scopes(original: Any, scope: str | None) -> Any:
        original(scope)
        return original(None)


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
