"""What test suites do to a mock between tests: read, replace and reset what it remembers.

It is served by `charter mock` and `charter dev` alone, never by a project's service.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from charter.errors import Refusal
from charter.mock.app import BODY_LIMIT, problem
from charter.mock.live import LiveMock
from charter.mock.memory import seeding
from charter.mock.memory.seeding import NotSeeded
from charter.runtime import Fault
from charter.runtime.references import pointer
from charter.runtime.scalars import parse_json_of_any_size

ADDRESS = "/.charter/memory"
METHODS = "GET, HEAD, PUT, DELETE, OPTIONS"
ORIGINS = {  # those of another site get no further
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "*",
}

REMEDY = "send requests for what the mock remembers to localhost or 127.0.0.1"


class Control:
    """An ASGI application whose only resource is what the mock remembers: rows by collection."""

    def __init__(self, live: LiveMock) -> None:
        self.live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.respond(Request(scope, receive))
        response.headers.update(ORIGINS)
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        if is_of_another_site(request):
            return problem(403, "A page of another site may not touch what the mock remembers.")
        if is_named_otherwise(request):
            return problem(
                403, f"`{request.url.hostname}` in `Host` is no loopback name: {REMEDY}."
            )
        remembering, memory = self.live.mock.remembering, self.live.memory
        if request.method == "OPTIONS":
            return Response(status_code=204)
        if remembering is None or memory is None:
            return problem(409, "Nothing is remembered: start the mock without --no-memory.")
        match request.method:
            case "GET" | "HEAD":
                rows = {path: list(stored.values()) for path, stored in memory.collections.items()}
                return JSONResponse(rows)
            case "DELETE":
                try:
                    self.live.start_over()
                except Refusal as error:
                    return problem(409, str(error))
                return Response(status_code=204)
            case "PUT":
                return await self.replace(request)
        return problem(405, f"Here are {METHODS}.", headers={"Allow": METHODS})

    async def replace(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_LIMIT:
                return problem(413, f"The body is larger than {BODY_LIMIT} bytes.")
        remembering, memory = self.live.mock.remembering, self.live.memory
        assert remembering is not None
        assert memory is not None
        try:
            memory.begin(seeding.collections(parse_json_of_any_size(bytes(body)), remembering))
        except NotSeeded as error:
            fault = Fault("body", pointer(*error.path), str(error))
            return problem(422, "The document refuses these rows.", [fault])
        except (ValueError, RecursionError):
            return problem(400, "The body is not well-formed JSON.")
        return Response(status_code=204)


def is_of_another_site(request: Request) -> bool:
    """Whether a browser asks on behalf of a page that is neither of this host nor of this machine.

    To a browser, `localhost` and `127.0.0.1` are two sites.
    """
    host, origin = request.url.hostname or "", request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "cross-site"
    page = urlsplit(origin).hostname or ""
    if is_loopback(page) and is_loopback(host):
        return False
    return page != host or request.headers.get("sec-fetch-site") == "cross-site"


def is_named_otherwise(request: Request) -> bool:
    """Whether this machine was reached by a name that anybody may lead here (DNS rebinding).

    The page is of the same site then, and nothing but `Host` tells.
    """
    reached = (request.scope.get("server") or ("",))[0]
    return is_loopback(reached) and not is_loopback(request.url.hostname or "")


def is_loopback(host: str) -> bool:
    """`localhost` and all names below it (RFC 6761 section 6.3), and the addresses."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
