"""`python -m impl create-admin`: the account that may administer the others."""

import asyncio
import getpass
import sys
import warnings

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from charter.runtime import Contract
from charter.service import ConfigurationError, Refused
from charter.service.events import SecurityEvent, record
from charter.service.outage import constraint
from charter.service.sessions import Session
from charter.service.telemetry import configure_logging
from generated import DOCUMENT
from impl.core import config
from impl.core.accounts import EMAIL, PASSWORD
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import User
from impl.models.users import UNIQUE_EMAIL
from impl.repositories.sessions import SessionRepository
from impl.repositories.users import UserRepository

OPERATOR = "operator"
"""Who does what this command does, in the security events; elsewhere that is the id of a user."""


def run(email: str, *, existing: bool = False, from_stdin: bool = False) -> int:
    """Make an administrator: with a new account, or of the `existing` one with this address.

    Whoever registered the address first need not be the one it belongs to, so an account is never
    promoted with the password that it has. Raises ConfigurationError for an address or a password
    that is not admitted, and Refused where the account is there without `existing`, or not there
    with it.
    """
    settings = config.without_tokens()
    configure_logging(settings.log_level, settings.log_format, production=settings.production)
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else asked()
    if not password:
        raise ConfigurationError(
            "The password is empty: type one, or pipe it in with --password-stdin"
        )
    check(settings, email, password)
    asyncio.run(save(settings, email.lower(), password, existing=existing))
    account = "the existing account, its sessions ended," if existing else "a new account"
    print(f"{email} is an administrator now: {account} with the password that you gave.")
    return 0


def asked() -> str:
    """Raises ConfigurationError where no terminal hides what is typed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            password = getpass.getpass("Password: ")
            again = getpass.getpass("Once more: ")
        except (getpass.GetPassWarning, EOFError) as error:
            raise ConfigurationError(
                "There is no terminal to ask for the password: pipe it in with --password-stdin."
            ) from error
    if again != password:
        raise Refused("The two passwords differ: type the same one twice.")
    return password


def check(settings: Settings, email: str, password: str) -> None:
    """Raises ConfigurationError for what a registration would refuse, too."""
    contract = Contract.load(DOCUMENT)
    if not contract.judge.validator(EMAIL).is_valid(email):
        raise ConfigurationError(f"{email} is not an e-mail address that the document admits.")
    if not contract.judge.validator(PASSWORD).is_valid(password):
        raise ConfigurationError("The password has fewer than 8 or more than 256 characters.")
    if objection := Passwords(settings).objection(password, email):
        raise ConfigurationError(f"The password {objection}: choose another one.")


async def save(settings: Settings, email: str, password: str, *, existing: bool) -> None:
    passwords = Passwords(settings)
    database = Database(settings)
    try:
        password_hash = await passwords.hash(password)
        async with database.transaction() as session:
            if existing:
                await take_over(session, email, password_hash)
            else:
                await create(session, email, password_hash)
            await session.commit()
    finally:
        passwords.close()
        await database.dispose()


async def create(session: Session, email: str, password_hash: str) -> None:
    user = User(email=email, password_hash=password_hash, administrator=True)
    try:
        await UserRepository(session).add(user)
    except IntegrityError as error:
        if constraint(error) != UNIQUE_EMAIL:
            raise
        raise Refused(
            f"{email} has an account already, and you can't know whose: name another address, or"
            " add --existing to replace its password, end its sessions and promote it."
        ) from error
    record(SecurityEvent.USER_CREATED, user.id)
    record(SecurityEvent.ROLE_CHANGED, user.id, by=OPERATOR, administrator=True)


async def take_over(session: Session, email: str, password_hash: str) -> None:
    user = await session.scalar(select(User).where(User.email == email).with_for_update())
    if user is None:
        raise Refused(f"{email} has no account: leave --existing out to make one.")
    if not user.active:
        record(SecurityEvent.USER_REACTIVATED, user.id, by=OPERATOR)
    if not user.administrator:
        record(SecurityEvent.ROLE_CHANGED, user.id, by=OPERATOR, administrator=True)
    user.password_hash = password_hash
    user.administrator = user.active = True
    await UserRepository(session).add(user)
    await SessionRepository(session).revoke_all(user.id)
    record(SecurityEvent.PASSWORD_CHANGED, user.id, by=OPERATOR)
    record(SecurityEvent.SESSION_REVOKED, user.id, by=OPERATOR, sessions="all")
