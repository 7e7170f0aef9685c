"""Slows down who guesses passwords: RFC 6749 section 4.3.2 demands it of the password grant."""

from datetime import timedelta
from uuid import UUID

from charter.service.events import SecurityEvent, record
from impl.core.config import Settings
from impl.core.problems import TooManyRequests
from impl.repositories.login_failures import LoginFailureRepository


class LoginGuard:
    """After some failures in a row an account has to wait; live sessions never notice.

    Logins and password changes are counted apart: a stranger who guesses at the login locks the
    login, and nothing that the owner does with a session.
    """

    def __init__(self, failures: LoginFailureRepository, settings: Settings) -> None:
        self.failures = failures
        self.most = settings.login_max_failures
        self.lock = timedelta(seconds=settings.login_lock_seconds)

    async def admit(self, account: str) -> bool:
        """Count an attempt, as failed until `forget` says otherwise. Whether it is the last.

        Raises TooManyRequests while the account is locked, whether or not it exists.
        """
        failures = await self.failures.attempt(account, self.most, self.lock)
        if failures is None:
            record(SecurityEvent.LOGIN_REFUSED)
            raise TooManyRequests(await self.failures.seconds_locked(account))
        return failures >= self.most

    async def forget(self, account: str) -> None:
        """The password was right."""
        await self.failures.forget(account)


def record_failure(event: SecurityEvent, user_id: UUID | None, *, is_last: bool) -> None:
    """Also that the account is locked from here on, where the attempt was the last."""
    record(event, user_id)
    if is_last:
        record(SecurityEvent.LOGIN_LOCKED, user_id)


def login(email: str) -> str:
    """What a login counts for: an e-mail address, in any spelling that opens the same account."""
    return email.strip().lower()


def password_change(user_id: UUID) -> str:
    return f"password of {user_id}"
