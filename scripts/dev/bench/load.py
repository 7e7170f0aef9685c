"""A load of requests from a few connections that wait for each answer, and what it took."""

import asyncio
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

CONTENT_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@dataclass(frozen=True)
class Work:
    """What each connection sends, and what it learns from the answer."""

    request: Callable[[int], bytes]
    """By the number of the connection."""
    note: Callable[[int, bytes], None] = lambda number, body: None


@dataclass(frozen=True)
class Measure:
    """What one request cost."""

    cpu_microseconds: float
    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float


def measured(
    port: int, process: psutil.Process, work: Work, *, connections: int, seconds: float
) -> Measure:
    """Raises RuntimeError when an answer is no success."""
    before, started = cpu_seconds(process), time.perf_counter()
    latencies = asyncio.run(load(port, work, connections, seconds))
    elapsed, spent = time.perf_counter() - started, cpu_seconds(process) - before
    ordered = sorted(latencies)
    return Measure(
        cpu_microseconds=spent / len(ordered) * 1e6,
        requests_per_second=len(ordered) / elapsed,
        p50_milliseconds=statistics.median(ordered) * 1e3,
        p99_milliseconds=ordered[int(len(ordered) * 0.99)] * 1e3,
    )


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the process and of its children."""
    family = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in family))


async def load(
    port: int, work: Work, connections: int, seconds: float, *, is_overload: bool = False
) -> list[float]:
    """The seconds of each success; what is refused under an overload counts for nothing."""
    deadline = time.perf_counter() + seconds
    workers = (
        connection(port, work, number, deadline, is_overload=is_overload)
        for number in range(connections)
    )
    return [latency for latencies in await asyncio.gather(*workers) for latency in latencies]


async def connection(
    port: int, work: Work, number: int, deadline: float, *, is_overload: bool = False
) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    while (started := time.perf_counter()) < deadline:
        writer.write(work.request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        if is_overload and head.startswith(b"HTTP/1.1 503"):
            continue
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {body[:200].decode()}")
        work.note(number, body)
        latencies.append(time.perf_counter() - started)
    writer.close()
    return latencies
