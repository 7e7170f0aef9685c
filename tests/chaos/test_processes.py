"""Services are ended, killed and replaced."""

import asyncio
import random
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from charter.contract.service_under_test import free_port
from tests.chaos.cluster import Cluster
from tests.chaos.load import Caller, Load, insisted, steady
from tests.chaos.proxies import FILES, required, running
from tests.chaos.services import Service, serving
from tests.charter.command_line import takes_a_minute
from tests.people import PASSWORD

ENDS_WITHIN_SECONDS = 10


async def test_a_service_that_is_ended_answers_what_is_under_way(
    cluster: Cluster, tmp_path: Path, long: bool
) -> None:
    """Clients that see a closed connection go to the other service, as a balancer does."""
    rounds = 20 if long else 2
    ended = []
    async with serving(tmp_path, cluster.environment | {"DRAIN_SECONDS": "0.5"}) as services:
        async with steady([services[0].url]) as load:
            await asyncio.sleep(0.5)
            for number in range(rounds):
                going, staying = services[number % 2], services[1 - number % 2]
                with ExitStack() as stack:
                    halves = 50 if long or number == 0 else 0
                    stuck = [stack.enter_context(half_a_request(going)) for _ in range(halves)]
                    load.urls = [staying.url]
                    ended.append(await going.terminate())
                    answers = [await asyncio.to_thread(everything, one) for one in stuck]
                assert all(b"503 Service Unavailable" in answer for answer in answers)
                assert all(b"application/problem+json" in answer for answer in answers)
                await going.start()
                load.urls = [going.url]
        await load.check(cluster, f"SIGTERM {rounds} times", **{"slowest end": max(ended)})

    assert max(ended) <= ENDS_WITHIN_SECONDS


def half_a_request(service: Service) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=15)
    head = b"POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(head + b"Content-Length: 70\r\n\r\n" + b'{"email": ')
    return connection


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(4096), b""))


@takes_a_minute
async def test_replacing_each_replica_behind_a_balancer_shows_clients_no_error(
    cluster: Cluster, tmp_path: Path, long: bool
) -> None:
    rounds = 20 if long else 2
    async with serving(tmp_path, cluster.environment) as services:
        async with balanced(services, tmp_path) as url, steady([url]) as load:
            await asyncio.sleep(1)
            for number in range(rounds):
                await services[number % 2].terminate()
                await services[number % 2].start()
                await asyncio.sleep(2)  # the balancer has to see it
        await load.check(cluster, f"{rounds} replacements behind HAProxy")

    assert {one.status for one in load.outcomes} == {200, 201}


@asynccontextmanager
async def balanced(services: list[Service], folder: Path) -> AsyncIterator[str]:
    """The address of an HAProxy before two services."""
    program = required("haproxy", "haproxy")
    port = free_port()
    environment = {
        "BIND": f"127.0.0.1:{port}",
        "REPLICA_A": f"127.0.0.1:{services[0].port}",
        "REPLICA_B": f"127.0.0.1:{services[1].port}",
    }
    command: list[str | Path] = [program, "-db", "-f", FILES / "haproxy.cfg"]
    async with running(command, environment, folder / "haproxy.log", port):
        yield f"http://127.0.0.1:{port}"


@takes_a_minute
async def test_a_worker_that_is_killed_leaves_nothing_half_done(
    cluster: Cluster, tmp_path: Path, long: bool
) -> None:
    kills = 50 if long else 6
    async with serving(tmp_path, cluster.environment | {"WORKERS": "2"}, count=1) as services:
        load = Load([services[0].url], may_be_cut=True)
        tasks = [asyncio.create_task(Persistent(load).live()) for _ in range(6)]
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.3, 1))
            random.choice(await two_workers(services[0])).send_signal(signal.SIGKILL)
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result
    cut = sum(one.status == 0 for one in load.outcomes)
    await load.check(cluster, f"{kills} workers killed", cut=cut)

    orphans = "SELECT count(*) FROM items LEFT JOIN users ON users.id = owner_id"
    assert await cluster.execute(f"{orphans} WHERE users.id IS NULL") == [0]


async def two_workers(service: Service) -> list[psutil.Process]:
    """Both, once the one that was killed last has been replaced.

    One that is killed while it is asked whether it lives is missed after half a minute.
    """
    async with asyncio.timeout(60):
        while True:
            with suppress(psutil.NoSuchProcess):
                if len(found := service.workers()) == 2:
                    return found
            await asyncio.sleep(0.1)


class Persistent(Caller):
    """Asks again until an answer comes, and then holds the service to it."""

    async def live(self) -> None:
        while True:
            self.email = f"{secrets.token_hex(8)}@example.com"
            await self.arrive()
            titles = [secrets.token_hex(12) for _ in range(4)]
            for title in titles:
                writing = partial(self.write_once, title, secrets.token_hex(16))
                assert await insisted(writing) == 201
                assert await insisted(self.refresh) == 200
            answer = await self.load.send("GET", "/items", headers=self.headers)
            if answer is not None and answer.status_code == 200:
                assert {item["title"] for item in answer.json()["data"]} == set(titles)
            if random.random() < 0.5:
                self.load.acknowledged.update(titles)
            else:
                await self.leave()

    async def leave(self) -> None:
        """Where the answer was lost the account may be gone, and its token with it."""

        async def attempt() -> int:
            answer = await self.load.send("DELETE", "/users/me", headers=self.headers, allowed=401)
            return 0 if answer is None else answer.status_code

        assert await insisted(attempt) in (204, 401)
        form = {"grant_type": "password", "username": self.email, "password": PASSWORD}
        answer = await self.load.send("POST", "/auth/token", data=form, allowed=401)
        assert answer is None or answer.status_code in (401, 503)
