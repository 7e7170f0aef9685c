"""What an application learns of its connections."""

import asyncio
import gc
import socket
import threading
import weakref
from functools import partial
from typing import Any

import httpx2 as httpx
from starlette.responses import PlainTextResponse

from charter.service.wire import BoundedProtocol
from tests.serving import serving


class Settings:
    header_timeout_seconds = body_timeout_seconds = 10.0
    strict_transport_seconds = 0


PROTOCOL = partial(BoundedProtocol, settings=Settings(), problem=PlainTextResponse)


async def test_who_asks_for_more_and_goes_away_ends_what_is_being_answered() -> None:
    """Requests that wait behind it are the last ones of the connection, and not the first."""
    has_begun, is_over = threading.Event(), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        has_begun.set()
        async with asyncio.timeout(8):
            while (await receive())["type"] != "http.disconnect":
                pass
        is_over.set()

    with serving(app, lifespan="off", http=PROTOCOL) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
            assert await asyncio.to_thread(has_begun.wait, 5)
        assert await asyncio.to_thread(is_over.wait, 5)


def test_what_an_application_was_handed_needs_no_collection_to_be_freed() -> None:
    """A collection stops all requests. The last one of a connection stays until the next one."""

    class State(dict[str, Any]):
        """Can be referred to weakly."""

    handed: list[weakref.ref[State]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = State()
        handed.append(weakref.ref(scope["state"]))
        await PlainTextResponse("x")(scope, receive, send)

    gc.disable()
    try:
        with serving(app, lifespan="off", http=PROTOCOL) as address, httpx.Client() as client:
            for _ in range(10):
                client.post(address, content=b"x")
            alive = [reference() for reference in handed]
    finally:
        gc.enable()

    assert len(alive) == 10
    assert alive[:-1] == [None] * 9
