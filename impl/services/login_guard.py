"""Slows down who guesses passwords: RFC 6749 section 4.3.2 demands it of the password grant."""

from datetime import timedelta

from impl.core.config import Settings
from impl.core.problems import TooManyRequests
from impl.repositories.login_failures import LoginFailureRepository


class LoginGuard:
    """After some failures in a row an address has to wait; live sessions never notice."""

    def __init__(self, failures: LoginFailureRepository, settings: Settings) -> None:
        self.failures = failures
        self.most = settings.login_max_failures
        self.lock = timedelta(seconds=settings.login_lock_seconds)

    async def admit(self, email: str) -> None:
        """Raises TooManyRequests while the address is locked, whether or not somebody has it."""
        seconds = await self.failures.seconds_locked(email)
        if seconds is not None:
            raise TooManyRequests(seconds)

    async def count(self, email: str) -> None:
        """The caller raises a problem that keeps changes, or the count is rolled back."""
        await self.failures.count(email, self.most, self.lock)

    async def forget(self, email: str) -> None:
        await self.failures.forget(email)
