from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from charter.service.events import SecurityEvent, record
from generated import schemas
from generated.operations import AuthOperations
from generated.responses import CreateToken200, ListSessions200, RevokeToken200
from generated.security import Principal, Scope
from impl.core.accounts import ADMINISTRATIVE, PREFIX
from impl.core.config import Settings
from impl.core.links import next_page
from impl.core.passwords import Passwords
from impl.core.problems import (
    BadCredentials,
    InvalidScope,
    InvalidToken,
    NotFound,
    RefusedRefreshToken,
)
from impl.core.tokens import AccessTokens, RefreshClaims, RefreshTokens
from impl.models import Session, User
from impl.repositories.sessions import SessionRepository
from impl.repositories.users import UserRepository
from impl.services.budgets import Budgets
from impl.services.login_guard import LoginGuard, login, record_failure

LONGEST_USER_AGENT = 256


@dataclass(frozen=True)
class Lifetimes:
    """How long a session lasts: without use, at most, and how long a spent token is forgiven."""

    idle: timedelta
    absolute: timedelta
    grace: timedelta
    access_token: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Lifetimes":
        return cls(
            idle=timedelta(days=settings.refresh_idle_days),
            absolute=timedelta(days=settings.refresh_absolute_days),
            grace=timedelta(seconds=settings.refresh_reuse_grace_seconds),
            access_token=settings.access_token_lifetime,
        )


@dataclass(frozen=True)
class Client:
    """What the program that logs in tells about itself and where it calls from."""

    user_agent: str | None
    address: str | None


class AuthService(AuthOperations):
    """A login is a row; its tokens are signed or derived, and end with it."""

    def __init__(
        self,
        users: UserRepository,
        sessions: SessionRepository,
        budgets: Budgets,
        guard: LoginGuard,
        passwords: Passwords,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        lifetimes: Lifetimes,
        client: Client,
    ) -> None:
        self.users = users
        self.sessions = sessions
        self.budgets = budgets
        self.guard = guard
        self.passwords = passwords
        self.access_tokens = access_tokens
        self.refresh_tokens = refresh_tokens
        self.lifetimes = lifetimes
        self.client = client

    async def create_token(self, *, body: schemas.TokenRequest) -> CreateToken200:
        match body.root:
            case schemas.PasswordGrant() as grant:
                session = await self._log_in(grant)
            case schemas.RefreshTokenGrant() as grant:
                session = await self._continue(grant.refresh_token)
        return CreateToken200(self._tokens_of(session))

    async def revoke_token(
        self, principal: Principal, *, body: schemas.RevocationRequest
    ) -> RevokeToken200:
        session_id = self._session_of(body.token)
        if session_id is not None:
            await self._end(session_id, principal)
        return RevokeToken200()  # RFC 7009 section 2.2: an unknown token is revoked already

    async def list_sessions(
        self, principal: Principal, *, limit: int, cursor: str | None
    ) -> ListSessions200:
        page = await self.sessions.live(principal.id, limit=limit, cursor=cursor)
        body = schemas.SessionPage(
            data=[present(row, principal) for row in page.rows], next_cursor=page.next_cursor
        )
        link = next_page(f"{PREFIX}/auth/sessions", page.next_cursor, limit=limit)
        return ListSessions200(body, link=link)

    async def delete_sessions(self, principal: Principal) -> None:
        await self.sessions.revoke_all(principal.id)
        record(SecurityEvent.SESSION_REVOKED, principal.id, sessions="all")

    async def delete_session(self, principal: Principal, *, session_id: UUID) -> None:
        if not await self._end(session_id, principal):
            raise NotFound("You have no such session.")

    async def _end(self, session_id: UUID, principal: Principal) -> bool:
        ended = await self.sessions.revoke(session_id, principal.id)
        if ended:
            record(SecurityEvent.SESSION_REVOKED, principal.id, session_id=session_id)
        return ended

    async def _log_in(self, grant: schemas.PasswordGrant) -> Session:
        """The same work and answer for a wrong password, a stranger, and who may not log in."""
        asked = requested_scopes(grant.scope)
        email = grant.username.strip()
        session = None
        with self.passwords.logins.place():
            await self.budgets.spend("login", login(email))
            while session is None:  # or the account changed while its password was compared
                is_last = await self.guard.admit(login(email))
                user = await self.users.by_email(email)
                await self.users.release()
                password_hash = user.password_hash if user else None
                verdict = await self.passwords.verify(grant.password, password_hash)
                if user is None or not user.active or not verdict.correct:
                    user_id = user.id if user else None
                    record_failure(SecurityEvent.LOGIN_FAILED, user_id, is_last=is_last)
                    raise BadCredentials
                await self.guard.forget(login(email))
                session = await self._open_session(user, verdict.replacement, asked)
        record(SecurityEvent.LOGIN_SUCCEEDED, session.user_id, session_id=session.id)
        return session

    async def _open_session(
        self, user: User, replacement: str | None, asked: AbstractSet[Scope]
    ) -> Session | None:
        """None if the password or the account is no longer what was checked."""
        current = replacement or user.password_hash
        if replacement is not None and not await self.users.replace_password(
            user.id, user.password_hash, replacement
        ):
            return None
        scopes = asked if user.administrator else asked - ADMINISTRATIVE
        return await self.sessions.open(
            user.id,
            current,
            scopes=sorted(scopes),
            idle=self.lifetimes.idle,
            absolute=self.lifetimes.absolute,
            user_agent=self.client.user_agent and self.client.user_agent[:LONGEST_USER_AGENT],
            address=self.client.address,
        )

    async def _continue(self, refresh_token: str) -> Session:
        """RFC 9700 section 4.14.2: a token is spent once, and its replay ends the session.

        Within the grace the token spent last answers the same successor again: the client that
        lost the answer goes on, and a second live token never exists.
        """
        claims = self.refresh_tokens.read(refresh_token)
        if claims is None:
            raise RefusedRefreshToken
        await self.budgets.spend("refresh", claims.session_id)
        spent = (claims.session_id, claims.generation)
        session = await self.sessions.rotate(*spent, self.lifetimes.idle)
        session = session or await self.sessions.just_rotated(*spent, self.lifetimes.grace)
        if session is None:
            await self._end_replayed(claims)
            raise RefusedRefreshToken
        return session

    async def _end_replayed(self, claims: RefreshClaims) -> None:
        session = await self.sessions.get(claims.session_id)
        if session is not None and claims.generation < session.generation:
            record(SecurityEvent.REFRESH_TOKEN_REUSED, session.user_id, session_id=session.id)
        await self.sessions.revoke(claims.session_id)

    def _tokens_of(self, session: Session) -> schemas.TokenPair:
        return schemas.TokenPair(
            access_token=self.access_tokens.issue(session.user_id, session.id),
            token_type="bearer",  # noqa: S106 - a kind of token, not one
            expires_in=int(self.lifetimes.access_token.total_seconds()),
            refresh_token=self.refresh_tokens.issue(session.id, session.generation),
            scope=" ".join(session.scopes),
        )

    def _session_of(self, token: str) -> UUID | None:
        if claims := self.refresh_tokens.read(token):
            return claims.session_id
        try:
            return self.access_tokens.read(token).session_id
        except InvalidToken:
            return None


def requested_scopes(scope: str | None) -> frozenset[Scope]:
    """RFC 6749 section 3.3. Raises InvalidScope for a name that the document does not list."""
    if scope is None:
        return frozenset(Scope)
    try:
        return frozenset(Scope(name) for name in scope.split())
    except ValueError as error:
        raise InvalidScope("A scope is asked for that this service does not know.") from error


def present(session: Session, principal: Principal) -> schemas.Session:
    return schemas.Session(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.rotated_at,
        expires_at=session.idle_expires_at,
        user_agent=session.user_agent,
        address=session.address,
        current=session.id == principal.session_id,
    )
