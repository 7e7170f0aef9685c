"""Wakes streams where there is news for them: one poll of a process serves all of its streams."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Generic, TypeVar

Key = TypeVar("Key")

log = logging.getLogger(__name__)


class Feed(Generic[Key]):
    """Asks for news as long as somebody listens.

    `poll` returns the keys that there is news of since it was called last, and None where it can't
    know, as at its first call: all listeners are woken then. PostgreSQL's LISTEN would need a
    connection of its own, which a transaction pooler doesn't give.
    """

    def __init__(
        self, poll: Callable[[], Awaitable[Collection[Key] | None]], seconds: float
    ) -> None:
        self._poll = poll
        self._seconds = seconds
        self._listeners: dict[Key, set[asyncio.Event]] = {}
        self._polling: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self, key: Key) -> Iterator[asyncio.Event]:
        """An event that is set when there is news. Clear it before you look what the news is."""
        news = asyncio.Event()
        self._listeners.setdefault(key, set()).add(news)
        if self._polling is None or self._polling.done():
            # it belongs to no request: not to the id and the waits of the one that listens first
            self._polling = asyncio.create_task(self._run(), context=Context())
        try:
            yield news
        finally:
            self._listeners[key].discard(news)
            if not self._listeners[key]:
                del self._listeners[key]

    async def _run(self) -> None:
        while self._listeners:
            try:
                self._wake(await self._poll())
            except Exception as error:  # the next poll asks for the same news
                log.warning("no news", extra={"reason": type(error).__name__})
            await asyncio.sleep(self._seconds)

    def _wake(self, keys: Collection[Key] | None) -> None:
        for key in tuple(self._listeners) if keys is None else keys:
            for news in self._listeners.get(key, ()):
                news.set()


async def heard(news: asyncio.Event, seconds: float) -> bool:
    """Whether there is news; waits so long for it."""
    try:
        async with asyncio.timeout(seconds):
            return await news.wait()
    except TimeoutError:
        return False
