from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from charter.service.events import SecurityEvent, record
from charter.service.outage import constraint
from generated import schemas
from generated.operations import UsersOperations
from generated.responses import ChangePassword204, CreateUser201, ListUsers200
from generated.security import Principal
from impl.core.accounts import PREFIX
from impl.core.links import next_page
from impl.core.passwords import Passwords
from impl.core.problems import (
    EmailTaken,
    InvalidToken,
    LastAdministrator,
    NotFound,
    UnfitPassword,
    WrongPassword,
)
from impl.models import User
from impl.models.users import UNIQUE_EMAIL
from impl.repositories.idempotency_keys import IdempotencyKeyRepository, fingerprint
from impl.repositories.sessions import SessionRepository
from impl.repositories.users import UserRepository
from impl.services.budgets import Budgets
from impl.services.login_guard import LoginGuard, login, password_change, record_failure

REGISTRATION = "createUser"
"""The operation whose answers are kept with their keys."""


class UserService(UsersOperations):
    """Accounts, and what they and the administrators may do about them."""

    def __init__(
        self,
        users: UserRepository,
        sessions: SessionRepository,
        passwords: Passwords,
        guard: LoginGuard,
        budgets: Budgets,
        keys: IdempotencyKeyRepository,
        key_lifetime: timedelta,
    ) -> None:
        self.users = users
        self.sessions = sessions
        self.passwords = passwords
        self.guard = guard
        self.budgets = budgets
        self.keys = keys
        self.key_lifetime = key_lifetime

    async def create_user(
        self, *, idempotency_key: str | None, body: schemas.UserCreate
    ) -> CreateUser201:
        if reason := self.passwords.objection(body.password, body.email):
            raise UnfitPassword("/password", reason)
        # hashed before the database is asked, so that a taken address takes as long as a free one
        with self.passwords.registrations.place():
            await self.budgets.spend("registration", body.email.lower())
            password_hash = await self.passwords.hash(body.password)
        user = User(email=body.email.lower(), full_name=body.full_name, password_hash=password_hash)
        try:
            await self.users.add(user)
        except IntegrityError as error:
            if constraint(error) != UNIQUE_EMAIL:
                raise
            await self.users.release()
            return await self._registered_before(idempotency_key, body)
        record(SecurityEvent.USER_CREATED, user.id)
        created = present(user)
        if idempotency_key is not None:
            request = (user.id, REGISTRATION, idempotency_key)
            await self.keys.claim(*request, fingerprint(body, "password"), self.key_lifetime)
            await self.keys.keep(*request, created.model_dump(mode="json"))
        return registered(created)

    async def list_users(
        self,
        principal: Principal,
        *,
        limit: int,
        cursor: str | None,
        q: str | None,
        active: bool | None,
        administrator: bool | None,
    ) -> ListUsers200:
        page = await self.users.page(
            limit=limit, cursor=cursor, text=q, active=active, administrator=administrator
        )
        body = schemas.UserPage(
            data=[present(row) for row in page.rows], next_cursor=page.next_cursor
        )
        path = f"{PREFIX}/users"
        asked = {"limit": limit, "q": q, "active": active, "administrator": administrator}
        link = next_page(path, page.next_cursor, **asked)
        return ListUsers200(body, link=link)

    async def get_me(self, principal: Principal) -> schemas.User:
        return present(await self._caller(principal))

    async def update_me(self, principal: Principal, *, body: schemas.ProfilePatch) -> schemas.User:
        user = await self.users.locked(principal.id)
        if user is None:  # deleted since the token was checked
            raise InvalidToken
        return present(await self._change(user, body))

    async def delete_me(self, principal: Principal) -> None:
        if not await self._delete(principal.id, by=principal):
            raise InvalidToken  # deleted since the token was checked

    async def change_password(
        self, principal: Principal, *, body: schemas.PasswordChange
    ) -> ChangePassword204:
        user = await self._caller(principal)
        if reason := self.passwords.objection(body.new_password, user.email):
            raise UnfitPassword("/new_password", reason)
        await self.users.release()
        with self.passwords.logins.place():
            await self.budgets.spend("password-change", user.id)
            refused = SecurityEvent.PASSWORD_CHANGE_REFUSED
            account = password_change(user.id)
            if not await self._is_known_by(user, body.current_password, account, refused):
                raise WrongPassword
            password_hash = await self.passwords.hash(body.new_password)
        if not await self.users.replace_password(user.id, user.password_hash, password_hash):
            record(SecurityEvent.PASSWORD_CHANGE_REFUSED, user.id)
            raise WrongPassword  # it was changed, or the account deactivated, in the meantime
        await self.sessions.revoke_all(user.id, except_for=principal.session_id)
        record(SecurityEvent.PASSWORD_CHANGED, user.id)
        record(SecurityEvent.SESSION_REVOKED, user.id, sessions="others")
        return ChangePassword204()

    async def get_user(self, principal: Principal, *, user_id: UUID) -> schemas.User:
        return present(found(await self.users.get(user_id)))

    async def update_user(
        self, principal: Principal, *, user_id: UUID, body: schemas.UserPatch
    ) -> schemas.User:
        steps_down = body.active is False or body.administrator is False
        if steps_down and await self.users.lock_administrators() == [user_id]:
            raise LastAdministrator
        user = found(await self.users.locked(user_id))
        if body.active is False:
            await self.sessions.revoke_all(user.id)
        record_changes(user, body, by=principal)
        return present(await self._change(user, body))

    async def delete_user(self, principal: Principal, *, user_id: UUID) -> None:
        if not await self._delete(user_id, by=principal):
            raise no_such_user()

    async def _is_known_by(
        self, user: User, password: str, account: str, refused: SecurityEvent
    ) -> bool:
        """Whether the password is the user's; one that is not counts as a guess at the account."""
        is_last = await self.guard.admit(account)
        verdict = await self.passwords.verify(password, user.password_hash)
        if verdict.correct:
            await self.guard.forget(account)
        else:
            record_failure(refused, user.id, is_last=is_last)
        return verdict.correct

    async def _registered_before(
        self, idempotency_key: str | None, body: schemas.UserCreate
    ) -> CreateUser201:
        """The first answer, for who lost it; for anybody else the address is taken.

        A key belongs to the account that was made with it, and tells a stranger nothing: he needs
        its password as well, and guesses at it are counted like those of a login.
        """
        user = await self.users.by_email(body.email)
        if user is None or idempotency_key is None:
            raise EmailTaken
        answer = await self.keys.answer(
            user.id, REGISTRATION, idempotency_key, fingerprint(body, "password")
        )
        await self.users.release()
        if answer is None:
            raise EmailTaken
        with self.passwords.registrations.place():
            refused = SecurityEvent.LOGIN_FAILED
            if not await self._is_known_by(user, body.password, login(user.email), refused):
                raise EmailTaken
        return registered(schemas.User.model_validate(answer))

    async def _caller(self, principal: Principal) -> User:
        user = await self.users.get(principal.id)
        if user is None:  # deleted since the token was checked
            raise InvalidToken
        return user

    async def _change(self, user: User, patch: schemas.ProfilePatch | schemas.UserPatch) -> User:
        for name, value in patch.model_dump(exclude_unset=True).items():
            setattr(user, name, value)
        return await self.users.add(user)

    async def _delete(self, user_id: UUID, by: Principal) -> bool:
        """Whether there was such a user."""
        deleted = await self.users.delete_ordinary(user_id) or await self._delete_administrator(
            user_id
        )
        if deleted:
            record(SecurityEvent.USER_DELETED, user_id, by=by.id)
        return deleted

    async def _delete_administrator(self, user_id: UUID) -> bool:
        """Administrators alone wait for each other."""
        administrators = await self.users.lock_administrators()
        if administrators == [user_id]:
            raise LastAdministrator
        user = await self.users.locked(user_id)
        if user is not None:
            await self.users.remove(user)
        return user is not None


def registered(user: schemas.User) -> CreateUser201:
    return CreateUser201(user, location=f"{PREFIX}/users/{user.id}")


def found(user: User | None) -> User:
    if user is None:
        raise no_such_user()
    return user


def record_changes(user: User, patch: schemas.UserPatch, by: Principal) -> None:
    """What of the patch changes who may do what."""
    if patch.active not in (None, user.active):
        event = SecurityEvent.USER_REACTIVATED if patch.active else SecurityEvent.USER_DEACTIVATED
        record(event, user.id, by=by.id)
    if patch.administrator not in (None, user.administrator):
        record(
            SecurityEvent.ROLE_CHANGED, user.id, by=by.id, administrator=patch.administrator is True
        )


def no_such_user() -> NotFound:
    return NotFound("There is no such user.")


def present(user: User) -> schemas.User:
    return schemas.User.model_validate(vars(user))
