"""The accounts that a service under test begins with: `python -m tests.contract.accounts`.

It fills a fresh database, and prints as JSON who there is, for `charter fuzz` (docs/fuzz.md).
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import insert

from impl.core import config
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import User

PASSWORD = "correct horse battery"
ADMINISTRATORS = [f"administrator-{number}@example.com" for number in range(1000)]
USERS = ["demo@example.com", *(f"user-{number}@example.com" for number in range(10))]
"""The first is the one of the document's examples."""
PEERS = ["peer-1@example.com", "peer-2@example.com"]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def add_accounts(settings: Settings) -> None:
    passwords = Passwords(settings)
    password_hash = await passwords.hash(PASSWORD)
    passwords.close()
    rows = [
        {
            "email": email,
            "administrator": email in ADMINISTRATORS,
            "password_hash": password_hash,
            "created_at": LONG_AGO,
        }
        for email in (*ADMINISTRATORS, *USERS, *PEERS)
    ]
    database = Database(settings)
    async with database.writing() as session, session.begin():
        await session.execute(insert(User), rows)
    await database.dispose()


@cache
def policy() -> Passwords:
    return Passwords(config.load(_env_file=None, jwt_secret="0123456789" * 5))


def is_refused(password: str, body: dict[str, Any]) -> bool:
    """Whether the service's policy refuses a password, as the document says in words."""
    return policy().objection(password, str(body.get("email", ""))) is not None


if __name__ == "__main__":
    asyncio.run(add_accounts(config.without_tokens()))
    said = {
        "password": PASSWORD, "administrators": ADMINISTRATORS, "users": USERS, "peers": PEERS
    }  # fmt: skip
    sys.stdout.write(json.dumps(said))
