"""An answer that has no end is read as far as it came; any other is read whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from charter.contract import streams
from charter.contract.streams import ask, open_session
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


async def echo(request: Request) -> Response:
    """What of the request its caller did not ask for; and a cookie."""
    answer = JSONResponse([request.headers.get(name) for name in ("cookie", "authorization")])
    answer.set_cookie("session", "1")
    return answer


SERVICE = Starlette(
    routes=[Route("/endless", endless), Route("/whole", whole), Route("/echo", echo)]
)


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
        answer = ask(open_session(), method="GET", url=url, params={"kind": kind}, timeout=30)

    assert answer.content == begin


def test_a_silent_stream_has_said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST", 0.5)
    monkeypatch.setitem(BEGINNINGS, "text/event-stream", b"")
    with serving(SERVICE, lifespan="off") as base_url:
        url = f"{base_url}/endless"
        query = {"kind": "text/event-stream"}
        answer = ask(open_session(), method="GET", url=url, params=query, timeout=30)

    assert (answer.status_code, answer.content) == (200, b"")


def test_an_answer_that_ends_is_read_whole() -> None:
    with serving(SERVICE, lifespan="off") as base_url:
        answer = ask(open_session(), method="GET", url=f"{base_url}/whole", timeout=30)

    assert len(answer.json()[0]) == 100_000


def test_a_request_has_nothing_of_the_machine_or_of_earlier_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login ada password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    session = open_session()

    with serving(SERVICE, lifespan="off") as base_url:
        answers = [ask(session, method="GET", url=f"{base_url}/echo", timeout=30) for _ in range(2)]

    assert [answer.json() for answer in answers] == [[None, None], [None, None]]
