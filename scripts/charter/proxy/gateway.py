"""Passes requests on to a service and its responses back, both as they are.

What belongs to one connection alone is left out (RFC 9110 section 7.6.1). Bodies pass in pieces,
a response once its request has been sent whole.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import httpx2 as httpx
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from charter.mock.app import problem
from charter.proxy.exchange import NO_CONTENT, Exchange, Headers, Room, keeping, values

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
NEVER_NAMED = frozenset({b"content-length", b"host"})
"""What Connection can't name: without it, a message has another length or receiver."""
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 200
STATUSES = range(200, 600)
"""Of final responses (RFC 9110 section 15)."""

log = logging.getLogger("charter.proxy")

Judge = Callable[[Exchange], Awaitable[None]]


class Gateway:
    """An ASGI application before a service; `judge` gets every exchange once it is over."""

    def __init__(self, url: str, judge: Judge) -> None:
        """`url` is what the document's paths are added to, without a slash at its end."""
        self.url = httpx.URL(url)
        self.judge = judge
        self.room = Room()
        self.transport = httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS),
            trust_env=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["type"] == "http":
            await self.exchange(scope, receive, send)

    async def live(self, receive: Receive, send: Send) -> None:
        """Close the connections to the service at the end."""
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.transport.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        with keeping(self.room) as (request_body, response_body):
            exchange = Exchange(
                method=scope["method"],
                path=scope["path"],
                raw_path=scope["raw_path"],
                query=scope["query_string"],
                request_headers=scope["headers"],
                request=request_body,
                response=response_body,
            )
            if (coding := transfer_coding(exchange.request_headers)) not in ("", "chunked"):
                detail = f"The transfer coding {coding} is not undone here: send chunked."
                await problem(501, detail)(scope, receive, send)
                return
            upload = Upload(Request(scope, receive), exchange)
            try:
                await unless_left(upload, self.pass_on(exchange, upload, send))
            except httpx.TransportError as error:
                if exchange.status:
                    await self.judge(exchange)
                    raise ConnectionResetError("the service broke off its response") from error
                refusal = self.explained(error)
                log.warning("%s 502: %s", exchange.line, refusal)
                await problem(502, refusal)(scope, receive, send)
            else:
                if exchange.is_complete:
                    await self.judge(exchange)

    async def pass_on(self, exchange: Exchange, upload: "Upload", send: Send) -> None:
        response = await self.transport.handle_async_request(self.forwarded(exchange, upload))
        try:
            if response.status_code not in STATUSES:
                raise httpx.RemoteProtocolError(f"{response.status_code} is no status")
            exchange.status = response.status_code
            exchange.response_headers = response.headers.raw
            headers = end_to_end(response.headers.raw)
            if exchange.status in NO_CONTENT:  # a length there is that of another response
                headers = without(b"content-length", headers)
            await send(
                {"type": "http.response.start", "status": exchange.status, "headers": headers}
            )
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for chunk in exchange.response.passing(aiter(response.stream)):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            exchange.is_complete = True
            await send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    def forwarded(self, exchange: Exchange, upload: "Upload") -> httpx.Request:
        """The request to the service; with `stream`, the client adds no header of its own."""
        headers = [
            (b"host", self.url.netloc),
            *without(b"host", end_to_end(exchange.request_headers)),
        ]
        if is_chunked(exchange.request_headers):
            headers.append((b"transfer-encoding", b"chunked"))
        target = self.url.raw_path.rstrip(b"/") + exchange.raw_path
        if exchange.query:
            target += b"?" + exchange.query
        return httpx.Request(
            exchange.method,
            self.url,
            headers=headers,
            stream=upload if upload.has_body else httpx.ByteStream(b""),
            extensions={"target": target, "timeout": {"connect": CONNECT_SECONDS}},
        )

    def explained(self, error: httpx.TransportError) -> str:
        said = str(error).strip().rstrip(".") or type(error).__name__
        match error:
            case httpx.ConnectError() if "CERTIFICATE" in said or "certificate" in said:
                remedy = "Let SSL_CERT_FILE name the file of the authority that signed it."
                return f"{self.url} shows a certificate that is not trusted ({said}). {remedy}"
            case httpx.ConnectError() | httpx.ConnectTimeout():
                return f"{self.url} can't be reached ({said}). Start the service, or name another."
            case _:
                return f"{self.url} broke off before it answered ({said}). Look at its log."


class Upload(httpx.AsyncByteStream):
    """The body of a request, kept while it passes."""

    def __init__(self, request: Request, exchange: Exchange) -> None:
        self.request = request
        self.body = exchange.request
        headers = exchange.request_headers
        self.has_body = is_chunked(headers) or bool(values(headers, b"content-length"))
        self.ended = asyncio.Event()
        if not self.has_body:
            self.ended.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.body.passing(self.request.stream()):
            yield chunk
        self.ended.set()

    async def client_leaves(self) -> None:
        """Returns when the client is gone."""
        await self.ended.wait()  # until then, what is received is the body's
        while (await self.request.receive())["type"] != "http.disconnect":
            pass


async def unless_left(upload: Upload, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, or as much of it as is done before the client is gone."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(upload.client_leaves())
    await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if not working.done():
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError, ClientDisconnect):
        await working


def is_chunked(headers: Headers) -> bool:
    return bool(transfer_coding(headers))


def transfer_coding(headers: Headers) -> str:
    return ", ".join(values(headers, b"transfer-encoding")).strip().lower()


def end_to_end(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers without those of one connection, and without those that Connection names.

    The length is left out beside a transfer coding, which overrides it (RFC 9112 section 6.3): two
    receivers that disagree about it would see two different messages.
    """
    named = ",".join(values(headers, b"connection")).lower().split(",")
    left_out = {name.strip().encode("latin-1") for name in named} - NEVER_NAMED
    if is_chunked(headers):
        left_out.add(b"content-length")
    left_out |= HOP_BY_HOP
    return [(name, value) for name, value in headers if name.lower() not in left_out]


def without(left_out: bytes, headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() != left_out]
