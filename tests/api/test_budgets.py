"""How often one caller, and how often on behalf of one account, something dear may be asked for."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import func, select, text, update

from impl.app import create_app
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import Budget, Session
from tests.people import PASSWORD, Person, at, changed, register

PROXY = "10.1.2.3"


@asynccontextmanager
async def calling(
    settings: Settings, address: str = "192.0.2.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """A worker of its own, called from an address."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=(address, 1234))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


async def log_in(client: httpx.AsyncClient, email: str, **headers: str) -> httpx.Response:
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    return await client.post("/auth/token", data=form, headers=headers)


async def guess(client: httpx.AsyncClient, name: str, **headers: str) -> int:
    """The status of a login to an account that is not there."""
    return (await log_in(client, f"{name}@example.com", **headers)).status_code


async def end_all_windows(database: Database) -> None:
    async with database.autocommit.connect() as connection:
        await connection.execute(update(Budget).values(ends_at=func.clock_timestamp()))


@pytest.fixture
def bounded(settings: Settings) -> Settings:
    return changed(
        settings,
        logins_per_minute=5,
        refreshes_per_minute=5,
        registrations_per_minute=5,
        password_changes_per_minute=5,
        login_max_failures=1000,
        trusted_proxies=("10.0.0.0/8",),
    )


async def test_passwords_sprayed_over_many_accounts_spend_the_callers_quota(
    bounded: Settings, database: Database
) -> None:
    async with calling(bounded) as client, calling(bounded, "192.0.2.2") as elsewhere:
        answers = [await log_in(client, f"nobody{number}@example.com") for number in range(8)]
        other = await log_in(elsewhere, "nobody0@example.com")

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert other.status_code == 401
    refused = answers[-1]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Policy"] == '"login";q=5;w=60'
    assert re.fullmatch(r'"login";r=0;t=\d+', refused.headers["RateLimit"])


async def test_of_many_requests_at_once_exactly_the_quota_gets_through(
    bounded: Settings, database: Database
) -> None:
    many = changed(bounded, password_hash_queue=50)
    async with calling(many) as one, calling(many) as other:
        answers = await asyncio.gather(
            *(log_in([one, other][n % 2], f"nobody{n}@example.com") for n in range(30))
        )

    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 25}


async def test_guesses_from_many_addresses_spend_the_accounts_quota(
    bounded: Settings, database: Database
) -> None:
    statuses = []
    for number in range(7):
        async with calling(bounded, f"192.0.2.{number}") as client:
            statuses.append((await log_in(client, "Nobody@example.com")).status_code)

    assert statuses == [401] * 5 + [429] * 2


async def test_a_caller_who_is_refused_spends_no_accounts_quota(
    bounded: Settings, database: Database
) -> None:
    async with calling(bounded) as client, calling(bounded, "192.0.2.2") as owner:
        for number in range(5):
            await log_in(client, f"nobody{number}@example.com")
        for _ in range(10):
            assert (await log_in(client, "ada@example.com")).status_code == 429
        assert (await log_in(owner, "ada@example.com")).status_code == 401


async def test_what_is_left_is_said_with_every_answer(
    bounded: Settings, database: Database
) -> None:
    async with calling(bounded) as client:
        ada = await register(client)
        login = await ada.log_in()
        refused = await ada.log_in(password="not the password")
        other = await client.get("/livez")

    policy = '"login";q=5;w=60, "login-account";q=5;w=60'
    assert login.headers["RateLimit-Policy"] == refused.headers["RateLimit-Policy"] == policy
    left = r'"login";r=(\d);t=\d+, "login-account";r=(\d);t=\d+'
    counts = [re.fullmatch(left, answer.headers["RateLimit"]) for answer in (login, refused)]
    assert [match and match.groups() for match in counts] == [("3", "3"), ("2", "2")]
    assert "RateLimit" not in other.headers


async def test_a_window_ends(bounded: Settings, database: Database) -> None:
    async with calling(bounded) as client:
        for number in range(6):
            last = await log_in(client, f"nobody{number}@example.com")
        assert last.status_code == 429

        await end_all_windows(database)

        assert (await log_in(client, "nobody@example.com")).status_code == 401


async def test_registrations_refreshes_and_password_changes_have_quotas_of_their_own(
    bounded: Settings, database: Database
) -> None:
    async with calling(bounded) as client:
        ada = await register(client)
        bodies = [{"email": f"a{number}@example.com", "password": PASSWORD} for number in range(5)]
        registrations = [await client.post("/users", json=body) for body in bodies]
        refreshes = [await ada.refresh() for _ in range(6)]
        change = {"current_password": "not the password", "new_password": "a ship in port is safe"}
        changes = [await ada.put("/users/me/password", json=change) for _ in range(6)]
        reading = await ada.get("/users/me")

    assert [answer.status_code for answer in registrations] == [201] * 4 + [429]
    assert [answer.status_code for answer in refreshes] == [200] * 5 + [429]
    assert [answer.status_code for answer in changes] == [403] * 5 + [429]
    assert reading.status_code == 200


async def test_registrations_do_not_keep_a_login_waiting(
    settings: Settings, database: Database
) -> None:
    slow = changed(settings, bcrypt_rounds=9, password_hash_threads=1, password_hash_queue=8)
    async with calling(slow) as client:
        ada = await register(client)
        crowd = [
            asyncio.create_task(
                client.post("/users", json={"email": f"b{n}@example.com", "password": PASSWORD})
            )
            for n in range(20)
        ]
        logins = [await ada.log_in() for _ in range(6)]
        registrations = await asyncio.gather(*crowd)

    assert [login.status_code for login in logins] == [200] * 6
    assert {answer.status_code for answer in registrations} == {201, 503}


# -- whose address it is --------------------------------------------------------------------------


async def address_of_login(client: httpx.AsyncClient, database: Database, **headers: str) -> str:
    """What is kept as the address of a session that was opened with these headers."""
    name = f"{uuid4()}@example.com"
    body = {"email": name, "password": PASSWORD}
    assert (await client.post("/users", json=body, headers=headers)).status_code == 201
    assert (await log_in(client, name, **headers)).status_code == 200
    async with database.reading() as reading:
        newest = select(Session.address).order_by(Session.created_at.desc()).limit(1)
        return str(await reading.scalar(newest))


async def test_enu_4_only_a_trusted_proxy_says_where_a_session_was_opened(
    settings: Settings, database: Database
) -> None:
    trusting = changed(settings, trusted_proxies=("10.0.0.0/8",))
    kept = []
    for peer in ("192.0.2.1", PROXY):
        for header in ("198.51.100.7", "<script>alert(1)</script>"):
            async with calling(trusting, peer) as client:
                kept.append(await address_of_login(client, database, **{"X-Forwarded-For": header}))

    assert kept == ["192.0.2.1", "192.0.2.1", "198.51.100.7", PROXY]


async def test_enu_4_no_caller_gets_another_quota_by_a_header(
    bounded: Settings, database: Database
) -> None:
    async with calling(bounded) as client, calling(bounded, PROXY) as proxied:
        direct, spoofed, honest = [], [], []
        for number in range(7):
            forged = {"X-Forwarded-For": f"198.51.100.{number}"}
            appended = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}
            direct.append((await log_in(client, f"a{number}@example.com", **forged)).status_code)
            spoofed.append(
                (await log_in(proxied, f"b{number}@example.com", **appended)).status_code
            )
            honest.append((await log_in(proxied, f"c{number}@example.com", **forged)).status_code)

    assert direct == spoofed == [401] * 5 + [429] * 2
    assert honest == [401] * 7


async def test_the_addresses_of_one_ipv6_network_are_one_caller(
    bounded: Settings, database: Database
) -> None:
    statuses = []
    for number in range(7):
        async with calling(bounded, f"2001:db8::{number}") as client:
            statuses.append((await log_in(client, f"a{number}@example.com")).status_code)
    async with calling(bounded, "2001:db8:0:1::1") as client:
        other = await log_in(client, "a@example.com")

    assert statuses == [401] * 5 + [429] * 2
    assert other.status_code == 401


async def test_a_crash_of_the_database_may_forget_the_budgets(database: Database) -> None:
    persistence = text("SELECT relpersistence::text FROM pg_class WHERE relname = 'budgets'")
    async with database.autocommit.connect() as connection:
        assert await connection.scalar(persistence) == "u"


async def test_a_worker_counts_what_another_has_counted(
    bounded: Settings, database: Database
) -> None:
    async with calling(bounded) as one, calling(bounded) as other:
        ada = await register(one)
        here: list[Person] = [ada, at(other, ada)]
        statuses = [(await here[number % 2].log_in()).status_code for number in range(6)]

    assert statuses == [200] * 4 + [429] * 2
