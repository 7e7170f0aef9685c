"""What passes through the proxy passes as it is."""

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from charter.mock.connections import Connections
from charter.proxy.exchange import LARGEST_BODY, MOST_KEPT, Exchange
from charter.proxy.gateway import Gateway
from tests.serving import serving

LARGE = b"x" * (LARGEST_BODY * 3)


class Service:
    """Says what it was sent, and sends what is hard to pass on."""

    def __init__(self) -> None:
        self.has_stopped = threading.Event()
        """Set once it sends events no more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        match scope["path"]:
            case "/large":
                response: Response = Response(LARGE, media_type="text/plain")
            case "/zipped":
                response = Response(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
            case "/empty":
                response = Response(status_code=int(request.query_params["status"]))
            case "/twice":
                response = Response(headers={"Connection": "X-Hop", "X-Hop": "1"})
                response.raw_headers += [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
            case "/events":
                response = StreamingResponse(self.events(), media_type="text/event-stream")
            case "/cut":
                response = StreamingResponse(self.cut(), headers={"Content-Length": "100"})
            case _:
                response = await self.said(request)
        await response(scope, receive, send)

    async def said(self, request: Request) -> Response:
        size = sum([len(chunk) async for chunk in request.stream()])
        headers = [[name.decode(), value.decode()] for name, value in request.headers.raw]
        target = f"{request.scope['raw_path'].decode()}?{request.scope['query_string'].decode()}"
        return JSONResponse({"size": size, "headers": headers, "target": target})

    async def events(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: 1\n\n"
                await asyncio.sleep(0.01)
        finally:
            self.has_stopped.set()

    async def cut(self) -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError


@contextmanager
def passing(service: Service) -> Iterator[tuple[str, Gateway, list[Exchange]]]:
    """The address of a proxy before the service, with the exchanges that it judged."""
    judged: list[Exchange] = []

    async def judge(exchange: Exchange) -> None:
        judged.append(exchange)

    upstream, connections = Connections(), Connections()
    with serving(upstream.around(service), lifespan="off", http=upstream.protocol) as address:
        gateway = Gateway(address, judge)
        app = connections.around(gateway)
        with serving(app, lifespan="on", http=connections.protocol) as proxy:
            yield proxy, gateway, judged


@pytest.fixture(scope="module")
def proxied() -> Iterator[tuple[str, Gateway, list[Exchange]]]:
    with passing(Service()) as made:
        yield made


@pytest.fixture
def address(proxied: tuple[str, Gateway, list[Exchange]]) -> str:
    return proxied[0]


def exchanged(address: str, request: str) -> str:
    """What is sent back for the bytes of a request, until the end of the connection."""
    parts = urlsplit(address)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), 30) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        with connection.makefile("rb") as answer:
            return answer.read().decode()


def test_a_request_passes_without_the_headers_of_its_connection(address: str) -> None:
    answer = exchanged(
        address,
        "POST /a%2Fb;c?x=%7c|&y HTTP/1.1\nHost: proxy\nConnection: close, X-Hop\nX-Hop: 1\n"
        "TE: trailers\nKeep-Alive: 5\nUpgrade: foo\nX-Two: 1\nX-Two: 2\nContent-Length: 2\n\nab",
    )

    said = json.loads(answer.partition("\r\n\r\n")[2])
    assert said["target"] == "/a%2Fb;c?x=%7c|&y"
    assert said["size"] == 2
    host, *others = said["headers"]
    assert host[0] == "host"
    assert host[1] != "proxy"
    assert others == [["x-two", "1"], ["x-two", "2"], ["content-length", "2"]]


@pytest.mark.parametrize(
    "request_",
    [
        "POST / HTTP/1.1\nHost: proxy\nConnection: close, content-length\nContent-Length: 2\n\nab",
        "POST / HTTP/1.1\nHost: proxy\nConnection: close, host\nContent-Length: 2\n\nab",
        "POST / HTTP/1.1\nHost: a\nHost: b\nConnection: close\nContent-Length: 2\n\nab",
        "POST / HTTP/1.0\nContent-Length: 2\n\nab",
    ],
)
def test_every_request_has_its_length_and_one_host(request_: str, address: str) -> None:
    said = json.loads(exchanged(address, request_).partition("\r\n\r\n")[2])

    assert said["size"] == 2
    assert [name for name, _ in said["headers"]] == ["host", "content-length"]


def test_trailers_are_no_headers(address: str) -> None:
    answer = exchanged(
        address,
        "POST / HTTP/1.1\nHost: proxy\nConnection: close\nTransfer-Encoding: chunked\n\n"
        "2\nab\n0\nX-Admin: 1\n\n",
    )

    said = json.loads(answer.partition("\r\n\r\n")[2])
    assert [name for name, _ in said["headers"]] == ["host", "transfer-encoding"]


def test_a_transfer_coding_that_is_not_undone_is_refused(address: str) -> None:
    answer = exchanged(
        address,
        "POST / HTTP/1.1\nHost: proxy\nConnection: close\nTransfer-Encoding: gzip, chunked\n\n"
        "2\nab\n0\n\n",
    )

    assert answer.startswith("HTTP/1.1 501 ")
    assert "The transfer coding gzip, chunked is not undone here" in answer


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """The address of a service that answers one request with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection = listener.accept()[0]
            with connection:
                connection.recv(2**16)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    "reply",
    [
        "Content-Length: 3\nTransfer-Encoding: chunked\n\n5\nabcde\n0\n\n",
        "Content-Length: 9\nTransfer-Encoding: chunked\n\n5\nabcde\n0\n\n",
        "Connection: content-length\nContent-Length: 5\n\nabcde",
    ],
)
async def test_a_response_has_one_length(reply: str) -> None:
    with answering(f"HTTP/1.1 200 OK\n{reply}".replace("\n", "\r\n").encode()) as url:
        answer = await through(Gateway(url, pass_over))

    assert (answer.status_code, answer.text) == (200, "abcde")
    assert answer.headers.get("content-length", "5") == "5"


async def test_a_status_that_is_none_is_a_problem() -> None:
    reply = b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"
    with answering(reply) as url:
        answer = await through(Gateway(url, pass_over))

    assert answer.status_code == 502
    assert "999 is no status" in answer.json()["detail"]


async def pass_over(exchange: Exchange) -> None:
    """Judge nothing."""


async def through(gateway: Gateway) -> httpx.Response:
    transport = httpx.ASGITransport(gateway)
    async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as client:
        answer = await client.get("/")
    await gateway.transport.aclose()
    return answer


def test_a_chunked_body_stays_chunked(address: str) -> None:
    answer = exchanged(
        address,
        "POST / HTTP/1.1\nHost: proxy\nConnection: close\nTransfer-Encoding: chunked\n\n"
        "2\nab\n0\n\n",
    )

    said = json.loads(answer.partition("\r\n\r\n")[2])
    assert said["size"] == 2
    assert ["transfer-encoding", "chunked"] in said["headers"]


def test_a_response_keeps_every_header_but_those_of_its_connection(address: str) -> None:
    headers = httpx.get(f"{address}/twice").headers

    assert headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-hop" not in headers


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_content_is_whole(status: int, address: str) -> None:
    with httpx.Client(base_url=address) as client:
        answers = [client.get(f"/empty?status={status}") for _ in range(2)]

    assert [(one.status_code, one.content) for one in answers] == [(status, b"")] * 2


def test_head_tells_the_length_of_what_it_does_not_send(address: str) -> None:
    answer = httpx.head(f"{address}/large")

    assert (answer.headers["Content-Length"], answer.content) == (str(len(LARGE)), b"")


def test_a_compressed_body_passes_as_it_came(address: str) -> None:
    with httpx.stream("GET", f"{address}/zipped") as answer:
        raw = b"".join(answer.iter_raw())

    assert gzip.decompress(raw) == b"{}"
    assert answer.headers["Content-Encoding"] == "gzip"


def test_large_bodies_pass_whole_and_are_not_kept() -> None:
    with passing(Service()) as (address, gateway, judged):
        said = httpx.post(f"{address}/", content=LARGE).json()
        large = httpx.get(f"{address}/large").content

    assert (said["size"], large) == (len(LARGE), LARGE)
    assert not judged[0].request.is_kept
    assert not judged[1].response.is_kept
    assert gateway.room.left == MOST_KEPT


async def test_a_stream_passes_while_it_lasts_and_ends_with_its_client() -> None:
    service = Service()
    with passing(service) as (address, gateway, _):
        async with (
            httpx.AsyncClient(base_url=address) as client,
            client.stream("GET", "/events") as answer,
        ):
            chunks = answer.aiter_raw()
            assert (await anext(chunks)).startswith(b"data: 1\n\n")
        await asyncio.wait_for(asyncio.to_thread(service.has_stopped.wait), 30)

    assert gateway.room.left == MOST_KEPT


def test_what_the_service_breaks_off_is_broken_off() -> None:
    broken = pytest.raises((httpx.ReadError, httpx.RemoteProtocolError))
    with passing(Service()) as (address, _, judged), broken:
        httpx.get(f"{address}/cut")

    assert [one.is_complete for one in judged] == [False]


async def test_a_service_that_is_down_is_a_problem_with_a_sentence() -> None:
    async def judge(exchange: Exchange) -> None:
        raise AssertionError(exchange)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    gateway = Gateway(url, judge)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway), base_url="http://proxy"
    ) as client:
        answer = await client.get("/")

    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(f"{url} can't be reached (")
    assert "Start the service" in answer.json()["detail"]
