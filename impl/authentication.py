"""Who calls? Asked before anything of the request is read, and answered by the database."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer, SecurityScopes

from generated.security import Principal, Scope
from impl.core.problems import InsufficientScope, InvalidToken, Unauthenticated
from impl.core.tokens import AccessTokens
from impl.db.session import Database, database
from impl.repositories.sessions import find_bearer

bearer = OAuth2PasswordBearer(tokenUrl="/auth/token", auto_error=False)


async def access_tokens(request: Request) -> AccessTokens:
    found: AccessTokens = request.app.state.access_tokens
    return found


async def authenticate(
    request: Request,
    required: SecurityScopes,
    token: Annotated[str | None, Depends(bearer)],
    access_tokens: Annotated[AccessTokens, Depends(access_tokens)],
    database: Annotated[Database, Depends(database)],
) -> Principal:
    """The caller of a secured operation; `required` are the scopes that the document names.

    What the caller may do is read from the database, never from the token: a revocation, a
    deactivation or a demotion holds on the next request.

    Raises Unauthenticated without credentials, InvalidToken with bad ones, InsufficientScope.
    """
    if len(request.headers.getlist("Authorization")) > 1:
        raise InvalidToken
    if token is None:
        raise Unauthenticated("This operation needs an access token.")
    claims = access_tokens.read(token)
    async with database.autocommit.connect() as connection:
        found = await find_bearer(connection, claims.user_id, claims.session_id)
    if found is None:
        raise InvalidToken
    scopes = frozenset(Scope(name) for name in found.scopes)
    if not found.administrator:
        scopes -= {Scope.USERS_ADMIN}
    if missing := [scope for scope in required.scopes if scope not in scopes]:
        raise InsufficientScope(missing)
    return Principal(claims.user_id, scopes, claims.session_id)
