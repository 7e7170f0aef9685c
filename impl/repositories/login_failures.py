import hashlib
from datetime import timedelta

from sqlalchemy import case, delete, extract, func, select
from sqlalchemy.dialects.postgresql import insert

from impl.db.repository import Repository
from impl.models import LoginFailures

NOW = func.clock_timestamp()
FORGOTTEN_AFTER = timedelta(minutes=15)


class LoginFailureRepository(Repository[LoginFailures]):
    """Counted by address, whether or not somebody has it, and shared by all workers."""

    async def seconds_locked(self, email: str) -> float | None:
        """How long the address must wait still; None when it need not."""
        wait = extract("epoch", LoginFailures.locked_until - NOW)
        query = select(wait).where(
            LoginFailures.address_digest == digest(email), LoginFailures.locked_until > NOW
        )
        seconds = await self.session.scalar(query)
        return None if seconds is None else float(seconds)

    async def count(self, email: str, most: int, lock: timedelta) -> None:
        """Count one more; from `most` on, each locks the address for a while."""
        statement = insert(LoginFailures).values(
            address_digest=digest(email),
            failures=1,
            failed_at=NOW,
            locked_until=NOW + lock if most <= 1 else None,
        )
        recent = LoginFailures.failed_at > NOW - FORGOTTEN_AFTER
        failures = case((recent, LoginFailures.failures + 1), else_=1)
        await self.session.execute(
            statement.on_conflict_do_update(
                index_elements=["address_digest"],
                set_={
                    "failures": failures,
                    "failed_at": NOW,
                    "locked_until": case((failures >= most, NOW + lock), else_=None),
                },
            )
        )

    async def forget(self, email: str) -> None:
        await self.session.execute(
            delete(LoginFailures).where(LoginFailures.address_digest == digest(email))
        )


def digest(email: str) -> bytes:
    """What stands for the address: the table need not tell who was attacked."""
    return hashlib.sha256(email.strip().lower().encode()).digest()
