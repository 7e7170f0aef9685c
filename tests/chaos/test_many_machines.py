"""A standby, a pooler, new keys and a new schema, each beside steady load."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import asyncpg
import pytest

from charter.contract.service_under_test import free_port
from tests.chaos.cluster import NAME, PASSWORD, Cluster, Clusters, with_port
from tests.chaos.conftest import migrate
from tests.chaos.line import Mode, line_to
from tests.chaos.load import Caller, Load, recovered, refusals, steady
from tests.chaos.patroni import becomes, patroni
from tests.chaos.proxies import FILES, required, running
from tests.chaos.services import serving
from tests.conftest import JWT_SECRET

pytestmark = pytest.mark.long


async def test_a_failover_to_the_synchronous_standby_loses_nothing(
    all_clusters: Clusters, tmp_path: Path
) -> None:
    primary, standby = all_clusters.make(), all_clusters.make()
    await primary.create()
    await migrate(primary)
    await standby.copy_of(primary)
    await primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (standby)'")
    await primary.execute("SELECT pg_reload_conf()")
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    environment = primary.environment | {"DB_HOST": hosts}
    async with serving(tmp_path, environment) as services:
        async with steady([service.url for service in services]) as load:
            await asyncio.sleep(5)
            await primary.stop("immediate")
            await asyncio.sleep(1)
            await standby.promote()
            promoted = monotonic()
            # the copied settings have each commit wait for a standby that is not there
            await standby.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            await standby.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(8)
        recovery = load.first_success(promoted)
        await load.check(standby, "failover", recovery=recovery)

    assert recovery <= 5


@pytest.mark.parametrize("whole", [False, True], ids=["server", "machine"])
async def test_patroni_promotes_the_standby_and_nothing_is_lost(
    all_clusters: Clusters, tmp_path: Path, whole: bool
) -> None:
    """A server that dies is replaced at once, a machine that is gone after Patroni's `ttl`."""
    async with patroni(all_clusters) as (primary, standby):
        await migrate(primary.cluster)
        hosts = ",".join(f"127.0.0.1:{node.cluster.port}" for node in (primary, standby))
        async with serving(tmp_path, primary.cluster.environment | {"DB_HOST": hosts}) as services:
            async with steady([service.url for service in services]) as load:
                await asyncio.sleep(3)
                killed = monotonic()
                primary.kill(whole=whole)
                await becomes(standby, "/primary")
                promoted = monotonic()
                await asyncio.sleep(8)
            figures = {
                "promoted after": promoted - killed,
                "recovery": load.first_success(promoted),
                "without writes": load.first_success(killed),
            }
            which = "machine" if whole else "server"
            await load.check(standby.cluster, f"Patroni, {which} gone", **figures)

    assert figures["recovery"] <= 5


async def test_a_first_host_that_is_silent_costs_each_service_one_wait(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with line_to(cluster.port) as line:
        line.mode = Mode.SILENT
        hosts = f"127.0.0.1:{line.port},127.0.0.1:{cluster.port}"
        async with serving(tmp_path, cluster.environment | {"DB_HOST": hosts}) as services:
            async with steady([service.url for service in services]) as load:
                await asyncio.sleep(3)
            await load.check(cluster, "first host silent")

    assert {one.status for one in load.outcomes} == {200, 201}


async def test_a_database_that_only_reads_is_left_and_found_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with serving(tmp_path, cluster.environment) as services:
        async with steady([service.url for service in services]) as load:
            await asyncio.sleep(1)
            await cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            await cluster.execute("SELECT pg_reload_conf()")
            await services[0].becomes(503)
            began = monotonic()
            await asyncio.sleep(2)
            during = load.between(began, monotonic())
            await cluster.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await cluster.execute("SELECT pg_reload_conf()")
            healed = monotonic()
            await services[0].becomes(200)
            await asyncio.sleep(1)
        recovery = load.first_success(healed)
        await load.check(cluster, "read-only", recovery=recovery)

    assert {one.status for one in during if one.what == "GET /items"} == {200}
    assert {one.status for one in during if one.what == "POST /items"} == {503}
    assert recovery <= 2


@asynccontextmanager
async def pooling(cluster: Cluster, **settings: object) -> AsyncIterator[int]:
    """The port of a PgBouncer with the settings that the docs hand out, but for these."""
    program = required("pgbouncer", "pgbouncer")
    port = free_port()
    users = cluster.folder / "userlist.txt"
    users.write_text(f'"{NAME}" "{PASSWORD}"\n')
    text = (FILES / "pgbouncer.ini").read_text().replace("port=5432", f"port={cluster.port}")
    ours = {"listen_port": port, "auth_file": users, "default_pool_size": 4} | settings
    for name, value in ours.items():
        text, count = re.subn(rf"(?m)^{name} = .+", f"{name} = {value}", text)
        assert count == 1, name
    file = cluster.folder / "pgbouncer.ini"
    file.write_text(text)
    command: list[str | Path] = [program, file]
    if cluster.account:  # it refuses to run as root, too
        command = ["setpriv", f"--reuid={cluster.account.uid}", "--clear-groups", *command]
    async with running(command, {}, cluster.folder / "pgbouncer.log", port):
        yield port


@pytest.fixture
async def bounded(cluster: Cluster) -> AsyncIterator[None]:
    """The role bounds what it runs, which behind a pooler no session can."""
    bounds = {"statement_timeout": "3s", "lock_timeout": "1s"}
    for name, value in bounds.items():
        await cluster.execute(f"ALTER ROLE {NAME} IN DATABASE {NAME} SET {name} = '{value}'")
    yield
    for name in bounds:
        await cluster.execute(f"ALTER ROLE {NAME} IN DATABASE {NAME} RESET {name}")


def behind(pooler: int, cluster: Cluster) -> dict[str, str]:
    return with_port(cluster.environment, pooler) | {"DB_PGBOUNCER": "true"}


@pytest.mark.usefixtures("bounded")
async def test_behind_a_transaction_pooler_nothing_waits_for_ever(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with pooling(cluster) as pooler, serving(tmp_path, behind(pooler, cluster)) as services:
        async with steady([service.url for service in services]) as load:
            await asyncio.sleep(5)
        locked = Load([service.url for service in services])
        person = await Caller(locked).arrive()
        async with cluster.locked("items"):
            await person.write()
        waited = locked.outcomes[-1]
        await locked.http.aclose()
        await load.check(cluster, "behind PgBouncer", **{"lock waited for s": waited.seconds})

    assert waited.status == 503
    assert waited.seconds < 2


@pytest.mark.usefixtures("bounded")
async def test_what_a_pooler_refuses_is_an_outage_until_it_refuses_no_more(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Its one connection is taken, then it takes no more clients, then its server is gone."""
    few = {"default_pool_size": 1, "max_client_conn": 12, "query_wait_timeout": 1}
    recoveries = []
    async with pooling(cluster, **few) as pooler:
        environment = behind(pooler, cluster) | {"DB_POOL_SIZE": "4", "DB_MAX_OVERFLOW": "0"}
        async with serving(tmp_path, environment) as services:
            async with steady([service.url for service in services]) as load:
                await asyncio.sleep(1)
                async with AsyncExitStack() as others:
                    await take_server(pooler, others)
                    waiting = await refusals(services, load)
                    await take_clients(pooler, others)
                    full = await refusals(services, load)
                recoveries.append(await recovered(services, load))
                await cluster.stop("immediate")
                gone = await refusals(services, load)
                await cluster.start()
                recoveries.append(await recovered(services, load))
            await load.check(cluster, "refused by PgBouncer", recovery=max(recoveries))

    for during in (waiting, full, gone):
        assert {one.status for one in during} == {503}
    assert max(recoveries) <= 3  # of which PgBouncer waits one before it tries again


async def take_server(pooler: int, others: AsyncExitStack) -> None:
    """Hold the pooler's one connection, for which the services compete."""
    while True:
        connection = await client_of(pooler, others)
        with suppress(asyncpg.PostgresConnectionError):
            await connection.execute("BEGIN")
            return


async def take_clients(pooler: int, others: AsyncExitStack) -> None:
    """Connect whenever a connection of the services has ended, until they have none."""
    end = monotonic() + 3
    while monotonic() < end:
        try:
            await client_of(pooler, others)
        except asyncpg.ProtocolViolationError:  # "no more connections allowed"
            await asyncio.sleep(0.01)


async def client_of(pooler: int, others: AsyncExitStack) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=pooler,
        user=NAME,
        password=PASSWORD,
        database=NAME,
        ssl=False,
        statement_cache_size=0,
    )
    others.callback(connection.terminate)
    return connection


async def test_new_keys_and_a_new_schema_are_brought_in_under_load(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Each step replaces one replica after the other, as a rolling update does."""
    following = JWT_SECRET[::-1]
    async with serving(tmp_path, cluster.environment) as services:
        async with steady([services[1].url]) as load:
            await asyncio.sleep(1)
            for secrets in (f"{JWT_SECRET},{following}", f"{following},{JWT_SECRET}", following):
                if secrets == following:  # what the old key signed has expired, or is refreshed
                    await asyncio.gather(*(person.refresh() for person in load.people))
                for going, staying in (services, services[::-1]):
                    load.urls = [staying.url]
                    await asyncio.sleep(0.3)
                    await going.terminate()
                    going.environment["JWT_SECRET"] = secrets
                    await going.start()
                    load.urls = [one.url for one in services]
                    await asyncio.sleep(0.5)
            await cluster.execute("ALTER TABLE items ADD COLUMN shelf text")
            version = await cluster.execute("SELECT version_num FROM alembic_version")
            await cluster.execute("UPDATE alembic_version SET version_num = 'next'")
            await asyncio.sleep(2)
            assert [await one.status("/readyz") for one in services] == [200, 200]
        await load.check(cluster, "keys rotated, schema ahead")
    await cluster.execute("ALTER TABLE items DROP COLUMN shelf")
    await cluster.execute("UPDATE alembic_version SET version_num = $1", *version)

    assert {one.status for one in load.outcomes} == {200, 201}
