"""Responses whose items are sent as they come, for as long as the service has some.

A stream begins with the first thing that the service yields; what it raises before that is answered
like any other error. What it raises later breaks the connection, so that no client takes the part
for the whole.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .faults import TooManyStreams
from .layers import CLOCK, HEADERS_ONLY, NO_CLOCK, Clock, NoClock
from .sequences import Sequence

T = TypeVar("T")


class Heartbeat(Enum):
    """What a service yields that is alive and has no item."""

    HEARTBEAT = "heartbeat"


HEARTBEAT: Final = Heartbeat.HEARTBEAT

Stream: TypeAlias = AsyncIterator[T | Heartbeat]
"""The items of a response."""
Streaming: TypeAlias = Stream[T] | Awaitable[Stream[T]]
"""What a service's method returns that streams: an async generator, or an `async def` with one."""

USER = "charter.user"
"""The member of a scope that names the user who was authenticated, by id."""
ENDING = "charter.ending"
"""The member of a scope that holds the server's Ending."""
STILL_ALLOWED = "charter.still_allowed"
"""The member of a scope that holds a function of the request, which raises once the caller has lost
the right to what it asks for."""
BODY_CLOCK = "charter.body_clock"
"""The member of a scope that holds the server's clock for the body, where it has one: `restart` it
for each item that is awaited, `stop` it while there is one to work on."""
UPLOAD = "charter.upload"
"""The member of a scope that holds the event of the body's end, where a service reads it itself."""

HEARTBEAT_SECONDS = 15.0
"""Between two signs of life, where the deadline is not shorter: proxies close what is silent."""
MOST_STREAMS = 20
"""That a caller holds at once in one process, where nothing else is said."""
RECHECK_SECONDS = 5.0
"""Between two looks at what the caller may do."""

log = logging.getLogger(__name__)


class Ending:
    """Lets the streams of a process know that the server ends.

    They end within `seconds`, at different moments: their clients won't come back all at once.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.has_begun = False
        self._listeners: set[Callable[[], object]] = set()

    def begin(self) -> None:
        """May be called by the handler of a signal."""
        self.has_begun = True
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """`listener` is called when it begins, or at once where it has begun."""
        self._listeners.add(listener)
        if self.has_begun:
            listener()

    def forget(self, listener: Callable[[], object]) -> None:
        self._listeners.discard(listener)


def caller_of(scope: Scope) -> object:
    """The user that was authenticated, else the address."""
    return scope.get(USER) or (scope.get("client") or ("",))[0]


class Places:
    """So many streams for each caller, in one process; any number where `most` is 0."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: Counter[object] = Counter()

    async def hold(
        self, operation_id: str, caller: object, items: AsyncIterator[T]
    ) -> AsyncIterator[T]:
        """The items, for as long as they are iterated. Raises TooManyStreams before the first."""
        if self.most and self.taken[caller] >= self.most:
            raise TooManyStreams(operation_id, self.most)
        self.taken[caller] += 1
        try:
            async for item in items:
                yield item
        finally:
            self.taken[caller] -= 1
            if not self.taken[caller]:
                del self.taken[caller]
            await close(items)


class StreamResponse(Response):
    """Sends items as they come, each of them written by `write`, the first one already.

    It ends with the service's generator, which is closed in any case; or where the client goes
    away, the server ends, or the caller loses the right to it.
    """

    def __init__(
        self,
        first: bytes,
        items: AsyncIterator[Any],
        write: Callable[[Any], bytes],
        sequence: Sequence,
        *,
        status: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        self.first = first
        self.items = items
        self.write = write
        self.sequence = sequence
        self.status_code = status
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)
        self.headers.setdefault("x-accel-buffering", "no")  # nginx would keep items back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = self.raw_headers
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": headers}
            )
            if scope.get(HEADERS_ONLY):
                await send(body(b"", is_last=True))
                return
            async with Watch(scope, receive, send, self.sequence) as watch:
                await self._send_items(watch)
            if watch.reason is None or self.sequence.may_end_anywhere:
                await send(body(b"", is_last=True))
            elif not isinstance(watch.reason, ClientDisconnect):
                log.warning("stream cut", extra={"reason": repr(watch.reason)})
        finally:
            await close(self.items)

    async def _send_items(self, watch: "Watch") -> None:
        await watch.send(self.first)
        async for item in self.items:
            await watch.send(self.write(item))


async def close(items: AsyncIterator[Any]) -> None:
    """Have a generator run its `finally`."""
    if (aclose := getattr(items, "aclose", None)) is not None:
        await aclose()


def body(content: bytes, *, is_last: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": not is_last}


class ServerEnds(Exception):
    """The server ends before the stream does."""


class Watch:
    """Ends what is sent within it from outside, and shows the client that the stream is alive.

    `reason` says why it was ended; it is None where it was not. An iterator of the service is
    ended as asyncio ends a task: by a CancelledError where it waits.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, sequence: Sequence) -> None:
        self.reason: Exception | None = None
        self._receive = receive
        self._send = send
        self._sequence = sequence
        self._clock: Clock | NoClock = scope.get(CLOCK, NO_CLOCK)
        self._ending: Ending | None = scope.get(ENDING)
        self._still_allowed: Callable[[Request], Awaitable[object]] | None
        self._still_allowed = scope.get(STILL_ALLOWED)
        self._request = Request(scope)
        self._upload: asyncio.Event | None = scope.get(UPLOAD)
        self._loop = asyncio.get_running_loop()
        self._beat = min(HEARTBEAT_SECONDS, self._clock.seconds / 2)
        self._sent = self._checked = self._loop.time()
        self._is_over = False

    async def send(self, content: bytes) -> None:
        """Send an item, if there is one, and grant the next one its time."""
        if content:
            self._clock.stop()
            await self._send(body(content))
            self._sent = self._loop.time()
        self._clock.restart()

    def end(self, reason: Exception) -> None:
        if self.reason is None and not self._is_over:
            self.reason = reason
            self._task.cancel()

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._watching = asyncio.create_task(self._watch())
        self._clock.restart()
        if self._ending is not None:
            self._ending.listen(self._on_ending)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._is_over = True
        if self._ending is not None:
            self._ending.forget(self._on_ending)
        self._watching.cancel()
        if self.reason is None:
            return False
        # as asyncio.timeout does it: somebody else may have cancelled the task, too
        return self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError

    def _on_ending(self) -> None:
        assert self._ending is not None
        wait = self._ending.seconds
        if self._sequence.may_end_anywhere:
            wait *= random.random()  # noqa: S311 - so that not all come back at once
        self._loop.call_soon_threadsafe(self._loop.call_later, wait, self.end, ServerEnds())

    async def _watch(self) -> None:
        """Wait for the client to go away, and wake up for whatever is due in the meantime."""
        try:
            while self.reason is None:
                try:
                    async with asyncio.timeout(min(self._beat, RECHECK_SECONDS)):
                        await self._left()
                    self.end(ClientDisconnect())
                except TimeoutError:
                    await self._look_after()
        except Exception as error:
            self.end(error)

    async def _look_after(self) -> None:
        """Raises what says that the caller has lost the right to the stream."""
        now = self._loop.time()
        if self._still_allowed is not None and now - self._checked >= RECHECK_SECONDS:
            self._checked = now
            await self._still_allowed(self._request)
        if self._sequence.heartbeat and now - self._sent >= self._beat:
            self._sent = now
            await self._send(body(self._sequence.heartbeat))

    async def _left(self) -> None:
        """Return once the client has gone away."""
        if self._upload is not None:
            await self._upload.wait()  # until then the service receives what the client sends
        while (await self._receive())["type"] != "http.disconnect":
            pass
