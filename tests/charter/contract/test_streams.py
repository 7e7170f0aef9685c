"""An answer that has no end is read as far as it came; any other is read whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from charter.contract.accounts import Accounts
from charter.contract.api import fuzzed, label
from charter.contract.probes import refusals
from charter.contract.probes.client import Client
from charter.contract.settings import FuzzSettings
from charter.contract.streams import Until, ask, open_session
from charter.contract.subject import Plan, Subject
from charter.runtime import Contract
from tests.serving import serving

SHORTLY = Until(seconds=0.5)
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
def test_of_a_stream_whole_lines_are_read(kind: str, begin: bytes) -> None:
    with serving(SERVICE, lifespan="off") as base_url:
        url = f"{base_url}/endless"
        query = {"kind": kind}
        answer = ask(open_session(), SHORTLY, method="GET", url=url, params=query, timeout=30)

    assert answer.content == begin


def test_a_silent_stream_has_said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BEGINNINGS, "text/event-stream", b"")
    with serving(SERVICE, lifespan="off") as base_url:
        url = f"{base_url}/endless"
        query = {"kind": "text/event-stream"}
        answer = ask(open_session(), SHORTLY, method="GET", url=url, params=query, timeout=30)

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


DOCUMENT = {
    "openapi": "3.2.0",
    "info": {"title": "News", "version": "1"},
    "paths": {
        "/news": {
            "get": {
                "operationId": "watchNews",
                "tags": ["news"],
                "responses": {
                    "200": {
                        "description": "News.",
                        "content": {"text/event-stream": {"itemSchema": {"type": "object"}}},
                    },
                    "429": {"description": "Too many."},
                },
            }
        }
    },
}


class News:
    """Lets a caller hold so many streams; of one more it says nothing, or that it is too many."""

    def __init__(self, most: int, says_nothing: bool = False) -> None:
        self.most = most
        self.says_nothing = says_nothing
        self.held = 0
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = 429 if self.held >= self.most else 200
        headers = [(b"content-type", b"text/event-stream")]
        self.held += 1
        self.asked += 1
        try:
            if status == 200 or not self.says_nothing:
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": b"", "more_body": status == 200})
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.held -= 1


@pytest.mark.parametrize(
    ("news", "asked", "seen"),
    [(News(3), 4, 1), (News(20), 21, 1), (News(1000), 21, 0), (News(3, says_nothing=True), 4, 0)],
    ids=["few", "as Charter's services", "any number", "as many as it has workers"],
)
def test_a_declared_bound_on_streams_is_seen_where_there_is_one(
    news: News, asked: int, seen: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LONGEST", 1.0)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(fuzzed(Contract(DOCUMENT))))
    with serving(news, lifespan="off") as base_url:
        plan = Plan(base_url, 1, str(file), "secret", Accounts("", [], ["ada"], []))
        client = Client(Subject(plan, FuzzSettings()))
        (operation,) = client.api.operations
        found = list(refusals.refuses_too_many_streams(client, operation))

    assert (found, client.violations) == ([], [])
    assert news.asked == asked
    assert client.probed.statuses[label(operation), 429] == seen
