"""An answer that has no end is read as far as it came; any other is read whole."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from charter.contract import streams
from charter.contract.streams import ask
from tests.serving import serving

BEGINNINGS = {
    "text/event-stream": b"event: ready\n\nevent: upda",
    "application/jsonl": b'{"id": 1}\n{"id"',
}


async def endless(request: Request) -> Response:
    kind = request.query_params["kind"]

    async def pieces() -> AsyncIterator[bytes]:
        yield BEGINNINGS[kind]
        while True:
            await asyncio.sleep(60)
            yield b": still here\n"

    return StreamingResponse(pieces(), media_type=kind)


async def whole(request: Request) -> Response:
    return JSONResponse(["x" * 100_000])


SERVICE = Starlette(routes=[Route("/endless", endless), Route("/whole", whole)])


@pytest.mark.parametrize(
    ("kind", "begin"),
    [("text/event-stream", b"event: ready\n\n"), ("application/jsonl", b'{"id": 1}\n')],
)
def test_of_a_stream_whole_lines_are_read(
    kind: str, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST", 0.5)
    with serving(SERVICE, lifespan="off") as base_url:
        url = f"{base_url}/endless"
        answer = ask(method="GET", url=url, params={"kind": kind}, timeout=30)

    assert answer.content == begin


def test_a_silent_stream_has_said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST", 0.5)
    monkeypatch.setitem(BEGINNINGS, "text/event-stream", b"")
    with serving(SERVICE, lifespan="off") as base_url:
        url = f"{base_url}/endless"
        query = {"kind": "text/event-stream"}
        answer = ask(method="GET", url=url, params=query, timeout=30)

    assert (answer.status_code, answer.content) == (200, b"")


def test_an_answer_that_ends_is_read_whole() -> None:
    with serving(SERVICE, lifespan="off") as base_url:
        answer = ask(method="GET", url=f"{base_url}/whole", timeout=30)

    assert len(answer.json()[0]) == 100_000
