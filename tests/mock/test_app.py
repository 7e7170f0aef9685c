"""The mock: judges requests, answers from the document, and remembers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from generated.runtime import Contract
from scripts.codegen.document import Document
from scripts.mock.app import Mock
from scripts.mock.memory import Memory, merge_patch
from scripts.mock.prefer import NotPreferable, Prefer, parse

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.yaml"
BEARER = {"Authorization": "Bearer token"}
UNKNOWN = "/items/00000000-0000-4000-8000-000000000000"


def client_of(mock: Mock) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(mock)
    return httpx.AsyncClient(transport=transport, base_url="http://mock", headers=BEARER)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """At a mock of Charter's own document."""
    async with client_of(Mock(Document(DOCUMENT).content, memory=Memory(), seed=1)) as client:
        yield client


async def create(client: httpx.AsyncClient, **members: Any) -> Any:
    response = await client.post("/items", json={"title": "Mine"} | members)
    assert response.status_code == 201, response.text
    return response.json()


# -- memory ---------------------------------------------------------------------------------------


async def test_what_was_posted_is_there_to_get(client: httpx.AsyncClient) -> None:
    response = await client.post("/items", json={"title": "Mine", "quantity": 7})

    item = response.json()
    assert (item["title"], item["quantity"]) == ("Mine", 7)
    assert response.headers["Location"] == f"/items/{item['id']}"
    assert (await client.get(f"/items/{item['id']}")).json() == item
    assert item in (await client.get("/items")).json()["data"]


async def test_each_thing_has_an_identity_of_its_own(client: httpx.AsyncClient) -> None:
    made = [await create(client) for _ in range(5)]

    assert len({item["id"] for item in made}) == 5


async def test_times_that_the_server_makes_are_now(client: httpx.AsyncClient) -> None:
    example = (await client.get("/items")).json()["data"][0]

    item = await create(client)

    assert item["created_at"] > example["created_at"]


async def test_a_patch_is_merged(client: httpx.AsyncClient) -> None:
    item = await create(client, description="old", quantity=7)
    path = f"/items/{item['id']}"
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": '"1"'}

    response = await client.patch(path, content='{"quantity": 8}', headers=headers)

    assert response.status_code == 200, response.text
    changed = (await client.get(path)).json()
    assert (changed["quantity"], changed["title"], changed["id"]) == (8, "Mine", item["id"])


async def test_a_put_replaces(client: httpx.AsyncClient) -> None:
    item = await create(client, description="old")
    path = f"/items/{item['id']}"
    body = {"title": "Other", "quantity": 3, "status": "active", "tags": []}

    response = await client.put(path, json=body, headers={"If-Match": '"1"'})

    assert response.status_code == 200, response.text
    replaced = (await client.get(path)).json()
    assert body.items() <= replaced.items()
    assert replaced["created_at"] == item["created_at"]


async def test_what_was_deleted_is_gone(client: httpx.AsyncClient) -> None:
    item = await create(client)
    path = f"/items/{item['id']}"

    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 204

    gone = await client.get(path)
    assert gone.status_code == 404
    assert gone.headers["Content-Type"] == "application/problem+json"
    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 404
    assert item not in (await client.get("/items")).json()["data"]


async def test_a_collection_begins_with_its_examples(client: httpx.AsyncClient) -> None:
    (example,) = (await client.get("/items")).json()["data"]
    path = f"/items/{example['id']}"
    assert (await client.get(path)).json() == example

    item = await create(client)

    assert (await client.get("/items")).json()["data"] == [example, item]
    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 204
    assert (await client.get("/items")).json()["data"] == [item]


async def test_before_anything_is_written_every_identity_is_there(
    client: httpx.AsyncClient,
) -> None:
    identity = UNKNOWN.rpartition("/")[2]
    assert (await client.get(UNKNOWN)).json()["id"] == identity

    await create(client)

    assert (await client.get(UNKNOWN)).status_code == 404


async def test_a_page_is_as_long_as_asked_for(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await create(client)

    assert len((await client.get("/items?limit=2")).json()["data"]) == 2


async def test_a_mock_without_memory_forgets() -> None:
    async with client_of(Mock(Document(DOCUMENT).content)) as client:
        await create(client, title="Remember me")

        assert "Remember me" not in (await client.get("/items")).text


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396 appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_is_that_of_the_standard(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


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


async def test_credentials_are_asked_for(client: httpx.AsyncClient) -> None:
    response = await client.get("/items", headers={"Authorization": ""})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await client.get("/livez", headers={"Authorization": ""})).status_code == 200


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
        for status, promise in operation.promises.items():
            response = mock.answers.answer(request, status, promise, Prefer())

            assert list(promise.faults(response)) == [], (operation.id, status)


# -- what is preferred ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Prefer()),
        (["code=404"], Prefer(code=404)),
        (["code=404, example=gone"], Prefer(code=404, example="gone")),
        (["code=404; example=gone"], Prefer(code=404, example="gone")),
        (["code=404", "dynamic=true"], Prefer(code=404, dynamic=True)),
        (['example="a \\"b\\", c"'], Prefer(example='a "b", c')),
        (["CODE = 404"], Prefer(code=404)),
        (["code=404, code=500"], Prefer(code=404)),
        (["dynamic=false"], Prefer()),
        (["respond-async, wait=10"], Prefer()),
    ],
)
def test_preferences_are_read_as_the_standard_writes_them(
    headers: list[str], expected: Prefer
) -> None:
    assert parse(headers) == expected


def test_a_code_that_is_no_status_is_refused() -> None:
    with pytest.raises(NotPreferable, match="no status"):
        parse(["code=teapot"])


async def test_another_status_is_answered_if_it_is_preferred(client: httpx.AsyncClient) -> None:
    response = await client.get(UNKNOWN, headers={"Prefer": "code=404"})

    assert response.status_code == 404
    assert response.headers["Preference-Applied"] == "code=404"
    assert response.json()["status"] == 404


async def test_a_named_example_is_answered_if_it_is_preferred(client: httpx.AsyncClient) -> None:
    form = {"grant_type": "password", "username": "ada@example.com", "password": "x" * 15}
    plain = await client.post("/auth/token", data=form)
    assert plain.status_code == 200

    unknown = await client.post("/auth/token", data=form, headers={"Prefer": "example=nobody"})

    assert unknown.status_code == 400
    assert "There is no example nobody here, but " in unknown.json()["detail"]


async def test_what_is_not_declared_can_not_be_preferred(client: httpx.AsyncClient) -> None:
    response = await client.get("/items", headers={"Prefer": "code=418"})

    assert response.status_code == 400
    assert "listItems declares no 418, but 200, " in response.json()["detail"]


async def test_values_are_made_anew_if_that_is_preferred(client: httpx.AsyncClient) -> None:
    headers = {"Prefer": "dynamic=true"}

    answers = {(await client.get("/users/me", headers=headers)).text for _ in range(5)}

    assert len(answers) == 5


async def test_a_browser_prefers_by_its_address(client: httpx.AsyncClient) -> None:
    assert (await client.get("/items?__code=401")).status_code == 401


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/json", 200), ("application/*", 200), ("*/*;q=0.1", 200), ("text/html", 406)],
)
async def test_the_media_type_is_one_that_the_client_takes(
    client: httpx.AsyncClient, accept: str, status: int
) -> None:
    assert (await client.get("/items", headers={"Accept": accept})).status_code == status


# -- other documents ------------------------------------------------------------------------------


def document(**paths: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {path.replace("_", "/", 1): item for path, item in paths.items()},
    }


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


async def test_a_path_that_no_request_has_is_left_out() -> None:
    answer = {"get": {"responses": {"200": {"description": "-"}}}}
    mock = Mock(document(**{"_a": answer, "_a#b": answer}))

    async with client_of(mock) as client:
        assert (await client.get("/a")).status_code == 200
    assert mock.unroutable == ["/a#b"]


async def test_paths_are_matched_as_the_specification_says() -> None:
    def named(name: str) -> Any:
        schema = {"const": name}
        content = {"application/json": {"schema": schema}}
        return {"get": {"responses": {"200": {"description": "-", "content": content}}}}

    def parameterised(name: str, *parameters: str) -> Any:
        declared = [
            {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
            for parameter in parameters
        ]
        return named(name) | {"parameters": declared}

    paths = {
        "/a/{the-id}": parameterised("templated", "the-id"),
        "/a/mine": named("concrete"),
        "/a/{id}:cancel": parameterised("suffixed", "id"),
        "/b/{x}.{y}": parameterised("two", "x", "y"),
    }
    async with client_of(Mock(document() | {"paths": paths})) as client:
        asked = ("/a/1", "/a/mine", "/a/1:cancel", "/b/1.2")
        answers = [(await client.get(path)).json() for path in asked]

    assert answers == ["templated", "concrete", "suffixed", "two"]
