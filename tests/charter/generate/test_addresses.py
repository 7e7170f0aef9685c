"""Paths with a query or a fragment: operations at one address, told apart by what they take."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter import runtime
from charter.document import Document, DocumentError
from charter.generate.generator import generate
from charter.mock.app import Mock
from tests.charter.generate.telling import telling

DOCUMENT = Path(__file__).with_name("addresses.yaml")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return telling(DOCUMENT, tmp_path_factory.mktemp("addresses"), "addresses")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


TOKEN = {"Authorization": "Bearer t"}
NAMED = {"name": "a"}
TAKEN: Mapping[str, tuple[str, str, Mapping[str, str], Any, str]] = {
    "the plain path": ("GET", "/files/1", {}, None, "read"),
    "the query of its path": ("GET", "/files/1?view=full", {}, None, "read_whole"),
    "a template in the query": ("GET", "/files?page=2", {}, None, "page"),
    "what it requires": ("PUT", "/files/1?fields=a", TOKEN, NAMED, "share"),
    "all else": ("PUT", "/files/1", {}, NAMED, "replace"),
    "its body": ("POST", "/jobs", {}, {"copy": 1}, "copy"),
    "its body, of the other": ("POST", "/jobs", {}, {"move": 1}, "move"),
    "its method": ("DELETE", "/fields/1", {}, None, "forget"),
    "its method, of the other": ("GET", "/fields/1", {}, None, "field"),
    "nothing, so that the plain path is meant": ("GET", "/same", {}, None, "same"),
}


@pytest.mark.parametrize("by", TAKEN)
async def test_an_operation_is_told_by(client: httpx.AsyncClient, by: str) -> None:
    method, url, headers, body, name = TAKEN[by]

    answer = await client.request(method, url, headers=headers, json=body)

    assert list(answer.json()) == [name]


async def test_what_the_path_says_of_the_query_reaches_the_service(
    client: httpx.AsyncClient,
) -> None:
    constant, template = await client.get("/files/1?view=full"), await client.get("/files?page=2")

    assert constant.json() == {"read_whole": {"id": "1", "view": "full"}}
    assert template.json() == {"page": {"page": "2"}}


REFUSED: Mapping[str, tuple[str, str, Any, int, str]] = {
    "no parameters fit": ("GET", "/files/1?view=half", None, 422, "read"),
    "more is wrong of the others": ("GET", "/files/1?view=full&x=", None, 422, "readWhole"),
    "no body fits": ("POST", "/jobs", {"keep": 1}, 422, "copy"),
    "no credentials are shown": ("PUT", "/files/1?fields=a", NAMED, 401, "share"),
    "the page is no number": ("GET", "/files?page=x", None, 422, "page"),
    "the body is too large": ("POST", "/jobs", {"copy": "x" * 2000}, 413, "copy"),
}


@pytest.mark.parametrize("because", REFUSED)
async def test_what_no_operation_takes_is_refused_by_the_likeliest(
    client: httpx.AsyncClient, because: str
) -> None:
    method, url, body, status, name = REFUSED[because]

    answer = await client.request(method, url, json=body)

    assert (answer.status_code, answer.json()) == (status, {"refused": name})


async def test_the_methods_of_an_address_are_those_of_all_its_paths(app: FastAPI) -> None:
    contract = runtime.Contract(Document(DOCUMENT).content)

    assert contract.allowed_methods("/fields/1") == ["GET", "DELETE"]


async def test_the_mock_tells_them_apart_too() -> None:
    mock = Mock(Document(DOCUMENT).content)

    transport = httpx.ASGITransport(mock)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, url, headers, body, _ in TAKEN.values():
            answer = await client.request(method, url, headers=headers, json=body)
            assert answer.status_code == 204, (url, answer.text)
        for method, url, body, status, _ in REFUSED.values():
            if status != 413:
                assert (await client.request(method, url, json=body)).status_code == status


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a#{id}", "`id` is in the fragment of /a#{id}, which no request has"),
        ("/a?{id}=1", "`{id}=1` in the query of /a?{id}=1 can't be read"),
        ("/a?b=1{id}", "`b=1{id}` in the query of /a?b=1{id} can't be read"),
        ("/a?b={other}", "The path parameter `other` of GET /a?b={other} is not declared"),
        ("/a/{b}", "GET /a/{b} is the same as GET /a/{id}"),
        ("/a/{b}#x", "GET /a/{b}#x is the same as GET /a/{id}"),
    ],
)
def test_what_no_request_could_show_is_refused(tmp_path: Path, path: str, message: str) -> None:
    file = tmp_path / "openapi.yaml"
    name = "b" if "{b}" in path else "id"
    parameters = f"[{{name: {name}, in: path, required: true, schema: {{type: string}}}}]"
    operation = f"{{get: {{parameters: {parameters}, responses: {{'204': {{description: -}}}}}}}}"
    of_id = operation.replace("name: b", "name: id")
    file.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n"
        f"  /a/{{id}}: {of_id}\n  '{path}': {operation}\n"
    )

    with pytest.raises(DocumentError) as refused:
        generate(file)

    assert message in str(refused.value)
    assert "openapi.yaml:5:" in str(refused.value)
