"""`python -m impl create-admin`: the account that may administer the others."""

import asyncio
import getpass
import sys

from sqlalchemy import select

from charter.runtime import Contract
from generated import DOCUMENT
from impl.commands import Refused
from impl.core import config
from impl.core.config import ConfigurationError, Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import User

EMAIL = "/components/schemas/Email"
PASSWORD = "/components/schemas/Password"  # noqa: S105 - a place in the document


def run(email: str, *, from_stdin: bool = False) -> int:
    """Make an administrator, or make one of the account that has this address."""
    settings = config.without_tokens()
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else asked()
    if not password:
        raise ConfigurationError(
            "The password is empty: type one, or pipe it in with --password-stdin"
        )
    check(settings, email, password)
    created = asyncio.run(save(settings, email.lower(), password))
    print(f"{email} is an administrator now, {'with a new account' if created else 'as promoted'}.")
    return 0


def asked() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise Refused("The two passwords differ: type the same one twice.")
    return password


def check(settings: Settings, email: str, password: str) -> None:
    """Raises ConfigurationError for what `POST /users` would refuse, too."""
    contract = Contract.load(DOCUMENT)
    if not contract.judge.validator(EMAIL).is_valid(email):
        raise ConfigurationError(f"{email} is not an e-mail address that the document admits.")
    if not contract.judge.validator(PASSWORD).is_valid(password):
        raise ConfigurationError("The password has fewer than 8 or more than 256 characters.")
    if objection := Passwords(settings).objection(password, email):
        raise ConfigurationError(f"The password {objection}: choose another one.")


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
