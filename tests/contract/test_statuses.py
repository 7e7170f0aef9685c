"""Every documented status that a fuzzer can't provoke is provoked here, operation by operation."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter.contract.api import Api
from charter.contract.gate import provokes
from charter.contract.settings import FuzzSettings
from charter.contract.streams import streams
from charter.document.statuses import UNPROVOKED
from charter.project import Project
from charter.runtime import Operation
from impl.app import create_app
from impl.core.config import Settings
from tests.people import Person, at, changed, client_of, worker
from tests.promises import SEEN, contract

OPERATIONS = list(contract().operations.values())
REASONS = FuzzSettings.of(Project.find(), contract()).unprovoked
"""Why the fuzzer can't see a status, by operation and status."""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class World:
    """Who asks, and whom."""

    admin: Person
    settings: Settings
    stranded: FastAPI
    """The service without its database."""

    async def ask(self, operation: Operation, **changes: Any) -> httpx.Response:
        """A request that the document accepts, but for the changes."""
        return await self.admin.request(operation.method, **(valid_request(operation) | changes))


def valid_request(operation: Operation) -> dict[str, Any]:
    return {"path": re.sub(r"\{[^}]*\}", str(uuid4()), operation.path)} | valid_body(operation)


def valid_body(operation: Operation) -> dict[str, Any]:
    """The first of the document's own examples."""
    if not takes_a_body(operation):
        return {}
    media_type = media_type_of(operation)
    content = contract().judge.resolve(body_of(operation))["content"][media_type]
    example = contract().judge.resolve(next(iter(content["examples"].values())))["value"]
    encoded = httpx.QueryParams(example) if media_type == FORM else json.dumps(example)
    return {"content": str(encoded), "headers": {"Content-Type": media_type}}


def takes_a_body(operation: Operation) -> bool:
    return "requestBody" in contract().judge.at(operation.place)


def body_of(operation: Operation) -> Any:
    return contract().judge.at(operation.place + "/requestBody")


def media_type_of(operation: Operation) -> str:
    (media_type,) = contract().judge.resolve(body_of(operation))["content"]
    return str(media_type)


@pytest.fixture(scope="module")
async def stranded(settings: Settings) -> AsyncIterator[FastAPI]:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))  # and nobody listens
        port = unused.getsockname()[1]
        app = create_app(changed(settings, db_host="127.0.0.1", db_port=port))
        async with app.router.lifespan_context(app):
            yield app


@pytest.fixture
def world(admin: Person, settings: Settings, stranded: FastAPI) -> World:
    return World(admin, settings, stranded)


# -- one way for each status ----------------------------------------------------------------------


async def send_what_is_malformed(operation: Operation, world: World) -> httpx.Response:
    content = b"grant_type=%ff" if media_type_of(operation) == FORM else b'{"title": '
    return await world.ask(operation, content=content)


async def remove_the_last_administrator(operation: Operation, world: World) -> httpx.Response:
    path = operation.path.replace("{user_id}", world.admin.id)
    if operation.method == "DELETE":
        return await world.ask(operation, path=path)
    return await world.ask(operation, path=path, content='{"administrator": false}')


async def send_too_much(operation: Operation, world: World) -> httpx.Response:
    content = b" " * (world.settings.body_limit_bytes + 1)
    return await world.ask(operation, content=content)


async def send_another_media_type(operation: Operation, world: World) -> httpx.Response:
    return await world.ask(operation, headers={"Content-Type": "text/plain"})


async def send_an_unknown_parameter(operation: Operation, world: World) -> httpx.Response:
    return await world.ask(operation, params={"nobody_declared": "this"})


async def ask_too_often(operation: Operation, world: World) -> httpx.Response:
    """One more time than the quotas allow, or while a stream goes on that has no end."""
    quotas = ("logins", "refreshes", "registrations", "password_changes")
    limits = {f"{name}_per_minute": 1 for name in quotas} | {"streams_per_caller": 1}
    async with worker(changed(world.settings, **limits)) as client:
        bounded = replace(world, admin=at(client, world.admin))
        if not streams(operation):
            await bounded.ask(operation)
            return await bounded.ask(operation)
        asked = [asyncio.create_task(bounded.ask(operation)) for _ in range(2)]
        (refused,), (stream,) = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        stream.cancel()
        await asyncio.wait([stream])
        return await refused


async def ask_without_a_database(operation: Operation, world: World) -> httpx.Response:
    token = world.stranded.state.access_tokens.issue(uuid4(), uuid4())
    async with client_of(world.stranded) as client:
        someone = Person(client, str(uuid4()), "", tokens={"access_token": token})
        return await replace(world, admin=someone).ask(operation)


WAYS: Mapping[int, Callable[[Operation, World], Awaitable[httpx.Response]]] = {
    400: send_what_is_malformed,
    409: remove_the_last_administrator,
    413: send_too_much,
    415: send_another_media_type,
    422: send_an_unknown_parameter,
    429: ask_too_often,
    503: ask_without_a_database,
}


PROVOKED = [
    (operation, status)
    for operation in OPERATIONS
    for status in operation.response_specs
    if status in WAYS and (status != 409 or f"{operation.id} {status}" in REASONS)
]


# -- the promises ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "status"),
    PROVOKED,
    ids=[f"{operation.id}-{status}" for operation, status in PROVOKED],
)
async def test_a_documented_status_can_be_provoked(
    world: World, operation: Operation, status: int
) -> None:
    response = await WAYS[status](operation, world)

    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert (operation.id, status) in SEEN  # and so it was held against the document
    if status in (429, 503):
        assert int(response.headers["Retry-After"]) > 0


def test_nothing_falls_between_the_fuzzer_and_the_tests() -> None:
    left = {
        (operation.id, status)
        for operation in OPERATIONS
        for status in operation.response_specs
        if status in UNPROVOKED
        or f"{operation.id} {status}" in REASONS
        or not provokes(Api(contract()), operation, status)
    }

    assert left
    assert left <= {(operation.id, status) for operation, status in PROVOKED}


def test_every_operation_that_takes_a_body_says_how_it_refuses_one() -> None:
    for operation in filter(takes_a_body, OPERATIONS):
        assert {400, 413, 415} <= operation.response_specs.keys(), operation.id


def test_every_operation_says_how_it_refuses_a_parameter() -> None:
    for operation in OPERATIONS:
        assert operation.refusal_status in operation.response_specs, operation.id


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.id)
async def test_an_unknown_parameter_is_named(world: World, operation: Operation) -> None:
    response = await send_an_unknown_parameter(operation, world)

    assert response.status_code == operation.refusal_status
    (error,) = response.json()["errors"]
    assert (error["in"], error["pointer"]) == ("query", "/nobody_declared")


@pytest.mark.parametrize(
    "operation", [found for found in OPERATIONS if takes_a_body(found)], ids=lambda found: found.id
)
async def test_a_body_of_unannounced_length_is_cut_off(
    app: FastAPI, world: World, operation: Operation
) -> None:
    body = Endless()
    transport = httpx.ASGITransport(app)

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        admin = replace(world.admin, client=client)
        response = await replace(world, admin=admin).ask(operation, content=body.chunks())

    assert response.status_code == 413
    assert body.sent <= world.settings.body_limit_bytes + len(body.chunk)


class Endless:
    """A body that goes on for as long as somebody reads it."""

    chunk = b" " * 65_536

    def __init__(self) -> None:
        self.sent = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += len(self.chunk)
            yield self.chunk
