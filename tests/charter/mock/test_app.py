"""The mock: judges requests, and answers as the document says."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import Request

from charter.document import Document
from charter.mock.app import Mock
from charter.mock.prefer import Prefer
from charter.runtime import Contract
from tests.charter.mock.requests import with_paths
from tests.data import DOCUMENT

BEARER = {"Authorization": "Bearer token"}


def client_of(mock: Mock) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(mock)
    return httpx.AsyncClient(transport=transport, base_url="http://mock", headers=BEARER)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """At a mock of Charter's own document."""
    async with client_of(Mock(Document(DOCUMENT).content)) as client:
        yield client


# -- what is judged -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/items", {"json": {"title": ""}}, 422),
        ("POST", "/items", {"json": {}}, 422),
        ("POST", "/items", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/items", {"content": "x", "headers": {"Content-Type": "text/plain"}}, 415),
        ("GET", "/items?limit=0", {}, 422),
        ("GET", "/items?nobody=knows", {}, 422),
        ("GET", "/items/no-uuid", {}, 422),
        ("GET", "/nowhere", {}, 404),
        ("TRACE", "/items", {}, 405),
    ],
)
async def test_a_request_that_breaks_the_document_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, options: Any, status: int
) -> None:
    response = await client.request(method, path, **options)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
    if status == 405:
        assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


async def test_head_and_options_are_answered(client: httpx.AsyncClient) -> None:
    head = await client.head("/items")
    options = await client.options("/items", headers={"Origin": "https://app.example"})

    assert (head.status_code, head.content) == (200, b"")
    assert (options.status_code, options.headers["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    assert head.headers["Access-Control-Allow-Origin"] == "*"


def test_every_operation_keeps_its_promises() -> None:
    """Every response that the document declares, with the headers and the body that it promises."""
    mock = Mock(Document(DOCUMENT).content)
    contract: Contract = mock.contract
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    for operation in contract.operations.values():
        for status, spec in operation.response_specs.items():
            response = mock.answers.answer(request, status, spec, Prefer())

            assert list(spec.faults(response)) == [], (operation.id, status)


# -- other documents ------------------------------------------------------------------------------


def document(**paths: Any) -> dict[str, Any]:
    return with_paths({path.replace("_", "/", 1): item for path, item in paths.items()})


ERROR = {
    "description": "-",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["code"],
                "properties": {"code": {"const": "no"}},
            }
        }
    },
}


@pytest.mark.parametrize("declared", ["400", "422", "4XX", "default"])
async def test_a_refusal_is_what_the_document_says(declared: str) -> None:
    operation = {
        "parameters": [{"name": "n", "in": "query", "schema": {"type": "integer"}}],
        "responses": {"200": {"description": "-"}, declared: ERROR},
    }
    async with client_of(Mock(document(_a={"get": operation}))) as client:
        response = await client.get("/a?n=x")

    assert response.status_code == (400 if declared == "400" else 422)
    assert response.json() == {"code": "no"}


@pytest.mark.parametrize("kind", [[], {}, 1, True, "fish", None])
async def test_what_tells_alternatives_apart_may_be_anything(kind: Any) -> None:
    cat = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cat"}}}
    pet = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat"}},
    }
    body = {"content": {"application/json": {"schema": pet}}}
    document = with_paths(
        {"/": {"post": {"requestBody": body, "responses": {"204": {"description": "-"}}}}},
        components={"schemas": {"Cat": cat}},
    )
    async with client_of(Mock(document)) as client:
        answer = await client.post("/", json={"kind": kind})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/kind"
