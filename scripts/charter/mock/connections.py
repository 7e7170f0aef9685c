"""Connections that an application can cut, as a network does."""

import asyncio
import socket
import struct

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

Client = tuple[str, int]


class Connections:
    """The open connections of a server, by the address of their clients."""

    def __init__(self) -> None:
        self.transports: dict[Client, asyncio.Transport] = {}
        transports = self.transports

        class Tracked(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at run time
            def connection_made(self, transport: asyncio.Transport) -> None:
                super().connection_made(transport)
                if self.client is not None:
                    transports[self.client] = transport

            def on_headers_complete(self) -> None:
                super().on_headers_complete()
                # what follows are trailers: the parser must not add them to the request's headers
                self.scope["headers"] = list(self.scope["headers"])

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.client, None)
                super().connection_lost(exc)

        self.protocol: type[asyncio.Protocol] = Tracked

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, whose ConnectionResetError cuts the client's connection."""

        async def resetting(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except ConnectionResetError:
                self.reset(tuple(scope["client"]))
                while (await receive())["type"] != "http.disconnect":
                    pass

        return resetting

    def reset(self, client: Client) -> None:
        """End the connection with a RST, which no client takes for the end of a response."""
        transport = self.transports[client]
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
