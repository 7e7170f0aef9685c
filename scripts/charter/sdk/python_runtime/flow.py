"""What happens between a call and its result, without waiting for anything itself.

Every function here is a generator of effects (`auth.Effect`): the blocking client and the async
one carry them out, each in its own way, and send back what came of it.
"""

import re
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import httpx2

from .auth import Authentication, Effect, Proof, Read, Refused, Send, Sleep
from .calls import Call, can_be_repeated
from .codec import UNSET, Mismatch, decode, remember
from .errors import ApiError, ConnectionFailed, Errors, InvalidResponse
from .response import Response
from .retry import NEVER_SENT, REFUSED_UNREAD, TRANSIENT, Retry, asked_wait

T = TypeVar("T")
Flow = Generator[Effect, Any, T]
Came: TypeAlias = httpx2.Response | httpx2.TransportError
"""Of one attempt."""

JSON = re.compile(r"\s*application/([^;\s]+\+)?json\s*(;|$)", re.IGNORECASE)
SECRET = re.compile(r"authorization|cookie|key|password|secret|signature|token", re.IGNORECASE)
"""Parts of the names of headers and query parameters that are never shown."""
HIDDEN = "***"


@dataclass(frozen=True)
class Attempt:
    """One request and what came of it, for the log: no body, and no secret in headers or query."""

    method: str
    url: str
    headers: Mapping[str, str]
    number: int
    """1 for the first attempt of a call."""
    status: int | None
    """None where no response came; `error` says why."""
    error: str
    seconds: float

    def __str__(self) -> str:
        came = self.error if self.status is None else self.status
        again = f", attempt {self.number}" if self.number > 1 else ""
        return f"{self.method} {self.url}: {came} in {self.seconds * 1000:.0f} ms{again}"


Log = Callable[[Attempt], None]


@dataclass(frozen=True)
class Core:
    """What both clients know."""

    base_url: httpx2.URL
    authentication: Authentication
    retry: Retry
    timeout: float | None
    errors: Errors
    headers: Mapping[str, str]
    log: Log

    def result(self, call: Call[T]) -> Flow[T]:
        """Raises SdkError."""
        page, _ = yield from self.page(call)
        return page

    def page(self, call: Call[T]) -> Flow[tuple[T, httpx2.Response]]:
        """The result and the response that it came in. Raises SdkError."""
        response = yield from self.response(call)
        meta = Response.of(response)
        if response.status_code == httpx2.codes.NOT_MODIFIED:
            return call.kept(meta), response
        made = decoded(call.operation.result, response)
        remember(made, meta)
        return made, response

    def response(self, call: Call[Any], *, is_streamed: bool = False) -> Flow[httpx2.Response]:
        """The response, unless it is an error.

        A token that the service refuses is renewed once. Raises SdkError.
        """
        try:
            proof = yield from self._prove(call)
            response = yield from self._attempts(call, proof, is_streamed)
            if response.status_code == httpx2.codes.UNAUTHORIZED and proof.tokens is not None:
                yield Read(response)
                yield from proof.tokens.renew(proof.access, self._exchange)
                proof = yield from self._prove(call)
                response = yield from self._attempts(call, proof, is_streamed)
        except Refused as refused:
            raise self.failure(refused.response, {}) from None
        if response.is_error:
            yield Read(response)
            raise self.failure(response, call.operation.errors)
        return response

    def _prove(self, call: Call[Any]) -> Flow[Proof]:
        return self.authentication.prove(call.operation.security, self._exchange)

    def _attempts(self, call: Call[Any], proof: Proof, is_streamed: bool) -> Flow[httpx2.Response]:
        timeout, own = call.options.timeout, call.options.retry

        def request() -> httpx2.Request:
            return proof.shown(call.request(self.base_url, self.headers))

        return self._repeated(
            request,
            retry=own or self.retry,
            timeout=self.timeout if timeout is UNSET else timeout,
            is_repeatable=call.is_repeatable,
            is_rewindable=can_be_repeated(call.body),
            is_streamed=is_streamed,
        )

    def _exchange(self, request: httpx2.Request) -> Flow[httpx2.Response]:
        """Send a request for tokens, which may be sent again whatever came of it."""
        return self._repeated(
            lambda: request,
            retry=self.retry,
            timeout=self.timeout,
            is_repeatable=True,
            is_rewindable=True,
            is_streamed=False,
        )

    def _repeated(
        self,
        make: Callable[[], httpx2.Request],
        *,
        retry: Retry,
        timeout: float | None,
        is_repeatable: bool,
        is_rewindable: bool,
        is_streamed: bool,
    ) -> Flow[httpx2.Response]:
        """Send a request until something final comes of it. Raises ConnectionFailed."""
        number = 0
        while True:
            number += 1
            request = make()
            request.extensions["timeout"] = httpx2.Timeout(timeout).as_dict()
            came = yield from self._attempt(request, number, is_streamed)
            wait = wait_after(came, retry, number, is_repeatable) if is_rewindable else None
            if isinstance(came, httpx2.Response):
                if wait is None:
                    return came
                yield Read(came)
            elif wait is None:
                said = str(came) or type(came).__name__
                raise ConnectionFailed(f"{request.method} {request.url.path}: {said}") from came
            yield Sleep(wait)

    def _attempt(self, request: httpx2.Request, number: int, is_streamed: bool) -> Flow[Came]:
        started = time.monotonic()
        try:
            response: httpx2.Response = yield Send(request, is_streamed)
        except httpx2.TransportError as error:
            self._note(request, number, started, error=type(error).__name__)
            return error
        self._note(request, number, started, status=response.status_code)
        return response

    def _note(
        self,
        request: httpx2.Request,
        number: int,
        started: float,
        status: int | None = None,
        error: str = "",
    ) -> None:
        seconds = time.monotonic() - started
        headers = {name: hidden(name, value) for name, value in request.headers.items()}
        url = str(request.url.copy_with(query=None, username="", password=""))
        shown = [f"{n}={hidden(n, v)}" for n, v in request.url.params.multi_items()]
        query = f"?{'&'.join(shown)}" if shown else ""
        self.log(Attempt(request.method, url + query, headers, number, status, error, seconds))

    def failure(self, response: httpx2.Response, declared: Mapping[str, object]) -> ApiError:
        """The error that a response is, of the class that the document has for it."""
        status = response.status_code
        try:
            said = response.json()
        except ValueError:
            said = None
        problem_type = said.get("type") if isinstance(said, dict) else None
        class_ = self.errors.class_of(status, problem_type)
        kind = f"{status // 100}XX"
        otherwise = declared.get(kind, declared.get("default", class_.body_type))
        try:
            body = decode(declared.get(str(status), otherwise), said)
        except Mismatch:
            body = None
        return class_(Response.of(response), body, said)


def wait_after(came: Came, retry: Retry, number: int, is_repeatable: bool) -> float | None:
    """The seconds until another attempt; None where what came of this one is final."""
    if isinstance(came, httpx2.TransportError):
        return retry.wait(number, None) if is_repeatable or isinstance(came, NEVER_SENT) else None
    transient = TRANSIENT if is_repeatable else REFUSED_UNREAD
    return retry.wait(number, asked_wait(came)) if came.status_code in transient else None


def hidden(name: str, value: str) -> str:
    return HIDDEN if SECRET.search(name) else value


def decoded(expected: object, response: httpx2.Response) -> Any:
    """The body by its media type. Raises InvalidResponse."""
    media_type = response.headers.get("content-type", "")
    if expected is None or not response.content:
        made: Any = None
    elif JSON.match(media_type):
        try:
            made = decode(expected, response.json())
        except Mismatch as error:
            raise InvalidResponse(Response.of(response), f"at {error}") from None
        except ValueError as error:
            raise InvalidResponse(Response.of(response), f"no JSON: {error}") from None
    else:
        made = response.text if media_type.startswith("text/") else response.content
    if made is None and not admits_nothing(expected):
        raise InvalidResponse(Response.of(response), "the body is missing")
    return made


def admits_nothing(expected: object) -> bool:
    try:
        decode(expected, None)
    except Mismatch:
        return False
    return True
