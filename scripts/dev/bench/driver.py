"""Starts each app in turn on the same data, loads it, and prints what a request costs."""

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psutil
from sqlalchemy import insert, text

from charter.contract.service_under_test import SETTINGS, served
from charter.postgres import databases
from charter.project.environment import database, exported
from dev.bench.load import Measure, Work, measure
from generated.security import Scope
from impl.core import config
from impl.core.config import Settings
from impl.core.tokens import AccessTokens, RefreshTokens
from impl.db.migrations import SCHEMA, target
from impl.db.session import Database
from impl.models import Session, User

APPS = {"limit": "dev.bench.limit:create_app", "charter": "impl.app:create_app"}
USERS = 50
ITEMS_EACH = 1000
CONNECTIONS = 16
WARM_UP_SECONDS = 2.0
SECONDS = 5.0
ROUNDS = 3
REPORT = Path(__file__).resolve().parents[3] / ".data" / "bench"


@dataclass
class Caller:
    """Somebody with an open session and an item."""

    id: UUID
    session_id: UUID
    item_id: UUID
    access_token: str
    refresh_token: str


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> int:
    REPORT.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    with database(testing=True) as server:
        name = f"bench_{os.getpid()}"
        address = databases.create(server, name)
        try:
            with exported(address.environment() | SETTINGS | {"BCRYPT_ROUNDS": "4"}):
                settings = config.without_tokens()
                SCHEMA.upgrade(target(settings))
                measures = measure_all(settings, secret, rounds, seconds)
        finally:
            databases.drop(server, name)
    print(table(measures))
    report = REPORT / "bench.json"
    report.write_text(json.dumps({work: apps_as_json(apps) for work, apps in measures.items()}))
    print(f"{rounds} rounds of {seconds:g} s at {CONNECTIONS} connections, medians; {report}")
    return 0


Measures = dict[str, dict[str, Measure]]
"""By work, then by app."""


def measure_all(settings: Settings, secret: str, rounds: int, seconds: float) -> Measures:
    callers = asyncio.run(fill(settings, secret))
    taken: dict[str, dict[str, list[Measure]]] = {}
    # the checks of responses are sampled, as in production
    environ = {"JWT_SECRET": secret, "RESPONSE_CHECK_SHARE": "0.01", "LOG_LEVEL": "WARNING"}
    for _ in range(rounds):
        for app, factory in APPS.items():
            with served(REPORT / f"{app}.log", factory, environ) as (base_url, _):
                port = urlsplit(base_url).port or 0
                process = server_process(port)
                for name, work in works(callers).items():
                    load = partial(measure, port, process, work, connections=CONNECTIONS)
                    load(seconds=WARM_UP_SECONDS)
                    taken.setdefault(name, {}).setdefault(app, []).append(load(seconds=seconds))
    return {
        work: {app: median(measures) for app, measures in apps.items()}
        for work, apps in taken.items()
    }


def server_process(port: int) -> psutil.Process:
    """The child of ours that was started with this port."""
    for child in psutil.Process().children():
        if str(port) in child.cmdline():
            return child
    raise RuntimeError(f"Nothing of ours serves port {port}.")


def works(callers: list[Caller]) -> Mapping[str, Work]:
    """What is measured: each connection is a caller of its own."""

    def plain(
        method: str, path: Callable[[Caller], str], body: bytes = b"", kind: str = ""
    ) -> Work:
        def request(number: int) -> bytes:
            caller = callers[number]
            headers = f"Authorization: Bearer {caller.access_token}\r\n"
            if body:
                headers += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            if method == "PATCH":
                headers += "If-Match: *\r\n"
            head = f"{method} {path(caller)} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n"
            return head.encode() + body

        return Work(request)

    def keep(number: int, body: bytes) -> None:
        callers[number].refresh_token = json.loads(body)["refresh_token"]

    def refresh(number: int) -> bytes:
        token = callers[number].refresh_token
        body = f"grant_type=refresh_token&refresh_token={token}".encode()
        head = (
            "POST /auth/token HTTP/1.1\r\nHost: bench\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    title = b'{"title":"A brass telescope"}'
    return {
        "GET /items/{id}": plain("GET", lambda caller: f"/items/{caller.item_id}"),
        "GET /items?limit=20": plain("GET", lambda caller: "/items?limit=20"),
        "POST /items": plain("POST", lambda caller: "/items", title, "application/json"),
        "PATCH /items/{id}": plain(
            "PATCH",
            lambda caller: f"/items/{caller.item_id}",
            title,
            "application/merge-patch+json",
        ),
        "POST /auth/token": Work(refresh, keep),
    }


async def fill(settings: Settings, secret: str) -> list[Caller]:
    """Users with items; each has a session and its tokens."""
    keys = [secret.encode()]
    whole = config.load(_env_file=None, jwt_secret=secret)
    access, refresh = AccessTokens(whole, keys), RefreshTokens(keys)
    database = Database(settings)
    callers = []
    async with database.writing() as session, session.begin():
        await session.execute(text("SET LOCAL statement_timeout = 0"))
        for number in range(USERS):
            user_id, session_id, item_id = uuid4(), uuid4(), uuid4()
            email = f"user-{number}@example.com"
            await session.execute(insert(User).values(id=user_id, email=email, password_hash=email))
            later = datetime.now(UTC) + timedelta(days=1)
            await session.execute(
                insert(Session).values(
                    id=session_id,
                    user_id=user_id,
                    scopes=[scope.value for scope in Scope],
                    idle_expires_at=later,
                    expires_at=later,
                )
            )
            await session.execute(
                text(
                    "INSERT INTO items (id, owner_id, version, title, description, status,"
                    " quantity, tags, created_at) SELECT CASE WHEN n = 1 THEN CAST(:item AS uuid)"
                    " ELSE gen_random_uuid() END, CAST(:owner AS uuid), 1, 'Item ' || n,"
                    " 'Three draws, made in Dublin.', 'active', n, ARRAY['optics', 'antique'],"
                    " clock_timestamp() - n * interval '1 minute' FROM generate_series(1, :many) n"
                ),
                {"item": str(item_id), "owner": str(user_id), "many": ITEMS_EACH},
            )
            tokens = access.issue(user_id, session_id), refresh.issue(session_id, 0)
            callers.append(Caller(user_id, session_id, item_id, *tokens))
    async with database.autocommit.connect() as connection:
        await connection.execute(text("ANALYZE"))
    await database.dispose()
    return callers


def median(measures: list[Measure]) -> Measure:
    columns = zip(*(asdict(one).values() for one in measures), strict=True)
    return Measure(*(statistics.median(column) for column in columns))


def table(measures: Measures) -> str:
    lines = [
        f"{'work':<22}{'app':<10}{'CPU µs':>9}{'ratio':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}"
    ]
    for work, apps in measures.items():
        limit = apps["limit"].cpu_microseconds
        for app, one in apps.items():
            lines.append(
                f"{work:<22}{app:<10}{one.cpu_microseconds:>9.0f}"
                f"{one.cpu_microseconds / limit:>9.2f}{one.requests_per_second:>9.0f}"
                f"{one.p50_milliseconds:>9.1f}{one.p99_milliseconds:>9.1f}"
            )
    lines.append(f"machine: {machine()}")
    return "\n".join(lines)


def apps_as_json(apps: dict[str, Measure]) -> dict[str, dict[str, float]]:
    return {app: asdict(one) for app, one in apps.items()}


def machine() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{psutil.cpu_count()} cores, Python {python}, commit {commit or 'unknown'}"
