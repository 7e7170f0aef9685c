import hashlib
from datetime import timedelta

from sqlalchemy import case, delete, extract, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from impl.db.session import Database
from impl.models import LoginFailures

NOW = func.clock_timestamp()
LONGEST_LOCK = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=12)


class LoginFailureRepository:
    """Attempts in a row for one account, whether or not it exists; all workers share the count.

    Each statement is a transaction of its own, so that an attempt counts before it is judged and
    whatever becomes of the request.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def attempt(self, account: str, most: int, lock: timedelta) -> int | None:
        """Count an attempt as failed, and return how many there are; None if the account is locked.

        Attempts at once wait for each other in this statement: exactly `most` get through. From
        then on each locks the account, for twice as long as the one before.
        """
        recent = (
            func.coalesce(LoginFailures.locked_until, LoginFailures.failed_at)
            > NOW - FORGOTTEN_AFTER
        )
        failures = case((recent, LoginFailures.failures + 1), else_=1)
        doublings = func.least(failures - most, 16)
        wait = func.least(lock * func.power(2, doublings), LONGEST_LOCK)
        statement = insert(LoginFailures).values(
            address_digest=digest(account),
            failures=1,
            failed_at=NOW,
            locked_until=NOW + lock if most <= 1 else None,
        )
        counted = statement.on_conflict_do_update(
            index_elements=["address_digest"],
            set_={
                "failures": failures,
                "failed_at": NOW,
                "locked_until": case((failures >= most, NOW + wait), else_=None),
            },
            where=or_(LoginFailures.locked_until.is_(None), LoginFailures.locked_until <= NOW),
        ).returning(LoginFailures.failures)
        async with self.database.statements() as session:
            return await session.scalar(counted)

    async def seconds_locked(self, account: str) -> float:
        """How long the account is locked still; 0 when it is not."""
        query = select(extract("epoch", LoginFailures.locked_until - NOW)).where(
            LoginFailures.address_digest == digest(account), LoginFailures.locked_until > NOW
        )
        async with self.database.statements() as session:
            return float(await session.scalar(query) or 0)

    async def forget(self, account: str) -> None:
        async with self.database.statements() as session:
            await session.execute(
                delete(LoginFailures).where(LoginFailures.address_digest == digest(account))
            )


def digest(account: str) -> bytes:
    """What stands for the account: the table need not tell who was attacked."""
    return hashlib.sha256(account.encode()).digest()
