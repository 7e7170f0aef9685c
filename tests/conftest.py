"""What tests stand on: a real PostgreSQL, migrated by the real migrations.

Each run builds one template database, each worker of pytest-xdist gets a clone of it, and each test
that used its tables leaves them empty.
"""

import asyncio
import os
import signal
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncConnection

from charter.postgres import Address, databases, is_alive
from charter.project import environment
from charter.service.migrations import connect
from impl.app import create_app
from impl.core import config
from impl.core.config import Environment, Settings
from impl.db.migrations import SCHEMA, target
from impl.db.session import Database
from impl.models import Base
from tests.people import Person, client_of, promote, register

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
CONTROLLER = os.getpid() if WORKER == "main" else os.getppid()
RUN = f"test_{CONTROLLER}"

# a shell's background job ignores it, and so would every program that a test starts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

JWT_SECRET = "aT-b3st.a_s3cret+for/tests=only;0123456789"


# -- the database ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def server() -> Iterator[Address]:
    """A PostgreSQL on which databases can be made: the one of DB_HOST, else an embedded one."""
    with environment.database(testing=True) as address:
        yield address


@pytest.fixture(scope="session")
def template(server: Address) -> str:
    """The name of a database with every migration, built by the first worker to come."""
    return asyncio.run(built_template(server))


async def built_template(server: Address) -> str:
    name = f"{RUN}_template"
    async with connect(target(testing(server)), autocommit=True) as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:run)"), {"run": lock_key(RUN)})
        present = await database_names(connection)
        for leftover in filter(is_leftover, present):
            await asyncio.to_thread(databases.drop, server, leftover)
        if name not in present:
            unfinished = await asyncio.to_thread(databases.create, server, f"{name}_unfinished")
            await asyncio.to_thread(SCHEMA.upgrade, target(testing(unfinished)))
            await connection.execute(text(f'ALTER DATABASE "{unfinished.name}" RENAME TO "{name}"'))
    return name


def lock_key(name: str) -> int:
    return zlib.crc32(name.encode())


async def database_names(connection: AsyncConnection) -> set[str]:
    return set(await connection.scalars(text("SELECT datname FROM pg_database")))


def is_leftover(name: str) -> bool:
    """Whether the run that made the database has ended without dropping it."""
    kind, _, rest = name.partition("_")
    controller = rest.partition("_")[0]
    return kind == "test" and controller.isdigit() and not is_alive(int(controller))


@pytest.fixture(scope="session")
def settings(server: Address, template: str) -> Iterator[Settings]:
    """The service's settings for tests, with a database for this worker alone."""
    address = databases.create(server, f"{RUN}_{WORKER}", template)
    yield testing(address)
    databases.drop(server, address.name)


def testing(database: Address) -> Settings:
    """Nothing from the environment or `.env` but where the database is."""
    return config.load(
        _env_file=None,
        environment=Environment.TEST,
        jwt_secret=JWT_SECRET,
        bcrypt_rounds=4,
        logins_per_minute=0,
        refreshes_per_minute=0,
        registrations_per_minute=0,
        password_changes_per_minute=0,
        **{name.lower(): value for name, value in database.environment().items()},
    )


@pytest.fixture(scope="session")
async def whole_database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.dispose()


@pytest.fixture
async def database(whole_database: Database) -> AsyncIterator[Database]:
    """The worker's database, empty at the start of each test because each test empties it."""
    yield whole_database
    async with whole_database.autocommit.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(EMPTY_ALL_TABLES)


# One round trip. TRUNCATE would take seventy times as long on tables that are nearly empty.
EMPTY_ALL_TABLES = ";".join(str(delete(table)) for table in reversed(Base.metadata.sorted_tables))


# -- the service ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
async def whole_app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def app(whole_app: FastAPI, database: Database) -> FastAPI:
    """The service; what a test writes is gone with it."""
    return whole_app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Person:
    """An ordinary user with an open session."""
    return await register(client, "ada@example.com")


@pytest.fixture
async def grace(client: httpx.AsyncClient) -> Person:
    """Another one."""
    return await register(client, "grace@example.com")


@pytest.fixture
async def admin(client: httpx.AsyncClient, database: Database) -> Person:
    """An administrator, with a session that has every scope."""
    person = await promote(await register(client, "admin@example.com"), database)
    await person.log_in()
    return person
