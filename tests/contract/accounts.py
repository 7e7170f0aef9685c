"""The accounts that a service under test begins with: `python -m tests.contract.accounts`."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import insert

from impl.core import config
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import User

PASSWORD = "correct horse battery"
ADMINISTRATORS = 1000
PEERS = ("peer-1@example.com", "peer-2@example.com")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def administrator(number: int) -> str:
    """The address of one of the administrators."""
    return f"administrator-{number}@example.com"


async def add_accounts(settings: Settings) -> None:
    """The demo user of the document's examples, two peers, and many administrators."""
    passwords = Passwords(settings)
    password_hash = await passwords.hash(PASSWORD)
    passwords.close()
    people = [(email, False) for email in ("demo@example.com", *PEERS)]
    people += [(administrator(number), True) for number in range(ADMINISTRATORS)]
    rows = [
        {
            "email": email,
            "administrator": is_administrator,
            "password_hash": password_hash,
            "created_at": LONG_AGO,
        }
        for email, is_administrator in people
    ]
    database = Database(settings)
    async with database.writing() as session, session.begin():
        await session.execute(insert(User), rows)
    await database.dispose()


if __name__ == "__main__":
    asyncio.run(add_accounts(config.without_tokens()))
