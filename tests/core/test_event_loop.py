"""Nothing blocks the event loop: hashing has threads of its own, and everything else waits."""

import ast
import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter.service.server import Configuration
from impl.app import create_app
from impl.core import problems
from impl.core.config import Settings
from impl.core.passwords import Passwords
from impl.core.problems import ServiceUnavailable
from tests.charter.runtime.hostile import send
from tests.items import create_item
from tests.people import Person, changed, client_of

ROOT = Path(__file__).parents[2]

SYNCHRONOUS = {
    *("psycopg", "psycopg2", "pg8000", "sqlite3", "pymysql", "MySQLdb"),
    *("requests", "urllib3", "urllib.request", "http.client", "smtplib", "socket", "subprocess"),
}
"""Modules whose calls wait without letting go of the loop."""

BLOCKING = {
    "time.sleep",
    "os.system",
    "sqlalchemy.create_engine",
    "input",
    "sqlalchemy.orm.Session",
}


# -- passwords ------------------------------------------------------------------------------------


@pytest.fixture
def slow(settings: Settings) -> Settings:
    """As slow hashes as production has, one at a time."""
    return changed(settings, bcrypt_rounds=12, password_hash_threads=1, request_timeout_seconds=60)


async def log_in(client: httpx.AsyncClient, number: int, finished: list[str]) -> httpx.Response:
    form = {"grant_type": "password", "username": f"{number}@example.com", "password": "x"}
    response = await client.post("/auth/token", data=form)
    finished.append(f"login {response.status_code}")
    return response


@pytest.mark.usefixtures("database")
async def test_a_question_is_answered_while_passwords_are_hashed(slow: Settings) -> None:
    app = create_app(slow)
    finished: list[str] = []
    async with app.router.lifespan_context(app), client_of(app) as client:
        logins = [asyncio.create_task(log_in(client, number, finished)) for number in range(8)]
        await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)

        response = await client.get("/livez")
        finished.append("livez")
        await asyncio.gather(*logins)

    assert response.status_code == 200
    assert finished.count("login 401") == 8
    # before most of two seconds of hashing
    assert finished.index("livez") <= 2


@pytest.mark.usefixtures("database")
async def test_logins_beyond_the_queue_are_refused_at_once(slow: Settings) -> None:
    app = create_app(changed(slow, password_hash_queue=1))
    finished: list[str] = []
    async with app.router.lifespan_context(app), client_of(app) as client:
        logins = [log_in(client, number, finished) for number in range(6)]

        answers = await asyncio.gather(*logins)

    # the first hash takes long enough for all refusals to come before it
    assert finished == ["login 503"] * 4 + ["login 401"] * 2
    refused = [answer for answer in answers if answer.status_code == 503]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)


async def register(passwords: Passwords) -> str:
    with passwords.registrations.place():
        return await passwords.hash("a password")


async def test_the_queue_of_hashes_is_bounded_and_empties(settings: Settings) -> None:
    passwords = Passwords(changed(settings, password_hash_threads=1, password_hash_queue=2))

    results = await asyncio.gather(*(register(passwords) for _ in range(5)), return_exceptions=True)
    afterwards = await register(passwords)
    passwords.close()

    assert [isinstance(result, ServiceUnavailable) for result in results].count(True) == 2
    assert [isinstance(result, str) for result in results].count(True) == 3
    assert afterwards.startswith("$bcrypt-sha256$")


async def test_who_gives_up_waiting_makes_room(settings: Settings) -> None:
    passwords = Passwords(changed(settings, password_hash_threads=1, password_hash_queue=2))
    places = passwords.registrations.places
    waiting = [asyncio.create_task(register(passwords)) for _ in range(3)]
    await asyncio.sleep(0)

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    passwords.close()

    assert passwords.registrations.places == places


async def test_a_login_waits_for_one_registration_at_most(settings: Settings) -> None:
    passwords = Passwords(changed(settings, password_hash_threads=1, password_hash_queue=20))
    finished: list[str] = []

    async def registration() -> None:
        await register(passwords)
        finished.append("registration")

    async def login() -> None:
        with passwords.logins.place():
            await passwords.verify("a password", None)
        finished.append("login")

    waiting = [asyncio.create_task(registration()) for _ in range(15)]
    await asyncio.sleep(0)
    await login()
    before_the_login = finished.index("login")
    await asyncio.gather(*waiting)
    passwords.close()

    assert before_the_login <= 1


# -- garbage --------------------------------------------------------------------------------------

REQUESTS = {
    "read": ("GET", "/items/{id}", b"", 200),
    "page": ("GET", "/items", b"", 200),
    "create": ("POST", "/items", b'{"title": "A telescope"}', 201),
    "change": ("PATCH", "/items/{id}", b'{"title": "A telescope"}', 200),
    "unknown": ("GET", f"/items/{UUID(int=0)}", b"", 404),
    "refused": ("POST", "/items", b'{"title": 1}', 422),
}


@pytest.mark.parametrize(("method", "path", "body", "status"), REQUESTS.values(), ids=REQUESTS)
async def test_a_request_leaves_nothing_that_only_a_collection_frees(
    app: FastAPI, ada: Person, method: str, path: str, body: bytes, status: int
) -> None:
    """A collection looks at much more than what it frees, and all requests wait for it."""
    item = await create_item(ada)
    kind = "merge-patch+json" if method == "PATCH" else "json"
    named = {**ada.headers, "content-type": f"application/{kind}", "if-match": "*"}
    headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]

    async def ask() -> None:
        answered, _ = await send(app, method, path.format(**item), body=body, headers=headers)
        assert answered == status

    await ask()  # which fills what is kept
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await ask()
        freed = gc.collect()
    finally:
        gc.enable()

    assert freed < 20


def test_what_a_server_has_loaded_is_not_looked_through_again(settings: Settings) -> None:
    before = gc.get_freeze_count()
    try:
        Configuration("fastapi:FastAPI", settings, problems.response).load()
        assert gc.get_freeze_count() > before + 10_000
    finally:
        gc.unfreeze()


# -- everything else ------------------------------------------------------------------------------


def blocking(source: str) -> Iterator[str]:
    """The modules that a source imports and the functions that it calls, where they block."""
    meant: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                meant[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                meant[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for name in meant.values():
        yield from (module for module in SYNCHRONOUS if f"{name}.".startswith(f"{module}."))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            head, dot, rest = ast.unparse(node.func).partition(".")
            called = meant.get(head, head) + dot + rest
            if called in BLOCKING:
                yield called


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.sleep(1)", "time.sleep"),
        ("from time import sleep\nsleep(1)", "time.sleep"),
        ("import time as t\nasync def f():\n    t.sleep(1)", "time.sleep"),
        ("def f():\n    import psycopg2.extras", "psycopg2"),
        ("from urllib import request", "urllib.request"),
        ("from sqlalchemy import create_engine as make\nmake('')", "sqlalchemy.create_engine"),
    ],
)
def test_the_search_for_what_blocks_finds_it(source: str, found: str) -> None:
    assert list(blocking(source)) == [found]


@pytest.mark.parametrize("package", ["impl", "generated", "scripts/charter/runtime"])
def test_no_module_of_the_service_blocks(package: str) -> None:
    commands = ROOT / "impl" / "commands"  # what operators run, outside of any request
    modules = [file for file in (ROOT / package).rglob("*.py") if commands not in file.parents]

    found = {
        str(module.relative_to(ROOT)): names
        for module in modules
        if (names := list(blocking(module.read_text())))
    }

    assert len(modules) > 10
    assert found == {}


async def test_the_database_is_reached_by_an_asynchronous_driver(settings: Settings) -> None:
    app = create_app(settings)
    engine = app.state.database.engine
    await engine.dispose()

    assert engine.dialect.is_async
    assert engine.dialect.driver == "asyncpg"
