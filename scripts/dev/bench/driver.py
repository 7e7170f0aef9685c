"""Starts each app in turn on the same data, loads it, and prints what a request costs."""

import asyncio
import contextlib
import json
import math
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from dev.bench.apps import CHARTER, EVERY, LIMIT, App, available, serving
from dev.bench.bounds import report
from dev.bench.figures import Measures, table, write_down, written_ratio
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
GATED = "GET /items/{id}"
GATE_ROUNDS = 12
TOLERANCE = 1.15


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
    write: Annotated[
        bool, typer.Option("--write", help="Write the figures and the plot to docs/.")
    ] = False,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Measure the log, the memory, the start and a flood.")
    ] = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="Fail where a read costs 15 % more than docs/ says.")
    ] = False,
) -> None:
    """Measure what requests cost Charter, a hand-written limit, and other frameworks."""
    known = available()
    with data() as (environ, callers):
        if gate:
            sys.exit(compare_with_written(least_ratio(works(callers), environ)))
        if bounds:
            for line in report(works(callers), environ, LOGS / "bounds.log"):
                print(line, flush=True)
            return
        apps = [known[name] for name in app or known]
        measures = measure_all(apps, works(callers), work or EVERY, environ, rounds, seconds)
        ratio = least_ratio(works(callers), environ) if write else math.nan
    print(table(measures))
    print(f"machine: {machine()}")
    print(f"{rounds} rounds of {seconds:g} s at {CONNECTIONS} connections, medians")
    if write:
        write_down(measures, machine(), ratio)


@contextlib.contextmanager
def data() -> Iterator[tuple[Mapping[str, str], list[Caller]]]:
    """The environment of the apps, on a database of users with items, and some of the users."""
    LOGS.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    with database(testing=True) as server:
        name = f"bench_{os.getpid()}"
        address = databases.create(server, name)
        try:
            with exported(address.environment() | SETTINGS | {"BCRYPT_ROUNDS": "4"}):
                settings = config.without_tokens()
                SCHEMA.upgrade(target(settings))
                yield environment(secret), asyncio.run(fill(settings, secret))
        finally:
            databases.drop(server, name)


def environment(secret: str) -> Mapping[str, str]:
    """Production's settings, as far as they cost something: answers are checked by sample."""
    return {
        "JWT_SECRET": secret,
        "LOG_LEVEL": "WARNING",
        "RESPONSE_CHECK_SHARE": "0.01",
        "REFRESHES_PER_MINUTE": "1000000",  # counted, and never spent
    }


def measure_all(
    apps: Sequence[App],
    known: Mapping[str, Work],
    wanted: Sequence[str],
    environ: Mapping[str, str],
    rounds: int,
    seconds: float,
) -> Measures:
    taken: dict[str, dict[str, list[Measure]]] = {name: {} for name in wanted}
    for _ in range(rounds):
        for app in apps:
            with serving(app, LOGS / f"{app.name}.log", environ) as (port, pid):
                for name in wanted:
                    if name in app.works:
                        load = partial(measured, port, psutil.Process(pid), known[name])
                        load(seconds=min(WARM_UP_SECONDS, seconds), connections=CONNECTIONS)
                        one = load(seconds=seconds, connections=CONNECTIONS)
                        taken[name].setdefault(app.name, []).append(one)
    return {
        work: {app: median(measures) for app, measures in by_app.items()}
        for work, by_app in taken.items()
    }


def compare_with_written(ratio: float) -> int:
    """1 where a read costs 15 % more of the limit than is written down."""
    most = written_ratio() * TOLERANCE
    print(f"{GATED} costs {ratio:.2f} x the limit; it may cost {most:.2f} x.")
    return int(ratio > most)


def least_ratio(known: Mapping[str, Work], environ: Mapping[str, str]) -> float:
    """What a read costs, as a multiple of what it costs the limit.

    Both apps are loaded in turn, again and again. What other programs do on the machine only adds
    to what a request costs, so that the least of each app is compared.
    """
    least = {LIMIT.name: math.inf, CHARTER.name: math.inf}
    with contextlib.ExitStack() as stack:
        processes = {
            app.name: stack.enter_context(serving(app, LOGS / f"{app.name}.log", environ))
            for app in (LIMIT, CHARTER)
        }
        for _ in range(GATE_ROUNDS):
            for name, (port, pid) in processes.items():
                process, work = psutil.Process(pid), known[GATED]
                one = measured(port, process, work, seconds=1.5, connections=CONNECTIONS)
                least[name] = min(least[name], one.cpu_microseconds)
    return least[CHARTER.name] / least[LIMIT.name]


def works(callers: list[Caller]) -> Mapping[str, Work]:
    """What is measured: each connection is a caller of its own."""

    def plain(
        method: str, path: Callable[[Caller], str], body: bytes = b"", kind: str = ""
    ) -> Work:
        def request(number: int) -> bytes:
            caller = callers[number % len(callers)]
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


def machine() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    load = os.getloadavg()[0]
    return (
        f"{psutil.cpu_count()} cores, load average {load:.1f} at the end, Python {python},"
        f" commit {commit or 'unknown'}"
    )
