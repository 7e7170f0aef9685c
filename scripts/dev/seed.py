"""People and things to try the service out on: `charter run python scripts/dev/seed.py`."""

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from generated.schemas import ItemStatus
from impl.core import config
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import Item, User

DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "correct horse battery"  # noqa: S105 - of an account for trying things out

FIRST_NAMES = ("Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Katherine", "Tony")
LAST_NAMES = ("Allen", "Dijkstra", "Hoare", "Hopper", "Johnson", "Liskov", "Lovelace", "Turing")
ADJECTIVES = ("brass", "broken", "carved", "folding", "gilded", "heavy", "painted", "rusty")
NOUNS = ("barometer", "clock", "compass", "globe", "lantern", "microscope", "sextant", "telescope")
TAGS = ("antique", "fragile", "gift", "loan", "optics", "repair", "ship", "time")
REMARKS = (
    None,
    "Bought at an auction; the receipt is in the drawer.",
    "Needs a new hinge before it can be lent again.",
    "Three draws, made in Dublin around 1880.",
)


def run(*, users: int, items: int) -> int:
    """Add people, each with items; the first is the demo user of the document's examples."""
    settings = config.without_tokens()
    if settings.production:
        raise SystemExit(
            "ENVIRONMENT is production: this makes an account whose password is public."
        )
    added = asyncio.run(fill(settings, users, items))
    print(f"{added} people with {items} items each. Log in as {DEMO_EMAIL}: {DEMO_PASSWORD}")
    return 0


async def fill(settings: Settings, users: int, items: int) -> int:
    passwords = Passwords(settings)
    database = Database(settings)
    chance = random.Random(users)  # noqa: S311 - plausible, not secret
    try:
        password_hash = await passwords.hash(DEMO_PASSWORD)
        async with database.writing() as session, session.begin():
            for number in range(users):
                owner = await person(session, number, password_hash, chance)
                rows = [thing(owner, chance) for _ in range(items)]
                if rows:
                    await session.execute(insert(Item), rows)
    finally:
        passwords.close()
        await database.dispose()
    return users


async def person(
    session: AsyncSession, number: int, password_hash: str, chance: random.Random
) -> UUID:
    """The id of somebody who is there afterwards, and may have been before."""
    name = f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"
    email = f"{name.replace(' ', '.').lower()}.{number}@example.com" if number else DEMO_EMAIL
    values = {"id": uuid4(), "email": email, "full_name": name, "password_hash": password_hash}
    statement = insert(User).values(values).on_conflict_do_nothing(index_elements=["email"])
    await session.execute(statement)
    user_id = await session.scalar(select(User.id).where(User.email == email))
    if user_id is None:
        raise RuntimeError(f"{email} is gone again")
    return user_id


def thing(owner_id: UUID, chance: random.Random) -> dict[str, object]:
    born = datetime.now(UTC) - timedelta(minutes=chance.randrange(500_000))
    return {
        "id": uuid4(),
        "owner_id": owner_id,
        "version": 1,
        "title": f"A {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)}",
        "description": chance.choice(REMARKS),
        "status": chance.choice(list(ItemStatus)).value,
        "quantity": chance.randrange(1, 20),
        "tags": chance.sample(TAGS, chance.randrange(4)),
        "due_at": born + timedelta(days=30) if chance.random() < 0.3 else None,
        "created_at": born,
        "updated_at": born,
    }


if __name__ == "__main__":
    sys.exit(run(users=20, items=25))
