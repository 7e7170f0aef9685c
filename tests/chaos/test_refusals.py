"""The database refuses everybody, and the clocks of two services differ."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import pytest

from tests.chaos.cluster import NAME, PASSWORD, Cluster, Clusters
from tests.chaos.conftest import Setup, migrate
from tests.chaos.load import FIGURES, Caller, Load, recovered, refusals, steady
from tests.chaos.proxies import required
from tests.chaos.services import Service, serving

pytestmark = pytest.mark.long


async def test_another_password_is_an_outage_until_it_is_the_right_one(setup: Setup) -> None:
    async with setup.cluster.connection() as operator, steady(setup.urls) as load:
        await operator.execute(f"ALTER ROLE {NAME} PASSWORD 'another-one'")
        await cut(operator)
        during = await refusals(setup.services, load)
        await operator.execute(f"ALTER ROLE {NAME} PASSWORD '{PASSWORD}'")
        recovery = await recovered(setup.services, load)
    await load.check(setup.cluster, "password changed", recovery=recovery)

    assert {one.status for one in during} == {503}
    assert recovery <= 2


async def test_connections_that_others_take_are_an_outage_until_they_are_free(
    setup: Setup,
) -> None:
    async with setup.cluster.connection() as operator, steady(setup.urls) as load:
        async with AsyncExitStack() as others:
            await take_all(setup.cluster, operator, others)
            during = await refusals(setup.services, load)
        recovery = await recovered(setup.services, load)
    await load.check(setup.cluster, "connections taken", recovery=recovery)

    assert 503 in {one.status for one in during}
    assert recovery <= 2


async def take_all(cluster: Cluster, operator: asyncpg.Connection, others: AsyncExitStack) -> None:
    """Connect until the services have no connection left, though they take what is free."""
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'charter'"
    while True:
        try:
            taken = cluster.connection(application_name="others")
            await others.enter_async_context(taken)
        except asyncpg.TooManyConnectionsError:
            if await operator.fetchval(held) == 0:
                return
            await cut(operator, spares="others")


async def cut(operator: asyncpg.Connection, spares: str = "") -> None:
    await operator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND application_name <> $1",
        spares,
    )


@pytest.fixture
async def small(all_clusters: Clusters) -> AsyncIterator[Cluster]:
    """A migrated database on a disk of its own, which can be filled."""
    cluster = all_clusters.make()
    options = ["-t", "tmpfs", "-o", "size=256m", "tmpfs", str(cluster.folder)]
    if os.geteuid() or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    cluster.hand_over(cluster.folder)
    try:
        await cluster.create()
        await migrate(cluster)
        yield cluster
    finally:
        if cluster.is_running:
            await cluster.stop()
        subprocess.run(["umount", cluster.folder], check=True)


async def test_a_full_disk_is_an_outage_of_writes_until_it_has_space(
    small: Cluster, tmp_path: Path
) -> None:
    async with serving(tmp_path, small.environment) as services:
        async with steady([service.url for service in services]) as load:
            await asyncio.sleep(1)
            # with the next segment of the log there already, only tables need space
            await small.execute("SELECT pg_switch_wal()")
            await small.execute("CHECKPOINT")
            ballast = small.folder / "ballast"
            fill(ballast)
            during = await refusals(services, load)
            ballast.unlink()
            recovery = await recovered(services, load)
        await load.check(small, "disk full", recovery=recovery)

    assert {one.status for one in during if one.what == "GET /items"} == {200}
    assert 503 in {one.status for one in during if one.what == "POST /items"}
    assert recovery <= 2


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def test_clocks_that_differ_by_less_than_the_leeway_are_no_matter(
    cluster: Cluster, tmp_path: Path
) -> None:
    await judge_clocks(cluster, tmp_path, "-30", fresh=200)


async def test_a_service_that_is_ahead_takes_no_token_that_has_expired_there(
    cluster: Cluster, tmp_path: Path
) -> None:
    await judge_clocks(cluster, tmp_path, "+960", fresh=401)


async def judge_clocks(cluster: Cluster, folder: Path, seconds: str, fresh: int) -> None:
    """A token of a service whose clock is right, at one whose clock is wrong; and a refresh there,
    whose time the database tells."""
    wrong = Service(
        folder,
        cluster.environment | {"JWT_LEEWAY_SECONDS": "40", "DONT_FAKE_MONOTONIC": "1"},
        required("faketime", "faketime"), "-f", f"{seconds}s",
    )  # fmt: skip
    right = {**cluster.environment, "JWT_LEEWAY_SECONDS": "40"}
    try:
        async with serving(folder, right, count=1) as (service,):
            await wrong.start()
            load = Load([service.url])
            person = await Caller(load).arrive()
            load.urls = [wrong.url]
            there = await load.send("GET", "/items", headers=person.headers, allowed=401)
            refreshed = await person.refresh()
            again = await load.send("GET", "/items", headers=person.headers)
            await load.http.aclose()
    finally:
        wrong.stop()
    assert there is not None
    assert again is not None
    FIGURES.append(f"clock {seconds} s: {there.status_code}, refreshed: {again.status_code}")

    assert there.status_code == fresh
    assert (refreshed, again.status_code) == (200, 200)
    assert "unhandled error" not in wrong.log.read_text()
