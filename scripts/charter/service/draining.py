"""The time between the signal to end and the end."""

import signal
import threading
from types import FrameType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.runtime.streams import ENDING, Ending

DRAINING = "draining"
"""The member of the server's state that says that it is about to end."""
LAST_OF_STREAMS = 3.0
"""Seconds within which streams end after the signal, where there is a time to drain at all."""


class Draining:
    """After a SIGTERM the service is not ready and yet answers, until balancers have noticed.

    uvicorn, whose handler is there already, closes the port when it is told of the signal.
    A second signal is handed on at once. Streams learn of the first one.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self.began = False
        self.ending = Ending(LAST_OF_STREAMS if seconds else 0.0)
        self.end = signal.signal(signal.SIGTERM, self.begin)

    def begin(self, number: int, frame: FrameType | None) -> None:
        seconds = 0 if self.began else self.seconds
        self.began = True
        self.ending.begin()
        if callable(self.end):
            timer = threading.Timer(seconds, self.end, [number, None])
            timer.daemon = True
            timer.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ENDING] = self.ending
        if not self.began:
            await self.app(scope, receive, send)
            return

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start":
                # or a balancer sends its next request at the moment that the connection is closed
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        state = {**scope.get("state", {}), DRAINING: True}
        await self.app({**scope, "state": state}, receive, last)
