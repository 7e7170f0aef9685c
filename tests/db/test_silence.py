"""A database that says nothing any more, and does not hang up either."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from impl.core.config import Settings
from impl.db.session import Database
from tests.people import changed, register, worker


@dataclass
class Line:
    """What stands between the service and PostgreSQL; while it is cut, nothing passes."""

    port: int
    works: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def line_to(settings: Settings) -> AsyncIterator[Line]:
    tasks: set[asyncio.Task[None]] = set()

    async def forward(reader: StreamReader, writer: StreamWriter) -> None:
        while content := await reader.read(65536):
            await line.works.wait()
            writer.write(content)
        writer.close()

    async def connect(reader: StreamReader, writer: StreamWriter) -> None:
        server = await asyncio.open_connection(settings.db_host, settings.db_port)
        for one, other in ((reader, server[1]), (server[0], writer)):
            tasks.add(asyncio.create_task(forward(one, other)))

    listener = await asyncio.start_server(connect, "127.0.0.1", 0)
    line = Line(listener.sockets[0].getsockname()[1])
    line.works.set()
    try:
        yield line
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_rel_1_silence_in_the_middle_of_a_request_ends_with_its_time(
    settings: Settings, database: Database
) -> None:
    async with line_to(settings) as line:
        hasty = changed(settings, db_port=line.port, request_timeout_seconds=1)
        async with worker(hasty) as client:
            ada = await register(client)
            line.works.clear()
            began = time.monotonic()
            silent = await ada.post("/items", json={"title": "x"})
            took = time.monotonic() - began
            line.works.set()
            again = await ada.post("/items", json={"title": "x"})

    assert silent.status_code == 503
    assert took < 2
    assert again.status_code == 201


async def test_a_silent_host_is_passed_over_for_the_next_one(
    settings: Settings, database: Database
) -> None:
    async with line_to(settings) as line:
        line.works.clear()
        hosts = f"127.0.0.1:{line.port},127.0.0.1:{settings.db_port}"
        hasty = changed(settings, db_host=hosts, db_connect_timeout_seconds=0.5)
        async with worker(hasty) as client:
            began = time.monotonic()
            ada = await register(client)
            found = time.monotonic() - began
            answers = [(await ada.get("/items")).status_code for _ in range(5)]

    assert found < 3
    assert answers == [200] * 5
