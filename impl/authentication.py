"""Who calls? Asked before anything of the request is read, and answered by the database."""

from contextlib import suppress
from typing import Annotated, Any, Never
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from sqlalchemy.exc import SQLAlchemyError

from charter import runtime
from charter.runtime import Contract
from charter.runtime.credentials import Security
from charter.runtime.streams import STILL_ALLOWED, USER
from charter.service.events import SecurityEvent, record
from charter.service.outage import DatabaseUnreachable, is_outage
from charter.service.pool import wait_anew
from charter.service.sessions import Session
from generated.security import Principal, Scope
from impl.core.accounts import ADMINISTRATIVE, PREFIX
from impl.core.problems import InsufficientScope, InvalidToken, Unauthenticated
from impl.core.tokens import AccessTokens
from impl.db.session import SAFE_METHODS, Database, Statementwise, database
from impl.repositories.sessions import find_bearer

NOBODY = UUID(int=0)
SCOPES = {scope.value: scope for scope in Scope}

bearer = OAuth2PasswordBearer(tokenUrl=f"{PREFIX}/auth/token", auto_error=False)


async def access_tokens(request: Request) -> AccessTokens:
    found: AccessTokens = request.app.state.access_tokens
    return found


async def security(request: Request) -> Security:
    """What the document asks of whoever calls the operation."""
    contract: Contract = request.app.state.contract
    return contract.credentials(request.scope["route"].operation_id)


async def authenticate(
    request: Request,
    required: SecurityScopes,
    security: Annotated[Security, Depends(security)],
    token: Annotated[str | None, Depends(bearer)],
    access_tokens: Annotated[AccessTokens, Depends(access_tokens)],
    database: Annotated[Database, Depends(database)],
    statements: Statementwise,
) -> Principal:
    """The caller of a secured operation; `required` are the scopes that the document names.

    What the caller may do is read from the database, never from the token: a revocation, a
    deactivation or a demotion holds on the next request, and ends a stream within seconds.

    Raises Unauthenticated without credentials, InvalidToken with bad ones, InsufficientScope.
    """
    shown = (required, security, token, access_tokens)

    # if it knew the request, whose scope knows it, only the garbage collector would free both
    async def again(request: Request) -> None:
        wait_anew()
        async with database.statements() as session:
            await still_allowed(request, *shown, session)

    request.scope[STILL_ALLOWED] = again
    principal = await caller(request, *shown, statements)
    if request.method not in SAFE_METHODS:
        await statements.release()  # the body may be long in coming
    return principal


async def warm_up(database: Database) -> None:
    """Ask for nobody once, so that no request waits for the first connection and statement."""
    with suppress(SQLAlchemyError, DatabaseUnreachable):  # the first request will say it better
        async with database.statements() as session:
            await find_bearer(session, NOBODY, NOBODY)


async def still_allowed(*shown: Any) -> None:
    """Raises what says that a stream's caller has lost the right to it; an outage says nothing."""
    try:
        await caller(*shown)
    except (SQLAlchemyError, DatabaseUnreachable) as error:
        if not is_outage(error):
            raise


async def caller(
    request: Request,
    required: SecurityScopes,
    security: Security,
    token: str | None,
    access_tokens: AccessTokens,
    session: Session,
) -> Principal:
    if len(request.headers.getlist("Authorization")) > 1:
        raise InvalidToken
    if token is None or not security.by_bearer:
        await without_token(request, security)
    claims = access_tokens.read(token)
    found = await find_bearer(session, claims.user_id, claims.session_id)
    if found is None:
        raise InvalidToken
    request.scope[USER] = claims.user_id
    scopes = frozenset(map(SCOPES.__getitem__, found.scopes))
    if not found.administrator:
        scopes -= ADMINISTRATIVE
    if not any(scopes.issuperset(asked) for asked in security.by_bearer):
        missing = [name for name in required.scopes if name not in scopes]
        record(SecurityEvent.RIGHTS_REFUSED, claims.user_id, missing=" ".join(missing))
        raise InsufficientScope(missing)
    return Principal(claims.user_id, scopes, claims.session_id)


async def without_token(request: Request, security: Security) -> Never:
    """Keys, passwords and certificates: where the document takes them, here is the place to.

    Raises Unauthenticated where nothing is shown, NotImplementedError for what nobody checks yet.
    """
    try:
        await security(request)
    except runtime.MissingCredentials as error:
        if security.by_bearer:
            raise Unauthenticated("This operation needs an access token.") from error
        raise Unauthenticated(error.detail, error.challenges) from error
    raise NotImplementedError
