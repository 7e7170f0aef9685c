"""What the mock answers: by preference, to whom, in which media type, and why not."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
from starlette.responses import Response

from charter.document import Document
from charter.mock.app import Mock
from charter.mock.prefer import NotPreferable, Prefer, parse
from tests.charter.mock.requests import client_of, with_paths
from tests.data import DOCUMENT

CONTENT = Document(DOCUMENT).content
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def mock() -> Mock:
    return Mock(CONTENT, seed=1)


@pytest.fixture
async def client(mock: Mock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(mock) as client:
        client.headers["Authorization"] = "Bearer token"
        yield client


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Prefer()),
        (["code=404"], Prefer(code=404)),
        (["code=404, example=gone"], Prefer(code=404, example="gone")),
        (["code=404; example=gone"], Prefer(code=404, example="gone")),
        (["code=404", "dynamic=true"], Prefer(code=404, dynamic=True)),
        (['example="two words"'], Prefer(example="two words")),
        ([r'example="a \"quoted\" one"'], Prefer(example='a "quoted" one')),
        (["CODE = 404"], Prefer(code=404)),
        (["code=404, code=500"], Prefer(code=404)),
        (["respond-async, wait=10"], Prefer()),
        (["dynamic=false"], Prefer()),
    ],
)
def test_a_preference_is_read(headers: list[str], expected: Prefer) -> None:
    assert parse(headers) == expected


@pytest.mark.parametrize("code", ["code=abc", "code=42", "code=", "code=4040"])
def test_a_code_that_is_no_status_is_refused(code: str) -> None:
    with pytest.raises(NotPreferable):
        parse([code])


async def test_another_status_is_answered(client: httpx.AsyncClient) -> None:
    answer = await client.get("/items", headers={"Prefer": "code=403"})

    assert answer.status_code == 403
    assert answer.headers["preference-applied"] == "code=403"


@pytest.mark.parametrize("prefer", ["code=418", "example=nothing"])
async def test_what_the_document_lacks_is_refused_by_name(
    client: httpx.AsyncClient, prefer: str
) -> None:
    answer = await client.get("/items", headers={"Prefer": prefer})

    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    known = "200" if "code" in prefer else "page"
    assert known in answer.json()["detail"]


async def test_a_browser_prefers_in_its_address(client: httpx.AsyncClient) -> None:
    assert (await client.get("/items?__code=403")).status_code == 403
    assert (await client.get("/items?__unknown=1")).status_code == 422


async def test_values_are_made_anew_if_that_is_preferred(client: httpx.AsyncClient) -> None:
    headers = {"Prefer": "dynamic=true"}

    answers = {(await client.get("/users/me", headers=headers)).text for _ in range(5)}

    assert len(answers) == 5


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/json", 200), ("application/*", 200), ("*/*;q=0.1", 200), ("text/html", 406)],
)
async def test_the_media_type_is_one_that_the_client_takes(
    client: httpx.AsyncClient, accept: str, status: int
) -> None:
    assert (await client.get("/items", headers={"Accept": accept})).status_code == status


OBJECT = {"schema": {"type": "object", "properties": {"a": {"const": 1}}}}
TEXT = {"schema": {"type": "string", "const": "a"}}


@pytest.mark.parametrize(
    ("declared", "accept", "media_type", "body"),
    [
        ("image/*", "image/png", "image/png", "a"),
        ("image/*", "image/webp;q=0.5, image/gif", "image/gif", "a"),
        ("image/*", "image/*", "image/png", "a"),
        ("image/*", "text/html, */*", "image/png", "a"),
        ("*/*", "text/csv", "text/csv; charset=utf-8", "a"),
        ("*/*", "application/json", "application/json", '"a"'),
        ("*/*", "", "application/octet-stream", "a"),
        ("{*/*}", "", "application/json", '{"a": 1}'),
        ("{application/*}", "application/hal+json", "application/hal+json", '{"a": 1}'),
    ],
)
async def test_of_a_range_the_client_gets_what_it_names(
    declared: str, accept: str, media_type: str, body: str
) -> None:
    schema = OBJECT if "{" in declared else TEXT
    responses = {"200": {"description": "-", "content": {declared.strip("{}"): schema}}}
    paths = {"/x": {"get": {"operationId": "x", "responses": responses}}}
    mock = Mock(with_paths(paths))

    async with client_of(mock) as client:
        answer = await client.get("/x", headers={"Accept": accept})

    assert (answer.headers["content-type"], answer.text) == (media_type, body)


# -- security -------------------------------------------------------------------------------------

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
    "oauth": {"type": "oauth2", "flows": {}},
    "openid": {"type": "openIdConnect", "openIdConnectUrl": "https://id.example/"},
}
BEARER = {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("security", "query", "headers", "status"),
    [
        ([{"bearer": []}], "", {}, 401),
        ([{"bearer": []}], "", BEARER, 204),
        ([{"bearer": []}], "", {"Authorization": "Bearer "}, 401),
        ([{"bearer": []}], "", {"Authorization": "Basic YTpi"}, 401),
        ([{"basic": []}], "", {"Authorization": "Basic YTpi"}, 204),
        ([{"basic": []}], "", {"Authorization": "Basic ???"}, 401),
        ([{"header": []}], "", {"X-Key": "k"}, 204),
        ([{"query": []}], "?key=k", {}, 204),
        ([{"query": []}], "?key=", {}, 401),
        ([{"cookie": []}], "", {"Cookie": "session=k"}, 204),
        ([{"oauth": ["read"]}], "", BEARER, 204),
        ([{"openid": []}], "", BEARER, 204),
        ([{"header": []}, {"bearer": []}], "", BEARER, 204),
        ([{"header": [], "bearer": []}], "", BEARER, 401),
        ([{"header": [], "bearer": []}], "", {**BEARER, "X-Key": "k"}, 204),
        ([{"bearer": []}, {}], "", {}, 204),
        ([], "", {}, 204),
    ],
)
async def test_credentials_are_asked_for(
    security: Any, query: str, headers: dict[str, str], status: int
) -> None:
    operation = {"security": security, "responses": {"204": {"description": "-"}}}
    document = with_paths({"/": {"get": operation}}, components={"securitySchemes": SCHEMES})
    async with client_of(Mock(document)) as client:
        answer = await client.get(f"/{query}", headers=headers)

    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


# -- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/a/mine", "mine"),
        ("/a/x", "one"),
        ("/a/x:cancel", "cancel"),
        ("/a/x.json/y", "both"),
        ("/a-b/x", "dashes"),
    ],
)
async def test_the_most_concrete_path_answers(path: str, operation: str) -> None:
    async with client_of(Mock(templated())) as client:
        assert (await client.get(path)).text == operation


def templated() -> Any:
    known = {
        "/a/{id}": "one",
        "/a/mine": "mine",
        "/a/{id}:cancel": "cancel",
        "/a/{name}.{kind}/y": "both",
        "/a-b/{some-id}": "dashes",
    }
    return with_paths({path: answering(name) for path, name in known.items()})


def answering(name: str) -> Any:
    content = {"text/plain": {"schema": {"type": "string"}, "example": name}}
    return {"get": {"responses": {"200": {"description": "-", "content": content}}}}


async def test_an_example_that_its_own_schema_refuses_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "charter.mock")
    never = {"type": "object", "required": ["id"], "additionalProperties": False}
    content = {"application/json": {"schema": never}}
    paths = {"/": {"get": {"responses": {"200": {"description": "-", "content": content}}}}}
    document = with_paths(paths)
    async with client_of(Mock(document)) as client:
        answer = await client.get("/")

    assert answer.json() == {}
    assert answer.headers["charter-note"] == "the schema doesn't admit this: /id is required"
    assert answer.headers["charter-note"] in caplog.text


# -- headers --------------------------------------------------------------------------------------


def with_headers(**schemas: Any) -> Any:
    paths = answering("hello, world")
    paths["get"]["responses"]["200"]["headers"] = {
        name.replace("_", "-"): {"schema": schema} for name, schema in schemas.items()
    }
    return with_paths({"/": paths})


async def test_no_example_says_how_the_answer_is_sent() -> None:
    document = with_headers(
        Content_Encoding={"example": "gzip"},
        Content_Length={"example": 5},
        Transfer_Encoding={"example": "chunked"},
        X_Rate={"const": 9},
    )
    async with client_of(Mock(document)) as client:
        answer = await client.get("/")

    assert answer.text == "hello, world"
    assert answer.headers["content-length"] == "12"
    assert answer.headers.keys() & {"content-encoding", "transfer-encoding"} == set()
    assert answer.headers["x-rate"] == "9"


async def test_a_header_says_what_such_headers_say_where_its_schema_lets_it() -> None:
    document = with_headers(
        ETag={"type": "string"},
        Location={"type": "string", "example": "/mine"},
        Retry_After={"type": "integer", "maximum": 60},
    )
    async with client_of(Mock(document)) as client:
        headers = (await client.get("/")).headers

    assert (headers["etag"], headers["location"]) == ('"1"', "/mine")
    assert int(headers["retry-after"]) <= 60


async def test_a_header_is_one_line_whatever_its_example_is() -> None:
    document = with_headers(X_Note={"example": "one\ntwo é\n"}, **{"not a name": {}})
    async with client_of(Mock(document)) as client:
        headers = (await client.get("/")).headers

    assert headers["x-note"] == "one two ?"
    assert "not a name" not in headers


# -- statuses that another one follows ------------------------------------------------------------


def declaring(*statuses: str) -> Any:
    responses = {status: {"description": "-"} for status in statuses}
    paths = {"/": {"get": {"responses": responses}}}
    return with_paths(paths)


@pytest.mark.parametrize(
    ("statuses", "answered"),
    [(["100", "204"], 204), (["1XX", "202"], 202), (["101", "400"], 400), (["101"], 200)],
)
async def test_an_interim_status_is_no_answer(statuses: list[str], answered: int) -> None:
    async with client_of(Mock(declaring(*statuses))) as client:
        assert (await client.get("/")).status_code == answered
        assert (await client.get("/?__code=101")).status_code == 400


STRING = {"type": "string"}
NULLABLE = {"type": ["string", "null"]}


@pytest.mark.parametrize(
    ("beside", "required", "answered"),
    [
        ({"nextCursor": NULLABLE}, ["nextCursor"], {"nextCursor": None}),
        ({"nextCursor": STRING}, [], {}),
        ({"nextPageToken": STRING}, ["nextPageToken"], {"nextPageToken": ""}),
        ({"next": STRING | {"example": "b"}}, [], {"next": "b"}),
        ({"next": STRING | {"const": "b"}}, ["next"], {"next": "b"}),
        ({"has_more": {"type": "boolean"}}, ["has_more"], {"has_more": False}),
        (
            {"meta": {"type": "object", "properties": {"next": NULLABLE}, "required": ["next"]}},
            [],
            {"meta": {"next": None}},
        ),
    ],
)
async def test_a_list_that_is_made_up_is_the_last_page(
    beside: Any, required: list[str], answered: Any
) -> None:
    document = declaring("200")
    success = document["paths"]["/"]["get"]["responses"]["200"]
    items = {"type": "array", "items": STRING, "example": ["a"]}
    schema = {"type": "object", "properties": {"items": items} | beside, "required": required}
    success["content"] = {"application/json": {"schema": schema}}
    async with client_of(Mock(document)) as client:
        answer = (await client.get("/")).json()
        other = (await client.get("/?__dynamic=true")).json()

    assert {name: answer[name] for name in beside if name in answer} == answered
    assert not other.get("next") or answered == {"next": "b"}


async def test_what_is_no_list_leads_on() -> None:
    document = declaring("200")
    success = document["paths"]["/"]["get"]["responses"]["200"]
    schema = {"type": "object", "properties": {"next": STRING}}
    success["content"] = {"application/json": {"schema": schema}}
    async with client_of(Mock(document)) as client:
        assert (await client.get("/")).json()["next"]


@pytest.mark.parametrize(
    ("schema", "answered"),
    [
        ({"type": "object", "required": ["n"], "properties": {"n": {"const": 1}}}, '{"n": 1}'),
        ({"type": "array", "items": {"const": 1}, "minItems": 1}, "[1]"),
        ({"type": "integer", "minimum": 7}, "7"),
        ({"type": "boolean"}, "true"),
        ({"type": "string", "const": "7"}, "7"),
    ],
)
async def test_text_is_what_its_schema_lets_it_be(schema: Any, answered: str) -> None:
    document = declaring("200")
    success = document["paths"]["/"]["get"]["responses"]["200"]
    success["content"] = {"text/plain": {"schema": schema, "example": [None]}}
    mock = Mock(document)
    async with client_of(mock) as client:
        answer = await client.get("/")

    assert (answer.text, "charter-note" in answer.headers) == (answered, False)
    spec = next(iter(mock.contract.operations.values())).success
    assert not [*spec.faults(Response(answer.text, headers=dict(answer.headers)))]


ENTRY = {
    "type": "object",
    "required": ["n"],
    "properties": {"n": {"const": 3}, "secret": {"type": "string", "writeOnly": True}},
}
EVENT = {
    "type": "object",
    "required": ["event", "data", "retry"],
    "properties": {
        "event": {"const": "log"},
        "data": {"contentMediaType": "application/json", "contentSchema": ENTRY, "type": "string"},
        "retry": {"type": "integer", "minimum": 9, "maximum": 9},
    },
}


@pytest.mark.parametrize(
    ("media_type", "content", "answered"),
    [
        ("application/jsonl", {"itemSchema": ENTRY}, '{"n": 3}\n'),
        ("application/x-ndjson", {"itemSchema": ENTRY}, '{"n": 3}\n'),
        ("application/json-seq", {"itemSchema": ENTRY}, '\x1e{"n": 3}\n'),
        ("application/geo+json-seq", {"itemSchema": ENTRY}, '\x1e{"n": 3}\n'),
        ("text/event-stream", {"itemSchema": EVENT}, 'event: log\nretry: 9\ndata: {"n": 3}\n\n'),
        ("text/event-stream", {"itemSchema": {"const": "a\nb"}}, "data: a\ndata: b\n\n"),
        (
            "application/jsonl",
            {"itemSchema": ENTRY, "examples": {"two": {"dataValue": [{"n": 3}, {"n": 3}]}}},
            '{"n": 3}\n{"n": 3}\n',
        ),
        ("application/jsonl", {"itemSchema": ENTRY, "example": [{"n": 4}]}, '{"n": 3}\n'),
        (
            "application/jsonl",
            {"itemSchema": ENTRY | {"examples": [{"n": 3, "a": 1}, {"n": 4}, {"n": 3, "a": 2}]}},
            '{"n": 3, "a": 1}\n{"n": 3, "a": 2}\n',
        ),
        (
            "text/event-stream",
            {"itemSchema": EVENT, "example": [{"event": "log", "retry": 9, "data": '{"n": 4}'}]},
            'event: log\nretry: 9\ndata: {"n": 3}\n\n',
        ),
        (
            "text/event-stream",
            {"itemSchema": EVENT, "example": [{"event": "log", "retry": 9, "data": {"n": 3}}]},
            'event: log\nretry: 9\ndata: {"n": 3}\n\n',
        ),
        ("application/jsonl", {"schema": {"type": "array"}, "example": [1, 2]}, "1\n2\n"),
    ],
)
async def test_a_sequence_holds_an_item(media_type: str, content: Any, answered: str) -> None:
    document = declaring("200") | {"openapi": "3.2.0"}
    document["paths"]["/"]["get"]["responses"]["200"]["content"] = {media_type: content}
    async with client_of(Mock(document)) as client:
        answer = await client.get("/")
        other = await client.get("/?__dynamic=true")

    assert (answer.text, "charter-note" in answer.headers) == (answered, False)
    assert answer.headers["content-type"].startswith(media_type)
    assert other.text


@pytest.mark.parametrize(("body", "status"), [('{"n": 3}\n{"n": 3}', 200), ('{"n": 4}', 422)])
async def test_the_items_of_a_body_are_judged(body: str, status: int) -> None:
    document = declaring("200") | {"openapi": "3.2.0"}
    operation = document["paths"]["/"].pop("get")
    operation["requestBody"] = {"content": {"application/jsonl": {"itemSchema": ENTRY}}}
    document["paths"]["/"]["post"] = operation
    async with client_of(Mock(document)) as client:
        headers = {"content-type": "application/jsonl"}
        answer = await client.post("/", content=body, headers=headers)

    assert answer.status_code == status


async def test_a_table_in_text_stays_as_its_example_has_it() -> None:
    document = declaring("200")
    success = document["paths"]["/"]["get"]["responses"]["200"]
    success["content"] = {"text/csv": {"schema": {"type": "array"}, "example": "a,b\n1,2"}}
    async with client_of(Mock(document)) as client:
        answer = await client.get("/")

    assert (answer.text, "charter-note" in answer.headers) == ("a,b\n1,2", False)


# -- refusals -------------------------------------------------------------------------------------


def refusing(**schemas: Any) -> Any:
    """A document whose refusals are of a form of its own."""
    error = {"type": "object", "required": sorted(schemas), "properties": schemas}
    content = {"application/json": {"schema": error}}
    limit = {"in": "query", "name": "limit", "schema": {"type": "integer"}}
    responses = {"200": {"description": "-"}, "4XX": {"description": "-", "content": content}}
    paths = {"/": {"get": {"parameters": [limit], "responses": responses}}}
    return with_paths(paths)


async def test_a_refusal_says_why_by_the_names_that_the_document_gives_it() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    document = refusing(code=number, message=text, error={"type": "string", "example": "ours"})
    async with client_of(Mock(document)) as client:
        refused = (await client.get("/?limit=x")).json()
        preferred = (await client.get("/?__code=404")).json()
        unknown = (await client.get("/?__code=499")).json()

    said = "The request does not match the API description."
    assert refused == {"code": 422, "message": said, "error": "ours"}
    assert preferred == {"code": 404, "message": "Not Found", "error": "ours"}
    assert unknown == {"code": 499, "message": "Refused", "error": "ours"}


async def test_a_refusal_stays_as_its_schema_asks() -> None:
    document = refusing(code={"type": "string"}, message={"type": "string", "maxLength": 3})
    async with client_of(Mock(document)) as client:
        refused = await client.get("/?limit=x")

    assert (refused.status_code, "charter-note" in refused.headers) == (422, False)
    assert len(refused.json()["message"]) <= 3
