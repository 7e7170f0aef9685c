"""What holds for every request, whatever it asks for: pure ASGI, one class per duty."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impl.core import problems
from impl.core.problems import ServiceUnavailable

RATE_LIMITS = "charter.rate_limits"
"""The member of the scope that holds the rate limit fields of the answer."""

AllowedMethods = Callable[[str], Sequence[str]]
"""The methods that the document lists for a path; none for a path that it does not know."""

log = logging.getLogger(__name__)


class SafeErrors:
    """The last net: whatever went wrong inside becomes a problem that tells a stranger nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

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
            unavailable = ServiceUnavailable()
            headers = {**unavailable.headers, "Connection": "close"}
            await problems.response(unavailable.status, unavailable.detail, headers=headers)(
                scope, receive, send
            )
        except ClientDisconnect:
            log.info("the client went away before its request was complete")
        except Exception:
            log.exception("unhandled error")
            if started:
                raise
            await problems.response(500, "Something went wrong here, not in your request.")(
                scope, receive, send
            )


class Deadline:
    """Ends what takes too long with a 503, so that no client and no connection waits for ever.

    The body has a bound of its own, because a slow uplink is no fault of the service; one bound
    for all of it, because who sends a byte now and then would never be done.
    """

    def __init__(self, app: ASGIApp, seconds: float, body_seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self.body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        loop = asyncio.get_running_loop()
        body_ends = loop.time() + self.seconds + self.body_seconds

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def patient() -> Message:
            timeout.reschedule(body_ends)
            message = await receive()
            timeout.reschedule(loop.time() + self.seconds)
            return message

        try:
            async with asyncio.timeout(self.seconds) as timeout:
                await self.app(scope, patient, watched)
        except TimeoutError:
            if not timeout.expired() or started:
                raise
            problem = ServiceUnavailable()
            await problems.response(problem.status, problem.detail, headers=problem.headers)(
                scope, receive, send
            )


class SecurityHeaders:
    """What browsers and caches are told about every response, errors too."""

    def __init__(self, app: ASGIApp, hsts_seconds: int) -> None:
        self.app = app
        self.defaults = {
            "cache-control": "no-store",
            "pragma": "no-cache",  # RFC 6749 section 5.1 wants both
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        if hsts_seconds:
            self.defaults["strict-transport-security"] = f"max-age={hsts_seconds}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.defaults.items():
                    headers.setdefault(name, value)
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

    def __init__(self, app: ASGIApp, allowed_methods: AllowedMethods) -> None:
        self.app = app
        self.allowed_methods = allowed_methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = self.allowed_methods(scope["path"])
        method = scope["method"]
        if not declared or method in declared:
            await self.app(scope, receive, send)
        elif method == "HEAD" and "GET" in declared:
            await self.app({**scope, "method": "GET"}, receive, without_body(send))
        else:
            await refusal(method, declared)(scope, receive, send)


def refusal(method: str, declared: Sequence[str]) -> Response:
    head = ["HEAD"] if "GET" in declared else []
    allow = {"Allow": ", ".join(sorted([*declared, *head, "OPTIONS"]))}
    if method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return problems.response(405, "This path does not have that method.", headers=allow)


def without_body(send: Send) -> Send:
    """Send the headers of a GET and nothing else (RFC 9110 section 9.3.2)."""

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headers_only


class CrossOrigin(CORSMiddleware):
    """Starlette's, with a problem document for a preflight that it refuses."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        headers = {
            name: value for name, value in answer.headers.items() if not name.startswith("content-")
        }
        return problems.response(403, "This origin may not do that.", headers=headers)
