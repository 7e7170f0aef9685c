"""The work of `charter user create-admin`."""

import asyncio

from sqlalchemy import select

from generated.runtime import Contract
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import User
from scripts.environment import without_tokens
from scripts.errors import Misconfigured

EMAIL = "/components/schemas/Email"
PASSWORD = "/components/schemas/Password"  # noqa: S105 - a place in the document


def create_admin(email: str, password: str) -> int:
    """Make an administrator, or make one of the account that has this address."""
    settings = without_tokens()
    check(settings, email, password)
    created = asyncio.run(save(settings, email.lower(), password))
    print(f"{email} is an administrator now, {'with a new account' if created else 'as promoted'}.")
    return 0


def check(settings: Settings, email: str, password: str) -> None:
    """Raises Misconfigured for what `POST /users` would refuse, too."""
    contract = Contract.load(body_limit=0, checked_share=0, broken=lambda broken: None)
    if not contract.judge.validator(EMAIL).is_valid(email):
        raise Misconfigured(f"{email} is not an e-mail address that the document admits.")
    if not contract.judge.validator(PASSWORD).is_valid(password):
        raise Misconfigured("The password has fewer than 8 or more than 256 characters.")
    if objection := Passwords(settings).objection(password, email):
        raise Misconfigured(f"The password {objection}: choose another one.")


async def save(settings: Settings, email: str, password: str) -> bool:
    """Whether the account is a new one; an existing one keeps its password."""
    passwords = Passwords(settings)
    database = Database(settings)
    try:
        async with database.writing() as session, session.begin():
            user = await session.scalar(select(User).where(User.email == email))
            if user is not None:
                user.administrator = user.active = True
                return False
            password_hash = await passwords.hash(password)
            session.add(User(email=email, password_hash=password_hash, administrator=True))
            return True
    finally:
        passwords.close()
        await database.dispose()
