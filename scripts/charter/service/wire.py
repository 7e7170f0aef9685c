"""HTTP/1.1 with bounds on what a connection may send and for how long, and one reading of it.

httptools refuses most messages whose length is ambiguous. This protocol also refuses those of
unclear host or coding, ignores trailers, and answers whatever it refuses with a problem document.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import httptools
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from charter.runtime.layers import Problem, SecurityHeaders
from charter.runtime.streams import BODY_CLOCK
from charter.service.telemetry import RequestLog

TARGET_BYTES = 8 * 1024
HEAD_BYTES = 64 * 1024
"""Of all header fields together; also of trailers and chunk extensions, which are ignored."""
READ_BYTES = 64 * 1024
"""Of the answers, which a client reads within the time that a body may take to arrive."""

HEAD_TOO_LARGE = f"The header fields are longer than {HEAD_BYTES} bytes."
HOST = re.compile(rb"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:[0-9]*)?")
"""The syntax of RFC 9110 section 7.2, and no empty name (section 4.2.1)."""

log = logging.getLogger(__name__)

Phase = Enum("Phase", ["NONE", "HEAD", "BODY"])  # of the request that arrives


class WireSettings(Protocol):
    """How long a header and a body may take, and what HSTS says in refusals."""

    header_timeout_seconds: float
    body_timeout_seconds: float

    @property
    def strict_transport_seconds(self) -> int: ...


class JoinedWrites:
    """A transport that sends the head of a response and the first bytes behind it at once.

    What is written is held until more is written, at most until the loop's next turn; what is
    written to a connection that has ended is dropped.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        on_close: Callable[[], None],
    ) -> None:
        self.transport = transport
        self.loop = loop
        self.on_close = on_close
        self.held: bytes = b""
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.abort = transport.abort

    def write(self, content: bytes) -> None:
        if self.is_closing():
            return
        if self.held:
            first, self.held = self.held, b""
            self.transport.writelines([first, content])
        else:
            self.held = content
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        if self.held and not self.is_closing():
            first, self.held = self.held, b""
            self.transport.write(first)

    def close(self) -> None:
        self.flush()
        self.transport.close()
        self.on_close()


class BoundedProtocol(HttpToolsProtocol):
    """One clock runs from the first byte of a header to its end, and anew for the body.

    A service that reads a body item by item has it run anew for each item (`BodyClock`).
    Another one runs while the client has answers to read, and reads too little to write more.
    """

    def __init__(self, *given: Any, settings: WireSettings, problem: Problem, **named: Any) -> None:
        super().__init__(*given, **named)
        self.settings = settings
        self.problem = problem
        self.url = b""
        self.phase = Phase.NONE
        self.clock: asyncio.TimerHandle | None = None
        self.allowed: float | None = None
        """The seconds for which the clock runs from now on, where `is_rewound`."""
        self.is_rewound = False
        self.reader_clock: asyncio.TimerHandle | None = None
        self.answering: RequestResponseCycle | None = None
        """The request that is answered, which is not the last one of several at once."""
        self.unparsed = 0
        """Bytes since the header began, or since the last byte of the body."""
        self.refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        joined: Any = JoinedWrites(transport, self.loop, self.expect_reader)
        super().connection_made(joined)
        self.start_clock(self.settings.header_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_clock()
        self.stop_reader_clock()
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.expect_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.stop_reader_clock()
        if self.transport.is_closing():
            self.expect_reader()

    def expect_reader(self) -> None:
        """Let the connection go unless READ_BYTES of what is left, or all, are read in time.

        A transport would keep both for ever, even one that is closed.
        """
        self.stop_reader_clock()
        if left := self.transport.get_write_buffer_size():
            seconds = self.settings.body_timeout_seconds
            self.reader_clock = self.loop.call_later(seconds, self.on_reader_time, left)

    def on_reader_time(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < min(before, READ_BYTES):
            log.info("the client does not read its answers")
            self.transport.abort()
        else:
            self.expect_reader()

    def stop_reader_clock(self) -> None:
        if self.reader_clock is not None:
            self.reader_clock.cancel()
            self.reader_clock = None

    def start_clock(self, seconds: float) -> None:
        self.stop_clock()
        self.clock = self.loop.call_later(seconds, self.on_time, seconds)

    def allow(self, seconds: float | None) -> None:
        """Let the clock run anew, once all that has arrived is read; None stops it.

        Most requests arrive whole, and need none.
        """
        self.allowed, self.is_rewound = seconds, True

    def wind_clock(self) -> None:
        if self.is_rewound and not self.refused:
            self.is_rewound = False
            self.stop_clock()
            if self.allowed is not None:
                self.start_clock(self.allowed)

    def stop_clock(self) -> None:
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None

    def on_time(self, seconds: float) -> None:
        if self.flow.read_paused or (self.phase is Phase.NONE and self.is_answering()):
            self.start_clock(seconds)  # it is the client who waits
        elif self.phase is Phase.NONE:
            self.transport.close()
        else:
            self.refuse(408, "The request took too long to arrive.")

    def is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        self._unset_keepalive_if_required()
        if self.clock is None and self.phase is Phase.NONE:
            self.allow(self.settings.header_timeout_seconds)
        self.unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # RFC 9110 section 7.8: it may be ignored
            self.data_received(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            malformed = HTTPException(400, "This is not a valid HTTP/1.1 request.")
            cause = error.__context__  # what a callback raised
            refusal = cause if isinstance(cause, HTTPException) else malformed
            self.refuse(refusal.status_code, refusal.detail)
        else:
            if self.phase is not Phase.NONE and self.unparsed > HEAD_BYTES:
                self.refuse(431, HEAD_TOO_LARGE)
        self.wind_clock()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.phase = Phase.HEAD
        self.allow(self.settings.header_timeout_seconds)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            raise HTTPException(414, f"The request target is longer than {TARGET_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is Phase.HEAD:  # RFC 9110 section 6.5.1: a trailer is no header
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.check_head()
        super().on_headers_complete()
        self.scope[BODY_CLOCK] = BodyClock(self)  # type: ignore[literal-required]  # uvicorn knows its own members
        self.phase = Phase.BODY
        self.unparsed = 0
        self.allow(self.settings.body_timeout_seconds)

    def check_head(self) -> None:
        """RFC 9112 sections 3.2 and 6.1, where httptools doesn't. Raises HTTPException."""
        if sum(len(name + value) + len(b": \r\n") for name, value in self.headers) > HEAD_BYTES:
            raise HTTPException(431, HEAD_TOO_LARGE)
        modern = self.parser.get_http_version() == "1.1"
        hosts = self.values(b"host")
        if len(hosts) > 1 or (modern and not hosts) or not all(map(HOST.fullmatch, hosts)):
            raise HTTPException(400, "A request has exactly one valid Host field.")
        codings = self.values(b"transfer-encoding")
        if codings and not (modern and [coding.lower() for coding in codings] == [b"chunked"]):
            raise HTTPException(501, "The only transfer coding is chunked, once, in HTTP/1.1.")
        if self.parser.should_upgrade() and (codings or self.values(b"content-length")):
            # httptools would take its content for the next request
            raise HTTPException(501, "A request with content can't ask for another protocol.")

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]

    def on_body(self, body: bytes) -> None:
        self.unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.phase = Phase.NONE
        self.unparsed = 0
        self.allow(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.phase is Phase.BODY and self.clock is None:  # nobody reads what is left of it
            self.start_clock(self.settings.body_timeout_seconds)

    def refuse(self, status: int, detail: str) -> None:
        """Read no more, and close the connection after one answer and those that are due."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self.problem(status, detail)(scope, receive, send)

        self.refused = True
        self.stop_clock()
        guarded = SecurityHeaders(answer, self.settings.strict_transport_seconds)
        self.app = RequestLog(guarded)
        if self.phase is not Phase.BODY:
            self.answer_unread()
        elif self.pipeline:  # the request waits for the answers before its own
            self.pipeline[0] = (self.cycle, self.app)
        elif self.cycle.response_started:
            self.transport.close()
            return
        else:  # the application has the request, and learns that the client is gone
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.cycle = None  # type: ignore[assignment]
            self.answer_unread()
        self.cycle.keep_alive = False

    def answer_unread(self) -> None:
        """Have `app` answer a request of which no more is known than perhaps its method."""
        method = self.parser.get_method().decode() if self.url else ""
        super().on_message_begin()
        self.url = b"/"
        super().on_headers_complete()
        self.scope["method"], self.scope["path"] = method, ""


class BodyClock:
    """The clock of a connection for the body of one request, as who reads the body knows it.

    It doesn't hold its request, whose scope holds it: nothing but a garbage collection would free
    the two.
    """

    def __init__(self, protocol: BoundedProtocol) -> None:
        self.protocol = protocol

    def restart(self) -> None:
        """Let the client have the whole time for what is awaited now."""
        if self.is_arriving():
            self.protocol.start_clock(self.protocol.settings.body_timeout_seconds)

    def stop(self) -> None:
        """Let the service take its time with what has come."""
        if self.is_arriving():
            self.protocol.stop_clock()

    def is_arriving(self) -> bool:
        """Whether the connection is at the body of this request, and of none behind it."""
        is_latest = self.protocol.scope.get(BODY_CLOCK) is self
        return is_latest and self.protocol.phase is Phase.BODY
