"""The poll that wakes all streams of a process."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

from charter.service.feed import Feed

request: ContextVar[str | None] = ContextVar("request", default=None)


async def test_a_poll_belongs_to_no_request() -> None:
    seen = []

    async def poll() -> Sequence[str]:
        seen.append(request.get())
        return ["ada"]

    request.set("the first one that listens")
    with Feed(poll, 60).listening("ada") as news:
        async with asyncio.timeout(1):
            await news.wait()

    assert seen == [None]
