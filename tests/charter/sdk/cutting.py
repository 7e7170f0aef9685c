"""A proxy that cuts connections at random moments: `python -m tests.charter.sdk.cutting HOST PORT`.

Its first line of output is its address. Each connection is cut after as many bytes as chance will
have it, in the request or in the response.
"""

import asyncio
import random
import sys

LONGEST = 6000
"""Bytes in both directions together; an exchange of the tests has about 1,500."""


class Cutting:
    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.chance = random.Random(20261127)  # noqa: S311 - a test

    async def serve(self) -> None:
        server = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
        async with server:
            await server.serve_forever()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = [self.chance.randrange(LONGEST)]
        there, to = await asyncio.open_connection(self.host, self.port)
        ways = [
            asyncio.ensure_future(self.pass_on(reader, to, left)),
            asyncio.ensure_future(self.pass_on(there, writer, left)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (to, writer):
            end.transport.abort()

    async def pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, left: list[int]
    ) -> None:
        while left[0] and (chunk := await source.read(512)):
            target.write(chunk[: left[0]])
            await target.drain()
            left[0] = max(0, left[0] - len(chunk))


if __name__ == "__main__":
    asyncio.run(Cutting(sys.argv[1], int(sys.argv[2])).serve())
