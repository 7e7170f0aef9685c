"""What a service has to bear besides cheap requests: its log, its memory, its start, a flood."""

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import psutil

from dev.bench.apps import CHARTER, serving
from dev.bench.load import Work, connection, load, measured

READ, PAGE = "GET /items/{id}", "GET /items?limit=20"
CONNECTIONS = 16
ROUNDS = 10
REQUESTS = 100_000
"""After how many requests of all kinds the memory is read."""
LOGINS = 50
"""Password logins that arrive at once."""
OVERLOAD = 4
HASHED = {"BCRYPT_ROUNDS": "12", "LOGINS_PER_MINUTE": "1000000"}


def report(works: Mapping[str, Work], environ: Mapping[str, str], log: Path) -> Iterator[str]:
    """A line for each bound."""
    yield f"the access log as JSON to a file: {access_log(works[READ], environ, log):+.0%}"
    first, median = first_answer(works[READ], environ, log)
    yield f"the first request: {first * 1e3:.1f} ms, the median {median * 1e3:.1f} ms"
    idle, flooded = flood(works[PAGE], environ, log)
    yield f"p99 of {PAGE}: {idle:.0f} ms idle, {flooded:.0f} ms beside {LOGINS} logins"
    yield f"a second worker: {second_worker(works[READ], environ, log):+.0%} CPU for a request"
    share = goodput(works[PAGE], environ, log)
    yield f"goodput at {OVERLOAD} times the load: {share:.0%} of the capacity"
    before, after = memory(works, environ, log)
    yield f"memory: {before:.0f} MiB, {after:.0f} MiB after {REQUESTS:,} requests"


def access_log(work: Work, environ: Mapping[str, str], log: Path) -> float:
    """How much more a read costs where it is logged; the least of each counts."""
    costs: dict[str, list[float]] = {"WARNING": [], "INFO": []}
    with (
        serving(CHARTER, log, {**environ, "LOG_LEVEL": "WARNING"}) as silent,
        serving(CHARTER, log, {**environ, "LOG_LEVEL": "INFO"}) as logging,
    ):
        for _ in range(ROUNDS):
            for level, (port, pid) in (("WARNING", silent), ("INFO", logging)):
                process = psutil.Process(pid)
                one = measured(port, process, work, connections=CONNECTIONS, seconds=1)
                costs[level].append(one.cpu_microseconds)
    return min(costs["INFO"]) / min(costs["WARNING"]) - 1


def first_answer(work: Work, environ: Mapping[str, str], log: Path) -> tuple[float, float]:
    """Seconds of the first request after the start, and of the median one."""
    with serving(CHARTER, log, environ) as (port, _):
        latencies = asyncio.run(connection(port, work, 0, time.perf_counter() + 2))
    return latencies[0], statistics.median(latencies)


def flood(work: Work, environ: Mapping[str, str], log: Path) -> tuple[float, float]:
    """The p99 of a request in ms, without and beside a flood of password logins."""
    with serving(CHARTER, log, {**environ, **HASHED}) as (port, pid):
        process = psutil.Process(pid)
        idle = measured(port, process, work, connections=4, seconds=4)
        latencies = asyncio.run(beside_logins(port, work))
    return idle.p99_milliseconds, sorted(latencies)[int(len(latencies) * 0.99)] * 1e3


async def beside_logins(port: int, work: Work) -> list[float]:
    logins = [asyncio.create_task(log_in(port)) for _ in range(LOGINS)]
    latencies = await load(port, work, 4, 4)
    await asyncio.gather(*logins)
    return latencies


def second_worker(work: Work, environ: Mapping[str, str], log: Path) -> float:
    """How much more a request costs where two workers answer; the least of each counts.

    What they cost each other shows on two cores, which the database and the load need as well.
    """
    costs: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(3):
        for workers, taken in costs.items():
            with serving(CHARTER, log, {**environ, "WORKERS": workers}) as (port, pid):
                process = psutil.Process(pid)
                one = measured(port, process, work, connections=CONNECTIONS, seconds=2)
                taken.append(one.cpu_microseconds)
    return min(costs["2"]) / min(costs["1"]) - 1


def goodput(work: Work, environ: Mapping[str, str], log: Path) -> float:
    """Successes under a load that is too much, against those under one that keeps it busy."""
    with serving(CHARTER, log, environ) as (port, _):

        def successes(connections: int) -> int:
            return len(asyncio.run(load(port, work, connections, 4, is_overload=True)))

        successes(CONNECTIONS)
        capacity = successes(CONNECTIONS)
        return successes(OVERLOAD * CONNECTIONS) / capacity


async def log_in(port: int) -> None:
    """With the password of nobody, which takes as long to refuse as any."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = f"grant_type=password&username={uuid4().hex}@example.com&password=engines-weave"
    head = (
        "POST /auth/token HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write((head + body).encode())
    await reader.read()
    writer.close()


def memory(works: Mapping[str, Work], environ: Mapping[str, str], log: Path) -> tuple[float, float]:
    """MiB of the process once all kinds of requests were answered, and after many of them."""
    with serving(CHARTER, log, environ) as (port, pid):
        process = psutil.Process(pid)

        def mixed(seconds: float) -> int:
            return sum(len(asyncio.run(load(port, work, 16, seconds))) for work in works.values())

        mixed(1)
        before = process.memory_info().rss / 2**20
        done = 0
        while done < REQUESTS:
            done += mixed(4)
        return before, process.memory_info().rss / 2**20
