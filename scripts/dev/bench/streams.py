"""A thousand streams at once for a minute: `python -m dev.bench.streams`.

Serves this repository's service, opens the streams of one user, changes an item every second, and
opens further streams one after the other meanwhile. Prints how long the first byte of those took,
how long a change took to its last stream, and how the memory of the service grew.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import httpx2 as httpx
import psutil

from charter.contract.service_under_test import Running, prepared
from charter.runtime.sequences import Events

AT_ONCE = 8
"""Streams that are being opened."""
PROBES_PER_SECOND = 2
SETTINGS = {"RESPONSE_CHECK_SHARE": "0.01", "STREAMS_PER_CALLER": "0"}
"""As in production, but for one caller who holds all streams."""
LATE = 0.05
"""Seconds that the first byte may take."""


@dataclass
class Figures:
    first_bytes: list[float] = field(default_factory=list)
    """Of the streams that are opened while the others are there."""
    delays: list[float] = field(default_factory=list)
    """From the answer to a change to the event in each stream."""
    memory: list[int] = field(default_factory=list)
    """Of the service in bytes, each second."""
    cut: int = 0
    """Streams that ended before their time."""


class Load:
    def __init__(self, running: Running, token: str) -> None:
        self.where = urlsplit(running.base_url)
        self.process = psutil.Process(running.process.pid)  # type: ignore[attr-defined]  # a Popen
        self.token = token
        self.figures = Figures()
        self.changed: dict[str, float] = {}
        """When the answer to the creation of an item came."""

    async def open(self) -> tuple[float, asyncio.StreamReader, asyncio.StreamWriter]:
        """A stream, and the seconds until its first event."""
        begun = time.perf_counter()
        reader, writer = await asyncio.open_connection(self.where.hostname, self.where.port)
        writer.write(
            b"GET /items/changes HTTP/1.1\r\nhost: bench\r\n"
            b"authorization: Bearer %s\r\n\r\n" % self.token.encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 503 " in head.partition(b"\r\n")[0]:  # of a machine that has other work, too
            writer.close()
            await asyncio.sleep(1)
            return await self.open()
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        await reader.read(1)
        return time.perf_counter() - begun, reader, writer

    async def listen(self, reader: asyncio.StreamReader) -> None:
        events = Events()
        while content := await reader.read(65536):
            # the sizes of chunks are lines without a colon, which no reader of events knows
            for event in events.feed(content):
                item = json.loads(event.get("data", "{}")).get("item_id")
                if item in self.changed:
                    self.figures.delays.append(time.perf_counter() - self.changed[item])
        self.figures.cut += 1

    async def change(self, client: httpx.AsyncClient) -> None:
        while True:
            answer = await client.post("/items", json={"title": "Watched"})
            self.changed[answer.raise_for_status().json()["id"]] = time.perf_counter()
            await asyncio.sleep(1)

    async def probe(self) -> None:
        while True:
            seconds, _, writer = await self.open()
            self.figures.first_bytes.append(seconds)
            writer.close()
            await asyncio.sleep(1 / PROBES_PER_SECOND)

    async def weigh(self) -> None:
        while True:
            self.figures.memory.append(self.process.memory_info().rss)
            await asyncio.sleep(1)

    async def run(self, streams: int, seconds: float) -> Figures:
        opening = asyncio.Semaphore(AT_ONCE)

        async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            async with opening:
                return (await self.open())[1:]

        ends = await asyncio.gather(*(opened() for _ in range(streams)))
        listening = [asyncio.create_task(self.listen(reader)) for reader, _ in ends]
        await asyncio.sleep(2)
        headers = {"authorization": f"Bearer {self.token}"}
        address = self.where.geturl()
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
            works = (self.change(client), self.probe(), self.weigh())
            working = [asyncio.create_task(work) for work in works]
            await asyncio.wait(working, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            for task in working:
                if task.done():
                    task.result()
            for task in (*working, *listening):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*working, *listening)
        for _, writer in ends:
            writer.close()
        return self.figures


def log_in(running: Running) -> str:
    known = running.accounts
    form = {"grant_type": "password", "username": known.users[0], "password": known.password}
    with httpx.Client(timeout=30) as client:
        url = f"{running.base_url}/auth/token"
        while (answer := client.post(url, data=form)).status_code == 503:
            time.sleep(1)
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def told(figures: Figures) -> bool:
    """Print the figures; whether they are as they have to be."""
    first = quantiles(figures.first_bytes, n=100)
    delays = quantiles(figures.delays or [0.0, 0.0], n=100)
    settled, last = median(figures.memory[:10]), median(figures.memory[-10:])
    print(
        f"first byte    {median(first) * 1000:.1f} ms at the median, {first[98] * 1000:.1f} at 99 %"
    )
    print(f"a change      {delays[49]:.2f} s at the median, {delays[98]:.2f} at 99 %")
    print(f"memory        {settled / 2**20:.0f} MiB at first, {last / 2**20:.0f} at last")
    print(f"cut           {figures.cut}")
    return first[49] < LATE and last < settled * 1.05 and not figures.cut


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev.bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with (
        tempfile.TemporaryDirectory() as folder,
        prepared(Path(folder)) as made,
        made.service(Path(folder), environment=SETTINGS) as running,
    ):
        load = Load(running, log_in(running))
        return 0 if told(asyncio.run(load.run(given.streams, given.seconds))) else 1


if __name__ == "__main__":
    raise SystemExit(main())
