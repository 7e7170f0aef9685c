"""What is written down about requests, and what never is: LOG-1 and LOG-3 of docs/security.md."""

import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from charter.project import environment
from charter.service import ConfigurationError
from impl.app import create_app
from impl.core import config
from impl.core.config import Settings
from impl.db.engine import create_engine, database_url
from impl.db.session import Database
from tests.people import Person, changed

SECRETS_AT_REST = re.compile(r"\$bcrypt-sha256\$|\$2[aby]\$\d\d\$")
"""How hashes of passwords begin; whoever reads them can guess in peace."""


def canary(kind: str) -> str:
    return f"canary-{kind}-{secrets.token_hex(12)}"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What the service writes to standard error. Its client here is none of it."""
    written = StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for name in ("httpx2", "httpcore2"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", False)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


@asynccontextmanager
async def talkative(
    settings: Settings, log: StringIO
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """A service that logs everything that it can."""
    with redirect_stderr(log):
        app = create_app(changed(settings, log_level="DEBUG"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield app, client


@asynccontextmanager
async def constraint(database: Database, table: str, rule: str) -> AsyncIterator[None]:
    """A rule of the database that the service does not know."""
    async with database.autocommit.connect() as connection:
        add = f"ADD CONSTRAINT brittle CHECK ({rule}) NOT VALID"
        await connection.execute(text(f"ALTER TABLE {table} {add}"))
        try:
            yield
        finally:
            await connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT brittle"))


def server_log(settings: Settings) -> Path | None:
    """PostgreSQL's own log, where the server is the embedded one."""
    state = environment.given().test_postgres().state
    port = state / "port"
    if not port.exists() or int(port.read_text()) != settings.db_port:
        return None
    return state / "data" / "server.log"


# -- LOG-1 ----------------------------------------------------------------------------------------


@pytest.fixture
async def life(
    log: StringIO, settings: Settings, database: Database, unused_tcp_port: int
) -> tuple[list[str], str]:
    """Everything that may happen to secrets. Those that there were, and what was logged."""
    jwt_secret, wrong_db_password = canary("jwt"), canary("db")
    password, new_password = canary("password"), canary("new-password")
    wrong, misplaced = canary("wrong"), canary("misplaced")
    told = [jwt_secret, wrong_db_password, password, new_password, wrong, misplaced]
    told.append(settings.db_password.get_secret_value())
    settings = changed(settings, jwt_secret=SecretStr(jwt_secret))

    async with talkative(settings, log) as (_, client):
        logging.getLogger("impl.core").debug("the finest level is on")
        statuses = [
            (await client.post("/users", json={"email": "ada@example.com", "password": password})),
            (await client.post("/users", json={"email": "ADA@example.com", "password": password})),
            (await client.post("/users", json={"email": "b@example.com", "password": [password]})),
            (await client.post("/users", content=f'{{"password":"{password}"')),
        ]
        assert [answer.status_code for answer in statuses] == [201, 409, 422, 415]

        ada = Person(client, statuses[0].json()["id"], "ada@example.com", password)
        assert (await ada.log_in()).status_code == 200
        tokens = [ada.tokens]
        told += await use_tokens(ada, tokens, wrong, misplaced)
        change = {"current_password": password, "new_password": new_password}
        assert (await ada.put("/users/me/password", json=change)).status_code == 204

        async with constraint(database, "users", "full_name IS NULL"):
            broken = await ada.patch("/users/me", json={"full_name": "Ada"})
            assert broken.status_code == 500
        async with constraint(database, "sessions", "user_agent IS NULL"):
            assert (await ada.log_in(password=new_password)).status_code == 500
        async with constraint(database, "users", "full_name IS NOT NULL"):
            refused = {"email": "c@example.com", "password": password}
            assert (await client.post("/users", json=refused)).status_code in {409, 500}

    lost = changed(settings, db_host="127.0.0.1", db_port=unused_tcp_port)
    refused_by_server = changed(settings, db_password=SecretStr(wrong_db_password))
    for unreachable in (lost, refused_by_server):
        async with talkative(unreachable, log) as (_, client):
            person = Person(client, ada.id, ada.email, password, ada.tokens)
            assert (await person.log_in()).status_code == 503
            assert (await person.get("/users/me")).status_code == 503
            assert (await client.get("/readyz")).status_code == 503

    told += [pair[kind] for pair in tokens for kind in ("access_token", "refresh_token")]
    return told, log.getvalue()


async def use_tokens(
    person: Person, tokens: list[Any], wrong: str, misplaced: str
) -> Sequence[str]:
    """Refresh, replay, revoke, forge, and put secrets where none belong."""
    for _ in range(3):
        tokens.append((await person.refresh(tokens[-1]["refresh_token"])).json())
    assert (await person.refresh(tokens[0]["refresh_token"])).status_code == 401  # ends the session
    assert (await person.get("/users/me")).status_code == 401
    assert (await person.log_in(password=wrong)).status_code == 401
    assert (await person.log_in()).status_code == 200
    tokens.append(person.tokens)
    forged = f"{person.tokens['access_token'][:-4]}AAAA"
    headers = {"Authorization": f"Bearer {forged}"}
    assert (await person.client.get("/users/me", headers=headers)).status_code == 401
    headers = {"Authorization": f"Basic {misplaced}", "Cookie": f"session={misplaced}"}
    assert (await person.client.get("/users/me", headers=headers)).status_code == 401
    for path in (f"/users/me?access_token={misplaced}", f"/auth/token?password={misplaced}"):
        await person.post(path, headers={"User-Agent": misplaced, "Referer": misplaced})
    spent = tokens[1]["refresh_token"]
    assert (await person.post("/auth/revoke", data={"token": spent})).status_code == 200
    return [forged]


async def test_log_1_no_secret_is_logged(life: tuple[list[str], str]) -> None:
    told, written = life

    assert len(told) > 16
    assert written.count('"level": "DEBUG"') > 0
    assert written.count("unhandled error") >= 2
    assert written.count("database unavailable") >= 4
    assert [secret for secret in told if secret in written] == []


async def test_log_1_no_hash_of_a_password_is_logged(life: tuple[list[str], str]) -> None:
    _, written = life

    found = SECRETS_AT_REST.search(written)

    assert not found, written[max(0, found.start() - 1500) : found.end()]


async def test_log_1_no_address_is_logged(life: tuple[list[str], str]) -> None:
    _, written = life

    assert "example.com" not in written.lower()


async def test_log_1_no_secret_is_in_the_log_of_the_database(
    settings: Settings, life: tuple[list[str], str]
) -> None:
    path = server_log(settings)
    if path is None:
        pytest.skip("the database is not the embedded one: its log is out of reach")
    told, _ = life

    written = path.read_text(errors="replace")

    assert "violates check constraint" in written  # it is the log of what happened here
    assert [secret for secret in told if secret in written] == []
    assert not SECRETS_AT_REST.search(written)


async def test_log_1_every_line_is_one_object_with_a_time_in_utc(
    life: tuple[list[str], str],
) -> None:
    _, written = life

    lines = [json.loads(line) for line in written.splitlines()]

    assert len(lines) > 30
    for line in lines:
        assert line.keys() >= {"time", "level", "logger", "message", "request_id"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


async def test_a_fault_is_found_in_the_log_by_the_id_that_the_client_got(
    log: StringIO, settings: Settings, database: Database
) -> None:
    async with talkative(settings, log) as (_, client):
        ada = Person(client, "", "ada@example.com")
        await client.post("/users", json={"email": ada.email, "password": ada.password})
        await ada.log_in()
        async with constraint(database, "items", "title = 'another'"):
            response = await ada.post("/items", json={"title": "forgetful canary"})

    written = [json.loads(line) for line in log.getvalue().splitlines()]
    (fault,) = [line for line in written if line["message"] == "unhandled error"]
    assert response.status_code == 500
    assert fault["request_id"] == response.json()["request_id"]
    assert "brittle" in fault["exc_info"]  # which constraint it was, but not what broke it
    assert "canary" not in fault["exc_info"]


async def test_log_1_a_line_break_in_a_request_forges_no_line(
    log: StringIO, settings: Settings, database: Database
) -> None:
    forged = '\r\n{"level": "ERROR", "message": "forged"}'
    async with talkative(settings, log) as (_, client):
        await client.get(f"/{quote(forged)}")
        await client.post("/auth/token", data={"grant_type": forged, "username": forged})
        await client.get("/livez", headers={"User-Agent": "a\tb"})

    messages = [json.loads(line)["message"] for line in log.getvalue().splitlines()]

    assert "request" in messages
    assert "forged" not in messages


# -- LOG-3 ----------------------------------------------------------------------------------------


def given(database: Settings) -> tuple[Settings, list[str]]:
    """Settings full of canaries, and the canaries."""
    told = [canary("db"), canary("jwt-of-more-than-32-bytes"), canary("metrics")]
    where = {name: value for name, value in database if name.startswith("db_")}
    settings = config.load(
        _env_file=None,
        **where | {"db_password": told[0]},
        jwt_secret=f"{told[1]},{told[1][::-1]}",
        metrics_token=told[2],
    )
    return settings, [*told, told[1][::-1]]


def test_log_3_settings_show_no_secret(settings: Settings) -> None:
    full, told = given(settings)

    texts = [repr(full), str(full), f"{full!r}", full.model_dump_json(), str(full.model_dump())]

    assert [secret for secret in told for shown in texts if secret in shown] == []


async def test_log_3_an_engine_and_its_address_show_no_secret(settings: Settings) -> None:
    full, told = given(settings)
    several = changed(full, db_host="one.example,two.example")
    engine = create_engine(full)

    texts = [str(engine.url), repr(engine.url), repr(engine), str(engine), repr(engine.pool)]
    texts += [str(database_url(several)), repr(database_url(several))]
    await engine.dispose()

    assert [secret for secret in told for shown in texts if secret in shown] == []


async def test_log_3_the_parts_of_the_service_show_no_secret(settings: Settings) -> None:
    full, told = given(settings)
    app = create_app(full)
    state = app.state

    texts = [repr(part) for part in vars(state)["_state"].values()]
    texts += [str(vars(state)), repr(app)]
    await state.database.dispose()

    assert len(texts) > 5
    assert [secret for secret in told for shown in texts if secret in shown] == []


async def test_log_3_an_exception_of_the_database_shows_no_value(database: Database) -> None:
    told = canary("email")
    add = text("INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), :e, :h)")
    values = {"e": told, "h": canary("hash")}
    async with database.writing() as session:
        await session.execute(add, values)
        with pytest.raises(DBAPIError) as twice:
            await session.execute(add, values)
        await session.rollback()

    shown = "".join(every_text(twice.value))

    assert "users_email_key" in shown
    assert "canary" not in shown


def every_text(error: BaseException | None) -> Iterator[str]:
    """All that a traceback, or whoever logs the error, could show of it."""
    while error is not None:
        yield f"{error} {error!r} {getattr(error, 'detail', '')}"
        if isinstance(error, DBAPIError):
            yield f"{error.orig} {error.orig!r}"
        error = error.__cause__ or error.__context__


async def test_log_3_an_exception_of_a_refused_login_shows_no_password(settings: Settings) -> None:
    full, told = given(settings)
    engine = create_engine(full)
    with pytest.raises(Exception, match="password authentication failed") as refused:
        await engine.connect()
    await engine.dispose()

    shown = "".join(every_text(refused.value))

    assert [secret for secret in told if secret in shown] == []


def test_log_3_an_exception_of_refused_settings_shows_no_secret() -> None:
    told = canary("x")[:31]
    with pytest.raises(ConfigurationError) as refused:
        config.load(_env_file=None, jwt_secret=told, db_port=told)

    assert told not in "".join(every_text(refused.value))
