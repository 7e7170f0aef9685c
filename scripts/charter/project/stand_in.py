"""The mock answers operations that nobody has written yet, so that a half-written service works.

In development and tests alone: in production such an operation answers 501. The service marks its
answer by putting the operation's id into the request's state, under `UNWRITTEN`.

In development the mock follows the document: what it has beyond the code that runs is answered
before that code is generated. An overview says how both stand.
"""

import sys
from importlib import import_module
from typing import Any

from fastapi import APIRouter
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.document.revisions import relative
from charter.mock.live import LiveMock, ShowsBroken
from charter.mock.memory import Memory
from charter.project import Project, status, supervision
from charter.project.start import fault
from charter.runtime import Contract, docs, layers
from charter.runtime.dispatch import Dispatch
from charter.runtime.layers import UNWRITTEN
from charter.runtime.paths import requested, template_key

HEADER = "Charter-Mock"
"""Names the operation, in every answer that the mock gave."""
DEVELOPMENT = "development"


def application(app: Any = None) -> Any:
    """The project's application with the mock inside it, unless it serves production."""
    project = Project.find()
    app = app or made(project)
    settings = app.state.settings
    if settings.production:
        return app
    supervision.report_to_parent(app)
    develops = settings.environment == DEVELOPMENT
    live = LiveMock(
        relative(project.document),
        memory=Memory(),
        watches=develops,
        otherwise=project.generated / "openapi.json",
        overlays=[relative(overlay) for overlay in project.overlays],
    )
    # around what dispatches, inside all else: the layers are around the mock's answers, too
    insert(app.user_middleware, Dispatch, Middleware(StandIn, live=live))
    if develops:
        # a method that is new in the document is unknown to the layer that refuses methods
        ahead = Middleware(StandAhead, live=live, contract=app.state.contract)
        insert(app.user_middleware, layers.Methods, ahead)
        app.user_middleware.insert(0, Middleware(ShowsBroken, live=live))
    if develops and settings.serves_docs:
        published = APIRouter()
        overviews = status.overviews(project, live)
        docs.add_overview(published, overviews.page, lambda: status.fuzz_report(project))
        app.router.routes.extend(published.routes)
    return app


def made(project: Project) -> Any:
    """The project's application. Exits with one sentence where its code is at fault."""
    module, _, factory = project.application.partition(":")
    try:
        return getattr(import_module(module), factory)()
    except Exception as error:
        if said := fault(error, project.root):
            sys.exit(f"charter: {said}")
        raise


def insert(stack: list[Middleware], inner: Any, layer: Middleware) -> None:
    """Put a layer around another one, or innermost where that is not there."""
    inmost = [index for index, one in enumerate(stack) if one.cls is inner]
    stack.insert(min(inmost, default=len(stack)), layer)


class StandIn:
    """Asks the service first, and the mock where an operation raised NotImplementedError."""

    def __init__(self, app: ASGIApp, live: LiveMock) -> None:
        self.app = app
        self.live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        seen: list[Message] = []

        async def recorded() -> Message:
            seen.append(await receive())
            return seen[-1]

        async def unless_missing(message: Message) -> None:
            if UNWRITTEN not in state:
                await send(message)

        await self.app(scope, recorded, unless_missing)
        if UNWRITTEN in state:
            request = Request(scope, replayed(seen, receive))
            await answer(self.live, request, state[UNWRITTEN], send)


class StandAhead:
    """Lets the mock answer operations that the document has and the running code has not.

    Any credential of the right kind is taken, as by `charter mock`: the service does not know the
    operation, and the mock shows nothing but examples and what was sent to it.
    """

    def __init__(self, app: ASGIApp, live: LiveMock, contract: Contract) -> None:
        self.app = app
        self.live = live
        self.known = {
            (template_key(operation.path), operation.method)
            for operation in contract.operations.values()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http":
            found = self.live.mock.router.find(requested(scope), scope["method"])
        if found is None or (template_key(found.path), found.method) in self.known:
            await self.app(scope, receive, send)
        else:
            await answer(self.live, Request(scope, receive), found.id, send)


async def answer(live: LiveMock, request: Request, operation_id: str, send: Send) -> None:
    response = await live.mock.respond(request)
    response.headers[HEADER] = operation_id
    request.scope.setdefault("state", {})[UNWRITTEN] = operation_id  # for the log
    await response(request.scope, request.receive, send)


def replayed(seen: list[Message], receive: Receive) -> Receive:
    """The messages once more, then those that nobody has asked for yet."""
    again = iter(list(seen))

    async def next_message() -> Message:
        message = next(again, None)
        return await receive() if message is None else message

    return next_message
