"""A service to try things on: a fresh database, known accounts, a port of its own."""

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from impl.core import config
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.db.session import Database
from impl.models import User
from scripts import databases, environment, migrations
from scripts.errors import Refusal

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a trial
ADMINISTRATORS = 1000
PEERS = ("peer-1@example.com", "peer-2@example.com")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
START_SECONDS = 30

TRIAL_SETTINGS = {
    "ENVIRONMENT": "test",
    "BCRYPT_ROUNDS": "4",
    # a fuzzer fails to log in all the time
    "LOGIN_MAX_FAILURES": "1000000",
    "LOG_LEVEL": "WARNING",
}


class TrialError(Refusal):
    """The service on trial did not start; the message says where its log is."""


@dataclass(frozen=True)
class Trial:
    base_url: str
    settings: Settings
    jwt_secret: str


def administrator(number: int) -> str:
    """The address of one of the administrators that a trial begins with."""
    return f"administrator-{number}@example.com"


@contextlib.contextmanager
def trial(
    directory: Path,
    *,
    app: str = "impl.app:create_app",
    extra: Mapping[str, str] | None = None,
) -> Iterator[Trial]:
    """Serve the app on a database of its own; its log goes to `directory`.

    Raises TrialError when it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with environment.database(testing=True) as server:
        name = f"trial_{os.getpid()}_{secrets.token_hex(3)}"
        settings = asyncio.run(databases.create(server, name))
        try:
            migrations.migrate(settings)
            asyncio.run(add_accounts(settings))
            secret = secrets.token_urlsafe(48)
            environ = child_environment(settings) | {"JWT_SECRET": secret} | dict(extra or {})
            with served(directory / "service.log", app, environ) as base_url:
                yield Trial(base_url, settings, secret)
        finally:
            asyncio.run(databases.drop(server, name))


@contextlib.contextmanager
def served(log: Path, app: str, environ: Mapping[str, str]) -> Iterator[str]:
    """The base URL of a process that serves the app, ended at the end."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--no-access-log", "--no-server-header"],
            env=os.environ | dict(environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            base_url = f"http://127.0.0.1:{port}"
            wait_until_alive(process, base_url, log)
            yield base_url
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def child_environment(settings: Settings) -> dict[str, str]:
    where = {
        "DB_HOST": settings.db_host,
        "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user,
        "DB_PASSWORD": settings.db_password.get_secret_value(),
        "DB_NAME": settings.db_name,
        "DB_SSLMODE": settings.db_sslmode,
    }
    return where | TRIAL_SETTINGS


def wait_until_alive(process: subprocess.Popen[bytes], base_url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{base_url}/livez", timeout=1).close()  # noqa: S310 - our own
            return
        time.sleep(0.05)
    raise TrialError(f"The service did not start. Its last words are in {log}.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def add_accounts(settings: Settings) -> None:
    """The demo user of the document's examples, two peers, and many administrators."""
    passwords = Passwords(config.load(_env_file=None, jwt_secret="0" * 32, bcrypt_rounds=4))
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
