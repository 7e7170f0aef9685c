"""What operators see: one JSON line per request, a request id in every line, and counters."""

import logging
import os
import re
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from time import perf_counter
from typing import TextIO

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.runtime.layers import UNWRITTEN
from charter.runtime.lifecycle import ANNOUNCED
from charter.runtime.streams import USER
from charter.service import console
from charter.service.deprecations import Caller, Deprecations

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_address: ContextVar[str | None] = ContextVar("address", default=None)
_operation: ContextVar[str] = ContextVar("operation")

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # a folder

FITTING_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

LABELS = ["operation", "status"]
REQUESTS = Counter("charter_requests_total", "Requests answered.", LABELS)
DURATION = Histogram("charter_request_seconds", "Time until the response has ended.", LABELS)
BROKEN_RESPONSES = Counter(
    "charter_broken_responses_total", "Responses that did not keep to the document.", ["operation"]
)

CLIENT_CLOSED_REQUEST = 499
"""Stands in the log for a request without an answer, as nginx has it."""

log = logging.getLogger(console.ACCESS)


def request_id() -> str | None:
    """The id of the request that is being answered."""
    return _request_id.get()


def client_address() -> str | None:
    """Where the request that is being answered comes from."""
    return _address.get()


def exposition() -> bytes:
    """What Prometheus reads: of all workers, where there are several."""
    registry = REGISTRY
    if SHARED_METRICS in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


class RequestContext(logging.Filter):
    """Gives every line the id of its request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        return True


class UtcJsonFormatter(JsonFormatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_handler(stream: TextIO) -> logging.Handler:
    """Writes JSON, one object a line, in UTC."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(RequestContext())
    handler.setFormatter(
        UtcJsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's own colours
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    return handler


def console_handler(stream: TextIO) -> logging.Handler:
    """Writes lines for people."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(console.OnlyNews())
    handler.setFormatter(console.ConsoleFormatter(colours=console.has_colours(stream)))
    return handler


class LogFormat(StrEnum):
    """`auto` is for people on a terminal outside of production, else JSON."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


def configure_logging(
    level: str, form: LogFormat = LogFormat.JSON, *, production: bool = True
) -> None:
    """Send everything to standard error; outside of production without the polls of the docs."""
    root = logging.getLogger()
    is_for_people = form is LogFormat.AUTO and sys.stderr.isatty() and not production
    if is_for_people or form is LogFormat.CONSOLE:
        handler = console_handler(sys.stderr)
    else:
        handler = json_handler(sys.stderr)
    if not production:
        handler.addFilter(console.NoPolling())
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # the access line below says the same, without the query, where secrets may stand by mistake
    logging.getLogger("uvicorn.access").disabled = True


class RequestLog:
    """Names each request, hands the name back as `X-Request-ID`, and logs how it went.

    The line holds the path but never the query or a header: those may carry secrets by mistake.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = perf_counter) -> None:
        self.app = app
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = given_request_id(scope) or os.urandom(16).hex()
        address = scope["client"][0] if scope.get("client") else None
        tokens = (_request_id.set(name), _address.set(address))
        _operation.set("none")
        scope.setdefault("state", {})
        started = self.clock()
        status = CLIENT_CLOSED_REQUEST

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)

        try:
            await self.app(scope, receive, named)
        finally:
            self.report(scope, status, self.clock() - started)
            _request_id.reset(tokens[0])
            _address.reset(tokens[1])

    def report(self, scope: Scope, status: int, seconds: float) -> None:
        requests, duration = counters(_operation.get(), status)
        requests.inc()
        duration.observe(seconds)
        if log.isEnabledFor(logging.INFO):
            log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round(seconds * 1000, 1),
                    "address": client_address(),
                    **operation_of(scope),
                },
            )


@cache
def counters(operation: str, status: int) -> tuple[Counter, Histogram]:
    """Those of one operation and status, which prometheus_client looks up behind a lock.

    There are no more of them than the document has operations and responses.
    """
    return REQUESTS.labels(operation, status), DURATION.labels(operation, status)


def operation_of(scope: Scope) -> dict[str, str]:
    """The operation that answered, and whether the mock did because nobody has written it."""
    named = {} if _operation.get() == "none" else {"operation": _operation.get()}
    unwritten = scope["state"].get(UNWRITTEN)
    return named | ({UNWRITTEN: unwritten} if unwritten else {})


class OperationName:
    """The innermost layer: lets the metrics name the operation that the router matched.

    It counts the calls of deprecated operations, too, and names who still makes them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.deprecations = Deprecations()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            _operation.set(getattr(scope.get("route"), "operation_id", None) or "none")
            if ANNOUNCED in scope:
                self.deprecations.count(scope[ANNOUNCED], caller_of(scope))


def caller_of(scope: Scope) -> Caller:
    user = scope.get(USER)
    return Caller(
        user_id=str(user) if user is not None else None,
        address=client_address(),
        client=Headers(scope=scope).get("user-agent", ""),
    )


def given_request_id(scope: Scope) -> str | None:
    """The id that a proxy gave the request, unless it could forge a line of the log."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if FITTING_REQUEST_ID.fullmatch(given) else None
