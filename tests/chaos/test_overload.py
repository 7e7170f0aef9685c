"""More is asked than can be done: a slow database, a locked table, logins, slow clients."""

import asyncio
import secrets
from asyncio import StreamReader, StreamWriter
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic

import httpx2 as httpx
import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Setup
from tests.chaos.load import FIGURES, Caller, Load, percentile, steady
from tests.chaos.services import Service, serving
from tests.people import PASSWORD

pytestmark = pytest.mark.long

SLOW_CONNECTIONS = 1000
CLOSED_WITHIN_SECONDS = 35


async def test_a_slow_database_is_not_asked_more_than_it_can_answer(setup: Setup) -> None:
    """Four times as many callers as there are connections, and 300 ms for each round trip."""
    line = setup.line
    line.delay = 0.15
    async with steady(setup.urls, callers=8) as load:
        began = monotonic()
        await asyncio.sleep(15)
        capacity = goodput(load, began)
    await load.check(setup.cluster, "database slow, as many callers as connections")
    async with steady(setup.urls, callers=32) as load:
        began = monotonic()
        await asyncio.sleep(20)
        overloaded = goodput(load, began)
        line.delay = 0
        healed = monotonic()
        await asyncio.sleep(5)
        recovery = load.first_success(healed)
    refusals = [one.seconds for one in load.outcomes if one.status == 503]
    await load.check(
        setup.cluster,
        "database slow, four times as many",
        **{
            "requests/s at capacity": capacity,
            "requests/s beyond": overloaded,
            "slowest refusal": max(refusals, default=0),
            "recovery": recovery,
        },
    )

    assert overloaded >= 0.8 * capacity
    assert recovery <= 5


def goodput(load: Load, since: float) -> float:
    """Requests a second that succeeded."""
    done = [one for one in load.outcomes if one.began > since and one.succeeded]
    return len(done) / (monotonic() - since)


async def test_a_locked_table_is_not_waited_for(setup: Setup) -> None:
    async with steady(setup.urls) as load:
        await asyncio.sleep(2)
        async with setup.cluster.locked("items"):
            locked = monotonic()
            await asyncio.sleep(10)
            unlocked = monotonic()
        await asyncio.sleep(3)
    during = [one for one in load.between(locked, unlocked) if one.what.endswith("/items")]
    recovery = load.first_success(unlocked)
    slowest = max(one.seconds for one in during)
    figures = {"slowest refusal": slowest, "recovery": recovery}
    await load.check(setup.cluster, "table locked", **figures)

    assert {one.status for one in during} == {503}
    assert recovery <= 2
    # a second for the lock, and before that the wait for a connection
    assert slowest <= 3


async def test_logins_beyond_the_queue_are_refused_at_once_and_reads_go_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with serving(tmp_path, cluster.environment | {"BCRYPT_ROUNDS": "12"}) as services:
        load = Load([service.url for service in services])
        reader = await Caller(load).arrive()
        load.outcomes.clear()
        await read_for(3, reader)
        idle = percentile(load.outcomes)
        load.outcomes.clear()
        flood = [asyncio.create_task(guess(load, reader.email, n)) for n in range(50)]
        await read_for(10, reader)
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        await load.http.aclose()
    reads = [one for one in load.outcomes if one.what == "GET /items"]
    logins = Counter(one.status for one in load.outcomes if one.what == "POST /auth/token")
    refused = sorted(one.seconds for one in load.outcomes if one.status in (429, 503))
    during, quick = percentile(reads), refused[len(refused) // 2]
    FIGURES.append(
        f"50 logins at once: {dict(logins)}, refused in {quick:.3f} s (median), p99 of reads"
        f" {during:.3f} s, idle {idle:.3f} s"
    )

    assert [one.flaw for one in load.outcomes if one.flaw] == []
    assert {one.status for one in reads} == {200}
    assert quick < 0.1
    assert during <= max(0.25, 3 * idle)


async def read_for(seconds: float, reader: Caller) -> None:
    end = monotonic() + seconds
    while monotonic() < end:
        await reader.read()


async def guess(load: Load, email: str, number: int) -> None:
    """Wrong passwords, for an account that exists and for others."""
    while True:
        name = email if number % 2 else f"{secrets.token_hex(6)}@example.com"
        form = {"grant_type": "password", "username": name, "password": PASSWORD[::-1]}
        await load.send("POST", "/auth/token", data=form, allowed=401)


@pytest.mark.parametrize(
    "start",
    [b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"POST /users HTTP/1.1\r\nHost: x\r\n"
     b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"],
    ids=["slow headers", "slow bodies"],
)  # fmt: skip
async def test_a_thousand_slow_clients_are_closed_and_hinder_nobody(
    cluster: Cluster, tmp_path: Path, start: bytes
) -> None:
    async with serving(tmp_path, cluster.environment, count=1) as (service,):
        began = monotonic()
        dripping = [asyncio.create_task(drip(service, start)) for _ in range(SLOW_CONNECTIONS)]
        alive = []
        async with httpx.AsyncClient(base_url=service.url, timeout=10) as client:
            while not all(task.done() for task in dripping):
                asked = monotonic()
                assert (await client.get("/livez")).status_code == 200
                alive.append(monotonic() - asked)
                await asyncio.sleep(0.1)
        closed = monotonic() - began
        assert all(b"408" in task.result() for task in dripping)
        ended = await service.terminate()
    slowest = sorted(alive)[int(len(alive) * 0.99)]
    FIGURES.append(
        f"{SLOW_CONNECTIONS} slow connections: closed after {closed:.1f} s, p99 of /livez"
        f" {slowest:.3f} s, SIGTERM {ended:.1f} s"
    )

    assert closed <= CLOSED_WITHIN_SECONDS
    assert slowest < 0.5


async def drip(service: Service, start: bytes) -> bytes:
    """The first bytes, then one each second; what the service says before it hangs up."""
    reader, writer = await connected(service)
    writer.write(start)
    said = bytearray()
    hearing = asyncio.create_task(hear(reader, said))
    while not hearing.done():
        await asyncio.sleep(1)
        if not writer.is_closing():
            writer.write(b"x")
    writer.close()
    return bytes(said)


async def hear(reader: StreamReader, said: bytearray) -> None:
    """Until the end, which is a reset where we were writing at that moment."""
    with suppress(ConnectionResetError):
        while content := await reader.read(4096):
            said += content


async def connected(service: Service) -> tuple[StreamReader, StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", service.port)
