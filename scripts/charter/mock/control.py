"""What test suites do to a mock between tests: read, replace and reset what it remembers.

It is served by `charter mock` and `charter dev` alone, never by a project's service.
"""

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
EVERY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "*",
}


class Control:
    """An ASGI application whose only resource is what the mock remembers: rows by collection."""

    def __init__(self, live: LiveMock) -> None:
        self.live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.respond(Request(scope, receive))
        response.headers.update(EVERY_ORIGIN)
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
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
