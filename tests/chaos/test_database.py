"""The database dies, hangs up, falls silent, or loses its last word."""

import asyncio
import secrets
from statistics import median
from time import monotonic

import httpx2 as httpx

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import POOL, Setup
from tests.chaos.line import Line, Mode
from tests.chaos.load import FIGURES, Caller, Load, percentile, steady
from tests.chaos.services import Service

BUSY_MACHINE_SECONDS = 0.5
"""A slowness below this is not held against the service: other programs run here as well."""


async def test_a_database_that_is_killed_costs_503_until_it_is_back(
    setup: Setup, long: bool
) -> None:
    async with steady(setup.urls) as load:
        began = monotonic()
        await asyncio.sleep(10 if long else 2)
        killed = monotonic()
        await setup.cluster.stop("immediate")
        await asyncio.sleep(5 if long else 1)
        await setup.cluster.start()
        accepts = monotonic()
        await asyncio.sleep(45 if long else 6)
        ended = monotonic()
    usual = percentile(load.between(began, killed))
    later = percentile(load.between(accepts + 3, ended))
    recovery = load.first_success(accepts)
    figures = {"recovery": recovery, "p99 before": usual, "p99 after": later}
    await load.check(setup.cluster, "database killed", **figures)

    assert recovery <= 2
    assert later <= max(2 * usual, BUSY_MACHINE_SECONDS)


async def test_connections_that_are_reset_or_ended_cost_one_failure_each(
    setup: Setup, rounds: int
) -> None:
    recoveries, failures = [], []
    async with steady(setup.urls) as load:
        await asyncio.sleep(1)
        usual = percentile(load.outcomes)
        for number in range(rounds):
            cut = monotonic()
            if number % 2:
                await setup.cluster.cut_everybody()
            else:
                setup.line.reset_all()
            await asyncio.sleep(2)
            recoveries.append(load.first_success(cut))
            failures.append(sum(one.status == 503 and one.ended > cut for one in load.outcomes))
    figures = {"slowest recovery": max(recoveries), "most failures": max(failures)}
    await load.check(setup.cluster, f"connections cut {rounds} times", **figures)

    assert max(recoveries) <= 1 + usual  # which is long where other programs run as well
    assert max(failures) <= POOL * len(setup.services)


async def test_a_silent_database_holds_nobody_for_long(setup: Setup, long: bool) -> None:
    alive, recoveries = [], []
    async with steady(setup.urls) as load:
        await asyncio.sleep(1)
        for mode in [Mode.SILENT, Mode.SILENT_ANSWERS] if long else [Mode.SILENT]:
            setup.line.mode = mode
            alive += await liveness(setup.services, seconds=10 if long else 6)
            setup.line.mode = Mode.PASS
            healed = monotonic()
            await asyncio.sleep(10 if long else 3)
            recoveries.append(load.first_success(healed))
    held = await open_transactions(setup.cluster)
    figures = {
        "slowest recovery": max(recoveries),
        "livez median": median(alive),
        "livez slowest": max(alive),
    }
    await load.check(setup.cluster, "database silent", **figures)

    assert max(recoveries) <= 2
    assert median(alive) < 0.05
    assert max(alive) < BUSY_MACHINE_SECONDS
    assert held == 0, "a connection stayed in a transaction"


async def liveness(services: list[Service], seconds: float) -> list[float]:
    """How long a service took to say that it lives, ten times a second."""
    taken = []
    end = monotonic() + seconds
    async with httpx.AsyncClient(base_url=services[0].url, timeout=10) as client:
        while monotonic() < end:
            await asyncio.sleep(0.1)
            began = monotonic()
            assert (await client.get("/livez")).status_code == 200
            taken.append(monotonic() - began)
    return taken


async def open_transactions(cluster: Cluster) -> int:
    """How many clients are within a transaction, a moment after the load has ended."""
    await asyncio.sleep(0.5)
    found = await cluster.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    count = found[0]
    assert isinstance(count, int)
    return count


async def test_the_lost_answer_of_a_commit_is_made_good_by_a_retry(
    setup: Setup, rounds: int
) -> None:
    load = Load(setup.urls)
    for _ in range(rounds):
        person = await Caller(load).arrive()
        await lose_an_item(load, person, setup.line)
        await lose_a_refresh(person, setup.line)
        await lose_a_registration(load, setup.cluster, setup.line)
    await load.http.aclose()
    FIGURES.append(f"answer of COMMIT lost: {3 * rounds} times, each made good by one retry")

    assert [one.flaw for one in load.outcomes if one.flaw] == []


async def lose_an_item(load: Load, person: Caller, line: Line) -> None:
    """Written twice under one key, it is there once."""
    title, key = secrets.token_hex(12), secrets.token_hex(16)
    line.loses_next_commit = True
    assert await person.write_once(title, key) == 503
    assert line.lost.is_set()
    line.lost.clear()
    assert await person.write_once(title, key) == 201
    listed = await load.send("GET", "/items", headers=person.headers)
    assert listed is not None
    assert [item["title"] for item in listed.json()["data"]] == [title]


async def lose_a_refresh(person: Caller, line: Line) -> None:
    """The token spent last gives the same successor again, and there is one live session."""
    spent = person.tokens["refresh_token"]
    line.loses_next_commit = True
    assert await person.refresh() == 503
    assert line.lost.is_set()
    line.lost.clear()
    assert await person.refresh() == 200
    successor = person.tokens["refresh_token"]
    assert successor != spent
    person.tokens["refresh_token"] = spent
    assert await person.refresh() == 200
    assert person.tokens["refresh_token"] == successor
    sessions = await person.load.send("GET", "/auth/sessions", headers=person.headers)
    assert sessions is not None
    assert len(sessions.json()["data"]) == 1


async def lose_a_registration(load: Load, cluster: Cluster, line: Line) -> None:
    """Sent again under its key it gets the answer that was lost, and made one account."""
    person = Caller(load)
    line.loses_next_commit = True
    assert await person.register() == 503
    assert line.lost.is_set()
    line.lost.clear()
    assert await person.register() == 201
    assert await cluster.execute("SELECT count(*) FROM users WHERE email = $1", person.email) == [1]
    assert await person.log_in() == 200
