"""The mock answers operations that nobody has written yet, so that a half-written service works.

In development and tests alone: in production such an operation answers 501. The service marks its
answer by putting the operation's id into the request's state, under `UNWRITTEN`.
"""

import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.document import Document
from charter.mock.app import Mock
from charter.mock.memory import Memory
from charter.project import Project
from charter.project.start import fault
from charter.runtime.dispatch import Dispatch
from charter.runtime.routing import UNWRITTEN

HEADER = "Charter-Mock"
"""Names the operation, in every answer that the mock gave."""

log = logging.getLogger(__name__)


def application(app: Any = None, *, document: Path | None = None, remembers: bool = True) -> Any:
    """The project's application with the mock inside it, unless it serves production."""
    project = Project.find()
    app = app or made(project)
    if not app.state.settings.production:
        memory = Memory() if remembers else None
        mock = Mock(Document(document or project.document).content, memory=memory)
        # around what dispatches, inside all else: the layers are around the mock's answers, too
        layers = app.user_middleware
        inmost = [index for index, layer in enumerate(layers) if layer.cls is Dispatch]
        layers.insert(min(inmost, default=len(layers)), Middleware(StandIn, mock=mock))
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


class StandIn:
    """Asks the service first, and the mock where an operation raised NotImplementedError."""

    def __init__(self, app: ASGIApp, mock: Mock) -> None:
        self.app = app
        self.mock = mock

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
            response = await self.mock.respond(request)
            response.headers[HEADER] = state[UNWRITTEN]
            log.warning("answered by the mock", extra={"unwritten": state[UNWRITTEN]})
            await response(scope, receive, send)


def replayed(seen: list[Message], receive: Receive) -> Receive:
    """The messages once more, then those that nobody has asked for yet."""
    again = iter(list(seen))

    async def next_message() -> Message:
        message = next(again, None)
        return await receive() if message is None else message

    return next_message
