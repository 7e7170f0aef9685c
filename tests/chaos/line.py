"""A TCP proxy between a service and its database, which does what networks do."""

import asyncio
import contextlib
import re
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

Mode = Enum("Mode", ["PASS", "SILENT", "SILENT_ANSWERS", "RESET"])

COMMITTED = re.compile(
    rb"C....COMMIT\x00|C....(?:INSERT 0|UPDATE|DELETE) [1-9]\d*\x00Z\x00\x00\x00\x05I", re.DOTALL
)
"""Says in PostgreSQL's protocol that something was written and committed."""


class Line:
    """Passes everything on until it is told otherwise."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode = Mode.PASS
        self.delay = 0.0
        """Seconds that each piece takes in each direction."""
        self.loses_next_commit = False
        self.lost = asyncio.Event()
        self.connections: set[tuple[StreamWriter, StreamWriter]] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def heal(self) -> None:
        """Pass everything on again."""
        self.mode = Mode.PASS
        self.delay = 0.0
        self.loses_next_commit = False
        self.lost.clear()

    def reset_all(self) -> None:
        """Abort every connection, so that both ends get an RST."""
        for pair in list(self.connections):
            for end in pair:
                abort(end)

    async def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self.mode is Mode.RESET:
            abort(writer)
            return
        await self.passable(up=True)
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            abort(writer)
            return
        pair = (writer, server)
        self.connections.add(pair)
        for task in (self.up(reader, server), self.down(answers, writer, server)):
            running = asyncio.create_task(task)
            self.tasks.add(running)
            running.add_done_callback(self.tasks.discard)
            running.add_done_callback(lambda _: self.connections.discard(pair))

    async def up(self, reader: StreamReader, server: StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(65536):
                await self.passable(up=True)
                server.write(content)
        server.close()

    async def down(self, answers: StreamReader, client: StreamWriter, server: StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await answers.read(65536):
                await self.passable(up=False)
                if self.loses_next_commit and COMMITTED.search(content):
                    self.loses_next_commit = False
                    self.lost.set()
                    abort(client)
                    abort(server)
                    return
                client.write(content)
        client.close()

    async def passable(self, *, up: bool) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        while self.mode is Mode.SILENT or (self.mode is Mode.SILENT_ANSWERS and not up):
            await asyncio.sleep(0.01)


def abort(writer: StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    line = Line(port)
    listener = await asyncio.start_server(line.accept, "127.0.0.1", 0)
    line.port = listener.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        listener.close()
        line.mode = Mode.PASS
        line.reset_all()
        for task in list(line.tasks):
            task.cancel()
        await asyncio.gather(*line.tasks, return_exceptions=True)
