"""What reads the bytes of strangers never fails and is never slow: mutants of valid messages.

FUZZ_CASES says how many in all, 5,000 if nothing does, and 20,000 where LONG_TESTS is set:
`FUZZ_CASES=1000000 ./scripts/test tests/security/test_fuzz.py`.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from time import thread_time
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from hypothesis import HealthCheck, Phase, given, strategies
from hypothesis import settings as how
from starlette.datastructures import Headers
from uvicorn.server import ServerState

from charter.runtime.layers import ProxyHeader, TrustedProxies
from charter.runtime.parts import parse_parts
from charter.runtime.scalars import parse_json, parse_pairs
from charter.service.telemetry import given_request_id
from charter.service.wire import BoundedProtocol
from impl.core import problems
from impl.core.config import Settings
from impl.core.problems import InvalidToken, NotFound
from impl.core.tokens import AccessTokens, RefreshTokens
from impl.db.pages import Order, Position
from impl.models import Item
from impl.services.items import is_held, versions

CASES = int(os.environ.get("FUZZ_CASES", "20000" if "LONG_TESTS" in os.environ else "5000"))
LONGEST = 65_536
"""Bytes of a mutant; a header has no more."""
SLOW = 0.050
"""Seconds of the processor; a case counts as slow if three attempts were."""
KEY = b"0123456789abcdef0123456789abcdef-fuzz"
ONE, OTHER = UUID(int=1), UUID(int=2)

PIECES = [
    b"", b"\0", b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\t", b",", b";", b"=", b"&", b"%", b"%0",
    b"%ff", b'"', b"\\", b'\\"', b"\\u0000", b"\\ud800", b"--", b":", b"[", b"]", b"{", b"}",
    b".", b"..", b"-", b"_", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    "é".encode(), "\u2028".encode(), b"0", b"1e999", b"-0", b"null", b"NaN", b"Host: x\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"eyJhbGciOiJub25lIn0",
]  # fmt: skip
OFTEN = [1, 1, 1, 1, 2, 3, 400, 5000]
"""How often a piece is put in."""


def mutants(*samples: bytes) -> strategies.SearchStrategy[bytes]:
    """Samples in which up to eight places were cut, doubled, or given a piece.

    Hypothesis draws a seed and no more: the edits cost a tenth of what drawing them would.
    """
    seeds = strategies.integers(0, 2**64)
    return strategies.builds(mutated, strategies.sampled_from(samples), seeds)


def mutated(sample: bytes, seed: int) -> bytes:
    random = Random(seed)  # noqa: S311 - the same seed, the same mutant
    for _ in range(random.randrange(9)):
        at = random.randrange(len(sample) + 1)
        piece = random.choice([random.choice(PIECES), random.randbytes(random.randrange(8))])
        doubled = sample[at : at + random.randrange(40)] if random.randrange(4) == 0 else b""
        rest = sample[at + random.randrange(40) :] if random.randrange(4) == 0 else sample[at:]
        sample = sample[:at] + piece * random.choice(OFTEN) + doubled + rest
    return sample[:LONGEST]


def fuzzed(samples: Sequence[bytes], read: Callable[[bytes], Any]) -> None:
    """Hand a reader its share of the cases. It deals with whatever it may raise."""

    @how(
        max_examples=max(1, CASES // READERS),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants(*samples))
    def case(content: bytes) -> None:
        longest = 1.0
        for _ in range(3):
            began = thread_time()
            read(content)
            longest = min(longest, thread_time() - began)
            if longest < SLOW:
                break
        assert longest < SLOW, f"{longest * 1000:.0f} ms for {content!r}"

    case()


READERS = 9


Reader = Callable[[bytes], object]


def refused_by(*errors: type[Exception]) -> Callable[[Reader], Reader]:
    """A reader that may refuse what it reads in these ways, and in no other."""

    def allowing(read: Reader) -> Reader:
        def reading(content: bytes) -> None:
            with suppress(*errors):
                read(content)

        return reading

    return allowing


# -- credentials and cursors ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def access_tokens(settings: Settings) -> AccessTokens:
    return AccessTokens(settings, [KEY])


def test_jwt_17_no_access_token_is_too_much(access_tokens: AccessTokens) -> None:
    good = access_tokens.issue(ONE, OTHER)

    def read(content: bytes) -> None:
        text = content.decode("latin-1")  # as the headers of a request are
        if text != good:
            with pytest.raises(InvalidToken):
                access_tokens.read(text)

    fuzzed([good.encode(), b"..", b"e30.e30.e30"], read)


def test_ref_8_no_refresh_token_is_too_much() -> None:
    tokens = RefreshTokens([KEY])
    good = tokens.issue(ONE, 7)

    def read(content: bytes) -> None:
        text = content.decode(errors="replace")
        assert text == good or tokens.read(text) is None

    fuzzed([good.encode()], read)


def test_no_cursor_is_too_much() -> None:
    order = Order[Item](Item.title, Item.id).of(ONE)
    good = order.cursor(Position.of("A brass telescope", OTHER))

    @refused_by(NotFound)
    def read(content: bytes) -> None:
        cursor = (content.hex() + "00" * 16)[:2048]  # whatever the document's pattern admits
        assert order.position(cursor) == order.position(good)

    fuzzed([bytes.fromhex(good), b""], read)


# -- bodies ---------------------------------------------------------------------------------------

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"
)


def test_http_1_no_multipart_body_is_too_much() -> None:
    @refused_by(ValueError)
    def read(content: bytes) -> None:
        first, _, rest = content.partition(b"\n")
        parse_parts(content, "multipart/form-data; boundary=b")
        parse_parts(rest, first.decode("latin-1"))

    fuzzed([MULTIPART, b"multipart/form-data; boundary=b\n" + MULTIPART], read)


def test_http_1_no_form_is_too_much() -> None:
    read = refused_by(ValueError)(parse_pairs)

    fuzzed([b"grant_type=password&username=ada%40example.com&password=correct+horse", b""], read)


def test_http_1_no_json_is_too_much() -> None:
    read = refused_by(ValueError, RecursionError)(parse_json)

    fuzzed([b'{"title": "A brass \\u0000", "tags": ["a", "b"], "quantity": 1.5e3}', b"[]"], read)


# -- headers --------------------------------------------------------------------------------------


def test_enu_4_no_header_of_a_proxy_is_too_much() -> None:
    proxies = [TrustedProxies(lambda *given: None, ["10.0.0.0/8"], kind) for kind in ProxyHeader]  # type: ignore[arg-type] # it is not called

    def read(content: bytes) -> None:
        for proxy in proxies:
            headers = Headers(raw=[(proxy.header.encode(), content)])
            address = proxy.caller("10.0.0.1", headers)
            assert len(address) < 50

    samples = [b"192.0.2.7, 10.0.0.3", b"unknown, _hidden", b"fe80::1%eth0"]
    fuzzed([*samples, b'for="[2001:db8::1]:80";proto=https, for=10.0.0.3'], read)


def test_http_7_no_other_header_is_too_much() -> None:
    def read(content: bytes) -> None:
        text = content.decode("latin-1")
        is_held(text, 1)
        versions(text)
        name = given_request_id({"type": "http", "headers": [(b"x-request-id", content)]})
        assert name is None or len(name) <= 64

    fuzzed([b'"1", W/"2"', b"*", b"7f3a-request.id_1", b'"' * 200], read)


# -- the wire -------------------------------------------------------------------------------------


class Transport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0  # all is sent at once

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        addresses = {"peername": ("192.0.2.7", 1), "sockname": ("192.0.2.1", 80)}
        return addresses.get(name, default)


REQUEST = b"GET /items?limit=1 HTTP/1.1\r\nHost: example.com:80\r\nAccept: */*\r\n\r\n"
SENT = b"POST /items HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 5\r\n\r\n12345" + REQUEST
CHUNKED = (
    b"POST /items HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\n12345\r\n0\r\nTrailer: 1\r\n\r\n" + REQUEST
)


def test_http_6_no_message_is_too_much(settings: Settings) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    configuration = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    configuration.load()
    with asyncio.Runner() as runner:

        async def converse(content: bytes) -> bytes:
            transport = Transport()
            protocol = BoundedProtocol(
                config=configuration, server_state=ServerState(), app_state={},
                settings=settings, problem=problems.response,
            )  # fmt: skip
            protocol.connection_made(transport)
            for part in (content[: len(content) // 2], content[len(content) // 2 :]):
                if not transport.closed:
                    protocol.data_received(part)
                await asyncio.sleep(0)
            for _ in range(3):
                await asyncio.sleep(0)
            protocol.connection_lost(None)
            await asyncio.sleep(0)
            return transport.written

        def read(content: bytes) -> None:
            written = runner.run(converse(content))
            assert written == b"" or written.startswith(b"HTTP/1.1 ")
            assert b" 500 " not in written

        assert runner.run(converse(REQUEST)).startswith(b"HTTP/1.1 204")
        fuzzed([REQUEST, SENT, CHUNKED], read)
