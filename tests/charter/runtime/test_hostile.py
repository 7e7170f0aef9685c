"""No request of at most 1 MiB holds the event loop for long, or is answered at length."""

import gc
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from charter.mock.app import Mock
from charter.runtime import Operation
from tests.charter.command_line import takes_a_minute
from tests.charter.mock.requests import Requests
from tests.charter.runtime.hostile import HEADERS, QUERIES, bodies, send, watched
from tests.data import DOCUMENT, LARGE, SPECS, content_of

LONGEST_HOLD = 0.050
"""Seconds of the processor."""
LARGEST_ANSWER = 16_000
"""Bytes of a refusal."""
REAL = (
    "museum.yaml", "ogen-firecracker.json", "readme31-parameters-style.yaml",
    "realworld-conduit.yaml", "spotify.yaml", "swagger-petstore.yaml", "twilio-verify-v2.yaml",
)  # fmt: skip
CASES = 6
"""For each operation of a real document; they differ from one operation to the next."""
OPERATIONS = 16
"""Of a real document, evenly chosen: compiling all schemas of the largest takes minutes."""


@pytest.fixture
def settled_heap() -> Iterator[None]:
    """Without what the tests left behind: collecting it is not the request's cost."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("settled_heap")
@pytest.mark.parametrize(
    "name",
    ["openapi.yaml", *REAL, *(pytest.param(one, marks=takes_a_minute) for one in sorted(LARGE))],
)
async def test_no_request_holds_the_loop(name: str) -> None:
    own = name == DOCUMENT.name
    mock = Mock(content_of(DOCUMENT if own else SPECS / name))
    requests = Requests(mock.contract)

    found = []
    operations = list(mock.contract.operations.values())
    step = 1 if own else max(1, len(operations) // OPERATIONS)
    for number, operation in enumerate(operations[::step]):
        cases = list(cases_of(mock, requests, operation))
        chosen = cases if own else islice(cases[number % 7 :: 7], CASES)
        for what, arguments in chosen:
            found += [f"{operation.id}: {what}: {fault}" for fault in await tried(mock, arguments)]

    assert found == []


QUADRATIC = {"type": "string", "pattern": "(?!.*b)a"}


@pytest.mark.usefixtures("settled_heap")
@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
async def test_no_pattern_that_looks_around_holds_the_loop(media_type: str) -> None:
    schema = {"type": "object", "properties": {"text": {"$ref": "#/components/schemas/Text"}}}
    mock = Mock(
        {
            "openapi": "3.1.0",
            "info": {"title": "Texts", "version": "1"},
            "components": {"schemas": {"Text": QUADRATIC}},
            "paths": {
                "/texts": {
                    "post": {
                        "operationId": "addText",
                        "parameters": [
                            {"name": name, "in": place, "schema": QUADRATIC}
                            for name, place in (("text", "query"), ("X-Text", "header"))
                        ],
                        "requestBody": {"content": {media_type: {"schema": schema}}},
                        "responses": {"204": {"description": "Added."}},
                    }
                }
            },
        }
    )
    long = "c" * 60_000
    typed = [(b"content-type", media_type.encode())]

    def body(text: str) -> bytes:
        return (
            json.dumps({"text": text}).encode() if "json" in media_type else f"text={text}".encode()
        )

    arguments: dict[str, Any] = {"method": "POST", "path": "/texts", "headers": typed}
    hostile = [
        arguments | {"body": body(long)},
        arguments | {"body": body("ca"), "query": f"text={long[:8000]}".encode()},
        arguments | {"body": body("ca"), "headers": [*typed, (b"x-text", long.encode())]},
    ]
    found = [fault for each in hostile for fault in await tried(mock, each)]
    answers = [(await send(mock, **each))[0] for each in hostile]

    assert found == []
    assert answers == [413, 422, 422]
    assert (await send(mock, **arguments | {"body": body("ca")}))[0] == 204


async def tried(mock: Mock, arguments: dict[str, Any]) -> list[str]:
    """What is wrong with the answer, and with the time it took at the best of three attempts."""
    longest = 1.0
    for _ in range(3):
        async with watched() as watch:
            status, answer = await send(mock, **arguments)
        longest = min(longest, watch.longest)
        if longest < LONGEST_HOLD:
            break
    faults = []
    if longest >= LONGEST_HOLD:
        faults.append(f"held the loop for {longest * 1000:.0f} ms")
    if status >= 400 and len(answer) > LARGEST_ANSWER:
        faults.append(f"was answered with {len(answer)} bytes")
    if status == 500:
        faults.append("was an error of the service")
    return faults


def cases_of(
    mock: Mock, requests: Requests, operation: Operation
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A valid request of the operation, made hostile in one place after the other."""
    valid = requests.of(operation)
    headers = [(name.lower(), value) for name, value in valid.headers.raw]
    kept = [(name, value) for name, value in headers if name not in (b"host", b"content-length")]
    base: dict[str, Any] = {
        "method": operation.method,
        "path": valid.url.path,
        "query": valid.url.query,
        "headers": kept,
    }
    bare = [(name, value) for name, value in kept if name != b"content-type"]
    for what, media_type, body in bodies(operation, mock.contract.judge):
        typed = [*bare, (b"content-type", media_type.encode())]
        yield what, base | {"headers": typed, "body": body}
    for what, query in QUERIES.items():
        yield f"{what} in the query", base | {"query": valid.url.query + b"&" + query}
    for what, more in HEADERS.items():
        yield f"{what} in a header", base | {"headers": [*kept, *more], "body": valid.content}
