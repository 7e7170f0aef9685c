"""What is over, and goes on."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import update

from generated import schemas
from generated.responses import ChangePassword204
from generated.security import Scope
from impl import authentication
from impl.core import problems
from impl.core.passwords import Passwords, Verdict
from impl.models import Session
from impl.repositories.sessions import SessionRepository
from impl.services.auth import AuthService
from impl.services.users import UserService
from tests.contract.defects.planting import defect, instead_of


@defect
def a_session_lives_on() -> None:
    @instead_of(SessionRepository, "revoke_all")
    async def revoke_all(original: Any, self: SessionRepository, *whose: Any, **rest: Any) -> None:
        return None


@defect
def logging_out_everywhere_spares_the_session_that_asks() -> None:
    @instead_of(AuthService, "delete_sessions")
    async def delete_sessions(original: Any, self: AuthService, principal: Any) -> None:
        await self.sessions.revoke_all(principal.id, except_for=principal.session_id)


@defect
def logging_out_everywhere_ends_the_session_that_asks_alone() -> None:
    @instead_of(AuthService, "delete_sessions")
    async def delete_sessions(original: Any, self: AuthService, principal: Any) -> None:
        await self.sessions.revoke(principal.session_id, principal.id)


@defect
def a_change_of_the_password_ends_nothing() -> None:
    @instead_of(UserService, "change_password")
    async def change_password(original: Any, self: UserService, principal: Any, **rest: Any) -> Any:
        @instead_of(self.sessions, "revoke_all")
        async def revoke_all(revoke: Any, *whose: Any, **rest: Any) -> None:
            return None

        return await original(self, principal, **rest)


@defect
def the_old_password_is_good_for_ever() -> None:
    @instead_of(UserService, "change_password")
    async def change_password(
        original: Any, self: UserService, principal: Any, *, body: Any
    ) -> Any:
        same = body.model_copy(update={"new_password": body.current_password})
        return await original(self, principal, body=same)


@defect
def any_current_password_will_do() -> None:
    @instead_of(UserService, "change_password")
    async def change_password(original: Any, self: UserService, principal: Any, **rest: Any) -> Any:
        try:
            return await original(self, principal, **rest)
        except problems.WrongPassword:
            return ChangePassword204()


@defect
def the_case_of_a_password_is_ignored() -> None:
    verify_as_well(str.swapcase)


@defect
def the_end_of_a_password_is_ignored() -> None:
    verify_as_well(lambda password: password[:-1])


def verify_as_well(spell: Callable[[str], str]) -> None:
    """Take a password that is right in another spelling, too."""

    @instead_of(Passwords, "_verify")
    def verify(original: Any, self: Passwords, password: str, password_hash: Any) -> Verdict:
        found: Verdict = original(self, password, password_hash)
        return found if found.correct else original(self, spell(password), password_hash)


@defect
def a_revocation_ends_nothing() -> None:
    @instead_of(AuthService, "revoke_token")
    async def revoke_token(original: Any, self: AuthService, principal: Any, *, body: Any) -> Any:
        unknown = schemas.RevocationRequest(token="unknown")
        return await original(self, principal, body=unknown)


@defect
def a_stranger_revokes_a_token() -> None:
    @instead_of(SessionRepository, "revoke")
    async def revoke(original: Any, self: SessionRepository, session_id: UUID, *whose: Any) -> Any:
        return await original(self, session_id)


@defect
def ending_one_session_ends_nothing() -> None:
    @instead_of(AuthService, "delete_session")
    async def delete_session(original: Any, self: AuthService, principal: Any, **rest: Any) -> None:
        return None


@defect
def nothing_ends_a_session() -> None:
    a_session_lives_on()
    a_revocation_ends_nothing()
    ending_one_session_ends_nothing()
    a_demotion_waits_for_the_next_login()


@defect
def a_refresh_token_is_good_for_ever() -> None:
    successors: dict[str, str] = {}

    @instead_of(AuthService, "create_token")
    async def create_token(original: Any, self: AuthService, *, body: Any) -> Any:
        if not isinstance(body.root, schemas.RefreshTokenGrant):
            return await original(self, body=body)
        spent = body.root.refresh_token
        newest = spent
        while newest in successors:
            newest = successors[newest]
        grant = body.root.model_copy(update={"refresh_token": newest})
        found = await original(self, body=body.model_copy(update={"root": grant}))
        successors[newest] = found.body.refresh_token
        return found


@defect
def a_refresh_widens_the_scopes() -> None:
    @instead_of(SessionRepository, "rotate")
    async def rotate(original: Any, self: SessionRepository, session_id: UUID, *rest: Any) -> Any:
        every = update(Session).where(Session.id == session_id).values(scopes=sorted(Scope))
        await self.session.execute(every)
        return await original(self, session_id, *rest)


@defect
def a_refresh_token_outlives_its_session() -> None:
    get = SessionRepository.get

    @instead_of(AuthService, "_continue")
    async def go_on(original: Any, self: AuthService, refresh_token: str) -> Any:
        try:
            return await original(self, refresh_token)
        except problems.RefusedRefreshToken:
            claims = self.refresh_tokens.read(refresh_token)
            session = await get(self.sessions, claims.session_id) if claims else None
            if session is None:
                raise
            return session


@defect
def who_has_been_let_in_once_stays() -> None:
    """What the database said at first is kept for all requests."""
    known: dict[UUID, Any] = {}

    @instead_of(authentication, "find_bearer")
    async def find_bearer(original: Any, connection: Any, user_id: UUID, session_id: UUID) -> Any:
        if known.get(session_id) is None:
            known[session_id] = await original(connection, user_id, session_id)
        return known[session_id]


@defect
def a_demotion_waits_for_the_next_login() -> None:
    known: dict[UUID, Any] = {}

    @instead_of(authentication, "find_bearer")
    async def find_bearer(original: Any, connection: Any, user_id: UUID, session_id: UUID) -> Any:
        found = await original(connection, user_id, session_id)
        return known.setdefault(session_id, found) if found is not None else None


@defect
def a_deactivation_waits_for_the_end_of_the_session() -> None:
    known: dict[UUID, Any] = {}
    locked: set[UUID] = set()

    @instead_of(authentication, "find_bearer")
    async def find_bearer(original: Any, connection: Any, user_id: UUID, session_id: UUID) -> Any:
        found = await original(connection, user_id, session_id)
        if found is not None:
            known[session_id] = found
        return found or (known.get(session_id) if user_id in locked else None)

    @instead_of(UserService, "update_user")
    async def update_user(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        if asked["body"].active is False:
            locked.add(asked["user_id"])
        return await original(self, principal, **asked)
