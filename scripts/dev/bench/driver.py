"""Starts each app in turn on the same data, loads it, and prints what a request costs."""

import asyncio
import json
import math
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import psutil
import typer
from sqlalchemy import insert, text

from charter.contract.service_under_test import SETTINGS
from charter.postgres import databases
from charter.project.environment import database, exported
from dev.bench.apps import EVERY, App, available, serving
from dev.bench.load import Measure, Work, measured
from generated.security import Scope
from impl.core import config
from impl.core.config import Settings
from impl.core.tokens import AccessTokens, RefreshTokens
from impl.db.migrations import SCHEMA, target
from impl.db.session import Database
from impl.models import Session, User

USERS = 50
ITEMS_EACH = 1000
CONNECTIONS = 16
WARM_UP_SECONDS = 2.0
LOGS = Path(__file__).resolve().parents[3] / ".data" / "bench"
REPORT = LOGS / "bench.json"


@dataclass
class Caller:
    """Somebody with an open session and an item."""

    id: UUID
    session_id: UUID
    item_id: UUID
    access_token: str
    refresh_token: str


def run(
    rounds: Annotated[int, typer.Option(help="How often each app is measured.")] = 3,
    seconds: Annotated[float, typer.Option(help="How long each request is measured.")] = 5.0,
    app: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Measure this app; repeatable.")
    ] = None,
    work: Annotated[
        list[str] | None, typer.Option(metavar="REQUEST", help="Send this request; repeatable.")
    ] = None,
) -> None:
    """Measure what requests cost Charter, a hand-written limit, and other frameworks."""
    known = available()
    measures = measure([known[name] for name in app or known], work or EVERY, rounds, seconds)
    print(table(measures))
    REPORT.write_text(json.dumps({name: as_json(apps) for name, apps in measures.items()}))
    print(f"{rounds} rounds of {seconds:g} s at {CONNECTIONS} connections, medians; {REPORT}")


Measures = dict[str, dict[str, Measure]]
"""By work, then by app."""


def measure(apps: Sequence[App], wanted: Sequence[str], rounds: int, seconds: float) -> Measures:
    LOGS.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    with database(testing=True) as server:
        name = f"bench_{os.getpid()}"
        address = databases.create(server, name)
        try:
            with exported(address.environment() | SETTINGS | {"BCRYPT_ROUNDS": "4"}):
                settings = config.without_tokens()
                SCHEMA.upgrade(target(settings))
                return measure_all(settings, secret, apps, wanted, rounds, seconds)
        finally:
            databases.drop(server, name)


def measure_all(
    settings: Settings,
    secret: str,
    apps: Sequence[App],
    wanted: Sequence[str],
    rounds: int,
    seconds: float,
) -> Measures:
    callers = asyncio.run(fill(settings, secret))
    chosen = {name: one for name, one in works(callers).items() if name in wanted}
    taken: dict[str, dict[str, list[Measure]]] = {name: {} for name in chosen}
    # the checks of responses are sampled, as in production
    environ = {
        "JWT_SECRET": secret,
        "LOG_LEVEL": "WARNING",
        "RESPONSE_CHECK_SHARE": "0.01",
        "REFRESHES_PER_MINUTE": "1000000",  # counted, and never spent
    }
    for _ in range(rounds):
        for app in apps:
            with serving(app, LOGS / f"{app.name}.log", environ) as (port, pid):
                process = psutil.Process(pid)
                for name, one in chosen.items():
                    if name in app.works:
                        load = partial(measured, port, process, one, connections=CONNECTIONS)
                        load(seconds=min(WARM_UP_SECONDS, seconds))
                        taken[name].setdefault(app.name, []).append(load(seconds=seconds))
    return {
        work: {app: median(measures) for app, measures in by_app.items()}
        for work, by_app in taken.items()
    }


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
        limit = apps["limit"].cpu_microseconds if "limit" in apps else math.nan
        for app, one in apps.items():
            lines.append(
                f"{work:<22}{app:<10}{one.cpu_microseconds:>9.0f}"
                f"{one.cpu_microseconds / limit:>9.2f}{one.requests_per_second:>9.0f}"
                f"{one.p50_milliseconds:>9.1f}{one.p99_milliseconds:>9.1f}"
            )
    lines.append(f"machine: {machine()}")
    return "\n".join(lines)


def as_json(apps: dict[str, Measure]) -> dict[str, dict[str, float]]:
    return {app: asdict(one) for app, one in apps.items()}


def machine() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{psutil.cpu_count()} cores, Python {python}, commit {commit or 'unknown'}"
