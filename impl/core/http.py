"""What holds for every request, whatever it asks for: pure ASGI, one class per duty."""

import asyncio
import logging

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impl.core import problems
from impl.core.problems import ServiceUnavailable

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

    The clock stops while the body is awaited: a slow uplink is no fault of the service, and the
    server bounds how long a body may take.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def patient() -> Message:
            timeout.reschedule(None)
            message = await receive()
            timeout.reschedule(asyncio.get_running_loop().time() + self.seconds)
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
