"""The client that blocks and the one that is awaited: they carry out what `flow` wants done."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar, cast

import httpx2

from .auth import Acquire, Authentication, Credential, Effect, Read, Scheme, Send, Sleep
from .calls import Call
from .codec import Mismatch
from .errors import ConnectionFailed, Errors, InvalidResponse
from .flow import Core, Flow, Log
from .pages import Pages
from .response import Response
from .retry import Retry
from .streams import Reader

T = TypeVar("T")
Row = TypeVar("Row")


def core(
    base_url: str,
    auth: Credential | Sequence[Credential],
    schemes: Mapping[str, Scheme],
    lock: Callable[[], Any],
    errors: Errors,
    retry: Retry,
    timeout: float | None,
    headers: Mapping[str, str],
    log: Log | None,
) -> Core:
    """Raises ValueError for what no client can be made of."""
    url = httpx2.URL(base_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"base_url is {base_url!r}: give the service's address, with https://.")
    credentials = list(auth) if isinstance(auth, Sequence) else [auth]
    authentication = Authentication(credentials, schemes, with_slash(url), lock)
    return Core(url, authentication, retry, timeout, errors, headers, log or (lambda _: None))


def with_slash(url: httpx2.URL) -> httpx2.URL:
    """So that relative addresses begin with the whole path (OpenAPI 3.1 "Relative References")."""
    return url if url.path.endswith("/") else url.copy_with(path=f"{url.path}/")


class BlockingClient:
    """Sends calls, and waits for what comes."""

    def __init__(self, core: Core, http: httpx2.Client | None) -> None:
        self._core = core
        self._http = http or httpx2.Client(follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        return self._run(self._core.result(call))

    def all(self, call: Call[Any], pages: Pages[Row]) -> Iterator[Row]:
        """The rows of all pages; each page is fetched when its first row is asked for."""
        following: Call[Any] | None = call
        while following is not None:
            page, response = self._run(self._core.page(following))
            yield from pages.rows_of(page)
            following = pages.after(following, page, response)

    def stream(self, call: Call[Any], reader: Reader[T]) -> Iterator[T]:
        """What the reader makes of the response, while it arrives."""
        response = self._run(self._core.response(call, is_streamed=True))
        try:
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)
            yield from reader.end()
        except httpx2.TransportError as error:
            raise ConnectionFailed(f"The stream broke off: {error}") from error
        except Mismatch as error:
            raise InvalidResponse(Response.of(response), f"at {error}") from None
        finally:
            response.close()

    def _run(self, flow: Flow[T]) -> T:
        try:
            effect = next(flow)
            while True:
                try:
                    came = self._do(effect)
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(came)
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, effect: Effect) -> object:
        match effect:
            case Send(request, is_streamed):
                return self._http.send(request, stream=is_streamed)
            case Sleep(seconds):
                time.sleep(seconds)
            case Acquire(lock):
                cast("threading.Lock", lock).acquire()
            case Read(response):
                return response.read()
        return None


class AsyncioClient:
    """Sends calls, and lets others work while it waits."""

    def __init__(self, core: Core, http: httpx2.AsyncClient | None) -> None:
        self._core = core
        self._http = http or httpx2.AsyncClient(follow_redirects=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        return await self._run(self._core.result(call))

    async def all(self, call: Call[Any], pages: Pages[Row]) -> AsyncIterator[Row]:
        """The rows of all pages; each page is fetched when its first row is asked for."""
        following: Call[Any] | None = call
        while following is not None:
            page, response = await self._run(self._core.page(following))
            for row in pages.rows_of(page):
                yield row
            following = pages.after(following, page, response)

    async def stream(self, call: Call[Any], reader: Reader[T]) -> AsyncIterator[T]:
        """What the reader makes of the response, while it arrives."""
        response = await self._run(self._core.response(call, is_streamed=True))
        try:
            async for chunk in response.aiter_bytes():
                for value in reader.feed(chunk):
                    yield value
            for value in reader.end():
                yield value
        except httpx2.TransportError as error:
            raise ConnectionFailed(f"The stream broke off: {error}") from error
        except Mismatch as error:
            raise InvalidResponse(Response.of(response), f"at {error}") from None
        finally:
            await response.aclose()

    async def _run(self, flow: Flow[T]) -> T:
        try:
            effect = next(flow)
            while True:
                try:
                    came = await self._do(effect)
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(came)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, effect: Effect) -> object:
        match effect:
            case Send(request, is_streamed):
                return await self._http.send(request, stream=is_streamed)
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Acquire(lock):
                await cast("asyncio.Lock", lock).acquire()
            case Read(response):
                return await response.aread()
        return None


BLOCKING_LOCK = threading.Lock
ASYNC_LOCK = asyncio.Lock
