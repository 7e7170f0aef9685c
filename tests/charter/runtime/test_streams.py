"""Streams of a generated service, over real connections: what is sent, when, and how they end."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from charter import runtime
from charter.document import DocumentError
from charter.generate import command
from charter.runtime import ResponseViolation, layers, streams
from charter.runtime.dispatch import Dispatch
from charter.runtime.streams import ENDING, HEARTBEAT, Ending
from charter.service.wire import BoundedProtocol
from tests.docs import browser
from tests.docs.browser import Page
from tests.serving import serving

DOCUMENT = Path(__file__).with_name("streams.yaml")
DEADLINE = 0.4


class Refused(Exception):
    status = 404
    faults = ()


class Streams:
    """The service: a test says what an operation does."""

    def __init__(self, package: ModuleType) -> None:
        self.schemas: Any = import_module(f"{package.__name__}.schemas")
        self.responses: Any = import_module(f"{package.__name__}.responses")
        self.stream_events: Any
        self.stream_ticks: Any = ticks
        self.stream_texts: Any
        self.stream_data: Any
        self.stream_lines: Any
        self.add_lines: Any
        self.echo_events: Any
        self.ended = threading.Event()
        """Set by what `ending` holds, once it has ended."""

    def change(self, n: int, **fields: Any) -> Any:
        return self.schemas.Change(event="made", data=self.schemas.Line(n=n), **fields)

    @contextmanager
    def ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.ended.set()


async def ticks(*, last_event_id: str | None) -> AsyncIterator[Any]:
    for number in count(int(last_event_id or 0) + 1):
        yield {"event": "tick", "id": str(number), "retry": 100, "data": "x"}
        await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("streams")
    assert command.run(document=DOCUMENT, out=folder / "streams_generated") == 0
    sys.path.insert(0, str(folder))
    try:
        import_module("streams_generated.api")
        return sys.modules["streams_generated"]
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def service(package: ModuleType) -> Streams:
    return Streams(package)


class World:
    """What a server tells its streams."""

    def __init__(self) -> None:
        self.ending = Ending(0.1)
        self.is_allowed = True
        self.violations: list[str] = []
        self.is_strict = True

    def report(self, violation: ResponseViolation) -> None:
        self.violations.append(str(violation))
        if self.is_strict:
            raise violation


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def address(package: ModuleType, service: Streams, world: World) -> Iterator[str]:
    with serving(Served(application(package, service, world), world)) as address:
        yield address


class Served:
    """Stands for the server, and for whoever authenticates."""

    def __init__(self, app: FastAPI, world: World) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[ENDING], scope[streams.STILL_ALLOWED] = self.world.ending, self.check
        await self.app(scope, receive, send)

    async def check(self, request: Request) -> None:
        if not self.world.is_allowed:
            raise PermissionError


def application(package: ModuleType, service: Streams, world: World, **options: Any) -> FastAPI:
    contract = runtime.Contract.load(
        Path(str(package.__file__)).with_name("openapi.json"),
        body_limit=1000,
        on_violation=world.report,
        **options,
    )

    async def provide() -> Streams:
        return service

    app = FastAPI(openapi_url=None)
    app.add_exception_handler(runtime.RequestRefused, refuse)
    app.add_exception_handler(Refused, refuse)
    router = import_module(f"{package.__name__}.api").build(
        contract=contract, authenticate=provide, streams=provide
    )
    app.include_router(router)
    app.add_middleware(Dispatch, routes=router.routes, contract=contract)
    app.add_middleware(layers.Methods, allowed_methods=contract.allowed_methods, problem=problem)
    app.add_middleware(layers.Deadline, seconds=DEADLINE, unavailable=problem)
    return app


async def refuse(request: Request, refused: Any) -> JSONResponse:
    return JSONResponse([fault.as_json() for fault in refused.faults], refused.status)


def problem(*_: object, **__: object) -> Response:
    return PlainTextResponse("too late", 503)


def refusal(status: int, detail: str, **_: object) -> Response:
    return PlainTextResponse(detail, status)


def broken_off(url: str) -> str:
    """What arrives of a stream until its connection breaks."""
    received = ""
    try:
        with httpx.stream("GET", url) as response:
            for chunk in response.iter_text():
                received += chunk
    except httpx.RemoteProtocolError:
        return received
    raise AssertionError("The stream ended as if it were complete.")


# -- what is sent ---------------------------------------------------------------------------------


def test_a_generator_is_a_stream_of_typed_events(address: str, service: Streams) -> None:
    async def events() -> AsyncIterator[Any]:
        yield service.change(1, id="a", retry=10)
        yield service.change(2)

    service.stream_events = events
    response = httpx.get(f"{address}/events")

    assert response.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in response.headers
    assert response.text == (
        'event: made\nid: a\nretry: 10\ndata: {"n": 1}\n\nevent: made\ndata: {"n": 2}\n\n'
    )


def test_a_coroutine_may_return_the_stream(address: str, service: Streams) -> None:
    async def events() -> AsyncIterator[Any]:
        yield service.change(1)

    async def begin() -> AsyncIterator[Any]:
        return events()

    service.stream_events = begin
    assert httpx.get(f"{address}/events").text == 'event: made\ndata: {"n": 1}\n\n'


def test_a_stream_may_have_headers_and_no_items(address: str, service: Streams) -> None:
    async def lines(count: int) -> AsyncIterator[Any]:
        for number in range(count):
            yield service.schemas.Line(n=number)

    async def reply(count: int) -> Any:
        return service.responses.StreamLines200(lines(count), x_count=count)

    service.stream_lines = lambda: reply(2)
    response = httpx.get(f"{address}/lines")
    assert response.headers["x-count"] == "2"
    assert response.headers["content-type"] == "application/jsonl"
    assert response.text == '{"n":0}\n{"n":1}\n'

    service.stream_lines = lambda: reply(0)
    assert httpx.get(f"{address}/lines").text == ""


def test_data_are_the_text_or_the_json_that_the_schema_of_their_event_says(
    address: str, service: Streams
) -> None:
    async def texts() -> AsyncIterator[Any]:
        yield {"event": "addString", "data": "two\nlines\u2028here"}
        yield {"event": "addInt64", "data": "1234567890123456789"}
        yield {"event": "addJson", "data": {"foo": 42}}

    service.stream_texts = texts
    assert httpx.get(f"{address}/texts").text == (
        "event: addString\ndata: two\ndata: lines\u2028here\n\n"
        "event: addInt64\ndata: 1234567890123456789\n\n"
        'event: addJson\ndata: {"foo": 42}\n\n'
    )


def test_a_schema_without_fields_of_events_is_that_of_their_data(
    address: str, service: Streams
) -> None:
    async def data() -> AsyncIterator[Any]:
        yield service.schemas.Line(n=1)

    service.stream_data = data
    assert httpx.get(f"{address}/data").text == 'data: {"n": 1}\n\n'


def test_an_item_is_sent_before_the_next_one_is_there(address: str, service: Streams) -> None:
    is_read = threading.Event()

    async def events() -> AsyncIterator[Any]:
        yield service.change(1)
        await asyncio.to_thread(is_read.wait, 5)
        yield service.change(2)

    service.stream_events = events
    with httpx.stream("GET", f"{address}/events") as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ["event: made", 'data: {"n": 1}']
        is_read.set()
        assert 'data: {"n": 2}' in list(lines)


def test_a_head_request_begins_no_stream(address: str, service: Streams) -> None:
    async def events() -> AsyncIterator[Any]:
        with service.ending():
            while True:
                yield HEARTBEAT

    service.stream_events = events
    assert httpx.head(f"{address}/events").status_code == 200
    assert service.ended.wait(5)


# -- what is judged -------------------------------------------------------------------------------


def test_what_is_raised_before_the_first_item_is_an_answer(address: str, service: Streams) -> None:
    async def events() -> AsyncIterator[Any]:
        raise Refused
        yield

    service.stream_events = events
    assert httpx.get(f"{address}/events").status_code == 404


@pytest.mark.parametrize("wrong", [{"event": "made", "data": {"n": -1}}, {"event": "made"}])
def test_an_item_that_breaks_its_schema_breaks_the_connection(
    address: str, service: Streams, world: World, wrong: object
) -> None:
    async def events() -> AsyncIterator[Any]:
        with service.ending():
            yield service.change(1)
            yield wrong

    service.stream_events = events
    assert broken_off(f"{address}/events") == 'event: made\ndata: {"n": 1}\n\n'
    assert service.ended.wait(5)
    assert len(world.violations) == 1


def test_in_production_an_item_that_breaks_its_schema_is_reported_and_sent(
    address: str, service: Streams, world: World
) -> None:
    async def events() -> AsyncIterator[Any]:
        yield {"event": "gone", "data": {"n": "many"}}

    world.is_strict = False
    service.stream_events = events
    assert httpx.get(f"{address}/events").text == 'event: gone\ndata: {"n": "many"}\n\n'
    (violation,) = world.violations
    assert violation.startswith("streamEvents 200: body /data holds JSON in which /n is not of")


def test_a_fault_in_the_middle_breaks_the_connection(address: str, service: Streams) -> None:
    async def lines() -> AsyncIterator[Any]:
        yield service.schemas.Line(n=1)
        raise RuntimeError("the source is gone")

    async def reply() -> Any:
        return service.responses.StreamLines200(lines(), x_count=2)

    service.stream_lines = reply
    assert broken_off(f"{address}/lines") == '{"n":1}\n'


# -- how it ends ----------------------------------------------------------------------------------


def endless(service: Streams, item: Callable[[], Any], every: float) -> Any:
    async def items() -> AsyncIterator[Any]:
        with service.ending():
            while True:
                yield item()
                await asyncio.sleep(every)

    return items


def test_the_deadline_is_that_of_each_item(address: str, service: Streams) -> None:
    async def events() -> AsyncIterator[Any]:
        with service.ending():
            for number in range(6):
                yield service.change(number)
                await asyncio.sleep(DEADLINE / 2)
            for _ in range(4):
                yield HEARTBEAT
                await asyncio.sleep(DEADLINE / 2)
            await asyncio.sleep(60)

    service.stream_events = events
    begun = time.monotonic()
    received = broken_off(f"{address}/events")
    assert received.count("data:") == 6
    assert ":\n\n" in received
    assert 5 * DEADLINE < time.monotonic() - begun < 20 * DEADLINE
    assert service.ended.wait(5)


def test_a_first_item_that_never_comes_is_a_503(address: str, service: Streams) -> None:
    async def events() -> AsyncIterator[Any]:
        await asyncio.sleep(60)
        yield

    service.stream_events = events
    assert httpx.get(f"{address}/events").status_code == 503


def test_a_client_that_goes_away_ends_the_generator(address: str, service: Streams) -> None:
    service.stream_events = endless(service, lambda: HEARTBEAT, 0.3)
    with httpx.stream("GET", f"{address}/events"):
        assert not service.ended.is_set()
    assert service.ended.wait(5)


def test_events_end_cleanly_with_the_server(address: str, service: Streams, world: World) -> None:
    service.stream_events = endless(service, lambda: service.change(1), 0.05)
    threading.Timer(0.2, world.ending.begin).start()

    assert httpx.get(f"{address}/events").text.endswith("\n\n")
    assert service.ended.wait(5)


def test_lines_that_the_server_cuts_are_not_complete(
    address: str, service: Streams, world: World
) -> None:
    async def reply() -> Any:
        lines = endless(service, lambda: service.schemas.Line(n=1), 0.05)
        return service.responses.StreamLines200(lines(), x_count=2)

    service.stream_lines = reply
    threading.Timer(0.2, world.ending.begin).start()
    assert broken_off(f"{address}/lines").startswith('{"n":1}\n')
    assert service.ended.wait(5)


def test_a_caller_who_loses_the_right_to_it_loses_the_stream(
    address: str, service: Streams, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.1)
    service.stream_events = endless(service, lambda: HEARTBEAT, 0.1)
    with httpx.stream("GET", f"{address}/events") as response:
        world.is_allowed = False
        list(response.iter_bytes())
    assert service.ended.wait(5)


def test_an_address_holds_so_many_streams_of_strangers(
    package: ModuleType, service: Streams, world: World
) -> None:
    service.stream_events = endless(service, lambda: HEARTBEAT, 0.05)
    app = application(package, service, world, streams_per_caller=2)
    with serving(Served(app, world)) as address:
        with httpx.stream("GET", f"{address}/events"), httpx.stream("GET", f"{address}/events"):
            refused = httpx.get(f"{address}/events")
            service.ended.clear()
        assert service.ended.wait(5)
        with httpx.stream("GET", f"{address}/events") as again:
            assert again.status_code == 200

    assert refused.status_code == 429


@pytest.mark.parametrize("ends", ["refused", "broken", "headers only"])
def test_a_stream_that_does_not_begin_or_breaks_leaves_its_place(
    package: ModuleType, service: Streams, world: World, ends: str
) -> None:
    async def refusing() -> AsyncIterator[Any]:
        raise Refused
        yield

    async def breaking() -> AsyncIterator[Any]:
        yield HEARTBEAT
        raise RuntimeError("the source is gone")

    app = application(package, service, world, streams_per_caller=1)
    with serving(Served(app, world)) as address:
        service.stream_events = breaking if ends == "broken" else refusing
        if ends == "headers only":
            service.stream_events = endless(service, lambda: HEARTBEAT, 0.05)
            assert httpx.head(f"{address}/events").status_code == 200
        elif ends == "broken":
            broken_off(f"{address}/events")
        else:
            assert httpx.get(f"{address}/events").status_code == 404

        service.stream_events = refusing
        assert httpx.get(f"{address}/events").status_code == 404


# -- clients that come back -----------------------------------------------------------------------


@contextmanager
def ending_soon(package: ModuleType, service: Streams, port: int = 0) -> Iterator[str]:
    """A server whose streams end with the block."""
    world = World()
    with serving(Served(application(package, service, world), world), port=port) as address:
        yield address
        world.ending.begin()


@pytest.fixture
def page() -> Iterator[Page]:
    if (chromium := browser.installed()) is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with browser.browser(chromium) as page:
        yield page


def test_an_event_source_of_a_browser_comes_back_and_misses_nothing(
    package: ModuleType, service: Streams, page: Page
) -> None:
    with ending_soon(package, service) as address:
        page.open(f"{address}/nothing")
        page.wait_for("document.readyState === 'complete' && location.pathname === '/nothing'")
        page.evaluate("""
            window.seen = [];
            window.source = new EventSource('/ticks');
            source.addEventListener('tick', (event) => seen.push(Number(event.lastEventId)));
        """)
        before = page.wait_for("seen.length > 2 && seen.length")
    with ending_soon(package, service, int(address.rpartition(":")[2])):
        page.wait_for(f"seen.length > {before + 20}")
        seen = page.evaluate("source.close() ?? seen")

    assert seen == list(range(1, len(seen) + 1))


NODE = """
const source = new EventSource(process.argv[1] + '/ticks');
source.addEventListener('tick', (event) => console.log(event.lastEventId));
setInterval(() => undefined, 1000);  // while it waits to come back, it keeps no program alive
"""


def test_an_event_source_of_node_comes_back_and_misses_nothing(
    package: ModuleType, service: Streams
) -> None:
    """To the next server at the same address: it gives up where a connection is refused."""
    flag = "--experimental-eventsource"
    node = shutil.which("node")
    if node is None or subprocess.run([node, flag, "-e", ""], capture_output=True).returncode:
        pytest.skip(f"no Node that knows {flag}")
    served = Served(application(package, service, old := World()), old)
    with (
        serving(served) as address,
        subprocess.Popen(
            [node, flag, "-e", NODE, address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as program,
    ):
        assert program.stdout is not None
        patience = threading.Timer(60, program.kill)
        patience.start()
        seen = [int(program.stdout.readline()) for _ in range(3)]
        served.world = World()
        old.ending.begin()
        seen += [int(program.stdout.readline()) for _ in range(40)]
        program.kill()
        patience.cancel()

    assert seen == list(range(1, len(seen) + 1))


# -- bodies ---------------------------------------------------------------------------------------


def summing(service: Streams) -> Any:
    async def sums(lines: AsyncIterator[Any]) -> AsyncIterator[int]:
        total = 0
        async for line in lines:
            assert isinstance(line, service.schemas.Line)
            total += line.n
            yield total

    async def add_lines(body: Any) -> Any:
        if isinstance(body, service.schemas.Line):
            return service.responses.AddLines200({"sum": body.n})
        return service.responses.AddLines200(sums(body), media_type="application/json-seq")

    return add_lines


LINES = "application/jsonl"


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (LINES, b'{"n": 1}\n{"n": 2}\n\n{"n": 3}'),
        (LINES, b'{"n": 1}\r\n{"n": 2}\r\n{"n": 3}\r\n'),
        ("application/json-seq", b'\x1e{"n": 1}\n\x1e\x1e{"n": 2}\n\x1e{\n"n": 3}\n'),
    ],
)
def test_a_service_reads_the_items_of_a_body(
    address: str, service: Streams, media_type: str, body: bytes
) -> None:
    service.add_lines = summing(service)
    for size in (1, 7, len(body)):
        chunks = (body[at : at + size] for at in range(0, len(body), size))
        response = httpx.post(
            f"{address}/lines", content=chunks, headers={"content-type": media_type}
        )
        assert response.text == "\x1e1\n\x1e3\n\x1e6\n"
    alone = httpx.post(f"{address}/lines", json={"n": 4})
    assert alone.json() == {"sum": 4}


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b'{"n": -1}', 422, "/0/n"),
        (b'{"n": 1, "day": "0000-01-01"}\n', 422, "/0/day"),
        (b'{"n": 1', 400, None),
        (b'{"n": 1, "n": 2}\n', 400, None),
        (b'{"n": 1, "note": "%s"}' % (b"x" * 100_000), 413, None),
    ],
)
def test_an_item_of_a_body_that_breaks_its_schema_is_refused(
    address: str, service: Streams, body: bytes, status: int, told: str | None
) -> None:
    service.add_lines = summing(service)
    response = httpx.post(f"{address}/lines", content=body, headers={"content-type": LINES})

    assert response.status_code == status
    assert [fault["pointer"] for fault in response.json()] == ([told] if told else [])


def test_a_later_item_that_is_refused_breaks_what_has_begun(address: str, service: Streams) -> None:
    service.add_lines = summing(service)
    body = b'{"n": 1}\n{"n": -1}\n'
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{address}/lines", content=body, headers={"content-type": LINES})


def test_events_are_read_as_they_are_written(address: str, service: Streams) -> None:
    async def echo(body: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for change in body:
            assert isinstance(change.data, service.schemas.Line)
            yield change

    service.echo_events = echo
    sent = (
        '\ufeff: a comment\r\nevent: made\rid: 7\ndata: {"n":\ndata: 1}\nunknown: x\n\n\n'
        'event:gone\nretry: soon\ndata:{"n": 2}\n\nevent: made\ndata: {"n": 3}'
    ).encode()
    for size in (1, 5, len(sent)):
        chunks = (sent[at : at + size] for at in range(0, len(sent), size))
        response = httpx.post(
            f"{address}/events", content=chunks, headers={"content-type": "text/event-stream"}
        )
        assert response.text == (
            'event: made\nid: 7\ndata: {"n": 1}\n\nevent: gone\ndata: {"n": 2}\n\n'
        )
    wrong = httpx.post(
        f"{address}/events",
        content=b'event: made\ndata: {"n": "1"}\n\n',
        headers={"content-type": "text/event-stream"},
    )
    assert wrong.status_code == 422
    assert [fault["pointer"] for fault in wrong.json()] == ["/0/data"]


class Bounds:
    """What the server allows a client: less than most streams last."""

    header_timeout_seconds = 5.0
    body_timeout_seconds = 3 * DEADLINE
    strict_transport_seconds = 0


@pytest.fixture
def bounded(package: ModuleType, service: Streams, world: World) -> Iterator[str]:
    """The same behind the server of Charter, which bounds how long a body may take."""
    protocol = partial(BoundedProtocol, settings=Bounds(), problem=refusal)
    with serving(Served(application(package, service, world), world), http=protocol) as address:
        yield address


def slowly(*chunks: bytes, pause: float) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        time.sleep(pause)


def records(response: httpx.Response) -> list[Any]:
    """Without the signs of life."""
    return [json.loads(text) for text in response.text.split("\x1e") if text.strip()]


def test_a_body_may_last_for_long_whose_items_come_in_time(bounded: str, service: Streams) -> None:
    service.add_lines = summing(service)
    sent = slowly(*[b'{"n":', b" 1}\n"] * 4, pause=DEADLINE)
    response = httpx.post(f"{bounded}/lines", content=sent, headers={"content-type": LINES})

    assert records(response) == [1, 2, 3, 4]


@pytest.mark.parametrize("begin", [b"", b'{"n": 1}\n'], ids=["the first", "a later one"])
def test_an_item_that_drips_ends_the_connection(
    bounded: str, service: Streams, begin: bytes
) -> None:
    service.add_lines = summing(service)
    sent = slowly(begin + b'{"n": 1', *[b" "] * 50, pause=DEADLINE / 4)
    began = time.monotonic()
    with suppress(httpx.TransportError):
        response = httpx.post(f"{bounded}/lines", content=sent, headers={"content-type": LINES})
        assert response.status_code == 408
    assert time.monotonic() - began < 10 * DEADLINE


def test_a_service_may_work_on_an_item_for_long(bounded: str, service: Streams) -> None:
    async def add_lines(body: Any) -> Any:
        async def sums() -> AsyncIterator[Any]:
            async for line in body:
                for _ in range(8):
                    yield HEARTBEAT
                    await asyncio.sleep(DEADLINE / 2)
                yield line.n

        return service.responses.AddLines200(sums(), media_type="application/json-seq")

    service.add_lines = add_lines
    sent = slowly(b'{"n": 1}\n', b'{"n": 2}\n', pause=5 * DEADLINE)
    response = httpx.post(f"{bounded}/lines", content=sent, headers={"content-type": LINES})

    assert records(response) == [1, 2]


def test_another_media_type_is_refused(address: str, service: Streams) -> None:
    response = httpx.post(
        f"{address}/events", content=json.dumps({}), headers={"content-type": LINES}
    )
    assert response.status_code == 415


@pytest.mark.parametrize("media_type", ["multipart/mixed", "application/json"])
def test_items_that_nobody_takes_apart_are_refused_by_place(
    tmp_path: Path, media_type: str
) -> None:
    document = DOCUMENT.read_text().replace("application/jsonl:", f"{media_type}:", 1)
    line = document.partition(f"{media_type}:")[0].count("\n") + 2
    (tmp_path / "openapi.yaml").write_text(document)

    message = rf"openapi\.yaml:{line}:\d+: .*`itemSchema` of {media_type} can't be served: use text"
    with pytest.raises(DocumentError, match=message):
        command.run(document=tmp_path / "openapi.yaml", out=tmp_path / "generated")
