"""Layers around every request that know nothing of the service: pure ASGI, one class per duty."""

import asyncio
import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .paths import requested

RATE_LIMITS = "charter.rate_limits"
"""The member of the scope that holds the rate limit fields of the answer."""

AllowedMethods = Callable[[str], Sequence[str]]
"""The methods that the document lists for a path; none for a path that it does not know."""

Problem = Callable[..., Response]
"""Makes a problem document of a status, a sentence, and `headers`."""

CLOCK = "charter.clock"
"""The member of the scope that holds the Clock of a request, where there is a deadline."""

HEADERS_ONLY = "charter.headers_only"
"""The member of the scope that says that nobody reads the body."""

UNWRITTEN = "unwritten"
"""The member of a request's state that names an operation which raised NotImplementedError."""

ANY = "*"

log = logging.getLogger(__name__)


class ProxyHeader(StrEnum):
    """By which header a proxy says where a request comes from."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"  # RFC 7239


MOST_PEERS = 256
"""Addresses of which is remembered whether they are a trusted proxy's."""
LAST_CHARACTERS = 1024
"""Of a proxy's header, which is read from its end: what stands before them is no proxy's."""
WITH_PORT = re.compile(r"\[(?P<six>[^]]*)\](:\d+)?|(?P<four>[^:]*)(:\d+)?")
QUOTED_OR_PLAIN = r'"(?:[^"\\]|\\.)*"|[^;,"]*'
PARAMETER = re.compile(rf"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=({QUOTED_OR_PLAIN})\s*(?:;|$)")
ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


class TrustedProxies:
    """Takes the caller's address from the header of a trusted proxy, never from another peer.

    Each proxy appends where its own request came from, so the header is read from its end: the
    first address that is no trusted proxy's is the caller's. What stands before it was sent by the
    caller, and may be anything.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str], header: ProxyHeader) -> None:
        self.app = app
        self.trusts_any = ANY in trusted
        self.is_trusted = lru_cache(MOST_PEERS)(self._is_trusted)
        self.networks = [ip_network(name, strict=False) for name in trusted if name != ANY]
        self.header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            address, port = scope["client"]
            caller = self.caller(address, Headers(scope=scope))
            scope = {**scope, "client": (caller, port if caller == address else 0)}
        await self.app(scope, receive, send)

    def caller(self, address: str, headers: Headers) -> str:
        hops = self.hops(headers)
        while self.is_trusted(address) and (hop := next(hops, None)) is not None:
            address = str(hop)
        return address

    def _is_trusted(self, address: str) -> bool:
        if self.trusts_any:
            return True
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self.networks)

    def hops(self, headers: Headers) -> Iterator[IPv4Address | IPv6Address]:
        """The addresses from the last one on, up to the first text that is none."""
        elements = ",".join(headers.getlist(self.header))[-LAST_CHARACTERS:]
        if self.header is ProxyHeader.FORWARDED:
            nodes = [forwarded_for(element) for element in ELEMENT.findall(elements)]
        else:
            nodes = elements.split(",")
        for node in reversed(nodes):
            hop = parse_address(node.strip())
            if hop is None:
                return
            yield hop


def forwarded_for(element: str) -> str:
    """The `for` of an element (RFC 7239 section 4); empty where it has none."""
    at = 0
    while match := PARAMETER.match(element, at):  # `findall` would look from every place
        name, value = match.groups()
        if name.lower() == "for":
            return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = match.end()
    return ""


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, with or without brackets and port. `unknown` and whatever else is none."""
    try:
        address = ip_address(text)
    except ValueError:
        match = WITH_PORT.fullmatch(text)
        if match is None:
            return None
        try:
            address = ip_address(match["six"] or match["four"] or "")
        except ValueError:
            return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:  # any text may stand there
            return None
        return address.ipv4_mapped or address
    return address


NO_CONTENT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of what is no page."""


class SecurityHeaders:
    """Adds the headers for browsers and caches to every response, errors too."""

    def __init__(self, app: ASGIApp, hsts_seconds: int) -> None:
        self.app = app
        defaults = {
            "cache-control": "no-store",
            "pragma": "no-cache",  # RFC 6749 section 5.1 wants both
            "content-security-policy": NO_CONTENT,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        if hsts_seconds:
            defaults["strict-transport-security"] = f"max-age={hsts_seconds}; includeSubDomains"
        self.defaults = [(name.encode(), value.encode()) for name, value in defaults.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                missing = [default for default in self.defaults if default[0] not in given]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, guarded)


class PathPrefix:
    """Lets the service stand below a path: it serves without the prefix, and answers with it.

    A proxy may pass the prefix on or take it away; the references that clients get have it.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = scope.get("root_path", "") + self.prefix
        if scope["type"] != "http" or not prefix:
            await self.app(scope, receive, send)
            return

        async def prefixed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("location", "").startswith("/"):
                    headers["location"] = prefix + headers["location"]
                if "link" in headers:
                    headers["link"] = headers["link"].replace("</", f"<{prefix}/")
            await send(message)

        path = scope["path"]
        if path.startswith(f"{prefix}/"):
            path = path.removeprefix(prefix)
        inner = {**scope, "root_path": "", "path": path}
        await self.app(inner, receive, prefixed)


class RateLimits:
    """Says what is left of the budgets that a request spent, whatever its answer is.

    The fields of draft-ietf-httpapi-ratelimit-headers-11, as Structured Fields (RFC 9651).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        fields: dict[str, str] = {}
        scope = {**scope, RATE_LIMITS: fields}

        async def limited(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(fields)
            await send(message)

        await self.app(scope, receive, limited)


class Methods:
    """Answers for the methods that need no operation: HEAD, OPTIONS, and all that are not there.

    Starlette would name in `Allow` the methods of the first route that matches, and let
    `/users/{user_id}` answer for what `/users/me` does not have. RFC 9110 section
    15.5.6.
    """

    def __init__(self, app: ASGIApp, allowed_methods: AllowedMethods, problem: Problem) -> None:
        self.app = app
        self.allowed_methods = allowed_methods
        self.problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = self.allowed_methods(requested(scope))
        method = scope["method"]
        if not declared or method in declared:
            await self.app(scope, receive, send)
        elif method == "HEAD" and "GET" in declared:
            await self.answer_head(scope, receive, send)
        else:
            await self.refusal(method, declared)(scope, receive, send)

    async def answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The layers around this one find in the scope what the GET has left there."""
        inner = {**scope, "method": "GET", HEADERS_ONLY: True}

        async def told(message: Message) -> None:
            scope.update(inner, method="HEAD")
            await send(message)

        try:
            await self.app(inner, receive, without_body(told))
        finally:
            scope.update(inner, method="HEAD")

    def refusal(self, method: str, declared: Sequence[str]) -> Response:
        head = ["HEAD"] if "GET" in declared else []
        allow = {"Allow": ", ".join(sorted([*declared, *head, "OPTIONS"]))}
        if method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        return self.problem(405, "This path does not have that method.", headers=allow)


def without_body(send: Send) -> Send:
    """Send the headers of a GET and nothing else (RFC 9110 section 9.3.2)."""

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headers_only


class SafeErrors:
    """The last net: whatever went wrong inside becomes a problem that tells a stranger nothing."""

    def __init__(self, app: ASGIApp, problem: Problem, unavailable: Problem) -> None:
        self.app = app
        self.problem = problem
        self.unavailable = unavailable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:  # the server ends, and waits no longer for this request
            if started:
                raise
            await self.unavailable()(scope, receive, send)
        except ClientDisconnect:
            log.info("the client went away before its request was complete")
        except Exception:
            log.exception("unhandled error")
            if started:
                raise
            problem = self.problem(500, "Something went wrong here, not in your request.")
            await problem(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that a request has left. Once it is over, nothing grants any more."""

    timeout: asyncio.Timeout
    seconds: float

    def restart(self) -> None:
        """Grant it the whole time anew."""
        self._ring_at(asyncio.get_running_loop().time() + self.seconds)

    def stop(self) -> None:
        """Let it take its time, until the clock is started again."""
        self._ring_at(None)

    def _ring_at(self, moment: float | None) -> None:
        if not self.timeout.expired():  # what may not be cut short goes on behind it: a COMMIT
            self.timeout.reschedule(moment)


class NoClock:
    """Where there is no deadline."""

    seconds = math.inf

    def restart(self) -> None: ...

    def stop(self) -> None: ...


NO_CLOCK: Final = NoClock()


class Deadline:
    """Ends what takes too long with a 503, so that no client and no connection waits for ever.

    The clock stops while the body is awaited, and once the response begins: a slow client is no
    fault of the service, and the server bounds how long it may take to send and to read. A stream
    restarts the clock for each item.
    """

    def __init__(self, app: ASGIApp, seconds: float, unavailable: Problem) -> None:
        self.app = app
        self.seconds = seconds
        self.unavailable = unavailable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                clock.stop()
            await send(message)

        async def patient() -> Message:
            if started:
                return await receive()
            clock.stop()
            message = await receive()
            clock.restart()
            return message

        try:
            async with asyncio.timeout(self.seconds) as timeout:
                scope[CLOCK] = clock = Clock(timeout, self.seconds)
                await self.app(scope, patient, watched)
        except TimeoutError:
            if not timeout.expired() or started:
                raise
            await self.unavailable()(scope, receive, send)


class CrossOrigin(CORSMiddleware):
    """Starlette's, with a problem document for a preflight that it refuses."""

    def __init__(
        self,
        app: ASGIApp,
        problem: Problem,
        allow_origins: Sequence[str],
        allow_methods: Sequence[str],
        allow_headers: Sequence[str],
        expose_headers: Sequence[str],
    ) -> None:
        super().__init__(
            app,
            allow_origins=allow_origins,
            allow_methods=allow_methods,
            allow_headers=allow_headers,
            expose_headers=expose_headers,
        )
        self.problem = problem

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        headers = {
            name: value for name, value in answer.headers.items() if not name.startswith("content-")
        }
        return self.problem(403, "This origin may not do that.", headers=headers)
